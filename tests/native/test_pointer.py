"""Blobs, comparison and the tracker at the border to Python: layouts, ranges, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from narratrace._native import (
    Glyph,
    SparseRecorder,
    compare,
    find_blobs,
    find_candidates,
    find_places,
    track,
)
from tests.native.pictures import absolute, flat, heights, random_planes, seeds, tile_sums, widths

POINT = np.dtype([("x", "f4"), ("y", "f4"), ("reward", "f4")])
PIXEL = np.dtype(
    [("dx", "i2"), ("dy", "i2"), ("y", "u1"), ("u", "u1"), ("v", "u1"), ("weight", "u1"), ("role", "u1")]
)
COSTS = {
    "show_cost": 1.5,
    "speed": 4000.0,
    "step_cost": 0.15,
    "step": 20.0,
    "jump_cost": 3.0,
    "max_hold_s": 0.5,
}


def offsets(*values: int):
    return np.array(values, np.uint32)


@given(seeds, widths, heights)
@settings(max_examples=60)
def test_compare_counts_contrast(seed: int, width: int, height: int):
    rng = np.random.default_rng(seed)
    a, b = random_planes(rng, width, height, 5), random_planes(rng, width, height)
    rows, cols = -(-height // 16), -(-width // 16)
    ignore = rng.integers(0, 2, rows * cols, dtype=np.uint8)
    chroma = 2 * np.maximum(absolute(a[1], b[1]), absolute(a[2], b[2]))
    wide = np.kron(chroma, np.ones((2, 2), np.int64))[:height, :width]
    contrast = np.minimum(255, np.maximum(absolute(a[0], b[0]), wide))
    seen = np.kron(ignore.reshape(rows, cols) == 0, np.ones((16, 16), bool))[:height, :width]
    got = compare(a, b, ignore)
    assert got["pixels"] == seen.sum()
    assert got["changed"] == ((contrast > 24) & seen).sum()
    assert got["strong"] == ((contrast > 40) & seen).sum()
    np.testing.assert_array_equal(got["tile_strong"], tile_sums((contrast > 40) & seen, 16).ravel())
    lighter = tile_sums(np.where(seen, b[0].astype(np.int64) - a[0], 0), 16)
    pixels = tile_sums(np.ones_like(seen), 16)
    np.testing.assert_array_equal(got["tile_shift"], (np.abs(lighter) // pixels).ravel())


def test_a_blob_is_where_the_screen_differs():
    plate = flat(96, 64, 40)
    frame = tuple(p.copy() for p in plate)
    frame[0][20:32, 50:58] = 240
    recorder = SparseRecorder(96, 64, 16, 12, 3, 3, 2.0, 1.0)
    recorder.push(0.0, *plate)
    recorder.push(0.1, *frame)
    recorder.push(0.2, *frame)
    blobs, first, last = find_blobs(recorder.take(), 0, 3, plate, np.zeros(24, np.uint8), 20, 6, 2, 32)
    assert (first.tolist(), last.tolist()) == ([0, 0, 0], [0, 1, 1])
    row = blobs[0]
    assert [row[n] for n in ("x0", "y0", "x1", "y1", "area", "weight")] == [50, 20, 58, 32, 96, 96 * 200]
    assert (row["cx"], row["cy"]) == (54.0, 26.0)


def test_the_tracker_follows_a_hand():
    n = 20
    points = np.zeros(2 * n, POINT)
    points["x"][::2], points["y"][::2], points["reward"][::2] = 100 + 5 * np.arange(n), 200, 0.7
    points["x"][1::2], points["reward"][1::2] = 1000, 0.6
    first = np.arange(0, 2 * n, 2, dtype=np.uint32)
    chosen = track(np.arange(n) / 30, first, first + np.uint32(2), points, **COSTS)
    assert chosen.tolist() == first.tolist()


@pytest.mark.parametrize(
    ("first", "last", "error"),
    [
        pytest.param(offsets(0), offsets(1, 1), ValueError, id="lengths differ"),
        pytest.param(offsets(0, 1, 2), offsets(1, 2, 2), ValueError, id="other times"),
        pytest.param(offsets(0, 1), offsets(1, 3), IndexError, id="beyond the rows"),
        pytest.param(offsets(0, 2), offsets(1, 1), IndexError, id="backwards"),
    ],
)
def test_ranges_that_lie_elsewhere_are_refused(first, last, error: type[Exception]):
    with pytest.raises(error):
        track(np.array([0.0, 0.1]), first, last, np.zeros(2, POINT), **COSTS)


def test_candidates_need_blobs_that_exist():
    plate = flat(64, 64, 40)
    recorder = SparseRecorder(64, 64, 16, 12, 3, 3, 2.0, 1.0)
    recorder.push(0.0, *plate)
    segment = recorder.take()
    blobs, first, last = find_blobs(segment, 0, 1, plate, np.zeros(16, np.uint8), 20, 6, 2, 32)
    glyph = Glyph(np.array([(0, 0, 16, 128, 128, 255, 0)], PIXEL))
    assert glyph.box == (0, 0, 1, 1)
    with pytest.raises(IndexError):
        find_candidates(segment, 0, plate, blobs, first, last + np.uint32(1), [glyph], 48, 28, 3, 6, 220)


def arrow(scale: int):
    """A white arrow with a black outline of a pixel, the commonest of all pointers, as luma; 0 elsewhere."""
    canvas = Image.new("L", (13 * scale, 21 * scale))
    tip = [(0, 0), (0, 16), (4, 12), (7, 19), (9, 18), (6, 11), (11, 11)]
    corners = [(x * scale, y * scale) for x, y in tip]
    ImageDraw.Draw(canvas).polygon(corners, fill=235, outline=16, width=scale)
    return np.asarray(canvas)


@given(seeds, st.integers(1, 3), st.integers(0, 150), st.integers(0, 70))
@settings(max_examples=40)
def test_a_pointer_on_paper_of_its_own_colour_is_found(seed: int, scale: int, x: int, y: int):
    """Most of it is found anywhere on the paper; only its outline tells."""
    luma, paper = arrow(scale), flat(200, 140, 235)
    text = np.random.default_rng(seed).random((140, 200)) < 0.3
    text[:, 100:] = False
    paper[0][text] = 40
    ys, xs = np.nonzero(luma)
    pixels = np.zeros(len(ys), PIXEL)
    pixels["dx"], pixels["dy"], pixels["y"], pixels["weight"] = xs, ys, luma[ys, xs], 255
    pixels["u"] = pixels["v"] = 128
    paper[0][y + ys, x + xs] = luma[ys, xs]
    first, *others = find_places(paper, Glyph(pixels), 0, 0, 200, 140, 48, 2)
    assert first == (x, y, 1.0)
    assert all(similarity < 1.0 for _, _, similarity in others)


def test_a_mask_has_an_entry_per_tile():
    with pytest.raises(ValueError, match="mask"):
        compare(flat(40, 40, 1), flat(40, 40, 1), np.zeros(8, np.uint8))
