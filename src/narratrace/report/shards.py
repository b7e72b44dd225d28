"""Single samples out of shards, without reading the others.

A shard may hold 2,000 samples and half a gigabyte. Its headers are walked through once (a seek each); after
that every member is one read.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from narratrace.errors import InputError
from narratrace.write.index import read_rows
from narratrace.write.sample_json import check_sample_json
from narratrace.write.shard_file import INDEX, SHARDS
from narratrace.write.shard_reader import ShardSample

_MOST_OPEN = 4
_COLUMNS = ("video_id", "kind", "uid", "sample_index", "shard")


class SampleRef(Struct, frozen=True, order=True):
    """Where a sample lies.

    Attributes:
        index: Its number within kind and recording.
        kind: ``pairs``, ``traces`` or ``clips``.
        key: Name of its members up to the dot.
        shard: Name of the tar.
    """

    index: int
    kind: str
    key: str
    shard: str


def find_samples(out: Path, video_ids: Collection[str]) -> dict[str, list[SampleRef]]:
    """The samples of some recordings by video id, each by kind and number; index files that are damaged are
    left out (reading the inventory has noted them).
    """
    found: dict[str, list[SampleRef]] = {name: [] for name in video_ids}
    for path in sorted((out / INDEX).glob("*.parquet")):
        try:
            rows = read_rows(str(path), _COLUMNS)
        except (OSError, ValueError):
            continue
        for row in rows:
            if row["video_id"] in found:
                found[row["video_id"]].append(
                    SampleRef(row["sample_index"], row["kind"], row["uid"], row["shard"])
                )
    return {name: sorted(refs) for name, refs in found.items()}


class OpenShards:
    """Shards opened as they are asked for; a context manager.

    Args:
        out: The output folder.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._open: dict[str, tuple[tarfile.TarFile, Mapping[str, tarfile.TarInfo]]] = {}

    def __enter__(self) -> OpenShards:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            self._close_oldest()

    def read(self, ref: SampleRef) -> ShardSample:
        """One sample with all its files.

        Raises:
            InputError: the shard is missing or damaged, or the sample is not what the contract says.
        """
        where = f"{ref.shard}:{ref.key}"
        try:
            archive, members = self._shard(ref.shard)
            files = {}
            for extension in ("mp4" if ref.kind == "clips" else "jpg", "txt", "json"):
                member = archive.extractfile(members[f"{ref.key}.{extension}"])
                files[extension] = member.read() if member else b""
            document = json.loads(files["json"])
        except (OSError, EOFError, tarfile.TarError, KeyError, ValueError) as error:
            raise InputError(
                f"cannot be read: {error}", station="report", input=where, cause="a missing or damaged shard"
            ) from error
        return ShardSample(ref.key, files, check_sample_json(document, input=where))

    def _shard(self, name: str) -> tuple[tarfile.TarFile, Mapping[str, tarfile.TarInfo]]:
        if name not in self._open:
            if name != Path(name).name:
                raise ValueError("the index names a file outside the shards")
            while len(self._open) >= _MOST_OPEN:
                self._close_oldest()
            archive = tarfile.open(self._out / SHARDS / name)  # noqa: SIM115  (closed by __exit__)
            self._open[name] = (archive, {member.name: member for member in archive})
        return self._open[name]

    def _close_oldest(self) -> None:
        archive, _ = self._open.pop(next(iter(self._open)))
        archive.close()
