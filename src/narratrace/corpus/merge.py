"""``narratrace corpus merge``: finished runs become one, as if their inputs had been one after another.

Shards keep their bytes and get new numbers; index rows and records are renumbered; narratives, analyses,
ledgers and dead letters are put together. The result is built beside its place, forced to disk and renamed,
so it is there whole or not at all, also after a power cut. It is a run like any other: it can be verified,
reported, and its failures retried.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from narratrace.corpus.assembly import write_sizes
from narratrace.corpus.dead_letters import DeadLetters
from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import (
    COMPLETE,
    FOLDER,
    is_complete,
    read_end,
    read_failures,
    read_head,
    read_ids,
    read_shards,
    read_totals,
    read_value,
    reading,
)
from narratrace.corpus.ledger_rows import Head
from narratrace.corpus.opening import ENGINE, Opened
from narratrace.corpus.options import RunOptions
from narratrace.corpus.places import DEAD_LETTERS, LEDGER, RUN
from narratrace.corpus.record import record_run
from narratrace.corpus.session import WALL, Summary
from narratrace.errors import InputError, StorageError
from narratrace.options import from_mapping
from narratrace.recipe import EngineOptions
from narratrace.write.files import atomic, publish, storage_errors, sync, sync_folder
from narratrace.write.index import read_rows, write_index
from narratrace.write.shard_file import (
    INDEX,
    SHARDS,
    Position,
    ShardRecord,
    index_path,
    list_finished_shards,
    shard_path,
)
from narratrace.write.shards import ANALYSIS, NARRATIVES

_BLOCK = 1 << 20


class _Part(Struct, frozen=True, kw_only=True):
    """One of the runs.

    Attributes:
        out: Its output folder.
        head: What holds for it.
        shards: Its finished shards.
        end: The sequence number after its last.
        ids: Its recordings.
        engine: Its options as its ledger has them.
        folder: What relative paths of its recordings are relative to.
        wall_s: Seconds spent on it.
    """

    out: Path
    head: Head
    shards: tuple[ShardRecord, ...]
    end: int
    ids: frozenset[str]
    engine: dict[str, object]
    folder: Path
    wall_s: float


def merge(runs: Sequence[Path], out: Path) -> Summary:
    """Put finished runs together, in the order given.

    Args:
        runs: Their output folders, at least one.
        out: Where the result goes; must not be there, or be an empty folder.

    Raises:
        InputError: a run is not complete or was made with other options than the first, two have a recording
            in common, or ``out`` is taken.
        StorageError: something cannot be read or written, or is not whole.
    """
    parts = [_read(run) for run in runs]
    _check(parts, out)
    building = out.with_name(f".{out.name}.merging")
    with storage_errors(building):
        shutil.rmtree(building, ignore_errors=True)
        for folder in (SHARDS, INDEX, ANALYSIS):
            (building / folder).mkdir(parents=True)
        _copy_samples(parts, building)
        summary = _write_ledger(parts, building, str(out.absolute()))
        for folder, _, _ in os.walk(building):
            sync_folder(Path(folder))
        with suppress(FileNotFoundError):
            out.rmdir()
        publish(building, out)
    return summary


def _read(out: Path) -> _Part:
    with reading(out / LEDGER) as database:
        if not is_complete(database):
            raise InputError(
                "is not complete", station="corpus", input=str(out), expected="a finished run: run it again"
            )
        return _Part(
            out=out,
            head=read_head(database),
            shards=tuple(read_shards(database)),
            end=read_end(database),
            ids=frozenset(read_ids(database)),
            engine=read_value(database, ENGINE, {}),
            folder=Path(read_value(database, FOLDER, "")),
            wall_s=read_value(database, WALL, 0.0),
        )


def _check(parts: Sequence[_Part], out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("is there already", station="corpus", input=str(out), expected="a new folder")
    seen: dict[str, Path] = {}
    for part in parts:
        if part.head.fingerprint != parts[0].head.fingerprint:
            raise InputError(
                f"was made with other options than {parts[0].out}",
                station="corpus",
                input=str(part.out),
                expected="runs whose options agree, as their run.json tells",
            )
        for video_id in part.ids:
            if video_id.casefold() in seen:
                raise InputError(
                    f"has {video_id!r}, and so has {seen[video_id.casefold()]}",
                    station="corpus",
                    input=str(part.out),
                    expected="every recording in one run",
                )
            seen[video_id.casefold()] = part.out


def _copy_samples(parts: Sequence[_Part], out: Path) -> None:
    """Shards under their new numbers, their indexes, narratives and analyses."""
    sequence = narratives = 0
    shards, samples = Counter[str](), Counter[str]()
    with (out / NARRATIVES).open("wb") as lines:
        for part in parts:
            for record in part.shards:
                moved = _moved(record, shards[record.kind.value], sequence, narratives)
                _copy_shard(part.out, record, out, moved, samples[record.kind.value], sequence)
                shards[record.kind.value] += 1
                samples[record.kind.value] += record.samples
            end = max((record.narratives_end or 0 for record in part.shards), default=0)
            _copy_beginning(part.out / NARRATIVES, lines, end)
            for path in (part.out / ANALYSIS).iterdir():
                _link(path, out / ANALYSIS / path.name)
            sequence += part.end
            narratives += end
        sync(lines)


def _copy_beginning(path: Path, target: BinaryIO, size: int) -> None:
    """Append the first ``size`` bytes of a file, a block in memory at a time.

    Raises:
        StorageError: the file is shorter.
    """
    with path.open("rb") as source:
        while size and (block := source.read(min(size, _BLOCK))):
            target.write(block)
            size -= len(block)
    if size:
        raise StorageError(
            f"lacks {size} bytes", station="corpus", input=str(path), cause="somebody changed the output"
        )


def _moved(record: ShardRecord, number: int, sequence: int, narratives: int) -> ShardRecord:
    return replace(
        record,
        number=number,
        first=Position(record.first.sequence + sequence, record.first.index),
        last=Position(record.last.sequence + sequence, record.last.index),
        resume_from=record.resume_from + sequence,
        narratives_end=None if record.narratives_end is None else record.narratives_end + narratives,
    )


def _copy_shard(
    source: Path, record: ShardRecord, out: Path, moved: ShardRecord, samples: int, sequence: int
) -> None:
    """One shard and its index, with rows that count on from ``samples`` and ``sequence``."""
    _link(shard_path(source, record.kind, record.number), shard_path(out, moved.kind, moved.number))
    rows = [
        {**row, "index": samples + place, "shard": moved.name, "sequence": row["sequence"] + sequence}
        for place, row in enumerate(read_rows(str(index_path(source, record.kind, record.number))))
    ]
    with atomic(index_path(out, moved.kind, moved.number)) as file:
        write_index(file, rows, moved.to_json())


def _link(source: Path, target: Path) -> None:
    """The same file under another name where the file system can do that, else a copy; folders are copied."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=_copy)
        return
    try:
        os.link(source, target)
    except OSError:
        _copy(source, target)


