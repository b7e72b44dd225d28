"""What OUT/ledger.sqlite knows about a run, read while the run may still be writing it.

The tables are those of :mod:`narratrace.corpus.ledger_rows`; the report reads them as it reads every other
file of the output contract, without the corpus package.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from narratrace.data.outcome import Failed
from narratrace.report.values import Drop, Entry, Inventory
from narratrace.write.dead_letter import DeadLetter

SCHEMA = "narratrace.ledger/1"
_KINDS = ("pairs", "traces", "clips")
_COLUMNS = "video_id, facts, state, duration, pairs, traces, clips, timings, reason, failure"


def read_ledger(path: Path) -> Inventory:
    """The recordings of a run by state; dead letters lack the command that reproduces them.

    Raises:
        ValueError: the file is no ledger of this version, or cannot be read; the message says why.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            schema = db.execute("SELECT value FROM head WHERE name = 'schema'").fetchone()
            if schema is None or json.loads(schema[0]) != SCHEMA:
                raise ValueError(f"{path.name} is of another version than {SCHEMA}")
            return _inventory(db.execute(f"SELECT {_COLUMNS} FROM videos ORDER BY sequence"))
    except sqlite3.Error as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error


def _inventory(rows: sqlite3.Cursor) -> Inventory:
    entries: list[Entry] = []
    drops: list[Drop] = []
    failures: list[DeadLetter] = []
    timings: Counter[str] = Counter()
    unfinished = 0
    for row in rows:
        if row["state"] == "done":
            entries.append(_entry(row))
            timings.update(json.loads(row["timings"] or "{}"))
        elif row["state"] == "dropped":
            rule, _, reason = (row["reason"] or "").partition(": ")
            drops.append(Drop(row["video_id"], rule, reason))
        elif row["state"] == "failed":
            failures.append(DeadLetter(msgspec.convert(json.loads(row["failure"]), Failed), ""))
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
    facts: dict[str, Any] = json.loads(row["facts"])
    return Entry(
        video_id=row["video_id"],
        duration=row["duration"],
        counts={kind: row[kind] or 0 for kind in _KINDS},
        **{name: str(facts.get(name) or "") for name in ("title", "channel", "link", "licence")},
    )
