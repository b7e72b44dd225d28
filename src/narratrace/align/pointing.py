"""What the lecturer points out: circled regions, underlined lines, spots rested on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.align.gesture import Gesture, joined
from narratrace.align.loops import LoopOptions, find_loops
from narratrace.align.path import PathOptions
from narratrace.align.underlines import UnderlineOptions, find_underlines
from narratrace.data.shots import Box
from narratrace.data.trace import Dwell, Trace
from narratrace.options import option

_WAITS_S = 0.3
"""A rest no further than this from a stroke (s) belongs to it: travel to a spot of its own takes longer."""


class DwellOptions(Struct, frozen=True, kw_only=True):
    """Which rests of the pointer point at something."""

    min_s: Annotated[
        float,
        option("shortest rest that points", unit="s", source="a pause between two strokes is shorter", ge=0),
    ] = 0.5
    max_s: Annotated[
        float,
        option("longest; a pointer at rest for longer is parked", unit="s", source="choice of ours", gt=0),
    ] = 10.0
    radius: Annotated[
        float,
        option(
            "half the side of a spot's box",
            unit="frame diagonals",
            source="44 px at 720p, the middle of the recorded loops",
            gt=0,
        ),
    ] = 0.03


class PointingOptions(Struct, frozen=True, kw_only=True):
    """How gestures are found."""

    path: PathOptions = field(default_factory=PathOptions)
    loops: LoopOptions = field(default_factory=LoopOptions)
    underlines: UnderlineOptions = field(default_factory=UnderlineOptions)
    dwells: DwellOptions = field(default_factory=DwellOptions)


def find_gestures(
    trace: Trace, dwells: Sequence[Dwell], width: int, height: int, options: PointingOptions
) -> list[Gesture]:
    """All gestures over one still picture, in time order, their boxes within the picture.

    Loops come first: an underline or a rest in the middle of one is part of it. A rest next to a loop or an
    underline in time is part of that too: the pointer waits there and means no spot of its own.

    Args:
        trace: Pointer positions over the picture.
        dwells: Fixations over it.
        width, height: Size of the picture in pixels.
        options: What counts as which gesture.
    """
    diagonal = float(np.hypot(width, height))
    loops = find_loops(trace, diagonal, options.loops, options.path)
    lines = find_underlines(trace, width, height, options.underlines, options.path)
    strokes = loops + [
        line for line in lines if not any(loop.span.contains(line.span.middle) for loop in loops)
    ]
    busy = [stroke.span.pad(_WAITS_S, _WAITS_S) for stroke in strokes]
    spots = [
        _spot(dwell, options.dwells.radius * diagonal)
        for dwell in dwells
        if options.dwells.min_s <= dwell.span.duration <= options.dwells.max_s
        and not any(span.overlap(dwell.span) > 0 for span in busy)
    ]
    return [_within(gesture, width, height) for gesture in joined([*strokes, *spots])]


def _spot(dwell: Dwell, radius: float) -> Gesture:
    """The rest as a gesture, with a square box of at least the given half side."""
    r = max(radius, dwell.radius)
    box = Box(x0=dwell.x - r, y0=dwell.y - r, x1=dwell.x + r, y1=dwell.y + r)
    return Gesture(kind="dwell", span=dwell.span, box=box)


def _within(gesture: Gesture, width: int, height: int) -> Gesture:
    """The gesture with its box cut to the picture."""
    box = gesture.box
    cut = Box(
        x0=max(box.x0, 0.0), y0=max(box.y0, 0.0), x1=min(box.x1, float(width)), y1=min(box.y1, float(height))
    )
    return replace(gesture, box=cut)
