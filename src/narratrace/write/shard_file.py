"""One shard: its record, the file while it grows, and the finished ones of an output folder.

Note [Commit of a shard]
~~~~~~~~~~~~~~~~~~~~~~~~
A shard is finished once OUT/index/{name}.parquet exists: that file is published last, after the shard's own
bytes and name and the Localized Narratives lines that belong to it are on disk. It carries the shard's
:class:`ShardRecord`, so an output folder by itself tells which shards are finished, what they must hash to,
which samples they hold and where to go on. A tar without its index file is an unfinished commit: it is whole,
but counts for nothing and is written again, with the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from narratrace.data.sample import SampleKind
from narratrace.errors import StorageError
from narratrace.write.bundle import PackedSample
from narratrace.write.files import publish, sha256_of, storage_errors, sync, temporary_name
from narratrace.write.index import read_record
from narratrace.write.tar import END, member_size, write_member

SHARDS, INDEX = "shards", "index"


class Position(Struct, frozen=True, order=True):
    """A sample's place in a run: recording by input order, then number within kind and recording."""

    sequence: int
    index: int


class ShardRecord(Struct, frozen=True, kw_only=True):
    """What a finished shard is, for the index file and for a ledger; a function of inputs and options alone.

    Attributes:
        kind: What it holds.
        number: NNNNNN of its name, from 0 without holes.
        samples: How many.
        first, last: The samples at both ends; all of the kind between them are in it.
        size: Bytes.
        sha256: Of its bytes, in hexadecimal digits.
        resume_from: Once this shard is finished, recordings before this sequence number are wholly in
            finished shards: their bundles may go.
        narratives_end: Length of localized_narratives.jsonl up to and including this shard's lines, in
            bytes; None for other kinds than traces.
    """

    kind: SampleKind
    number: int
    samples: int
    first: Position
    last: Position
    size: int
    sha256: str
    resume_from: int
    narratives_end: int | None = None

    @property
    def name(self) -> str:
        """File name in OUT/shards, for instance ``pairs-000012.tar``."""
        return shard_name(self.kind, self.number)

    def to_json(self) -> dict[str, Any]:
        """JSON values, for :meth:`from_json`."""
        return dict(msgspec.to_builtins(self))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ShardRecord:
        """The record behind :meth:`to_json`.

        Raises:
            ValueError: a field is missing or of another type.
        """
        return msgspec.convert(values, cls)


def shard_name(kind: SampleKind, number: int) -> str:
    """File name of a shard."""
    return f"{kind.value}-{number:06d}.tar"


def shard_path(out: Path, kind: SampleKind, number: int) -> Path:
    """Where a shard lies in an output folder."""
    return out / SHARDS / shard_name(kind, number)


def index_path(out: Path, kind: SampleKind, number: int) -> Path:
    """Where a shard's index lies in an output folder."""
    return out / INDEX / f"{kind.value}-{number:06d}.parquet"


def sample_size(sample: PackedSample) -> int:
    """Bytes a sample takes in a shard."""
    return sum(member_size(f"{sample.key}.{extension}", len(content)) for extension, content in sample.files)


class ShardFile:
    """A shard that grows under its temporary name until it is sealed and published.

    Attributes:
        path: Its final name.
        samples: How many it holds.
        size: Bytes it would have if it were sealed now.

    Raises:
        StorageError: the file cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.samples = 0
        self.size = len(END)
        self._part = temporary_name(path)
        self._digest = hashlib.sha256()
        with storage_errors(path):
            self._file = self._part.open("wb")

    def append(self, sample: PackedSample) -> None:
        """Add one sample.

        Raises:
            StorageError: the file cannot be written.
        """
        with storage_errors(self.path):
            for extension, content in sample.files:
                write_member(self, f"{sample.key}.{extension}", content)
        self.samples += 1
        self.size += sample_size(sample)

    def write(self, data: bytes, /) -> None:
        """Take raw archive bytes, as :class:`narratrace.write.tar.Sink`."""
        self._file.write(data)
        self._digest.update(data)

    def seal(self) -> str:
        """End the archive and force it to disk; it still has its temporary name.

        Returns:
            SHA-256 of its bytes.

        Raises:
            StorageError: the file cannot be written.
        """
        with storage_errors(self.path):
            self.write(END)
            sync(self._file)
            self._file.close()
        return self._digest.hexdigest()

    def publish(self) -> None:
        """Give the sealed file its final name.

        Raises:
            StorageError: it cannot be renamed.
        """
        with storage_errors(self.path):
            publish(self._part, self.path)

    def abandon(self) -> None:
        """Throw away what was written; never raises for a disk that is full."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)


def list_finished_shards(out: Path) -> list[ShardRecord]:
    """Records of the finished shards below ``out``, by kind and number; see Note [Commit of a shard].

    Only the footers of the index files are read.

    Raises:
        StorageError: a finished shard is missing or has another size, or the numbering has holes: somebody
            changed the folder, and going on would lose samples.
    """
    records = []
    for kind in SampleKind:
        paths = sorted((out / INDEX).glob(f"{kind.value}-*.parquet"))
        for number, path in enumerate(paths):
            if path != index_path(out, kind, number):
                raise _changed(index_path(out, kind, number), "is missing although later ones exist")
            record = read_shard_record(path)
            _check_size(out, record)
            records.append(record)
    return records


def verify_shard(out: Path, record: ShardRecord) -> None:
    """Read a finished shard and compare its bytes with its record.

    Raises:
        StorageError: it is missing or differs.
    """
    _check_size(out, record)
    path = shard_path(out, record.kind, record.number)
    with storage_errors(path):
        found = sha256_of(path)
    if found != record.sha256:
        raise _changed(path, f"has SHA-256 {found}, not {record.sha256}")


def read_shard_record(path: Path) -> ShardRecord:
    """The record that an index file carries.

    Raises:
        StorageError: it carries none.
    """
    try:
        values = read_record(str(path))
        return ShardRecord.from_json(values or {})
    except (OSError, ValueError) as error:
        raise _changed(path, f"carries no shard record ({error})") from error


def _check_size(out: Path, record: ShardRecord) -> None:
    path = shard_path(out, record.kind, record.number)
    if not path.is_file():
        raise _changed(path, "is missing although its index exists")
    if path.stat().st_size != record.size:
        raise _changed(path, f"has {path.stat().st_size} bytes, not {record.size}")


def _changed(path: Path, what: str) -> StorageError:
    return StorageError(
        what, station="write", input=str(path), cause="the output folder was changed by somebody else"
    )
