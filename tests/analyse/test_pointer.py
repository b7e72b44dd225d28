"""The pointer on drawn screens: any look, moving or at rest, hidden, absent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .screen import (
    POINTERS,
    Point,
    Pointer,
    analyse,
    copied,
    errors,
    film,
    recall,
    slide_of,
    wander,
)  # fmt: skip

SLIDES = {
    "white": slide_of(1),
    "dark": slide_of(2, paper=40, ink=210),
    "grey": slide_of(3, paper=150, ink=60),
}
SECOND = slide_of(4)


@pytest.mark.parametrize("slide", SLIDES)
@pytest.mark.parametrize("look", POINTERS)
def test_every_look_is_followed_on_every_slide(look: str, slide: str):
    if (look, slide) == ("cross", "dark"):
        pytest.skip("a black cross on a nearly black slide cannot be seen")
    trace = analyse(film(12.0, SLIDES[slide], wander, POINTERS[look])).trace
    off = errors(trace, wander)
    assert recall(trace, wander, 0.0, 12.0) >= 0.97
    assert np.mean(off <= 4.0) >= 0.98
    assert np.median(off) <= 2.0


def test_noise_of_a_codec_does_not_hide_the_pointer():
    rng = np.random.default_rng(0)

    def noisy(_: float):
        y, u, v = copied(SLIDES["white"])
        return (y + rng.integers(0, 7, y.shape, dtype=np.uint8)), u, v

    trace = analyse(film(8.0, noisy, wander)).trace
    assert recall(trace, wander, 0.0, 8.0) >= 0.95
    assert np.mean(errors(trace, wander) <= 4.0) >= 0.97


@pytest.mark.parametrize("look", ["arrow", "dot"])
def test_no_points_while_the_pointer_is_hidden(look: str):
    def at(t: float) -> Point | None:
        return wander(t) if t < 4.0 or t >= 9.0 else None

    trace = analyse(film(14.0, SLIDES["white"], at, POINTERS[look])).trace
    assert recall(trace, at, 0.0, 14.0) >= 0.95
    assert np.mean(np.isinf(errors(trace, at))) == 0.0


@pytest.mark.parametrize("slide", SLIDES)
def test_no_pointer_no_trace(slide: str):
    result = analyse(film(8.0, lambda t: SLIDES[slide] if t < 4.0 else SECOND))
    assert len(result.trace) == 0
    assert result.dwells == ()


def test_a_crosshair_that_hardly_differs_is_followed():
    """Grey lines two pixels wide on a grey scan, of a contrast that elsewhere is an encoder's noise."""
    scan = slide_of(5, paper=120, ink=118, picture=False)
    texture = np.random.default_rng(0).integers(0, 9, scan[0].shape, dtype=np.uint8)
    cover, color = np.zeros((25, 25)), np.full((25, 25, 3), 128, np.uint8)
    cover[11:13], cover[:, 11:13] = 1.0, 1.0
    color[..., 0] = 99
    faint = Pointer(color, cover, (12, 12))
    result = analyse(film(12.0, (scan[0] + texture, *scan[1:]), wander, faint))
    assert recall(result.trace, wander, 0.0, 12.0) >= 0.9
    assert np.mean(errors(result.trace, wander) <= 4.0) >= 0.95


def test_a_translucent_arrow_learned_on_paper_is_found_on_a_dark_picture():
    """White on white, it was but an outline there, and lighter than what the outline is on the picture."""
    arrow = POINTERS["arrow"]
    pale = Pointer(arrow.color, 0.75 * arrow.cover, arrow.spot)
    slide = slide_of(3, lines=3, picture=False)
    slide[0][30:190, 170:310] = np.random.default_rng(1).integers(60, 80, (160, 140), dtype=np.uint8)

    def at(t: float) -> Point:
        if t < 8.0:
            return 40 + 60 * (1 + math.sin(1.7 * t)), 130 + 30 * math.cos(2.3 * t)
        place = int(2 * t)  # too far apart to be learned from
        return 190.0 + 37 * place % 100, 50.0 + 53 * place % 110

    result = analyse(film(12.0, slide, at, pale))
    assert recall(result.trace, at, 0.0, 8.0) >= 0.95
    assert recall(result.trace, at, 8.2, 12.0) >= 0.95
