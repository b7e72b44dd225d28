"""Finding regions that the pointer circles.

The method is Note [A loop by its moments].
"""

from __future__ import annotations

from math import sqrt
from typing import Annotated

import numpy as np
from msgspec import Struct

from narratrace.align.gesture import Gesture
from narratrace.align.path import F64, Path, PathOptions, paths
from narratrace.align.stretches import I64, SHORTEST, Stretches
from narratrace.data.shots import Box
from narratrace.data.trace import Trace
from narratrace.options import option
from narratrace.timebase import Span

_TUNED = "tuned on drawn and recorded gestures"

_PER_SECOND = 0.05
"""Turns that a second costs, so that a rest or a crawl at either end is not taken in."""

_RAGGEDNESS_WEIGHT = 1.5
"""Share of the score that a raggedness of 1 would cost."""

_TRUSTED_FIT_IOU = 0.6
"""Overlap with the points' extent below which a fitted ellipse is not believed."""


class LoopOptions(Struct, frozen=True, kw_only=True):
    """What counts as circling."""

    min_turns: Annotated[float, option("fewest turns", unit="turns", source=_TUNED, gt=0)] = 0.7
    min_agreement: Annotated[
        float,
        option("smaller of the turn counts by area and by length, over the larger", source=_TUNED, le=1),
    ] = 0.75
    max_raggedness: Annotated[
        float, option("largest relative spread of the radius around the best ellipse", source=_TUNED, ge=0)
    ] = 0.2
    min_radius: Annotated[
        float,
        option(
            "smallest minor semi-axis",
            unit="frame diagonals",
            source="8 px at 720p: twice the tracker's error",
            gt=0,
        ),
    ] = 0.0055
    min_aspect: Annotated[
        float, option("smallest minor axis by major axis; flatter is an underline", source=_TUNED, ge=0, le=1)
    ] = 0.2
    max_turn_s: Annotated[
        float, option("longest time for one turn", unit="s", source="recorded loops take 0.8 to 2 s", gt=0)
    ] = 2.5
    max_loop_s: Annotated[
        float,
        option(
            "longest stretch looked at as a whole; longer circling is joined", unit="s", source=_TUNED, gt=0
        ),
    ] = 6.0
    max_pause_s: Annotated[
        float, option("longest rest within a loop, in all", unit="s", source=_TUNED, ge=0)
    ] = 0.4


def find_loops(
    trace: Trace, diagonal: float, options: LoopOptions, path_options: PathOptions
) -> list[Gesture]:
    """The circled regions of a trace in time order, apart in time; see Note [A loop by its moments].

    Args:
        trace: Pointer positions over one still picture.
        diagonal: Length of the picture's diagonal in pixels.
        options: What counts as circling.
        path_options: How trace points become a path.
    """
    found = []
    for path in paths(trace, diagonal, path_options):
        for i, j in _best_apart(path, options, path_options.step_s):
            span = Span(float(path.t[i]), float(path.t[j]))
            found.append(Gesture(kind="circle", span=span, box=rim_box(trace.within(span))))
    return found


def _best_apart(path: Path, options: LoopOptions, step_s: float) -> list[tuple[int, int]]:
    """First and last point of a path's loops: the best stretch, the best one apart from it, and so on."""
    blocks = Stretches.blocks(path, int(options.max_loop_s / step_s))
    loops = [_loops_among(block, options, step_s) for block in blocks]
    i, j, score = (np.concatenate(column) for column in zip(*loops, strict=True))
    found = []
    while len(i):
        best = int(np.argmax(score))
        found.append((int(i[best]), int(j[best])))
        apart = (i >= j[best]) | (j <= i[best])
        i, j, score = i[apart], j[apart], score[apart]
    return sorted(found)


def _loops_among(s: Stretches, options: LoopOptions, step_s: float) -> tuple[I64, I64, F64]:
    """First points, last points and scores of the stretches that are loops; cheap questions come first."""
    s = s.where(s.over(s.sums.rest) * step_s <= options.max_pause_s)
    major, minor = s.axes()
    turns, agreement = s.turns(major, minor)
    seconds = (s.j - s.i) * step_s
    likely = (
        (minor >= options.min_radius)
        & (minor >= options.min_aspect * major)
        & (turns >= options.min_turns)
        & (agreement >= options.min_agreement)
        & (seconds <= options.max_turn_s * np.maximum(turns, 1.0))
    )
    s, turns, agreement, seconds = s.where(likely), turns[likely], agreement[likely], seconds[likely]
    ragged = s.raggedness()
    score = turns * agreement * (1 - _RAGGEDNESS_WEIGHT * ragged) - _PER_SECOND * seconds
    loop = ragged <= options.max_raggedness
    return s.i[loop], s.j[loop], score[loop]


def rim_box(points: Trace) -> Box:
    """Extent of the ellipse through trace points, in pixels.

    The least-squares conic completes loops that stay open and averages out the tracker's noise. Where it
    strays from the points' own extent (few points, no ellipse), that extent is given instead.
    """
    seen = Box(
        x0=float(points.x.min()), y0=float(points.y.min()), x1=float(points.x.max()), y1=float(points.y.max())
    )
    fitted = _conic_extent(points.x, points.y)
    return fitted if fitted is not None and fitted.iou(seen) >= _TRUSTED_FIT_IOU else seen


def _conic_extent(x: F64, y: F64) -> Box | None:
    """Extent of the ellipse ``a u^2 + b uv + (1 - a) v^2 + d u + e v + f = 0`` nearest to the points."""
    size = float(max(np.ptp(x), np.ptp(y)))
    if len(x) < SHORTEST or size == 0:
        return None
    u, v = (x - x.mean()) / size, (y - y.mean()) / size
    system = np.stack([u * u - v * v, u * v, u, v, np.ones_like(u)], axis=1)
    a, b, d, e, f = np.linalg.lstsq(system, -v * v, rcond=None)[0].tolist()
    c = 1 - a
    det = 4 * a * c - b * b
    if det <= 0:
        return None
    u0, v0 = (b * e - 2 * c * d) / det, (b * d - 2 * a * e) / det
    level = a * u0 * u0 + b * u0 * v0 + c * v0 * v0 - f
    if level <= 0:
        return None
    cx, cy = float(x.mean()) + size * u0, float(y.mean()) + size * v0
    rx, ry = 2 * size * sqrt(c * level / det), 2 * size * sqrt(a * level / det)
    return Box(x0=cx - rx, y0=cy - ry, x1=cx + rx, y1=cy + ry)
