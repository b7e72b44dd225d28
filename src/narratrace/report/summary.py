"""The first page: the run in figures, what was lost on the way, and the recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec.structs import asdict, astuple

from narratrace.report.values import Inventory, T, spread
from narratrace.write.dead_letter import DeadLetter

_SHOWN_ELSEWHERE = ("schema", "timings", "drops", "failures", "hours")
_KINDS = ("pairs", "traces", "clips")


def summary_page(name: str, found: Inventory, pages: Collection[str], most: int) -> dict[str, Any]:
    """The data of the first page.

    Args:
        name: What the run is called.
        found: What there is.
        pages: Ids of the recordings with a page.
        most: Most rows of a list.
    """
    left_out: list[str] = []
    return {
        "name": name,
        "totals": _totals(found),
        "stations": [[s, t] for s, t in found.timings.items() if s != "wall_s" and t > 0],
        "wall_s": found.timings.get("wall_s"),
        "drops": sorted(found.drop_counts.items(), key=lambda item: (-item[1], item[0])),
        "dropped": [astuple(d) for d in _listed(found.drops, most, "drops", left_out)],
        "causes": _causes(found.failures),
        "failures": [_failure(f) for f in _listed(found.failures, most, "failures", left_out)],
        "recordings": _recordings(found, pages, most, left_out),
        "run": {key: value for key, value in found.run.items() if key not in _SHOWN_ELSEWHERE},
        "notes": list(found.notes),
        "left_out": left_out,
    }


def _totals(found: Inventory) -> dict[str, Any]:
    counts = found.run.get("counts") or {}
    known = [entry.duration for entry in found.entries if entry.duration is not None]
    dropped = len(found.drops) or sum(found.drop_counts.values()) or counts.get("dropped", 0)
    return {
        "seconds": sum(known),
        "unknown_durations": len(found.entries) - len(known),
        "recordings": len(found.entries) + dropped + len(found.failures) + found.unfinished,
        "dropped": dropped,
        "failed": len(found.failures),
        "unfinished": found.unfinished,
        **{kind: sum(entry.counts.get(kind, 0) for entry in found.entries) for kind in _KINDS},
    }


def _recordings(found: Inventory, pages: Collection[str], most: int, left_out: list[str]) -> list[list[Any]]:
    """Rows of id, title, channel, seconds, pairs, traces, clips and whether there is a page."""
    with_page = [entry for entry in found.entries if entry.video_id in pages]
    others = [entry for entry in found.entries if entry.video_id not in pages]
    chosen = {e.video_id for e in (*with_page, *spread(others, max(0, most - len(with_page))))}
    if len(chosen) < len(found.entries):
        left_out.append(f"The list has {len(chosen):,} of {len(found.entries):,} recordings.")
    return [
        [
            *(entry.video_id, entry.title, entry.channel, entry.duration),
            *(entry.counts.get(kind, 0) for kind in _KINDS),
            entry.video_id in pages,
        ]
        for entry in found.entries
        if entry.video_id in chosen
    ]


def _listed(items: Sequence[T], most: int, what: str, left_out: list[str]) -> list[T]:
    if len(items) > most:
        left_out.append(f"The list of {what} has {most:,} of {len(items):,}; the counts are of all.")
    return spread(items, most)


def _causes(failures: Sequence[DeadLetter]) -> list[list[Any]]:
    """Rows of station, error and how often, most frequent first."""
    counts = Counter((f.failed.station, f.failed.error) for f in failures)
    return [[*cause, n] for cause, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _failure(letter: DeadLetter) -> Mapping[str, Any]:
    return {**asdict(letter.failed), "command": letter.command}
