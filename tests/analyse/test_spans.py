"""What divides a stable span and what does not, on drawn screens."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from narratrace.analyse.subtitles import SubtitleOptions, find_strip
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.shots import Box

from .screen import (
    ARROW,
    CROSS,
    FPS,
    HEIGHT,
    WIDTH,
    Planes,
    analyse,
    boundaries,
    copied,
    film,
    nowhere,
    slide_of,
    wander,
    write,
)  # fmt: skip

A, B = slide_of(21), slide_of(22)
FRAME = 1.01 / FPS
POINTING = pytest.mark.parametrize("at", [wander, nowhere], ids=["pointer", "no pointer"])


def spans(result: VisualAnalysis) -> list[tuple[float, float]]:
    return [(s.span.start, s.span.end) for s in result.stable_spans]


def box(planes: Planes, x: int, y: int, width: int, height: int, luma: int, seed: int = 1) -> Planes:
    """The picture with a box of text on it."""
    out = copied(planes)
    out[0][y : y + height, x : x + width] = luma
    for line in range(max(1, height // 14)):
        write(
            out, np.random.default_rng(100 * seed + line), x + 4, y + 4 + 14 * line, width - 8, 7, 255 - luma
        )
    return out


@POINTING
def test_a_tooltip_that_comes_and_goes_divides_spans(at):
    """Wider than a pointer, and much smaller than what ends a stretch."""
    tip = box(A, 20, 150, 120, 18, 245)
    result = analyse(film(14.0, lambda t: tip if 4.0 <= t < 9.0 else A, at))
    assert boundaries(result) == []
    assert [s for s, _ in spans(result)] == pytest.approx([0.0, 4.0, 9.0], abs=0.15)
    assert [e for _, e in spans(result)] == pytest.approx([4.0, 9.0, 14.0], abs=0.15)


def test_a_pointer_that_rests_here_and_there_divides_nothing():
    def at(t: float) -> tuple[float, float]:
        place = int(t // 2)
        return 40.0 + 70 * (place % 3), 60.0 + 40 * (place % 2)

    result = analyse(film(16.0, A, at))
    assert spans(result) == [(0.0, pytest.approx(16.0, abs=0.1))]


@pytest.mark.parametrize(("full", "cut", "end"), [(25.0, 10.0, 18.0), (90.0, 40.0, 50.0)])
@POINTING
def test_a_bar_that_fills_is_a_moving_region(at, full: float, cut: float, end: float):
    def show(t: float) -> Planes:
        out = copied(A if t < cut else B)
        out[0][HEIGHT - 4 :, : int(WIDTH * t / full)] = 90
        return out

    result = analyse(film(end, show, at))
    assert boundaries(result) == pytest.approx([cut], abs=0.1)
    assert [s for s, _ in spans(result)] == pytest.approx([0.0, cut], abs=0.15)
    assert [e for _, e in spans(result)] == pytest.approx([cut, end], abs=0.15)
    bars = [r.box for r in result.moving_regions]
    assert len(bars) == 2
    assert all(b.y0 >= HEIGHT - 16 for b in bars)


def test_text_that_is_typed_is_no_bar():
    line = slide_of(23, lines=0, picture=False)
    full = copied(line)
    write(full, np.random.default_rng(5), 16, 100, 288, 12)

    def show(t: float) -> Planes:
        out = copied(line)
        typed = int(12 * min(24.0, max(0.0, t - 4.0) * 4))
        out[0][100:112, 16 : 16 + typed] = full[0][100:112, 16 : 16 + typed]
        return out

    result = analyse(film(16.0, show))
    assert result.moving_regions == ()
    assert spans(result)[0] == (0.0, pytest.approx(4.0, abs=0.5))
    assert spans(result)[-1] == (pytest.approx(10.0, abs=0.5), pytest.approx(16.0, abs=0.1))


def test_a_hand_that_circles_evenly_is_no_clock():
    def at(t: float) -> tuple[float, float]:
        return 160 + 30 * math.cos(2 * math.pi * t), 100 + 20 * math.sin(2 * math.pi * t)

    result = analyse(film(12.0, A, at))
    assert result.moving_regions == ()


def test_minutes_belong_to_the_clock():
    def show(t: float) -> Planes:
        out = box(A, 250, 2, 64, 22, 16)
        for k, value in enumerate((int(t) // 6, int(t))):
            out[0][6:18, 258 + 24 * k : 274 + 24 * k] = 16
            write(out, np.random.default_rng(7 * value + k), 258 + 24 * k, 6, 16, 12, 235)
        return out

    result = analyse(film(20.0, show))
    assert spans(result) == [(0.0, pytest.approx(20.0, abs=0.1))]


def looped(t: float) -> Planes:
    """A slide with a loop in it, each place of which shows its background half of the time."""
    blob = np.random.default_rng(8).integers(20, 235, (20, 20), dtype=np.uint8)
    out = copied(A)
    out[0][50:170, 170:310] = 40
    k = int(t * 10) % 8
    x = 170 + 14 * (k if k < 5 else 8 - k)
    out[0][60:80, x : x + 20] = blob
    out[0][100:120, 270 - (x - 170) : 290 - (x - 170)] = blob.T
    return out


def test_a_loop_whose_pictures_come_back_is_a_moving_region():
    result = analyse(film(12.0, looped))
    assert spans(result) == [(0.0, pytest.approx(12.0, abs=0.1))]
    assert len(result.moving_regions) == 1


def test_a_loop_that_is_halted_for_a_while_stays_one_moving_region():
    result = analyse(film(20.0, lambda t: looped(t if t < 8.0 else max(8.0, t - 6.0))))
    assert spans(result) == [(0.0, pytest.approx(20.0, abs=0.1))]
    (region,) = result.moving_regions
    assert (region.span.start, region.span.end) == pytest.approx((0.0, 20.0), abs=0.2)


def drawn(t: float) -> int:
    """Pixels of ink drawn at ``t``: a stroke from 4 s to 5 s, wiped at 9 s."""
    return 0 if t >= 9.0 else round(70 * min(1.0, max(0.0, t - 4.0)))


def test_ink_divides_spans_though_the_pointer_is_on_it_and_it_is_wiped():
    paper = slide_of(24, lines=2, picture=False)

    def show(t: float) -> Planes:
        out = copied(paper)
        for k in range(drawn(t)):
            out[0][110 + k // 2 : 114 + k // 2, 100 + k : 104 + k] = 60
        return out

    def at(t: float) -> tuple[float, float]:
        if 3.8 <= t < 5.2:
            k = drawn(t)
            return 102.0 + k, 112.0 + k // 2
        return wander(t)

    result = analyse(film(13.0, show, at))
    assert boundaries(result) == []
    assert [s for s, _ in spans(result)] == pytest.approx([0.0, 5.0, 9.0], abs=0.3)
    assert [e for _, e in spans(result)] == pytest.approx([4.0, 9.0, 13.0], abs=0.3)


@POINTING
def test_subtitles_divide_neither_spans_nor_shots(at):
    def show(t: float) -> Planes:
        out = copied(A if t < 12.0 else B)
        line = int(t / 1.7)
        if line % 3 != 2:
            write(out, np.random.default_rng(line), 50, HEIGHT - 18, 200, 9, 10)
        return out

    result = analyse(film(24.0, show, at))
    assert boundaries(result) == pytest.approx([12.0], abs=0.1)
    assert [s for s, _ in spans(result)] == pytest.approx([0.0, 12.0], abs=0.5)
    assert [e for _, e in spans(result)] == pytest.approx([12.0, 24.0], abs=0.5)
    strip = result.moving_regions[-1].box
    assert strip.y0 >= HEIGHT - 32


def test_a_subtitle_that_comes_with_a_mark_begins_no_shot():
    """The bar hides the footer and brings a line: by itself, content that replaces content."""
    page = copied(slide_of(24, lines=2, picture=False))
    write(page, np.random.default_rng(5), 70, HEIGHT - 18, 160, 9)

    def show(t: float) -> Planes:
        line = int(t / 1.7)
        out = copied(page)
        if line % 3 != 2:
            out[0][HEIGHT - 22 : HEIGHT - 4, 60:240] = 10
            write(out, np.random.default_rng(line), 130, HEIGHT - 18, 50, 9, 245)
        if line >= 9:
            out[0][70:74, 250:290] = 90
        return out

    result = analyse(film(24.0, show))
    assert boundaries(result) == []
    assert [s for s, _ in spans(result)] == pytest.approx([0.0, 9 * 1.7], abs=0.15)


def test_the_strip_of_subtitles_is_that_of_most():
    """A face beside them that changes with some makes those taller."""
    options = SubtitleOptions()
    strip, taller = Box(x0=64, y0=160, x1=256, y1=176), Box(x0=64, y0=112, x1=256, y1=176)
    changes = [(2.0 * k, taller if k == 4 else strip) for k in range(10)]
    found = find_strip(changes, (WIDTH, HEIGHT), options)
    assert found is not None
    assert found.box == strip


def test_bullets_are_no_subtitles():
    def show(t: float) -> Planes:
        out = copied(slide_of(25, lines=0, picture=False))
        for line in range(int(t // 3)):
            write(out, np.random.default_rng(line), 14, 40 + 24 * line, 200, 9)
        return out

    result = analyse(film(18.0, show))
    assert [c.kind for c in result.changes] == ["build"] * 5
    assert len(result.stable_spans) == 6


def test_a_webcam_that_is_switched_on_and_off_divides_spans():
    rng = np.random.default_rng(9)
    faces = [rng.integers(60, 200, (5, 5)).repeat(16, 0).repeat(16, 1).astype(np.uint8) for _ in range(2)]

    def show(t: float) -> Planes:
        if not 5.0 <= t < 12.0:
            return A
        out = copied(A)
        share = 0.5 + 0.5 * math.sin(5 * t)
        out[0][:64, :64] = (faces[0] * share + faces[1] * (1 - share)).astype(np.uint8)[:64, :64]
        return out

    result = analyse(film(17.0, show))
    assert boundaries(result) == []
    assert [s for s, _ in spans(result)] == pytest.approx([0.0, 5.0, 12.0], abs=0.3)
    assert [r.box.x1 <= 80 and r.box.y1 <= 80 for r in result.moving_regions] == [True]


def test_what_goes_shortly_before_a_cut_is_not_the_cut():
    popup = box(A, 20, 20, 120, 24, 60)

    def show(t: float) -> Planes:
        return popup if t < 4.7 else (A if t < 5.0 else B)

    result = analyse(film(9.0, show, wander))
    assert boundaries(result) == pytest.approx([5.0], abs=FRAME)


def test_a_transition_that_starts_slowly_is_no_part_of_a_span():
    """A soft wipe that eases in: at first a frame changes as little as what is kept of a still."""
    ramp = np.linspace(0, 1, WIDTH)

    def show(t: float) -> Planes:
        done = min(1.0, max(0.0, (t - 5.0) / 3.0))
        share = np.clip(2 * done**2 * (3 - 2 * done) - ramp, 0, 1)
        out = copied(A)
        out[0][...] = np.rint(A[0] + share * (B[0].astype(float) - A[0]))
        return out

    result = analyse(film(13.0, show))
    assert len(boundaries(result)) == 1
    (_, before), (after, _) = spans(result)
    assert 5.0 <= before <= 5.8
    assert 7.0 <= after <= 8.0


def test_a_pointer_that_looks_like_nothing_seen_before_divides_nothing():
    """It comes once, rests, and leaves once: too little to learn its look from."""

    def at(t: float) -> tuple[float, float] | None:
        if t < 4.0 or t >= 11.0:
            return None
        if t < 4.5:
            return 300 - 400 * (t - 4.0), 170 - 200 * (t - 4.0)
        return (100.0, 70.0) if t < 10.5 else (100 + 400 * (t - 10.5), 70 + 200 * (t - 10.5))

    result = analyse(film(15.0, A, at, CROSS))
    assert spans(result) == [(0.0, pytest.approx(15.0, abs=0.1))]


def test_what_comes_in_one_place_does_not_replace_what_went_in_another():
    sparse = slide_of(26, lines=1, picture=False)
    popup = box(sparse, 220, 20, 60, 24, 60)
    bullet = copied(sparse)
    write(bullet, np.random.default_rng(3), 14, 130, 90, 9)
    result = analyse(film(10.0, lambda t: popup if t < 5.0 else bullet, wander, ARROW))
    assert boundaries(result) == []
    assert len(result.stable_spans) == 2


def test_spans_hold_still():
    """Nothing but the pointer differs within a span, whatever pops up where."""
    rng = np.random.default_rng(10)
    times = np.cumsum(rng.uniform(0.6, 4.0, 14))
    shown = [box(A, 10 + 20 * (k % 5), 30 + 10 * (k % 9), 90, 30, 120, k) if k % 2 else A for k in range(15)]

    def at(t: float) -> int:
        return int(np.searchsorted(times, t + 1e-6, side="right"))

    result = analyse(film(float(times[-1]) + 3.0, lambda t: shown[at(t)], wander))
    truth = [(a, b) for a, b in pairwise([0.0, *times.tolist(), float(times[-1]) + 3.0]) if b - a >= 2.2]
    for a, b in truth:
        best = max(spans(result), key=lambda s: min(s[1], b) - max(s[0], a))
        assert best == (pytest.approx(a, abs=0.2), pytest.approx(b, abs=0.2))
