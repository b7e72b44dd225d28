"""Sets of tiles against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.analyse.orders import distinct, median
from narratrace.analyse.tiles import TileBox, components, grow, tile_box
from narratrace.ops.sparse import TILE

columns = st.integers(1, 9)


@st.composite
def grids(draw: st.DrawFn):
    """Some tiles, possibly twice, and the columns of their grid."""
    width, height = draw(columns), draw(columns)
    tiles = draw(st.lists(st.integers(0, width * height - 1), max_size=25))
    return np.array(tiles, np.int64), width, height


def linked(a: int, b: int, width: int, reach: int) -> bool:
    return abs(a % width - b % width) <= reach and abs(a // width - b // width) <= reach


@given(grids(), st.integers(1, 3))
def test_components_are_what_links_connect(grid, reach: int):
    tiles, width, _ = grid
    label = list(range(len(tiles)))
    for _ in tiles:
        for i, a in enumerate(tiles.tolist()):
            for j, b in enumerate(tiles.tolist()):
                if linked(a, b, width, reach):
                    label[i] = min(label[i], label[j])
    wanted = [[i for i, own in enumerate(label) if own == k] for k in sorted(set(label))]
    assert [members.tolist() for members in components(tiles, width, reach)] == wanted


def test_the_right_edge_does_not_touch_the_next_row():
    assert [m.tolist() for m in components(np.array([4, 5]), 5, 1)] == [[0], [1]]
    assert [m.tolist() for m in components(np.array([4, 9]), 5, 1)] == [[0, 1]]


@given(grids())
def test_growing_adds_the_neighbours(grid):
    tiles, width, height = grid
    mask = np.zeros(width * height, bool)
    mask[tiles] = True
    before = mask.copy()
    wanted = [any(linked(k, t, width, 1) for t in tiles.tolist()) for k in range(width * height)]
    assert grow(mask, height, width).tolist() == wanted
    assert (mask == before).all()


@given(grids())
def test_the_box_of_tiles_holds_them_closely(grid):
    tiles, width, _ = grid
    if len(tiles) == 0:
        return
    box = tile_box(tiles, width)
    x, y = tiles % width * TILE, tiles // width * TILE
    assert (box.x0, box.y0) == (x.min(), y.min())
    assert (box.x1, box.y1) == (x.max() + TILE, y.max() + TILE)
    assert box.size == max(box.x1 - box.x0, box.y1 - box.y0)


@given(st.integers(-50, 150), st.integers(-50, 150))
def test_distance_is_to_the_nearest_point_of_a_box(x: int, y: int):
    box = TileBox(16, 32, 64, 48)
    wanted = min(
        np.hypot(x - px, y - py) for px in range(box.x0, box.x1 + 1) for py in range(box.y0, box.y1 + 1)
    )
    (got,) = box.distance(np.array([x], np.float32), np.array([y], np.float32))
    assert got == pytest.approx(wanted, rel=1e-6)
    inside = all(a <= b for a, b in (*pairwise((box.x0, x, box.x1)), *pairwise((box.y0, y, box.y1))))
    assert (got == 0) == inside


@given(st.lists(st.integers(-9, 9)))
def test_distinct_values_and_medians_are_those_of_numpy(values: list[int]):
    array = np.array(values, dtype=np.int64)
    assert np.array_equal(distinct(array), np.unique(array))
    if values:
        assert median(array / 3) == pytest.approx(np.median(array / 3))
    else:
        assert np.isnan(median(array))
