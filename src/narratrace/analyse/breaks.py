"""Where a trace breaks off, and joining what fills the breaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from narratrace.data.trace import Trace

F64 = npt.NDArray[np.float64]
Point = tuple[float, float]
"""Position (x, y) in pixels."""


def breaks(
    times: F64, trace: Trace, before: Point | None, shortest: float
) -> Iterator[tuple[int, int, Point | None, Point | None]]:
    """Frame ranges [start, stop) without a trace point, with the points around them.

    Args:
        times: When each frame appears, increasing.
        trace: Points at some of the frames.
        before: The last point before the first frame, None when unknown.
        shortest: Breaks shorter than this are left out, seconds.
    """
    seen = np.searchsorted(times, trace.t, side="right") - 1
    edges = np.r_[-1, seen, len(times)]
    for i in np.flatnonzero(np.diff(edges) > 1).tolist():
        start, stop = int(edges[i]) + 1, int(edges[i + 1])
        if times[stop - 1] - times[start] < shortest:
            continue
        a = (float(trace.x[i - 1]), float(trace.y[i - 1])) if i else before
        b = (float(trace.x[i]), float(trace.y[i])) if i < len(trace) else None
        yield start, stop, a, b


def joined(pieces: Sequence[Trace]) -> Trace:
    """All points in time order; of two at one instant the better one."""
    t, x, y, score = (np.concatenate([getattr(p, c) for p in pieces]) for c in ("t", "x", "y", "score"))
    order = np.lexsort((-score, t))
    order = order[np.r_[True, np.diff(t[order]) > 0]] if len(order) else order
    return Trace(t[order], x[order], y[order], score[order])
