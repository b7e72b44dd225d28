"""The exact truth of a rendered recording, in the format of shared/eval."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .compose import Recording
from .desk import HALF
from .files import notes_of
from .model import Change, Gesture, Sentence
from .pointer import PointerState
from .scene import Mover

SPAN = 2.0
"""Shortest stable span, s."""
SHARE_LEVEL = 10
"""Luma steps above which a pixel counts for the changed share of the frame."""


@dataclass
class Frames:
    """What the delivered frames show, one entry a frame."""

    pts: list[float] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)
    """Time of the screen that the frame shows, s."""
    states: list[PointerState] = field(default_factory=list)
    changed: list[bool] = field(default_factory=list)
    """Whether the still screen changed since the frame before."""
    video: list[bool] = field(default_factory=list)
    """Whether a moving region covers most of the screen."""

    def add(self, pts: float, seen: float, state: PointerState, changed: bool, video: bool) -> None:
        """Appends a frame."""
        self.pts.append(pts)
        self.seen.append(seen)
        self.states.append(state)
        self.changed.append(changed)
        self.video.append(video)


def _r(value: float, digits: int = 4) -> float:
    return round(float(value), digits)


def _share(recording: Recording, before: float, after: float) -> float:
    """Share of the still screen's pixels that differ between two times (s)."""
    from .render import luma

    a, b = recording.desk.still(before), recording.desk.still(after)
    return float((abs(luma(b) - luma(a)) > SHARE_LEVEL).mean())


def _bounds(frames: Frames, start: float, end: float) -> tuple[int, int]:
    """Last frame before a change, and first frame after it. Instant changes show from `start` on."""
    seen = frames.seen
    first = bisect.bisect_right(seen, start) if end > start else bisect.bisect_left(seen, start)
    last = bisect.bisect_left(seen, end)
    return max(first - 1, 0), min(max(last, first), len(seen) - 1)


def _shots(recording: Recording, frames: Frames) -> list[dict[str, Any]]:
    shots = recording.desk.shots
    first = frames.pts[0] if frames.pts[0] > 0.1 else 0.0
    out: list[dict[str, Any]] = [{"start": _r(first)}]
    for shot in shots[1:]:
        a, b = _bounds(frames, shot.start, shot.settled)
        gradual = shot.transition.duration > 0
        out[-1] |= {
            "end": _r(frames.pts[a]),
            "next_kind": "fade" if gradual else "cut",
            "transition_end": _r(frames.pts[b]),
        }
        if gradual:
            out[-1]["style"] = shot.transition.style
        out.append({"start": _r(frames.pts[b])})
    out[-1]["end"] = _r(frames.pts[-1])
    return out


def _merged(changes: Sequence[Change]) -> list[Change]:
    """Changes of one kind that follow within 0.3 s are one: wheel clicks, letters."""
    out: list[Change] = []
    for change in changes:
        if (
            out
            and out[-1].what == change.what
            and change.start - out[-1].end < 0.3
            and change.what in ("scroll", "slice")
        ):
            out[-1] = Change(change.what, out[-1].start, max(change.end, out[-1].end))
        else:
            out.append(change)
    return out


def _others(recording: Recording, frames: Frames) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    lo, hi = frames.seen[0], frames.seen[-1]
    for change in _merged(recording.desk.changes()):
        if change.end <= lo or change.start >= hi:
            continue
        a, b = _bounds(frames, change.start, min(change.end, hi))
        share = _share(recording, frames.seen[a], frames.seen[b])
        if change.what in ("video", "inset"):
            share = max(share, _moved(recording, change))
        if share > 0:  # What is never seen, as a tooltip between two frames, did not happen.
            row = {
                "what": change.what,
                "start": _r(frames.pts[a]),
                "end": _r(frames.pts[b]),
                "changed": _r(share, 6),
            }
            out.append(row)
    return sorted(out + _films(recording, frames), key=lambda c: c["start"])


def _moved(recording: Recording, change: Change) -> float:
    """Share of the screen that an inset covers; a film changes nearly everything."""
    size = recording.desk.width * recording.desk.height
    rects = [m.rect for m in recording.desk.movers if change.start in (m.start, m.end)]
    return sum(r.width * r.height for r in rects) / size if change.what == "inset" else 0.9


