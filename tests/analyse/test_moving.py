"""What moves by itself: carets, clocks and webcams neither break stable spans nor pass for a pointer."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.shots import Box

from .screen import (
    FPS,
    HEIGHT,
    U8,
    WIDTH,
    Path,
    Planes,
    Point,
    analyse,
    boundaries,
    copied,
    errors,
    film,
    flat,
    nowhere,
    recall,
    slide_of,
    ticks,
    wander,
)  # fmt: skip

A, B = slide_of(51), slide_of(52)
CUT, SECONDS = 8.0, 16.0
Paint = Callable[[Planes, float], None]


def caret(planes: Planes, t: float) -> None:
    """Half a second on, half a second off, in the text."""
    if t % 1.0 < 0.5 - 1e-6:
        planes[0][60:74, 100:102] = 20


def clock(planes: Planes, t: float) -> None:
    """A digit that changes every second, in the corner."""
    digit = np.random.default_rng(int(t + 1e-6)).choice(np.array([30, 235], np.uint8), (5, 4))
    planes[0][4:14, 300:308] = digit.repeat(2, 0).repeat(2, 1)


@cache
def face(moment: int) -> U8:
    coarse = np.random.default_rng(moment).integers(30, 220, (8, 10), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((80, 64), Image.Resampling.BICUBIC))


INSET = Box(x0=232, y0=120, x1=312, y1=184)


def webcam(planes: Planes, t: float, rate: float = FPS) -> None:
    """An inset, a twelfth of the screen, that never shows the same twice."""
    planes[0][120:184, 232:312] = face(int(t * rate + 1e-6))


def slow_webcam(planes: Planes, t: float) -> None:
    """An inset whose camera gives a picture for every second frame of the recording only."""
    webcam(planes, t, FPS / 2)


def all_of_them(planes: Planes, t: float) -> None:
    for paint in (caret, clock, webcam):
        paint(planes, t)


def painted(paint: Paint, slide: Callable[[float], Planes]) -> Callable[[float], Planes]:
    def show(t: float) -> Planes:
        planes = copied(slide(t))
        paint(planes, t)
        return planes

    return show


def beside(t: float) -> Point | None:
    """A hand that keeps off the inset."""
    x, y = wander(t)
    return 0.7 * x, y


MOVING = {"caret": caret, "clock": clock, "webcam": webcam, "slow webcam": slow_webcam, "all": all_of_them}
each = pytest.mark.parametrize("paint", MOVING.values(), ids=MOVING)
pointing = pytest.mark.parametrize("at", [beside, nowhere], ids=["pointer", "no pointer"])


@cache
def analysed(paint: Paint, at: Path) -> VisualAnalysis:
    return analyse(film(SECONDS, painted(paint, lambda t: A if t < CUT else B), at))


@each
@pointing
def test_stable_spans_are_not_broken(paint: Paint, at: Path):
    result = analysed(paint, at)
    assert [shot.span.start for shot in result.shots] == pytest.approx([0.0, CUT], abs=0.15)
    assert result.changes == ()
    spans = [(s.span.start, s.span.end) for s in result.stable_spans]
    assert spans == [pytest.approx((0.0, CUT), abs=0.3), pytest.approx((CUT, SECONDS), abs=0.3)]


@each
def test_no_pointer_no_trace(paint: Paint):
    result = analysed(paint, nowhere)
    assert len(result.trace) == 0
    assert result.dwells == ()


@each
def test_the_pointer_is_followed_all_the_same(paint: Paint):
    trace = analysed(paint, beside).trace
    assert recall(trace, beside, 0.0, SECONDS) >= 0.95
    assert np.mean(errors(trace, beside) <= 3.0) >= 0.99


@each
@pointing
def test_moving_regions_are_told(paint: Paint, at: Path):
    wanted = {caret: 1, clock: 1, webcam: 1, slow_webcam: 1, all_of_them: 3}[paint]
    regions = analysed(paint, at).moving_regions
    for start, end in pairwise((0.0, CUT, SECONDS)):
        there = [r for r in regions if r.span.start < end - 0.5 and r.span.end > start + 0.5]
        assert len(there) == wanted
        assert all(r.span.duration >= 0.7 * (end - start) for r in there)
        assert all(r.box.x1 <= WIDTH and r.box.y1 <= HEIGHT for r in there)


@pytest.mark.parametrize("max_segment_mb", [0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.3])
@pytest.mark.parametrize("paint", [webcam, slow_webcam], ids=["webcam", "slow webcam"])
def test_a_webcam_may_fill_a_segment_within_seconds(paint: Paint, max_segment_mb: float):
    """As large ones do; wherever a segment ends, its rest until the cut is no other picture."""
    frames = film(SECONDS, painted(paint, lambda t: A if t < CUT else B))
    result = analyse(frames, AnalyseOptions(max_segment_mb=max_segment_mb))
    assert [shot.transition for shot in result.shots] == ["none", "cut"]
    assert [shot.span.start for shot in result.shots] == pytest.approx([0.0, CUT], abs=0.1)
    assert result.changes == ()
    spans = [(s.span.start, s.span.end) for s in result.stable_spans]
    assert spans == [pytest.approx((0.0, CUT), abs=0.21), pytest.approx((CUT, SECONDS), abs=0.15)]
    assert len(result.trace) == 0


def test_a_flash_parts_no_slide_with_a_webcam():
    """The inset has gone on meanwhile; the slide is the same."""

    def show(t: float) -> Planes:
        return flat(235) if 6.0 <= t < 6.1 else painted(webcam, lambda _: A)(t)

    result = analyse(film(12.0, show))
    assert len(result.shots) == len(result.stable_spans) == 1
    assert result.stable_spans[0].span.duration >= 11.5


@pytest.mark.parametrize("paint", [webcam, slow_webcam], ids=["webcam", "slow webcam"])
def test_the_region_of_a_webcam_is_its_inset(paint: Paint):
    boxes = [region.box for region in analysed(paint, beside).moving_regions]
    assert boxes
    for box in boxes:
        # To the tile.
        assert box.x0 <= INSET.x0
        assert box.y0 <= INSET.y0
        assert box.x1 >= INSET.x1
        assert box.y1 >= INSET.y1
        assert box.area <= (80 + 32) * (64 + 32)


def test_the_keyframe_of_a_webcam_is_one_moment():
    """Not a patchwork of the longest versions of its tiles."""
    for span in analysed(webcam, nowhere).stable_spans:
        assert span.keyframe is not None
        luma = np.asarray(Image.open(io.BytesIO(span.keyframe.jpeg)).convert("L"))
        shown = luma[124:180, 236:308].astype(float)
        moments = [face(k)[4:60, 4:76].astype(float) for k in range(round(SECONDS * FPS))]
        likeness = max(np.corrcoef(shown.ravel(), m.ravel())[0, 1] for m in moments)
        assert likeness >= 0.98


def test_a_hand_that_circles_is_no_moving_region():
    def circling(t: float) -> Point:
        return 110 + 50 * math.cos(4 * t), 90 + 40 * math.sin(4 * t)

    result = analyse(film(12.0, A, circling))
    assert result.moving_regions == ()
    assert recall(result.trace, circling, 0.0, 12.0) >= 0.97


def test_a_video_in_a_slide_ends():
    """A clip that plays for a while is a moving region for that while, and no shot."""

    def playing(planes: Planes, t: float) -> None:
        webcam(planes, min(max(t, 4.0), 12.0))

    result = analyse(film(SECONDS, painted(playing, lambda _: A), beside))
    assert len(result.shots) == 1
    (region,) = {(r.span.start, r.span.end) for r in result.moving_regions}
    assert region == pytest.approx((4.0, 12.0), abs=0.3)
    assert recall(result.trace, beside, 0.0, SECONDS) >= 0.95


def test_a_cut_is_seen_where_moving_areas_leave_nothing_to_compare():
    """Fifteen tiles, and on either slide something that blinks or wanders on nine of them."""
    noise = np.random.default_rng(11)
    chroma = np.full((24, 40), 128, np.uint8)
    slides = [flat(235, 80, 48), (noise.integers(0, 256, (48, 80), np.uint8), chroma, chroma)]

    def bar(planes: Planes, t: float) -> None:
        x = 4 + 4 * round(2.5 * t)
        planes[0][20:30, x : x + 6] = 16

    result = analyse(film([0.4 * i for i in range(18)], painted(bar, lambda t: slides[round(2.5 * t) // 9])))
    assert boundaries(result) == pytest.approx([3.6])
    assert len(result.stable_spans) == 2


def test_a_webcam_that_comes_late_is_a_region_from_then_on():
    """Before that its place was still for longer than it moves, but for something that lit up there."""

    def late(planes: Planes, t: float) -> None:
        if t >= 10.0:
            planes[0][128:176, 240:304] = 16 + 0.6 * face(int(t * FPS + 1e-6))[:48, :64]
        elif 1.0 <= t < 1.5:
            planes[0][134:150, 244:270] = 250

    result = analyse(film(SECONDS, painted(late, lambda _: A)))
    assert boundaries(result) == []
    (region,) = result.moving_regions
    assert region.span.start == pytest.approx(10.0, abs=0.2)
    last = result.stable_spans[-1].span
    assert (last.start, last.end) == pytest.approx((10.0, SECONDS), abs=0.2)


def test_a_clock_is_known_again_on_the_next_slide():
    """Though a recorder short of time shows some of its ticks late."""
    ticks = [*range(9), *(CUT + k + (0.4 if k % 5 == 4 else 0.0) for k in range(1, 20))]

    def late_clock(planes: Planes, t: float) -> None:
        clock(planes, float(sum(tick <= t + 1e-6 for tick in ticks)))

    result = analyse(film(CUT + 18.0, painted(late_clock, lambda t: A if t < CUT else B)))
    spans = [(s.span.start, s.span.end) for s in result.stable_spans]
    assert spans == [pytest.approx((0.0, CUT), abs=0.15), pytest.approx((CUT, CUT + 18.0), abs=0.15)]
    assert result.changes == ()


def test_a_picture_shows_the_inset_without_the_pointer_beside_it():
    """Moving tiles are shown as of one moment; half of the still, and its middle, has the pointer on them."""

    def at(t: float) -> Point:
        there = min(1.0, max(0.0, t - 2.0), max(0.0, 10.0 - t))
        return 60 + 190 * there + 20 * math.sin(3 * t) * (1 - there), 60 + 44 * there

    result = analyse(film(13.0, painted(webcam, lambda _: flat(235)), at))
    assert recall(result.trace, at, 0.2, 13.0) == 1.0
    (span,) = result.stable_spans
    picture = np.asarray(Image.open(io.BytesIO(span.keyframe.jpeg)).convert("L"), np.int16)
    assert np.abs(picture[90:117, 230:280] - 255).max() <= 12


RANDOM = {
    "three of four gaps alike": (5.93, 7.0, 7.53, 8.53),
    "each second, and refined": (6.26, 6.53, 7.13, 8.13, 8.4, 9.13),
}


@pytest.mark.parametrize("twitches", RANDOM.values(), ids=RANDOM)
def test_a_hand_that_rests_and_twitches_is_no_caret(twitches: tuple[float, ...]):
    """Few changes at random times are as even as those of a caret by chance; not nearly all of them."""

    def at(t: float) -> Point:
        if t < 5.0:
            return wander(t)
        return 67.0 + sum(t >= twitch for twitch in twitches) % 2, 129.0

    result = analyse(film(11.0, A, at))
    assert result.moving_regions == ()
    assert recall(result.trace, at, 5.0, 11.0) >= 0.95


@pytest.mark.parametrize("blink", [0.5, 0.53, 1.0])
def test_five_ticks_show_a_caret(blink: float):
    """As long as it stands in one place while somebody types."""

    def show(t: float) -> Planes:
        planes = copied(A)
        if int((t - 2.0) / blink + 1e-6) % 2 and t < 2.0 + 6 * blink:
            planes[0][60:74, 100:102] = 20
        return planes

    (region,) = analyse(film(ticks(8.0, 25), show)).moving_regions
    assert region.box == Box(x0=96, y0=48, x1=112, y1=80)