def _copy(source: str | Path, target: str | Path) -> None:
    """A copy that is on disk."""
    shutil.copy2(source, target)
    with Path(target).open("rb") as file:
        sync(file)


def _write_ledger(parts: Sequence[_Part], out: Path, name: str) -> Summary:
    first = parts[0]
    inputs = hashlib.sha256(" ".join(part.head.inputs for part in parts).encode()).hexdigest()[:16]
    head = replace(
        first.head, inputs=inputs, sources=tuple(source for part in parts for source in part.head.sources)
    )
    engine = from_mapping(EngineOptions, first.engine, input=str(first.out / LEDGER))
    with Ledger(out / LEDGER) as ledger:
        ledger.begin(head, (), {ENGINE: first.engine})
        sequence = 0
        for part in parts:
            ledger.absorb(part.out / LEDGER, sequence, part.folder)
            sequence += part.end
        ledger.add_shards(list_finished_shards(out))
        ledger.note(COMPLETE, ledger.end())
        ledger.note(WALL, sum(part.wall_s for part in parts))
        summary = Summary(
            totals=read_totals(ledger.connection),
            shards=tuple(read_shards(ledger.connection)),
            complete=True,
            wall_s=sum(part.wall_s for part in parts),
        )
        write_sizes(out, ledger)
        DeadLetters(out / DEAD_LETTERS, name).rewrite(read_failures(ledger.connection))
        opened = Opened(ledger=ledger, engine=engine, head=head)
        record_run(out / RUN, opened, RunOptions(), summary, "complete")
    return summary
