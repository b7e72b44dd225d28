"""OUT/dead_letter.jsonl of a run: exactly the recordings the ledger has given up."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable
from pathlib import Path

from narratrace.data.outcome import Failed
from narratrace.write.canonical import json_line
from narratrace.write.dead_letter import append_dead_letter
from narratrace.write.files import write_atomic


class DeadLetters:
    """The file, appended to while a run goes on and written anew at its ends.

    Args:
        path: The file.
        out: Output of the run as the user named it, for the commands.
    """

    def __init__(self, path: Path, out: str) -> None:
        self._path = path
        self._out = out

    def append(self, failed: Failed) -> None:
        """Add one recording, durably.

        Raises:
            StorageError: the file cannot be written.
        """
        append_dead_letter(self._path, failed, self._command(failed))

    def rewrite(self, failures: Iterable[Failed]) -> None:
        """Make the file agree with the ledger, whose failures these are, in output order.

        A crash may leave a line missing, and a retry one too many.

        Raises:
            StorageError: the file cannot be written.
        """
        lines = [
            json_line({**dataclasses.asdict(failed), "command": self._command(failed)}) for failed in failures
        ]
        write_atomic(self._path, b"".join(lines))

    def _command(self, failed: Failed) -> str:
        return shlex.join(["narratrace", "corpus", "reproduce", self._out, failed.video_id])
