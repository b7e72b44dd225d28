"""Keyframes: hashes by their definition, colours by the stream's matrix, sizes, likeness."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from narratrace.analyse.keyframes import KeyframeOptions, PictureMaker, dct_hash

from .screen import ARROW, Planes, copied, flat, put, slide_of, stream, write  # fmt: skip

seeds = st.integers(0, 2**32 - 1)
SLIDE = slide_of(71)


def by_definition(luma: np.ndarray) -> int:
    """The DCT-II of a square, frequency by frequency; bits of those above the median of the lowest 8 x 8."""
    n = len(luma)
    wave = [[math.cos(math.pi * (2 * x + 1) * k / (2 * n)) for x in range(n)] for k in range(8)]
    low = [
        sum(luma[y, x] * wave[i][y] * wave[j][x] for y in range(n) for x in range(n))
        for i in range(8)
        for j in range(8)
    ]
    middle = sorted(low)[31:33]
    return int("".join("1" if value > sum(middle) / 2 else "0" for value in low), 2)


@given(seeds, st.sampled_from([8, 12, 32]))
@settings(max_examples=12)
def test_the_hash_is_that_of_its_definition(seed: int, n: int):
    luma = np.random.default_rng(seed).uniform(0, 255, (n, n))
    assert dct_hash(luma) == by_definition(luma)


@given(seeds, st.floats(0.2, 3.0), st.floats(0.0, 100.0))
def test_contrast_and_brightness_do_not_change_the_hash(seed: int, contrast: float, more: float):
    luma = np.random.default_rng(seed).uniform(50, 200, (32, 32))
    assert dct_hash(contrast * luma + more) == dct_hash(luma)


@given(seeds)
def test_half_of_the_bits_are_set(seed: int):
    assert dct_hash(np.random.default_rng(seed).uniform(0, 255, (32, 32))).bit_count() == 32


def test_the_hash_of_nothing_is_a_number_of_64_bits():
    assert 0 <= dct_hash(np.zeros((32, 32))) < 2**64
    assert 0 <= dct_hash(np.full((32, 32), 255.0)) < 2**64


def maker(**options) -> PictureMaker:
    return PictureMaker(stream(), KeyframeOptions(**options))


def noisy(planes: Planes, seed: int) -> Planes:
    out = copied(planes)
    noise = np.random.default_rng(seed).integers(-3, 4, out[0].shape)
    out[0][...] = np.clip(out[0] + noise, 0, 255)
    return out


def test_the_same_picture_through_noise():
    make = maker()
    key = make(SLIDE)
    for seed in range(5):
        assert make.same(key, make(noisy(SLIDE, seed)))
    assert make.same(key, key)


def test_other_pictures_are_told_apart():
    make = maker()
    keys = [make(slide_of(seed)) for seed in range(71, 77)]
    for i, a in enumerate(keys):
        assert [make.same(a, b) for b in keys] == [i == j for j in range(len(keys))]


def test_a_new_bullet_makes_another_picture():
    more = copied(SLIDE)
    write(more, np.random.default_rng(1), 12, 160, 140, 10)
    make = maker()
    assert not make.same(make(SLIDE), make(more))


def test_a_word_on_an_empty_slide_makes_another_picture():
    """Little ink, but all there is."""
    empty, word = slide_of(78, lines=0, picture=False), slide_of(78, lines=0, picture=False)
    write(word, np.random.default_rng(1), 12, 100, 50, 8)
    make = maker()
    assert np.abs(make(empty).thumb - make(word).thumb).mean() <= KeyframeOptions().max_thumb_difference
    assert not make.same(make(empty), make(word))


def test_a_pointer_does_not_make_another_picture():
    make = maker()
    assert make.same(make(SLIDE), make(put(SLIDE, ARROW, (60, 120))))


MATRICES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}


def rgb(y: float, u: float, v: float, matrix: str, full: bool) -> list[float]:
    """ITU-R BT.601 and BT.709."""
    kr, kb = MATRICES[matrix]
    luma = y if full else (y - 16) * 255 / 219
    scale = 1.0 if full else 255 / 224
    blue, red = 2 * (1 - kb) * (u - 128) * scale, 2 * (1 - kr) * (v - 128) * scale
    green = -(kb * blue + kr * red) / (1 - kr - kb)
    return [min(255.0, max(0.0, luma + c)) for c in (red, green, blue)]


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(
    "color", [(16, 128, 128), (235, 128, 128), (126, 128, 128), (90, 110, 170), (150, 60, 120)]
)
def test_colours_are_those_of_the_matrix_and_range(color: tuple[int, int, int], matrix: str, full: bool):
    planes = flat(color[0], 64, 48)
    planes[1][...], planes[2][...] = color[1], color[2]
    make = PictureMaker(replace(stream(64, 48), color_matrix=matrix, full_range=full), KeyframeOptions())
    image = make(planes).image
    assert image is not None
    shown = np.asarray(Image.open(io.BytesIO(image.jpeg)).convert("RGB")).reshape(-1, 3)
    assert np.ptp(shown.astype(int), axis=0).max() <= 1
    assert shown.mean(axis=0).tolist() == pytest.approx(rgb(*color, matrix, full), abs=3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 17), (853, 479)])
def test_pictures_of_any_size(size: tuple[int, int]):
    image = maker()(flat(90, *size)).image
    assert image is not None
    assert (image.width, image.height, image.scale) == (*size, 1.0)
    assert Image.open(io.BytesIO(image.jpeg)).size == size


def test_large_pictures_are_shrunk_to_the_longest_side():
    image = maker(max_side=160)(SLIDE).image
    assert image is not None
    assert (image.width, image.height, image.scale) == (160, 96, 0.5)
    assert Image.open(io.BytesIO(image.jpeg)).size == (160, 96)
    same = maker(max_side=320)(SLIDE).image
    assert same is not None
    assert same.scale == 1.0


def test_without_pictures_there_are_hashes_all_the_same():
    with_picture, without = maker()(SLIDE), maker(pictures=False)(SLIDE)
    assert without.image is None
    assert without.phash == with_picture.phash
