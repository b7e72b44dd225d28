"""``narratrace corpus status``: how far a run is, read from its ledger while it may be going on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from narratrace.corpus.ledger_queries import is_complete, read_running, read_shards, read_totals, reading
from narratrace.corpus.ledger_rows import OPEN_STATES, State
from narratrace.corpus.places import LEDGER


def status(out: Path) -> dict[str, Any]:
    """How a run stands, as JSON values.

    ``videos`` and ``hours`` by state (measured where done, expected elsewhere), ``samples`` by kind,
    ``shards`` and their ``bytes``, ``drops`` by rule, ``failures`` by station and error, ``timings`` (s by
    station), ``attempts``, ``complete``, and ``running``: what is being worked on, with ``seconds`` since it
    was begun.

    Raises:
        InputError: there is no run in ``out``.
        StorageError: its ledger cannot be read.
    """
    with reading(out / LEDGER) as database:
        totals = read_totals(database)
        shards = read_shards(database)
        now = time.time()
        running = [{**asdict(row), "seconds": round(now - row.began, 1)} for row in read_running(database)]
        complete = is_complete(database)
    return {
        "videos": {state.value: totals.videos.get(state, 0) for state in State},
        "hours": {state.value: totals.hours.get(state, 0.0) for state in State},
        "samples": dict(totals.samples),
        "shards": len(shards),
        "bytes": sum(record.size for record in shards),
        "drops": dict(totals.drops),
        "failures": dict(totals.failures),
        "timings": {name: round(seconds, 3) for name, seconds in totals.timings.items()},
        "attempts": totals.attempts,
        "complete": complete,
        "running": running,
    }


def show_status(out: Path, *, as_json: bool) -> None:
    """Print how a run stands; raises what :func:`status` raises."""
    facts = status(out)
    print(json.dumps(facts, indent=1) if as_json else "\n".join(_lines(facts)))


def _lines(facts: dict[str, Any]) -> list[str]:
    videos, hours = facts["videos"], facts["hours"]
    finished = sum(videos[state.value] for state in State if state not in OPEN_STATES)
    lines = [
        f"videos    {finished} of {sum(videos.values())} finished: "
        + ", ".join(f"{count} {state}" for state, count in videos.items() if count),
        f"hours     {hours['done']:.2f} done, about {sum(hours[s.value] for s in OPEN_STATES):.2f} to come "
        "(by durations in the manifest, else by the sizes of files)",
        "samples   " + ", ".join(f"{count} {kind}" for kind, count in facts["samples"].items()),
        f"shards    {facts['shards']}, {facts['bytes'] / 1e6:,.1f} MB",
    ]
    lines += [f"dropped   {count} by {rule}" for rule, count in facts["drops"].items()]
    lines += [f"failed    {count} at {what}" for what, count in facts["failures"].items()]
    lines += [
        f"running   {row['video_id']} by {row['worker']}, attempt {row['attempt']}, {row['seconds']:.0f} s"
        for row in facts["running"]
    ]
    return [*lines, "complete" if facts["complete"] else "not complete"]
