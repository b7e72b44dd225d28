"""Reading a ledger, also while a run elsewhere on this machine is writing it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from narratrace.corpus.ledger_rows import (
    OPEN_STATES_SQL,
    SCHEMA,
    Head,
    State,
    Totals,
    VideoRow,
    read_failure,
    video_input,
)
from narratrace.data.outcome import Failed
from narratrace.data.sample import SampleKind
from narratrace.errors import InputError, StorageError
from narratrace.write.shard_file import ShardRecord

COMPLETE = "complete"
"""Fact of a run: recordings before this sequence number are wholly in finished shards."""

BEGAN = "began"
"""Fact of a run: when it was begun (s since 1970), which tells it from others."""

FOLDER = "folder"
"""Fact of a run: the folder that relative paths of its recordings are relative to."""

_BUSY_S = 30.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection for this process's writer, transactions left to the caller."""
    uri = path.absolute().as_uri()
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)


def reading_uri(path: Path) -> str:
    """What SQLite opens a ledger by that is only to be read.

    It wants to write a file beside one with a write-ahead log, even for that. Where it must not, as in an
    archive, and the log is folded into the ledger, the ledger can be taken for a file that nobody changes.
    """
    log = path.with_name(f"{path.name}-wal")
    is_folded = not log.exists() or log.stat().st_size == 0
    is_fixed = is_folded and not os.access(path.absolute().parent, os.W_OK)
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_fixed else ''}"


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write, on one consistent state of the ledger.

    Raises:
        InputError: there is no ledger, or it is of another version.
        StorageError: it cannot be read.
    """
    if not path.is_file():
        raise InputError(
            "no such ledger", station="corpus", input=str(path), expected="the output folder of a run"
        )
    try:
        with contextlib.closing(
            sqlite3.connect(reading_uri(path), uri=True, timeout=_BUSY_S, isolation_level=None)
        ) as database:
            database.execute("BEGIN")
            if not has_tables(database):
                raise InputError("the run has not begun", station="corpus", input=str(path))
            check_schema(database, path)
            yield database
    except sqlite3.Error as error:
        raise unreadable(path, error) from error


def has_tables(database: sqlite3.Connection) -> bool:
    """Whether a run was ever begun in it."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'head'").fetchone() is not None


def check_schema(database: sqlite3.Connection, path: Path) -> None:
    """Refuse a ledger of another version.

    Raises:
        InputError: its schema is another one.
    """
    found = read_value(database, "schema", None)
    if found != SCHEMA:
        raise InputError(f"schema is {found!r}", station="corpus", input=str(path), expected=SCHEMA)


def read_value(database: sqlite3.Connection, name: str, default: Any) -> Any:
    """A fact about the run, ``default`` when it is not there."""
    row = database.execute("SELECT value FROM head WHERE name = ?", (name,)).fetchone()
    return default if row is None else json.loads(row[0])


def read_head(database: sqlite3.Connection) -> Head:
    """What holds for the whole run."""
    return msgspec.convert({name: read_value(database, name, None) for name in Head.__struct_fields__}, Head)


_COLUMNS = "sequence, video_id, uri, captions_uri, facts, weight, state, attempt, bundle"


def read_rows(database: sqlite3.Connection, clause: str, values: tuple[Any, ...]) -> list[VideoRow]:
    """Recordings by a clause of SQL with its values."""
    rows = database.execute(f"SELECT {_COLUMNS} FROM videos {clause}", values).fetchall()
    return [
        VideoRow(
            sequence=sequence,
            video=video_input(video_id, uri, captions_uri, facts),
            weight=weight,
            state=State(state),
            attempt=attempt,
            bundle=bundle,
        )
        for sequence, video_id, uri, captions_uri, facts, weight, state, attempt, bundle in rows
    ]


def find_video(database: sqlite3.Connection, video_id: str) -> VideoRow | None:
    """A recording by its id."""
    return next(iter(read_rows(database, "WHERE video_id = ?", (video_id,))), None)


def read_ids(database: sqlite3.Connection) -> list[str]:
    """All recordings, in output order."""
    return [row[0] for row in database.execute("SELECT video_id FROM videos ORDER BY sequence")]


def read_schemes(database: sqlite3.Connection) -> set[str]:
    """Schemes, in lower case, of the URIs that are still to be read; paths have none."""
    queries = (
        f"SELECT lower(substr({column}, 1, instr({column}, '://') - 1)) FROM videos "
        f"WHERE state IN ({OPEN_STATES_SQL}) AND typeof({column}) = 'text' AND instr({column}, '://') > 0"
        for column in ("uri", "captions_uri")
    )
    return {scheme for (scheme,) in database.execute(" UNION ".join(queries))}


