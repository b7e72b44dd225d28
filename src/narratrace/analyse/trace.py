"""One trajectory through candidates: the native tracker under typed options."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace import _native
from narratrace.options import option

_POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("reward", "<f4")])


class TrackOptions(Struct, frozen=True, kw_only=True):
    """Prices of the tracker, in units of a candidate's reward during 1/30 s (see csrc/tracker.hpp)."""

    show_cost: Annotated[float, option("price of a pointer that appears or disappears", ge=0)] = 1.5
    speed: Annotated[float, option("speed a hand reaches with ease", unit="px/s", gt=0)] = 4000.0
    step_cost: Annotated[float, option("price of moving by `step` between frames", ge=0)] = 0.15
    step: Annotated[float, option("see step_cost", unit="px", gt=0)] = 20.0
    jump_cost: Annotated[float, option("price of moving faster than `speed`", ge=0)] = 3.0
    max_hold_s: Annotated[
        float, option("time for which an unchanged frame counts at most", unit="s", gt=0)
    ] = 0.5


def track(
    times: npt.NDArray[np.float64],
    first: npt.NDArray[np.uint32],
    last: npt.NDArray[np.uint32],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    reward: npt.NDArray[np.float32],
    options: TrackOptions,
) -> npt.NDArray[np.int32]:
    """Index of the chosen candidate per instant, -1 where no pointer is believed visible.

    Args:
        times: Instants in seconds, increasing, shape (n,).
        first, last: Candidates of instant i are ``[first[i], last[i])``.
        x, y: Their hot spots in pixels.
        reward: Their worth against "no pointer"; may be negative.
        options: Prices.
    """
    points = np.zeros(len(x), dtype=_POINT)
    points["x"], points["y"], points["reward"] = x, y, reward
    return _native.track(
        times,
        first,
        last,
        points,
        options.show_cost,
        options.speed,
        options.step_cost,
        options.step,
        options.jump_cost,
        options.max_hold_s,
    )
