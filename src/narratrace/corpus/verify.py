"""``narratrace corpus verify``: whether everything a run wrote is there, whole, and says the same.

Shards are read from end to end: their hash against their record, the archive, every sample's JSON, and that
keys, index rows and the ledger's counts are the same samples. Beside them the analyses, the narratives, the
dead letters, and that no half-written file is left.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from narratrace.corpus.ledger_queries import (
    is_complete,
    read_failures,
    read_sample_counts,
    read_shards,
    reading,
)
from narratrace.corpus.places import DEAD_LETTERS, LEDGER, SIZES
from narratrace.data.sample import SampleKind
from narratrace.errors import NarratraceError
from narratrace.write.analysis_json import read_analysis
from narratrace.write.dead_letter import read_dead_letters
from narratrace.write.index import read_rows
from narratrace.write.shard_file import (
    INDEX,
    SHARDS,
    ShardRecord,
    index_path,
    list_finished_shards,
    shard_path,
    verify_shard,
)
from narratrace.write.shard_reader import read_shard
from narratrace.write.shards import ANALYSIS, NARRATIVES

Counts = Counter[tuple[str, str]]
"""Samples by recording and kind."""


def verify(out: Path) -> Iterator[str]:
    """Everything that is wrong with the output in ``out``, a line each; nothing is changed.

    A run in progress has unfinished shards, which are no fault; that it is not complete is said.

    Raises:
        InputError: there is no run in ``out``.
        StorageError: its ledger cannot be read.
    """
    with reading(out / LEDGER) as database:
        known = read_shards(database)
        wanted = Counter(
            {(v, kind): n for v, counts in read_sample_counts(database) for kind, n in counts.items() if n}
        )
        done = [video_id for video_id, _ in read_sample_counts(database)]
        failed = sorted(failure.video_id for failure in read_failures(database))
        complete = is_complete(database)
    try:
        records = list_finished_shards(out)
    except NarratraceError as error:
        yield str(error)
        records = known
    yield from _same_shards(known, records)
    found = Counts()
    for record in records:
        yield from _shard(out, record, found)
    yield from _same_samples(wanted, found, complete)
    yield from _analyses(out, done if complete else [])
    yield from _narratives(out, records)
    if (
        complete
        and sorted(letter.failed.video_id for letter in read_dead_letters(out / DEAD_LETTERS)) != failed
    ):
        yield f"{DEAD_LETTERS}: does not hold the recordings the ledger has given up"
    yield from _leftovers(out, records)
    if not complete:
        yield "the run is not complete"


def _same_shards(known: list[ShardRecord], records: list[ShardRecord]) -> Iterator[str]:
    by_name = {record.name: record for record in known}
    for record in records:
        if by_name.pop(record.name, None) != record:
            yield f"{record.name}: the ledger knows it otherwise, or not at all"
    yield from (f"{name}: is in the ledger, but has no index" for name in by_name)


def _shard(out: Path, record: ShardRecord, found: Counts) -> Iterator[str]:
    """What is wrong with one shard and its index; adds its samples to ``found``."""
    try:
        verify_shard(out, record)
        keys = []
        for sample in read_shard(shard_path(out, record.kind, record.number)):
            keys.append(sample.key)
            found[sample.json["video_id"], record.kind.value] += 1
        rows = read_rows(str(index_path(out, record.kind, record.number)))
    except (NarratraceError, OSError, ValueError) as error:
        yield str(error)
        return
    if len(keys) != record.samples:
        yield f"{record.name}: holds {len(keys)} samples, its record says {record.samples}"
    if keys != [row["uid"] for row in rows] or {row["shard"] for row in rows} - {record.name}:
        yield f"{record.name}: its index names other samples"


def _same_samples(wanted: Counts, found: Counts, complete: bool) -> Iterator[str]:
    """Samples that are lost or there twice; what has not been written yet is no fault."""
    for video_id, kind in sorted(wanted | found):
        have, should = found[video_id, kind], wanted[video_id, kind]
        if have > should or (complete and have < should):
            yield f"{video_id}: {have} {kind} in the shards, {should} by the ledger"


def _analyses(out: Path, video_ids: list[str]) -> Iterator[str]:
    for video_id in video_ids:
        try:
            document = read_analysis(out / ANALYSIS / f"{video_id}.json")
        except NarratraceError as error:
            yield str(error)
            continue
        if document["video"]["video_id"] != video_id:
            yield f"{video_id}: its analysis is of {document['video']['video_id']}"


def _narratives(out: Path, records: list[ShardRecord]) -> Iterator[str]:
    """Lines and bytes of the narratives against the shards of traces."""
    traces = [record for record in records if record.kind is SampleKind.TRACE]
    end = max((record.narratives_end or 0 for record in traces), default=0)
    path = out / NARRATIVES
    lines = size = 0
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            size += len(line)
            lines += size <= end
    if size < end or lines != sum(record.samples for record in traces):
        yield f"{NARRATIVES}: {lines} lines in {min(size, end)} bytes, {end} bytes by the shards' records"


def _leftovers(out: Path, records: list[ShardRecord]) -> Iterator[str]:
    expected = {shard_path(out, r.kind, r.number) for r in records}
    expected.add(out / SHARDS / SIZES)
    expected |= {index_path(out, r.kind, r.number) for r in records}
    for folder in (SHARDS, INDEX):
        for path in sorted((out / folder).glob("*")):
            if path not in expected:
                yield f"{folder}/{path.name}: belongs to no finished shard"
