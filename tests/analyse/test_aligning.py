"""Pictures laid over each other, on a texture as fine as tissue has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from narratrace.analyse.aligning import AlignmentOptions, align, kind_of_motion
from narratrace.analyse.registration import MotionOptions
from narratrace.analyse.slices import SliceOptions, are_slices

F64 = npt.NDArray[np.float64]
WIDTH, HEIGHT = 126, 86
seeds = st.integers(0, 2**32 - 1)


def tissue(seed: int) -> F64:
    """Dark nuclei on light ground, three times as wide and high as what is shown of it."""
    rng = np.random.default_rng(seed)
    picture = np.full((3 * HEIGHT, 3 * WIDTH), 210.0)
    for _ in range(1400):
        y, x = rng.integers(0, 3 * HEIGHT - 4), rng.integers(0, 3 * WIDTH - 4)
        picture[y : y + rng.integers(2, 5), x : x + rng.integers(2, 5)] = rng.uniform(60, 160)
    return picture


def seen(picture: F64, scale: float, x: float = 0.5, y: float = 0.5) -> F64:
    """The part around (x, y), shares of the picture, enlarged; at 0 a third of its width is in sight."""
    height, width = picture.shape
    w, h = WIDTH / 2 / np.exp(scale), HEIGHT / 2 / np.exp(scale)
    box = (x * width - w, y * height - h, x * width + w, y * height + h)
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=box), np.float64)


def kind(pictures: Sequence[F64]) -> str | None:
    motion = MotionOptions()
    return kind_of_motion(pictures, AlignmentOptions(), motion.min_scale, motion.min_shift)


@given(seeds, st.floats(-0.8, 0.8))
@settings(max_examples=10, deadline=None)
def test_a_scale_is_measured(seed: int, scale: float) -> None:
    picture = tissue(seed)
    found = align(seen(picture, 0.0), seen(picture, scale))
    assert found.scale == pytest.approx(scale, abs=0.03)
    assert (found.dx, found.dy) == pytest.approx((0, 0), abs=1.0)
    assert found.likeness >= 0.7


@given(seeds, st.integers(-60, 60), st.integers(-40, 40))
@settings(max_examples=10, deadline=None)
def test_a_shift_is_measured(seed: int, dx: int, dy: int) -> None:
    picture = tissue(seed)
    found = align(
        seen(picture, 0.0), seen(picture, 0.0, 0.5 + dx / picture.shape[1], 0.5 + dy / picture.shape[0])
    )
    assert (found.dx, found.dy) == pytest.approx((dx, dy), abs=0.5)
    assert found.scale == pytest.approx(0.0, abs=0.011)


@given(seeds)
@settings(max_examples=10, deadline=None)
def test_other_tissue_is_not_alike(seed: int) -> None:
    assert align(seen(tissue(seed), 0.0), seen(tissue(seed + 1), 0.0)).likeness < 0.6


@pytest.mark.parametrize("scale", [-0.7, -0.4, 0.4, 0.9])
def test_a_zoom_of_few_frames_is_one(scale: float) -> None:
    assert kind([seen(tissue(1), share * scale) for share in (0.0, 0.45, 1.0)]) == "zoom"


@pytest.mark.parametrize(("x", "y", "name"), [(0.12, 0.05, "pan"), (0.0, 0.15, "scroll")])
def test_a_pan_of_few_frames_is_one(x: float, y: float, name: str) -> None:
    picture = tissue(2)
    assert kind([seen(picture, 0.0, 0.4 + s * x, 0.4 + s * y) for s in (0.0, 0.45, 1.0)]) == name


def test_what_is_enlarged_at_once_is_another_picture() -> None:
    """A slide may show a part of the one before it."""
    first, last = seen(tissue(3), 0.0), seen(tissue(3), 0.7)
    assert kind([first, last]) is None
    assert kind([first, last, last]) is None
    blends = [first + share * (last - first) for share in np.linspace(0, 1, 7)]
    assert kind(blends) is None


def test_slides_that_push_each_other_are_no_motion() -> None:
    both = np.hstack([seen(tissue(4), 0.0), seen(tissue(5), 0.0)])
    assert kind([both[:, x : x + WIDTH] for x in np.linspace(0, WIDTH, 7).astype(int)]) is None


def test_a_corner_is_not_taken_for_the_whole() -> None:
    """Dark slides with a picture each have edges in common, whatever the scale."""
    slides = [np.full((HEIGHT, WIDTH), 8.0) for _ in range(2)]
    for seed, slide in enumerate(slides):
        slide[20:70, 28:98] = seen(tissue(6 + seed), 0.0)[20:70, 28:98]
    both = np.hstack(slides)
    assert kind([both[:, x : x + WIDTH] for x in np.linspace(0, WIDTH, 7).astype(int)]) is None


def head(depth: float) -> F64:
    """A slice of something round; what is in it comes and goes with the depth, each at a depth of its own."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    rng = np.random.default_rng(8)
    luma = np.full((HEIGHT, WIDTH), 120.0)
    for _ in range(40):
        cx, cy, at = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(-0.1, 0.5)
        part = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.01 - ((depth - at) / 0.1) ** 2)
        luma += rng.choice([-70, 70]) * part
    return np.where(x**2 + y**2 < 0.6, luma, 5.0)


def test_a_walk_through_a_stack_is_one() -> None:
    assert are_slices([head(depth) for depth in np.linspace(0, 0.4, 7)], SliceOptions())


def test_what_leads_from_one_picture_to_another_otherwise_is_none() -> None:
    first, last = head(0.0), head(0.4)
    assert not are_slices([first, last], SliceOptions())
    assert not are_slices([first, first, last, last], SliceOptions())
    blends = [first + share * (last - first) for share in np.linspace(0, 1, 7)]
    assert not are_slices(blends, SliceOptions())
    edges = np.linspace(0, WIDTH, 7).astype(int)
    wipes = [np.hstack([last[:, :x], first[:, x:]]) for x in edges]
    assert not are_slices(wipes, SliceOptions())
    both = np.hstack([first, last])
    assert not are_slices([both[:, x : x + WIDTH] for x in edges], SliceOptions())
