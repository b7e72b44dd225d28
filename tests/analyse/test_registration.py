"""Motion of a picture, on a texture that is known between its pixels too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace.analyse.registration import MotionOptions, moved, register
from narratrace.data.shots import Box, ChangeKind

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
WIDTH, HEIGHT, STEP = 160, 90, 4
WHOLE = Box(x0=0, y0=0, x1=WIDTH * STEP, y1=HEIGHT * STEP)
seeds = st.integers(0, 2**32 - 1)
ways = st.sampled_from([-1, 1])


def view(seed: int, scale: float = 0.0, dx: float = 0.0, dy: float = 0.0) -> F64:
    """A texture of waves; things are ``exp(scale)`` times as large and lie (dx, dy) to the right and down."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    x, y = (x - (WIDTH - 1) / 2 - dx) / np.exp(scale), (y - (HEIGHT - 1) / 2 - dy) / np.exp(scale)
    luma = np.full(x.shape, 128.0)
    for _ in range(24):
        angle, length, phase = rng.uniform(0, np.pi), rng.uniform(9, 60), rng.uniform(0, 2 * np.pi)
        luma += 9 * np.sin(2 * np.pi / length * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return luma


def seen(*pictures: F64) -> list[U8]:
    return [np.clip(np.rint(picture), 0, 255).astype(np.uint8) for picture in pictures]


def kind(thumbnails: Sequence[U8], box: Box = WHOLE) -> ChangeKind | None:
    return moved(thumbnails, STEP, box, MotionOptions())


@given(seeds, st.floats(-0.06, 0.06), st.floats(-6, 6), st.floats(-5, 5))
@settings(max_examples=25)
def test_a_step_is_measured(seed: int, scale: float, dx: float, dy: float):
    step = register(view(seed), view(seed, scale, dx, dy))
    assert step.scale == pytest.approx(scale, abs=0.012)
    assert (step.dx, step.dy) == pytest.approx((dx, dy), abs=0.6)
    if max(abs(dx), abs(dy), 100 * abs(scale)) >= 0.5:
        assert step.residual <= 0.5


@given(seeds)
@settings(max_examples=10)
def test_nothing_is_explained_where_nothing_moves(seed: int):
    """Another picture, and the same one brighter."""
    assert register(view(seed), view(seed + 1)).residual >= 0.75  # waves that happen to agree in part
    assert register(view(seed), view(seed) + 20).residual >= 0.95


@given(seeds, ways, st.floats(0.25, 0.9), st.integers(4, 12))
@settings(max_examples=12)
def test_a_zoom_is_recognised(seed: int, way: int, total: float, steps: int):
    assert kind(seen(*(view(seed, way * total * i / steps) for i in range(steps + 1)))) == "zoom"


@given(seeds, ways, st.floats(0.02, 0.05), st.floats(-0.4, 0.4), st.integers(4, 11))
@settings(max_examples=12)
def test_a_pan_is_recognised(seed: int, way: int, step: float, slope: float, steps: int):
    """Along a line nearer to the horizontal, by up to a twentieth of the picture from frame to frame."""
    shifts = way * step * WIDTH * np.arange(steps + 1)
    assert kind(seen(*(view(seed, 0, d, slope * d) for d in shifts))) == "pan"


@given(seeds, ways, st.floats(0.02, 0.05), st.integers(4, 11))
@settings(max_examples=12)
def test_a_scroll_is_recognised(seed: int, way: int, step: float, steps: int):
    shifts = way * step * HEIGHT * np.arange(steps + 1)
    assert kind(seen(*(view(seed, 0, 0, d) for d in shifts))) == "scroll"


@given(seeds, st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=12)
def test_a_cut_is_no_motion(seed: int, before: int, after: int):
    a, b = view(seed), view(seed + 1)
    assert kind(seen(*[a] * before, *[b] * after)) is None


@given(seeds, st.integers(3, 12))
@settings(max_examples=12)
def test_a_fade_is_no_motion(seed: int, steps: int):
    a, b = view(seed), view(seed + 1)
    assert kind(seen(*(a + (b - a) * i / steps for i in range(steps + 1)))) is None


@given(seeds)
@settings(max_examples=10)
def test_a_slide_show_is_no_motion(seed: int):
    assert kind(seen(*(view(seed + i) for i in range(6)))) is None


def test_a_slide_that_pushes_another_out_is_no_pan():
    """The whole picture travels by its full width, and another one follows."""
    both = np.hstack([view(1), view(2)])
    steps = [both[:, x : x + WIDTH] for x in np.linspace(0, WIDTH, 25).astype(int)]
    assert kind(seen(*steps)) is None
    scrolled = [both[:, x : x + WIDTH] for x in np.linspace(0, 0.4 * WIDTH, 9).astype(int)]
    assert kind(seen(*scrolled)) == "pan"


@pytest.mark.parametrize("way", ["push", "cover"])
def test_most_slides_that_come_in_fast_are_no_motion(way: str):
    """Too fast to be followed all the way: what counts is that the ends have nothing in common."""
    kinds = []
    for seed in range(30):
        old, new = view(2 * seed), view(2 * seed + 1)
        edges = np.linspace(0, WIDTH, 6 + seed % 5).astype(int)
        left = [old[:, x:] if way == "push" else old[:, : WIDTH - x] for x in edges]
        kinds.append(
            kind(seen(*(np.hstack([part, new[:, :x]]) for part, x in zip(left, edges, strict=True))))
        )
    assert kinds.count(None) >= 24, kinds


def test_most_slides_that_grow_into_the_picture_are_no_zoom():
    """Each frame is the one before it, enlarged, but the first has nothing of the last."""
    kinds = []
    for seed in range(30):
        share = np.minimum(1.0, np.linspace(0.0, 2.0, 9 + seed % 4))
        grown = np.linspace(-0.5, 0.0, len(share))
        old, new = view(2 * seed), [view(2 * seed + 1, scale) for scale in grown]
        kinds.append(kind(seen(*(old + (now - old) * a for now, a in zip(new, share, strict=True)))))
    assert kinds.count(None) >= 27, kinds


@given(seeds, st.sampled_from([0.0, 255.0]), st.integers(3, 8))
@settings(max_examples=12)
def test_a_dip_to_one_colour_is_no_motion(seed: int, colour: float, steps: int):
    a, b = view(seed), view(seed + 1)
    down = [a + (colour - a) * i / steps for i in range(steps + 1)]
    up = [colour + (b - colour) * i / steps for i in range(1, steps + 1)]
    assert kind(seen(*down, *up)) is None


def test_a_pan_right_after_a_cut_does_not_hide_the_cut():
    panned = [view(2, 0, 5.0 * i) for i in range(6)]
    assert kind(seen(*panned)) == "pan"
    assert kind(seen(view(1), *panned)) is None


def test_only_the_part_that_changes_counts():
    """A viewer beside a slide: the part scrolls, the rest stands still."""
    thumbnails = []
    for i in range(7):
        picture = view(3)
        picture[:, 80:] = view(4, 0, 0, 3.0 * i)[:, 80:]
        thumbnails.append(picture)
    part = Box(x0=80 * STEP, y0=0, x1=WHOLE.x1, y1=WHOLE.y1)
    assert kind(seen(*thumbnails), part) == "scroll"
    beside = Box(x0=0, y0=0, x1=80 * STEP, y1=WHOLE.y1)
    assert kind(seen(*thumbnails), beside) is None


def test_only_the_rows_that_change_count():
    """A film strip runs along below a picture that fades."""
    thumbnails = []
    for i in range(7):
        picture = view(3) + (view(5) - view(3)) * i / 6
        picture[60:] = view(4, 0, 4.0 * i, 0)[60:]
        thumbnails.append(picture)
    assert kind(seen(*thumbnails), Box(x0=0, y0=60 * STEP, x1=WHOLE.x1, y1=WHOLE.y1)) == "pan"
    assert kind(seen(*thumbnails), Box(x0=0, y0=0, x1=WHOLE.x1, y1=60 * STEP)) is None


@pytest.mark.parametrize("count", range(4))
def test_a_motion_takes_some_frames(count: int):
    assert kind(seen(*(view(5, 0, 8.0 * i, 0) for i in range(count)))) is None
    assert kind(seen(*[view(5)] * count)) is None


@pytest.mark.filterwarnings("error")
def test_a_part_too_small_to_judge_is_no_motion():
    thumbnails = seen(*(view(6, 0, 2.0 * i, 0) for i in range(8)))
    assert kind(thumbnails, Box(x0=40, y0=40, x1=40 + 7 * STEP, y1=200)) is None
    assert kind(thumbnails, Box(x0=0, y0=0, x1=0, y1=0)) is None


def test_a_pan_of_which_only_empty_paper_is_left_is_no_motion():
    """So do slides that push each other out: what lies between their words is alike."""
    x = np.arange(2 * WIDTH)
    page = np.where((x < 70) | (x > 225), np.hstack([view(1), view(2)]), 90 + x / 80)
    steps = [page[:, x : x + WIDTH] for x in np.linspace(0, 72, 9).astype(int)]
    assert kind(seen(*steps)) is None
    whole = np.hstack([view(1), view(2)])
    assert kind(seen(*(whole[:, x : x + WIDTH] for x in np.linspace(0, 72, 9).astype(int)))) == "pan"


def test_a_zoom_goes_step_by_step():
    jump = [0.0, 0.01, 0.02, 0.32, 0.33, 0.34]
    assert kind(seen(*(view(4, scale, 0.3 * i) for i, scale in enumerate(jump)))) is None
    even = np.linspace(0, 0.34, 6)
    assert kind(seen(*(view(4, scale, 0.3 * i) for i, scale in enumerate(even)))) == "zoom"
