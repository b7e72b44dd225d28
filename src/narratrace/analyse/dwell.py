"""Fixations of the pointer: dispersion-threshold identification (I-DT, Salvucci and Goldberg 2000)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Struct

from narratrace.analyse.orders import median
from narratrace.data.trace import Dwell, Trace
from narratrace.options import option
from narratrace.timebase import Span


class DwellOptions(Struct, frozen=True, kw_only=True):
    """When the pointer counts as resting at a place."""

    min_s: Annotated[
        float,
        option("shortest dwell", unit="s", gt=0, source="choice: longer than a turning point of a gesture"),
    ] = 0.3
    radius: Annotated[
        float,
        option(
            "half the side of the square that a dwell's points stay in, as a share of the picture's height",
            gt=0,
            source="hand tremor of 2 to 4 px at 720p, doubled",
        ),
    ] = 0.012
    max_gap_s: Annotated[
        float, option("longest time without a trace point within a dwell", unit="s", gt=0)
    ] = 0.5


def find_dwells(trace: Trace, height: int, options: DwellOptions) -> tuple[Dwell, ...]:
    """Maximal runs of trace points that stay within a square, in time order, not overlapping.

    Args:
        trace: Pointer positions in pixels.
        height: Of the picture in pixels.
        options: Thresholds.
    """
    radius = options.radius * height
    dwells = []
    columns = (
        trace.t.tolist(),
        trace.x.tolist(),
        trace.y.tolist(),
    )  # many times faster, one by one, than arrays
    i, n = 0, len(trace)
    while i < n:
        j = _reach(*columns, i, 2 * radius, options.max_gap_s)
        if trace.t[j - 1] - trace.t[i] >= options.min_s:
            x, y = trace.x[i:j], trace.y[i:j]
            cx, cy = median(x), median(y)
            far = float(np.hypot(x - cx, y - cy).max())
            dwells.append(Dwell(span=Span(float(trace.t[i]), float(trace.t[j - 1])), x=cx, y=cy, radius=far))
            i = j
        else:
            i += 1
    return tuple(dwells)


def _reach(
    ts: list[float], xs: list[float], ys: list[float], begin: int, extent: float, max_gap: float
) -> int:
    """End of the longest run from ``begin`` on whose box is at most ``extent`` pixels wide and high."""
    x0 = x1 = xs[begin]
    y0 = y1 = ys[begin]
    for j in range(begin + 1, len(ts)):
        x0, x1 = min(x0, xs[j]), max(x1, xs[j])
        y0, y1 = min(y0, ys[j]), max(y1, ys[j])
        if max(x1 - x0, y1 - y0) > extent or ts[j] - ts[j - 1] > max_gap:
            return j
    return len(ts)
