"""The pointer's path at an even pace: what the gesture finders look at instead of raw trace points."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.trace import Trace
from narratrace.options import option

F64 = npt.NDArray[np.float64]


class PathOptions(Struct, frozen=True, kw_only=True):
    """How trace points become a path."""

    step_s: Annotated[
        float,
        option("time between path points", unit="s", source="a loop of 0.5 s still has 10 points", gt=0),
    ] = 0.05
    max_gap_s: Annotated[
        float,
        option(
            "longest time without a trace point that a path bridges",
            unit="s",
            source="measured on recorded loops with blind stretches of 0.3 s",
            gt=0,
        ),
    ] = 0.8
    moving: Annotated[
        float,
        option(
            "slowest speed that counts as motion",
            unit="frame diagonals / s",
            source="tremor of 1 px at 10 Hz on 720p, doubled",
            ge=0,
        ),
    ] = 0.02


class Path(Struct, frozen=True, eq=False):
    """Positions at even times without a gap.

    Attributes:
        t: Seconds, shape (n,), evenly spaced.
        x, y: Smoothed position in frame diagonals from the picture's top left corner, shape (n,).
        moving: Whether the pointer moves from point ``i`` to ``i + 1``, shape (n - 1,), bool.
    """

    t: F64
    x: F64
    y: F64
    moving: npt.NDArray[np.bool_]


def paths(trace: Trace, diagonal: float, options: PathOptions) -> list[Path]:
    """The trace as paths, one per stretch without a long gap; stretches under five steps are left out.

    Single-point outliers are removed by a median of three, sampling noise by a mean of three.

    Args:
        trace: Pointer positions in pixels.
        diagonal: Length of the picture's diagonal in pixels.
        options: Step, longest gap, slowest motion.
    """
    cuts = np.flatnonzero(np.diff(trace.t) > options.max_gap_s) + 1
    found = []
    for t, x, y in zip(*(np.split(column, cuts) for column in (trace.t, trace.x, trace.y)), strict=True):
        n = int((t[-1] - t[0]) / options.step_s) + 1 if len(t) > 1 else 0
        if n <= 5:
            continue
        even = t[0] + options.step_s * np.arange(n)
        px, py = (_smooth(np.interp(even, t, column)) / diagonal for column in (x, y))
        speed = np.hypot(np.diff(px), np.diff(py)) / options.step_s
        found.append(Path(even, px, py, speed >= options.moving))
    return found


def _smooth(values: F64) -> F64:
    smooth: F64 = _threes(np.median(_threes(values), axis=1)).mean(axis=1)
    return smooth


def _threes(values: F64) -> F64:
    """Every value with its two neighbours, the ends repeated; shape (n, 3)."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, 1, mode="edge"), 3)
