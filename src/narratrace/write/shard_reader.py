"""Reading shards back: for the report, for ``corpus verify`` and for tests."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from narratrace.errors import InputError
from narratrace.write.sample_json import check_sample_json
from narratrace.write.tar import END


class ShardSample(Struct, frozen=True, eq=False):
    """One sample as it lies in a shard.

    Attributes:
        key: Name of its members up to the dot.
        files: Content by extension: ``txt`` and ``json``, ``jpg`` for pairs and traces, ``mp4`` for clips.
        json: The parsed and checked document of Note [Sample JSON].
    """

    key: str
    files: Mapping[str, bytes]
    json: dict[str, Any]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r}, {sorted(self.files)})"  # not their content


def read_shard(path: Path) -> Iterator[ShardSample]:
    """The samples of a shard in order, one in memory at a time.

    Raises:
        InputError: the archive is damaged or cut short, or a sample in it is not what the contract says.
    """
    try:
        _check_end(path)
        with tarfile.open(path) as archive:
            yield from _samples(archive, path)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(
            f"is no whole tar archive: {error}",
            station="write",
            input=str(path),
            cause="cut short or overwritten",
        ) from error


def _check_end(path: Path) -> None:
    """An archive cut between two members looks whole to tarfile; only its end marker tells."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(END)))
        if file.read() != END or size % tarfile.BLOCKSIZE:
            raise tarfile.ReadError("the end marker is missing")


def _samples(archive: tarfile.TarFile, path: Path) -> Iterator[ShardSample]:
    key, files = "", dict[str, bytes]()
    for member in archive:
        next_key, _, extension = member.name.partition(".")
        if next_key != key and files:
            yield _sample(key, files, path)
            files = {}
        key = next_key
        if extension in files:
            raise InputError(f"holds {member.name} twice in a row", station="write", input=str(path))
        content = archive.extractfile(member)
        files[extension] = content.read() if content else b""
    if files:
        yield _sample(key, files, path)


def _sample(key: str, files: Mapping[str, bytes], path: Path) -> ShardSample:
    where = f"{path}:{key}"
    try:
        document = json.loads(files["json"])
    except (KeyError, ValueError) as error:
        raise InputError("sample has no JSON", station="write", input=where) from error
    check_sample_json(document, input=where)
    if document["uid"] != key:
        raise InputError(f"sample JSON belongs to {document['uid']}", station="write", input=where)
    return ShardSample(key, files, document)