def _films(recording: Recording, frames: Frames) -> list[dict[str, Any]]:
    """Stretches in which a moving region covers most of the screen."""
    out: list[dict[str, Any]] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], frames.video, [False]]).astype(int)))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        t = frames.seen[(a + b) // 2]
        size = recording.desk.width * recording.desk.height
        share = max(m.rect.width * m.rect.height for m in recording.desk.moving(t)) / size
        out.append(
            {"what": "video", "start": _r(frames.pts[a]), "end": _r(frames.pts[b - 1]), "changed": _r(share)}
        )
    return out


def _spans(frames: Frames) -> list[dict[str, float]]:
    """Runs of frames in which the still screen stands still and no film plays."""
    out, first = [], 0
    for k in range(len(frames.pts) + 1):
        last = k == len(frames.pts)
        if last or frames.changed[k] or frames.video[k]:
            if k > first and frames.pts[k - 1] - frames.pts[first] >= SPAN:
                out.append({"start": _r(frames.pts[first]), "end": _r(frames.pts[k - 1])})
            first = k + 1 if not last and frames.video[k] else k
    return out


def _regions(recording: Recording, frames: Frames) -> list[dict[str, float]]:
    """Moving regions in delivered pixels, with the times during which they are seen."""
    spec, desk = recording.spec, recording.desk
    sx, sy = spec.output[0] / spec.desktop[0], spec.output[1] / spec.desktop[1]
    begin, end = frames.pts[0] if frames.pts[0] > 0.1 else 0.0, frames.pts[-1]
    found: list[tuple[Mover, float, float]] = [(m, m.start, m.end) for m in desk.movers]
    starts = [s.settled for s in desk.shots] + [end]
    stops = [s.start for s in desk.shots[1:]] + [end]
    for k, shot in enumerate(desk.shots):
        found += [(m, max(m.start, starts[k]), min(m.end, stops[k])) for m in shot.scene.movers]
    out = []
    for mover, a, b in found:
        r = mover.rect
        if r.width * r.height <= HALF * desk.width * desk.height and min(b, end) > max(a, begin):
            box = {"x0": r.x0 * sx, "y0": r.y0 * sy, "x1": r.x1 * sx, "y1": r.y1 * sy}
            out.append({**box, "start": _r(max(a, begin)), "end": _r(min(b, end))})
    return out


def _cursor(recording: Recording, frames: Frames) -> list[list[float]]:
    """One row a frame: time, hot spot in delivered pixels, visible."""
    spec = recording.spec
    (w, h), none = spec.desktop, spec.pointer.kind == "none"
    sx, sy = spec.output[0] / w, spec.output[1] / h
    rows: list[list[float]] = []
    for t, s in zip(frames.pts, frames.states, strict=True):
        inside = 0 <= s.x < w and 0 <= s.y < h
        x, y = (0.0, 0.0) if none else ((s.x + 0.5) * sx, (s.y + 0.5) * sy)
        rows.append([_r(t), _r(x, 2), _r(y, 2), int(s.shown and inside)])
    return rows


def _gesture(recording: Recording, gesture: Gesture) -> dict[str, Any]:
    spec = recording.spec
    scale = {"x": spec.output[0] / spec.desktop[0], "y": spec.output[1] / spec.desktop[1]}
    fields = {k: _r(v * scale[k.lstrip("r")[0]], 1) for k, v in gesture.fields.items()}
    return {
        "kind": gesture.kind,
        "start": _r(gesture.start, 2),
        "end": _r(gesture.end, 2),
        **fields,
        "label": gesture.label,
    }


def _sentence(sentence: Sentence) -> dict[str, Any]:
    words = [{"start": w.start, "end": w.end, "text": w.text} for w in sentence.words]
    return {"start": sentence.start, "end": sentence.end, "text": sentence.text, "words": words}


def truth_of(recording: Recording, frames: Frames) -> dict[str, Any]:
    """All that is known about the delivered file."""
    spec = recording.spec
    gestures = sorted(recording.track.gestures, key=lambda g: g.start)
    return {
        "video": spec.file,
        "width": spec.output[0],
        "height": spec.output[1],
        "fps_nominal": spec.clock.fps,
        "frames": len(frames.pts),
        "duration": _r(frames.pts[-1]),
        "shots": _shots(recording, frames),
        "other_changes": _others(recording, frames),
        "stable_spans": _spans(frames),
        "moving_regions": _regions(recording, frames),
        "has_cursor": spec.pointer.kind != "none",
        "cursor_columns": ["t", "x", "y", "visible"],
        "cursor": _cursor(recording, frames),
        "gestures": [_gesture(recording, g) for g in gestures if g.start < frames.pts[-1]],
        "sentences": [_sentence(s) for s in recording.director.sentences],
        "notes": notes_of(recording),
    }
