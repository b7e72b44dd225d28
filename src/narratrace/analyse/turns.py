"""Turns: moments at which a tile stops showing one thing and shows another, and what they have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from narratrace.analyse.tiles import Bool

_TURN = np.dtype([(name, "<i4") for name in ("tile", "since", "end", "begin", "until", "before", "after")])


def turns_of(epochs: npt.NDArray[Any], moving: Bool) -> npt.NDArray[Any]:
    """Successive epochs of one tile, outside moving tiles.

    Returns:
        Rows tile; ``since`` and ``end``, first and last frame of the one; ``begin`` and ``until``, first
        frame of the other and frame after its last; ``before`` and ``after``, their blocks.
    """
    same = (epochs["tile"][1:] == epochs["tile"][:-1]) & ~moving[epochs["tile"][1:]]
    i = np.flatnonzero(same)
    out = np.zeros(len(i), dtype=_TURN)
    out["tile"] = epochs["tile"][i]
    out["end"], out["begin"] = epochs["last"][i] - 1, epochs["first"][i + 1]
    out["since"], out["until"] = epochs["first"][i], epochs["last"][i + 1]
    out["before"], out["after"] = epochs["block"][i], epochs["block"][i + 1]
    return out


def groups(turns: npt.NDArray[Any], times: npt.NDArray[np.float64], join_s: float) -> list[npt.NDArray[Any]]:
    """Turns whose intervals touch in time, to within ``join_s``."""
    if len(turns) == 0:
        return []
    turns = turns[np.argsort(turns["begin"], kind="stable")]
    reached = np.maximum.accumulate(times[turns["begin"]])
    apart = times[turns["end"][1:]] > reached[:-1] + join_s
    return np.split(turns, np.flatnonzero(apart) + 1)


def together(turns: npt.NDArray[Any]) -> Bool:
    """Which turns may have happened at one instant, the one that suits most of them."""
    at = np.sort(turns["begin"])
    ends = np.sort(turns["end"])
    enclosing = np.searchsorted(ends, at, side="left") - np.searchsorted(at, at, side="left")
    best = at[np.argmax(enclosing)]
    suits: Bool = (turns["end"] < best) & (best <= turns["begin"])
    return suits


def window(turns: npt.NDArray[Any]) -> tuple[int, int]:
    """Last frame before and first frame after a change.

    Tiles that the pointer crossed meanwhile changed earlier or later than the content did. What a pointer
    draws begins between its arrival at the first tile and its leaving it, and ends likewise at the last.
    """
    at_once = together(turns)
    if at_once.mean() >= 0.8:
        turns = turns[at_once]
        return (
            int(np.percentile(turns["end"], 25, method="lower")),
            int(np.percentile(turns["begin"], 75, method="higher")),
        )
    arrived, wrote = (np.percentile(turns[c], [5, 95]) for c in ("end", "begin"))
    return int((arrived[0] + wrote[0] - 1) // 2), int(-(-(arrived[1] + 1 + wrote[1]) // 2))
