"""Which side of a doubt the pointer was on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from narratrace.analyse.doubts import DoubtOptions, Settler
from narratrace.analyse.stills import Doubt
from narratrace.ops.sparse import BLOB, Blobs

FRAMES, COLUMNS = 20, 40
NONE = np.zeros(0, np.int32)


def seen(centres: list[tuple[float, float] | None]) -> Blobs:
    """A halo of 96 pixels around each centre, frame by frame."""
    table = np.zeros(sum(centre is not None for centre in centres), BLOB)
    bounds = np.r_[0, np.cumsum([centre is not None for centre in centres])]
    for row, (x, y) in zip(table, (centre for centre in centres if centre), strict=True):
        row["cx"], row["cy"], row["area"] = x, y, 7000
        row["x0"], row["x1"], row["y0"], row["y1"] = x - 48, x + 48, y - 48, y + 48
    return Blobs(table, bounds[:-1], bounds[1:])


@pytest.mark.parametrize(("turned", "side"), [(False, "before"), (True, "after")])
def test_a_halo_that_rests_over_a_tile_in_doubt_was_there(turned: bool, side: str) -> None:
    """It leaves so fast that more of its way is seen before the doubt than after."""
    way: list[tuple[float, float] | None] = [(240.0, 310.0)] * 7
    way += [(241.0, 311.0), (257.0, 324.0), (289.0, 353.0), (341.0, 390.0), (410.0, 433.0)]
    way += [(490.0, 475.0)] * 8
    doubt = Doubt(np.array([20 * COLUMNS + 16], np.int32), NONE, NONE, 9, 10, 0, FRAMES, (9, 10))
    view: Any = SimpleNamespace(times=np.arange(FRAMES) / 15, columns=COLUMNS)
    ground: Any = SimpleNamespace(begin=0, end=FRAMES)
    settler = Settler(None, DoubtOptions(), 0.5, None, None)  # type: ignore[arg-type]
    before, after = settler._rests_over(view, ground, doubt, seen(way[::-1] if turned else way))
    assert ("before" if before > after else "after") == side
    assert max(before, after) >= 3
    assert min(before, after) == 0