def read_totals(database: sqlite3.Connection) -> Totals:
    """The ledger summed up, in one pass and two small ones."""
    videos: dict[State, int] = {}
    hours: dict[State, float] = {}
    samples, attempts = Counter[str](), 0
    for state, count, seconds, pairs, traces, clips, tried in database.execute(
        "SELECT state, count(*), sum(coalesce(duration, weight)), sum(pairs), sum(traces), sum(clips), "
        "sum(attempt) FROM videos GROUP BY state"
    ):
        videos[State(state)] = count
        hours[State(state)] = seconds / 3600
        for kind, number in zip(SampleKind, (pairs, traces, clips), strict=True):
            samples[kind.value] += number or 0
        attempts += tried
    return Totals(
        videos=videos,
        hours=hours,
        samples=dict(samples),
        timings=_timings(database),
        attempts=attempts,
        drops=dict(_drops(database)),
        failures=dict(_failures(database)),
    )


def _timings(database: sqlite3.Connection) -> dict[str, float]:
    return dict(
        database.execute(
            "SELECT key, sum(value) FROM videos, json_each(timings) WHERE state = 'done' GROUP BY key"
        ).fetchall()
    )


def _drops(database: sqlite3.Connection) -> list[tuple[str, int]]:
    return database.execute(
        "SELECT substr(reason, 1, instr(reason, ':') - 1) AS rule, count(*) FROM videos "
        "WHERE state = 'dropped' GROUP BY rule ORDER BY rule"
    ).fetchall()


def _failures(database: sqlite3.Connection) -> list[tuple[str, int]]:
    return database.execute(
        "SELECT json_extract(failure, '$.station') || ': ' || json_extract(failure, '$.error') AS what, "
        "count(*) FROM videos WHERE state = 'failed' GROUP BY what ORDER BY what"
    ).fetchall()


def read_failures(database: sqlite3.Connection) -> Iterator[Failed]:
    """Recordings that were given up, in output order."""
    for (failure,) in database.execute("SELECT failure FROM videos WHERE state = 'failed' ORDER BY sequence"):
        yield read_failure(failure)


def read_end(database: sqlite3.Connection) -> int:
    """The sequence number after the last."""
    row = database.execute("SELECT max(sequence) FROM videos").fetchone()
    return 0 if row[0] is None else int(row[0]) + 1


def is_complete(database: sqlite3.Connection) -> bool:
    """Whether the last shards hold the last recording's samples."""
    return int(read_value(database, COMPLETE, 0)) == read_end(database)


class Running(Struct, frozen=True, kw_only=True):
    """A recording that is being worked on.

    Attributes:
        video_id: The recording.
        worker: Who works on it.
        attempt: Number of the attempt.
        began: Since when (s since 1970).
    """

    video_id: str
    worker: str
    attempt: int
    began: float


def read_running(database: sqlite3.Connection) -> list[Running]:
    """What is being worked on, longest-running first."""
    return [
        Running(video_id=video_id, worker=worker, attempt=attempt, began=began)
        for video_id, worker, attempt, began in database.execute(
            "SELECT video_id, worker, attempt, began FROM videos WHERE state = 'running' ORDER BY began"
        )
    ]


def read_shards(database: sqlite3.Connection) -> list[ShardRecord]:
    """Finished shards by kind and number."""
    order = {kind.value: place for place, kind in enumerate(SampleKind)}
    records = [
        ShardRecord.from_json(json.loads(record))
        for (record,) in database.execute("SELECT record FROM shards ORDER BY number")
    ]
    return sorted(records, key=lambda record: (order[record.kind.value], record.number))


def read_sample_counts(database: sqlite3.Connection) -> Iterator[tuple[str, dict[str, int]]]:
    """Finished recordings with their samples by kind, in output order."""
    for video_id, *counts in database.execute(
        "SELECT video_id, pairs, traces, clips FROM videos WHERE state = 'done' ORDER BY sequence"
    ):
        yield video_id, {kind.value: count for kind, count in zip(SampleKind, counts, strict=True)}


def unreadable(path: Path, error: Exception) -> StorageError:
    """The error for a ledger that cannot be opened, read or written."""
    return StorageError(
        f"cannot be used: {error}",
        station="corpus",
        input=str(path),
        cause="the disk is full or write-protected, or the file is damaged or on a network file system",
    )
