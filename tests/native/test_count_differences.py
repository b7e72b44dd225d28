"""One count, three ways: NumPy by the definition, the baseline code, and what this processor runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace._native import count_differences
from tests.native.pictures import (
    Planes,
    absolute,
    flat,
    heights,
    pads,
    random_planes,
    seeds,
    tile_sums,
    widths,
)

thresholds = st.integers(0, 255)


def by_definition(a: Planes, b: Planes, luma: int, chroma: int):
    y = tile_sums(absolute(a[0], b[0]) > luma, 16)
    uv = sum(tile_sums(absolute(p, q) > chroma, 8) for p, q in zip(a[1:], b[1:], strict=True))
    return np.stack([y, uv], axis=-1)


@given(seeds, widths, heights, pads, pads, thresholds, thresholds)
def test_all_agree(seed: int, width: int, height: int, pad_a: int, pad_b: int, luma: int, chroma: int):
    rng = np.random.default_rng(seed)
    a, b = random_planes(rng, width, height, pad_a), random_planes(rng, width, height, pad_b)
    wanted = by_definition(a, b, luma, chroma)
    np.testing.assert_array_equal(count_differences(a, b, luma, chroma, baseline=True), wanted)
    np.testing.assert_array_equal(count_differences(a, b, luma, chroma), wanted)


def test_opposite_pictures_differ_everywhere():
    black, white = flat(64, 32, 0), flat(64, 32, 255)
    counts = count_differences(black, white, 254, 0)
    assert counts.dtype == np.uint16
    assert counts.shape == (2, 4, 2)
    assert (counts[..., 0] == 256).all()
    assert (counts[..., 1] == 0).all()


@pytest.mark.parametrize(
    ("planes", "error"),
    [
        pytest.param((np.zeros((4, 4), np.int16), *flat(4, 4, 0)[1:]), TypeError, id="not bytes"),
        pytest.param(([[1, 2]], *flat(4, 4, 0)[1:]), TypeError, id="a list"),
        pytest.param((np.zeros((4, 4, 1), np.uint8), *flat(4, 4, 0)[1:]), ValueError, id="three dimensions"),
        pytest.param((np.zeros((0, 4), np.uint8), *flat(4, 4, 0)[1:]), ValueError, id="no rows"),
        pytest.param(
            (np.zeros((4, 8), np.uint8)[:, ::2], *flat(4, 4, 0)[1:]), ValueError, id="gaps within rows"
        ),
        pytest.param(
            (np.zeros((4, 4), np.uint8), *flat(8, 4, 0)[1:]), ValueError, id="chroma of another size"
        ),
        pytest.param(flat(6, 4, 0), ValueError, id="another size"),
        pytest.param(flat(4, 4, 0)[:2], ValueError, id="two planes"),
    ],
)
def test_what_is_no_picture_is_refused(planes, error: type[Exception]):
    with pytest.raises(error):
        count_differences(planes, flat(4, 4, 0), 16, 12)
