"""The page of one recording: its timeline and its samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from narratrace.errors import InputError
from narratrace.report.blocks import MediaWriter
from narratrace.report.samples import card
from narratrace.report.shards import OpenShards, SampleRef
from narratrace.report.values import Entry, spread
from narratrace.write.analysis_json import read_analysis
from narratrace.write.canonical import json_line
from narratrace.write.shards import ANALYSIS

_KINDS = ("traces", "pairs", "clips")
_NO_TIMELINE: Mapping[str, Any] = {"video": None, "transcript": None, "timings": {}, "timeline": None}
_MOST_POINTS = 40_000
"""Trace points of a timeline: more than an hour at the analysis rate of 10 Hz."""


def recording_page(
    out: Path, entry: Entry, refs: Sequence[SampleRef], shards: OpenShards, media: MediaWriter, most: int
) -> dict[str, Any]:
    """The data of a recording's page; its pictures and clips are written on the way.

    Args:
        out: The output folder.
        entry: The recording.
        refs: Its samples.
        shards: Where they lie.
        media: Takes pictures and clips; the page's data takes from its room as well.
        most: Most samples of a kind.
    """
    notes: list[str] = []
    page = {
        "id": entry.video_id,
        "title": entry.title,
        "channel": entry.channel,
        "link": entry.link,
        "licence": entry.licence,
        "all": {kind: sum(ref.kind == kind for ref in refs) for kind in _KINDS},
        **_timeline(out, entry.video_id, media, notes),
    }
    samples = {
        kind: _cards([r for r in refs if r.kind == kind], shards, media, most, notes) for kind in _KINDS
    }
    return {**page, "samples": samples, "notes": notes}


def _timeline(out: Path, video_id: str, media: MediaWriter, notes: list[str]) -> Mapping[str, Any]:
    try:
        made = timeline(read_analysis(out / ANALYSIS / f"{video_id}.json"))
    except InputError as error:
        notes.append(f"The analysis cannot be shown: {error.message}")
        return _NO_TIMELINE
    if not media.reserve(len(json_line(made))):
        notes.append("The timeline was left out: it does not fit into the report's bound.")
        return _NO_TIMELINE
    return made


def _cards(
    refs: Sequence[SampleRef], shards: OpenShards, media: MediaWriter, most: int, notes: list[str]
) -> list[dict[str, Any]]:
    cards = []
    for ref in spread(refs, most):
        try:
            made = card(shards.read(ref), media)
        except (InputError, OSError) as error:
            notes.append(f"{ref.key} of {ref.shard} cannot be shown: {getattr(error, 'message', error)}")
            continue
        if made is not None:
            cards.append(made)
    return cards


def timeline(document: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an analysis (Note [Analysis JSON]) that the page shows, rows instead of objects."""
    return {
        "video": document["video"],
        "transcript": document.get("transcript"),
        "timings": document["timings"],
        "timeline": {
            "shots": _rows(document["shots"], "start", "end", "transition"),
            "changes": _rows(document.get("changes", ()), "start", "end", "kind", "changed"),
            "stable": _rows(document["stable_spans"], "start", "end", "keyframe_t", "group"),
            "moving": _rows(document["moving_regions"], "start", "end", "x0", "y0", "x1", "y1"),
            "words": _rows(document["words"], "start", "end", "text"),
            "dwells": _rows(document["dwells"], "start", "end", "x", "y"),
            "trace": _trace(document["trace"]),
        },
    }


def _rows(values: Sequence[Mapping[str, Any]], *names: str) -> list[list[Any]]:
    return [[value.get(name) for name in names] for value in values]


def _trace(points: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Columns of the trace, whole pixels; thinned out where a timeline could not show the difference."""
    step = -(-len(points) // _MOST_POINTS) or 1
    kept = points[::step]
    return {
        "t": [round(point["t"], 2) for point in kept],
        "x": [round(point["x"]) for point in kept],
        "y": [round(point["y"]) for point in kept],
    }
