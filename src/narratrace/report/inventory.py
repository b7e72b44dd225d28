"""Finding out what an output folder holds, from the cheapest source that knows.

The ledger knows everything about a run; without one (it was deleted, or is of another version) the index
gives the recordings with samples, the analysis folder those without, run.json and dead_letter.jsonl the
rest. No shard is opened here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from narratrace.errors import InputError, NarratraceError
from narratrace.report.ledger import read_ledger
from narratrace.report.values import Entry, Inventory
from narratrace.write.analysis_json import length_of, read_analysis
from narratrace.write.dead_letter import DeadLetter, read_dead_letters
from narratrace.write.index import read_rows
from narratrace.write.shard_file import INDEX
from narratrace.write.shards import ANALYSIS, is_output_folder

_COLUMNS = ("video_id", "kind", "duration", "sequence", "title", "video_channel", "video_link", "licence")
_MOST_READ = 500
"""Analyses read only to learn how long a recording without samples is."""


def read_inventory(out: Path) -> Inventory:
    """What ``out`` holds; whatever cannot be read becomes a note.

    Raises:
        InputError: ``out`` is no output folder.
    """
    if not is_output_folder(out):
        raise InputError(
            "is no output folder of narratrace",
            station="report",
            input=str(out),
            expected="a folder with index, analysis and run.json, as `narratrace process -o` leaves it",
        )
    notes: list[str] = []
    letters = {letter.failed.video_id: letter for letter in _letters(out, notes)}
    run = _run(out, notes)
    try:
        found = _with_commands(read_ledger(out / "ledger.sqlite"), letters)
    except NarratraceError as error:
        if (out / "ledger.sqlite").exists():
            notes.append(str(error))
        found = _from_files(out, run, letters, notes)
    timings = run.get("timings") or found.timings
    return replace(found, run=run, timings=timings).noting(*notes)


def _with_commands(found: Inventory, letters: Mapping[str, DeadLetter]) -> Inventory:
    """The ledger's failures with the commands of dead_letter.jsonl."""
    failures = [
        replace(f, command=letters[f.failed.video_id].command) if f.failed.video_id in letters else f
        for f in found.failures
    ]
    return replace(found, failures=tuple(failures))


def _from_files(
    out: Path, run: Mapping[str, Any], letters: Mapping[str, DeadLetter], notes: list[str]
) -> Inventory:
    entries = _entries(out, notes)
    done = {entry.video_id for entry in entries}
    drops = run.get("drops")
    return Inventory(
        entries=tuple(entries),
        drop_counts=drops if isinstance(drops, dict) else {},
        # A recording that failed once and was processed later has a letter and an analysis.
        failures=tuple(letter for name, letter in letters.items() if name not in done),
    )


def _entries(out: Path, notes: list[str]) -> list[Entry]:
    """Recordings of the index by their sequence, then those that have an analysis only, by name."""
    facts: dict[str, dict[str, Any]] = {}
    counts: dict[str, Counter[str]] = {}
    for path in sorted((out / INDEX).glob("*.parquet")):
        try:
            rows = read_rows(str(path), _COLUMNS)
        except (OSError, ValueError) as error:
            notes.append(f"{INDEX}/{path.name} cannot be read: {error}")
            continue
        for row in rows:
            facts.setdefault(row["video_id"], row)
            counts.setdefault(row["video_id"], Counter())[row["kind"]] += 1
    known = sorted(facts.values(), key=lambda row: (row["sequence"], row["video_id"]))
    rest = sorted({path.stem for path in (out / ANALYSIS).glob("*.json")} - facts.keys())
    return [
        *(_entry(row, counts[row["video_id"]]) for row in known),
        *(Entry(video_id=name, duration=_duration(out, name)) for name in rest[:_MOST_READ]),
        *(Entry(video_id=name) for name in rest[_MOST_READ:]),
    ]


def _entry(row: Mapping[str, Any], counts: Mapping[str, int]) -> Entry:
    return Entry(
        video_id=row["video_id"],
        title=row["title"] or "",
        channel=row["video_channel"] or "",
        link=row["video_link"] or "",
        licence=row["licence"] or "",
        duration=row["duration"],
        counts=dict(counts),
    )


def _duration(out: Path, video_id: str) -> float | None:
    try:
        return length_of(read_analysis(out / ANALYSIS / f"{video_id}.json"))
    except (InputError, TypeError, ValueError):
        return None  # its page, where there is one, says what is wrong with it


def _letters(out: Path, notes: list[str]) -> list[DeadLetter]:
    try:
        return read_dead_letters(out / "dead_letter.jsonl")
    except NarratraceError as error:
        notes.append(str(error))
        return []


def _run(out: Path, notes: list[str]) -> dict[str, Any]:
    path = out / "run.json"
    if not path.exists():
        notes.append("run.json is missing: the run has not ended, or was not ended by narratrace")
        return {}
    try:
        run = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        notes.append(f"run.json cannot be read: {error}")
        return {}
    return run if isinstance(run, dict) else {}
