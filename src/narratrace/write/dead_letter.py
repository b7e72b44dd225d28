"""OUT/dead_letter.jsonl: a line for each recording that could not be processed.

A line holds the fields of :class:`narratrace.data.outcome.Failed` and ``command``, which reproduces the
failure on this one recording. Lines are in order of failing; a line is written by one call and forced to
disk, so a crash leaves at most one torn line at the end, which reading skips and appending leaves alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from narratrace.data.outcome import Failed
from narratrace.write.canonical import json_line
from narratrace.write.files import storage_errors


class DeadLetter(Struct, frozen=True):
    """One line of the file.

    Attributes:
        failed: What happened.
        command: Shell command that reproduces it.
    """

    failed: Failed
    command: str


def dead_letter_line(failed: Failed, command: str) -> bytes:
    """One line of the file, see :class:`DeadLetter`."""
    return json_line({**asdict(failed), "command": command})


def append_dead_letter(path: Path, failed: Failed, command: str) -> None:
    """Add one line, durably.

    Raises:
        StorageError: the file cannot be written.
    """
    line = dead_letter_line(failed, command)
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            end = os.fstat(descriptor).st_size
            torn = end > 0 and os.pread(descriptor, 1, end - 1) != b"\n"
            os.write(descriptor, b"\n" + line if torn else line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_dead_letters(path: Path) -> list[DeadLetter]:
    """All whole lines in order; empty when there is no file.

    Raises:
        StorageError: the file cannot be read.
    """
    with storage_errors(path):
        lines = path.read_bytes().split(b"\n") if path.exists() else []
    letters = []
    for line in lines:
        try:
            values = json.loads(line)
            command = str(values.pop("command"))
            letters.append(DeadLetter(msgspec.convert(values, Failed), command))
        except (ValueError, KeyError, AttributeError):
            continue  # a torn line, see above
    return letters
