"""Bundles in, shards out: the one place that decides which sample lies where.

Note [Assembling in input order]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
The assembler consumes recordings strictly by sequence number and cuts shards by sample count and size alone,
so the output depends on inputs and options and on nothing else: not on which worker was faster, how often
the run crashed, or how many workers there were. Bundles that come early wait as paths, not as bytes.

What is open when the process dies is lost and needs no saving: it is a function of the bundles. The latest
finished shard says from which sequence number on bundles must be consumed again (``resume_from``), and each
kind skips the samples that its own finished shards already hold. So a bundle may be deleted once its sequence
number is below :attr:`Assembler.resume_from`, and not before.

localized_narratives.jsonl grows with the traces; on resuming it is cut back to the end of the lines that
belong to finished shards.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from msgspec import Struct, field

from narratrace.data.sample import SampleKind
from narratrace.errors import StorageError
from narratrace.write.analysis_json import write_analysis
from narratrace.write.bundle import Bundle, PackedSample
from narratrace.write.files import atomic, remove_leftovers, storage_errors, sync
from narratrace.write.index import write_index
from narratrace.write.options import ShardOptions
from narratrace.write.shard_file import (
    INDEX,
    SHARDS,
    Position,
    ShardFile,
    ShardRecord,
    index_path,
    list_finished_shards,
    sample_size,
    shard_name,
    shard_path,
)

ANALYSIS = "analysis"
NARRATIVES = "localized_narratives.jsonl"


def is_output_folder(folder: Path) -> bool:
    """Whether a run wrote, or has begun to write, into the folder."""
    return any((folder / name).exists() for name in (INDEX, ANALYSIS, "run.json", "ledger.sqlite"))


_START = Position(0, 0)


class _Lane(Struct):
    """The shards of one kind: how far they are finished, and the open one."""

    kind: SampleKind
    number: int = 0
    samples: int = 0
    done: Position | None = None
    shard: ShardFile | None = None
    first: Position = _START
    last: Position = _START
    rows: list[dict[str, Any]] = field(default_factory=list)


class Assembler:
    """Appends bundles to the shards of an output folder, see Note [Assembling in input order].

    One process and thread at a time; a context manager that throws away unfinished shards on leaving.

    Args:
        out: Output folder, created when missing.
        options: Where to cut.
        finished: Records of the finished shards as a ledger knows them; None reads them from ``out``.

    Raises:
        StorageError: the folder cannot be written, or does not fit its finished shards.
    """

    def __init__(
        self, out: Path, options: ShardOptions, finished: Sequence[ShardRecord] | None = None
    ) -> None:
        self._out = out
        self._options = options
        self._finished = list(list_finished_shards(out) if finished is None else finished)
        self._lanes = {kind: _Lane(kind) for kind in SampleKind}
        for record in sorted(self._finished, key=lambda record: record.number):
            lane = self._lanes[record.kind]
            lane.number, lane.done = record.number + 1, record.last
            lane.samples += record.samples
        self._next = self.resume_from
        self._waiting: dict[int, Path | None] = {}
        with storage_errors(out):
            for folder in (out / SHARDS, out / INDEX, out / ANALYSIS):
                folder.mkdir(parents=True, exist_ok=True)
                remove_leftovers(folder)
        ends = [record.narratives_end or 0 for record in self._finished]
        self._narratives = _open_narratives(out / NARRATIVES, max(ends, default=0))

    @property
    def next_sequence(self) -> int:
        """The recording wanted next; on a resumed run the first to submit."""
        return self._next

    @property
    def resume_from(self) -> int:
        """Recordings before this sequence number are wholly in finished shards: their bundles may go."""
        return max((record.resume_from for record in self._finished), default=0)

    @property
    def finished(self) -> tuple[ShardRecord, ...]:
        """Records of all finished shards, those of earlier runs included."""
        return tuple(self._finished)

    def submit(self, sequence: int, bundle: Path | None) -> list[ShardRecord]:
        """Hand over one recording; consumes it, and those that waited for it, as soon as its turn has come.

        Args:
            sequence: Its position in the input order.
            bundle: Its bundle, None when it was dropped or failed and contributes nothing.

        Returns:
            Shards finished by this call.

        Raises:
            ValueError: the sequence number was submitted before, or the bundle is another recording's.
            StorageError: a bundle is damaged or something cannot be written. The assembler is then spent:
                a new one continues.
        """
        if sequence < self._next or sequence in self._waiting:
            raise ValueError(f"recording {sequence} was submitted before, {self._next} is the next")
        self._waiting[sequence] = bundle
        before = len(self._finished)
        while self._next in self._waiting:
            path = self._waiting.pop(self._next)
            if path is not None:
                self._consume(path)
            self._next += 1
        return self._finished[before:]

    def finish(self) -> list[ShardRecord]:
        """Finish the open shards after the last recording.

        Returns:
            Shards finished by this call.

        Raises:
            ValueError: recordings were submitted whose turn has not come.
            StorageError: something cannot be written.
        """
        if self._waiting:
            raise ValueError(f"recording {self._next} was never submitted, but later ones were")
        before = len(self._finished)
        for lane in self._lanes.values():
            if lane.shard is not None:
                self._commit(lane, lane.shard)
        with storage_errors(self._out / NARRATIVES):
            sync(self._narratives)
        return self._finished[before:]

    def close(self) -> None:
        """Throw away unfinished shards; nothing of them is visible."""
        for lane in self._lanes.values():
            if lane.shard is not None:
                lane.shard.abandon()
                lane.shard = None
        with contextlib.suppress(OSError):  # lines of unfinished shards, which resuming cuts off anyway
            self._narratives.close()

    def __enter__(self) -> Assembler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _consume(self, path: Path) -> None:
        with Bundle(path) as bundle:
            if bundle.sequence != self._next:
                raise ValueError(f"{path} holds recording {bundle.sequence}, not {self._next}")
            write_analysis(self._out / ANALYSIS / f"{bundle.video_id}.json", bundle.analysis())
            for sample in bundle.samples():
                self._append(self._lanes[sample.kind], sample)

    def _append(self, lane: _Lane, sample: PackedSample) -> None:
        position = Position(self._next, sample.index)
        if lane.done is not None and position <= lane.done:
            return
        if lane.shard is not None and not self._fits(lane.shard, sample):
            self._commit(lane, lane.shard)
        if lane.shard is None:
            lane.shard = ShardFile(shard_path(self._out, lane.kind, lane.number))
            lane.first = position
        lane.shard.append(sample)
        lane.last = position
        shard = shard_name(lane.kind, lane.number)
        lane.rows.append({**sample.row, "index": lane.samples + len(lane.rows), "shard": shard})
        with storage_errors(self._out / NARRATIVES):
            self._narratives.write(sample.narrative)

    def _fits(self, shard: ShardFile, sample: PackedSample) -> bool:
        limits = self._options
        return shard.samples < limits.max_samples and shard.size + sample_size(sample) <= limits.max_bytes

    def _commit(self, lane: _Lane, shard: ShardFile) -> None:
        """Finish a shard, in the order of Note [Commit of a shard]."""
        digest = shard.seal()
        is_traces = lane.kind is SampleKind.TRACE
        if is_traces:
            with storage_errors(self._out / NARRATIVES):
                sync(self._narratives)
        others = [other.first.sequence for other in self._lanes.values() if other.shard and other is not lane]
        record = ShardRecord(
            kind=lane.kind,
            number=lane.number,
            samples=shard.samples,
            first=lane.first,
            last=lane.last,
            size=shard.size,
            sha256=digest,
            resume_from=min([self._next, *others]),
            narratives_end=self._narratives.tell() if is_traces else None,
        )
        with atomic(index_path(self._out, lane.kind, lane.number)) as file:
            write_index(file, lane.rows, record.to_json())
            shard.publish()
        self._finished.append(record)
        lane.number, lane.done, lane.shard = lane.number + 1, lane.last, None
        lane.samples += shard.samples
        lane.rows = []


def _open_narratives(path: Path, end: int) -> BinaryIO:
    """The file opened for appending, cut back to the lines of finished shards."""
    with storage_errors(path):
        file = path.open("ab")
        size = file.tell()
        if size >= end:
            file.truncate(end)
            file.seek(end)
            return file
    file.close()
    raise StorageError(
        f"has {size} bytes, but finished shards account for {end}",
        station="write",
        input=str(path),
        cause="the output folder was changed by somebody else",
    )
