"""What OUT/ledger.sqlite knows about a run, read while the run may still be writing it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from narratrace.corpus.ledger_queries import reading
from narratrace.corpus.ledger_rows import State, read_failure, video_input
from narratrace.report.values import Drop, Entry, Inventory
from narratrace.write.dead_letter import DeadLetter

_KINDS = ("pairs", "traces", "clips")
_COLUMNS = "video_id, uri, facts, state, duration, pairs, traces, clips, timings, reason, failure"


def read_ledger(path: Path) -> Inventory:
    """The recordings of a run by state; dead letters lack the command that reproduces them.

    Raises:
        InputError: there is no ledger, or it is of another version.
        StorageError: it cannot be read.
    """
    with reading(path) as database:
        database.row_factory = sqlite3.Row
        return _inventory(database.execute(f"SELECT {_COLUMNS} FROM videos ORDER BY sequence"))


def _inventory(rows: Iterable[sqlite3.Row]) -> Inventory:
    entries: list[Entry] = []
    drops: list[Drop] = []
    failures: list[DeadLetter] = []
    timings: Counter[str] = Counter()
    unfinished = 0
    for row in rows:
        state = State(row["state"])
        if state is State.DONE:
            entries.append(_entry(row))
            timings.update(json.loads(row["timings"] or "{}"))
        elif state is State.DROPPED:
            rule, _, reason = (row["reason"] or "").partition(": ")
            drops.append(Drop(row["video_id"], rule, reason))
        elif state is State.FAILED:
            failures.append(DeadLetter(read_failure(row["failure"]), ""))
        else:
            unfinished += 1
    return Inventory(
        entries=tuple(entries),
        drops=tuple(drops),
        drop_counts=Counter(drop.rule for drop in drops),
        failures=tuple(failures),
        unfinished=unfinished,
        timings=dict(timings),
    )


def _entry(row: sqlite3.Row) -> Entry:
    video = video_input(row["video_id"], row["uri"], None, row["facts"])
    return Entry(
        video_id=video.video_id,
        title=video.title,
        channel=video.channel,
        link=video.link,
        licence=video.licence,
        duration=row["duration"],
        counts={kind: row[kind] or 0 for kind in _KINDS},
    )
