"""Recordings at the edges: hardly any frames, odd sizes, uneven times, a size that changes."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace.analyse.shot_options import ShotOptions
from narratrace.analyse.visual import AnalyseOptions, VisualAnalyser
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.media import DecodeSummary

from .screen import (
    FPS,
    Planes,
    Point,
    analyse,
    errors,
    film,
    flat,
    recall,
    slide_of,
    stream,
    ticks,
    wander,
)  # fmt: skip

A, B = slide_of(41), slide_of(42)
SIZES = st.one_of(
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.sampled_from([(1, 1), (1, 300), (300, 1), (33, 17), (16, 16), (15, 31), (853, 479)]),
)


def noise(seed: int, width: int, height: int) -> Planes:
    rng = np.random.default_rng(seed)
    small = (height + 1) // 2, (width + 1) // 2
    y, u, v = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), small, small))
    return y, u, v


def assert_sound(result: VisualAnalysis, start: float, end: float):
    """What holds of every recording."""
    shots = [shot.span for shot in result.shots]
    assert (shots[0].start, shots[-1].end) == pytest.approx((start, end))
    assert all(a.end == b.start and a.duration > 0 for a, b in pairwise(shots))
    spans = [s.span for s in result.stable_spans]
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(start <= s.start < s.end <= end for s in spans)
    trace = result.trace
    if len(trace):
        assert start <= trace.t[0] < trace.t[-1] <= end
        assert trace.x.min() >= 0
        assert trace.y.min() >= 0
        assert trace.x.max() <= result.video.width
        assert trace.y.max() <= result.video.height
        assert (trace.score >= 0).all()
        assert (trace.score <= 1).all()


def test_a_recording_without_a_frame_has_nothing():
    summary = DecodeSummary(
        codec="rawvideo",
        width=320,
        height=192,
        start_pts_s=0.0,
        duration=0.0,
        frames_decoded=0,
        frames_skipped=0,
        packets=0,
        corrupt=0,
        fps_mean=0.0,
        vfr=False,
        backend="test",
    )
    analyser = VisualAnalyser(stream())
    analyser.push([])
    result = analyser.finish(summary)
    assert (result.stable_spans, result.changes, result.moving_regions, result.dwells) == ((), (), (), ())
    assert len(result.trace) == 0


@pytest.mark.parametrize("threads", [1, 3])
def test_no_thread_outlives_the_analysis(threads: int):
    before = set(threading.enumerate())
    during: set[threading.Thread] = set()

    def count(_: VisualAnalyser) -> None:
        during.update(set(threading.enumerate()) - before)

    frames = film(ticks(4.0), lambda t: A if int(t) % 2 else B)
    analyse(frames, AnalyseOptions(threads=threads, max_waiting_s=0.5), after=count)
    assert bool(during) == (threads > 1)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("other", [A, B], ids=["still", "cut"])
def test_a_few_frames_are_one_shot(count: int, other: Planes):
    result = analyse(film(ticks(count / FPS), lambda t: A if t < 0.01 else other))
    assert len(result.shots) == 1
    assert_sound(result, 0.0, count / FPS)
    assert result.stable_spans == ()
    assert len(result.trace) == 0


@given(SIZES)
@settings(max_examples=40)
def test_any_size_is_analysed(size: tuple[int, int]):
    first, second = noise(1, *size), noise(2, *size)
    result = analyse(film(ticks(6.0, 10.0), lambda t: first if t < 3.0 else second))
    assert_sound(result, 0.0, 6.0)
    assert len(result.trace) == 0
    if min(size) >= 15:
        assert [shot.span.start for shot in result.shots] == pytest.approx([0.0, 3.0])
        assert [(s.span.start, s.span.end) for s in result.stable_spans] == [
            pytest.approx((0.0, 2.9), abs=0.11),
            pytest.approx((3.1, 5.9), abs=0.11),
        ]
    for span in result.stable_spans:
        assert span.keyframe is not None
        assert (span.keyframe.width, span.keyframe.height) == size


def roaming(width: int, height: int, t: float) -> Point:
    """:func:`wander` on another screen."""
    s = 3 * math.floor(t / 4) + min(t % 4, 3.0)
    return width * (0.5 + 0.4 * math.sin(1.3 * s)), height * (0.47 + 0.35 * math.sin(0.9 * s + 1))


@pytest.mark.parametrize("size", [(853, 479), (321, 193), (426, 240), (192, 320)])
def test_the_pointer_is_followed_at_odd_sizes(size: tuple[int, int]):
    at = partial(roaming, *size)
    result = analyse(film(8.0, slide_of(43, *size), at))
    assert_sound(result, 0.0, 8.0)
    assert recall(result.trace, at, 0.0, 8.0) >= 0.97
    assert np.mean(errors(result.trace, at) <= 3.0) >= 0.98
    assert len(result.shots) == len(result.stable_spans) == 1


@pytest.mark.parametrize("size", [(320, 190), (318, 192), (640, 384), (192, 320)])
@pytest.mark.parametrize("batch", [1, 2, 16])
def test_a_frame_of_another_size_is_refused(size: tuple[int, int], batch: int):
    pictures = [*film(0.5, A), *film([1.0], slide_of(44, *size))]
    with pytest.raises(ValueError, match="size"):
        analyse(pictures, batch=batch)


def as_shown(times: Sequence[float], at: Callable[[float], Point]) -> Callable[[float], Point]:
    """Where the pointer stands on the screen: where it was when the latest frame was taken."""

    def shown(t: float) -> Point:
        return at(times[max(0, int(np.searchsorted(times, t + 1e-9, side="right")) - 1)])

    return shown


def uneven(seed: int) -> list[float]:
    """Every change is filmed at 15 to 60 Hz; while the hand of :func:`wander` rests, nothing is."""
    rng = np.random.default_rng(seed)
    times = [0.0]
    while times[-1] < 20.0:
        times.append(times[-1] + float(rng.choice([1 / 60, 1 / 30, 1 / 15, rng.uniform(0.01, 0.1)])))
    return [t for t in times if t % 4 < 3.05]


@pytest.mark.parametrize("seed", range(3))
def test_times_may_be_uneven(seed: int):
    times = uneven(seed)
    at = as_shown(times, wander)
    result = analyse(film(times, lambda t: A if t < 10.0 else B, at))
    assert_sound(result, 0.0, times[-1] + times[-1] - times[-2])
    assert [shot.span.start for shot in result.shots] == pytest.approx([0.0, 10.0], abs=0.11)
    assert [s.span.start for s in result.stable_spans] == pytest.approx([0.0, 10.0], abs=0.25)
    assert recall(result.trace, at, 0.0, times[-1]) >= 0.95
    assert np.mean(errors(result.trace, at) <= 3.0) >= 0.98
    assert len(result.dwells) >= 4


SLIDES = [slide_of(400 + k) for k in range(5)]


@pytest.mark.parametrize("batch", [1, 2, 16])
@pytest.mark.parametrize("stay", [1.0, 2.5, 10.0, 600.0])
def test_a_slide_may_be_a_single_frame(stay: float, batch: int):
    """Nothing changes until the next one, so nothing more is sent."""
    result = analyse(film([stay * k for k in range(5)], lambda t: SLIDES[round(t / stay)]), batch=batch)
    assert [shot.span.start for shot in result.shots] == pytest.approx([stay * k for k in range(5)])
    assert all(shot.transition == "cut" for shot in result.shots[1:])
    assert result.changes == ()
    spans = [(s.span.start, s.span.end) for s in result.stable_spans]
    wanted = [(stay * k, stay * (k + 1)) for k in range(5)] if stay >= 2.5 else []
    assert spans == [pytest.approx(span, abs=0.1) for span in wanted]


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0, 4.0])
def test_few_frames_a_second_are_enough(rate: float):
    result = analyse(film(ticks(50.0, rate), lambda t: SLIDES[int(t / 10)]))
    assert [shot.span.start for shot in result.shots] == pytest.approx([0.0, 10.0, 20.0, 30.0, 40.0])
    spans = [(s.span.start, s.span.end) for s in result.stable_spans]
    assert spans == [pytest.approx((10.0 * k, 10.0 * (k + 1)), abs=0.3) for k in range(5)]


def test_a_still_lasts_until_the_next_picture_comes():
    """Not until the last frame before it."""
    times = [*ticks(3.0), 20.0, *[20.1 + t for t in ticks(3.0)]]
    first, second = analyse(film(times, lambda t: A if t < 20.0 else B)).stable_spans
    assert first.span.end == pytest.approx(20.0, abs=0.1)
    assert second.span.start == pytest.approx(20.0, abs=0.2)


def test_a_trace_goes_on_while_no_frame_comes():
    """An hour of silence in which the screen keeps the pointer."""
    times = [*ticks(6.0), *[3600.0 + t for t in ticks(6.0)]]
    at = as_shown(times, wander)
    result = analyse(film(times, A, at))
    assert len(result.shots) == len(result.stable_spans) == 1
    assert np.diff(result.trace.t).max() <= 0.15
    assert np.mean(errors(result.trace, at) <= 3.0) >= 0.98
    assert max(dwell.span.duration for dwell in result.dwells) >= 3590.0


def test_pictures_that_never_stop_changing_are_no_error():
    """A new one every half second: none is shown for long, and no pause says that the changing is over."""
    pictures = [slide_of(400 + k) for k in range(5)]
    options = AnalyseOptions(max_waiting_mb=2.8)
    result = analyse(film(ticks(50.0, 30.0), lambda t: pictures[int(2 * t + 1e-6) % 5]), options)
    assert len(result.shots) >= 1


def test_short_stills_are_no_error():
    """Whatever counts as settled, in any order of pictures."""
    pictures = [slide_of(0), flat(200), slide_of(1)]
    for seed in range(6):
        rng = np.random.default_rng(seed)
        starts = np.cumsum(rng.choice([0.25, 0.3, 0.35, 0.4, 0.5, 1.5], 40))
        which = rng.integers(0, 3, 41)

        def show(t: float, starts: Any = starts, which: Any = which) -> Planes:
            return pictures[which[np.searchsorted(starts, t + 1e-9, side="right")]]

        analyse(film(ticks(12.0, 30.0), show), AnalyseOptions(shots=ShotOptions(min_settled_s=0.1)))


def test_a_cut_right_after_a_full_stretch_begins_anew(monkeypatch: pytest.MonkeyPatch):
    """What follows the cut is not the rest of the stretch that ended for its size."""
    begun: list[tuple[float, float, bool]] = []
    work_out = VisualAnalyser._work_out

    def noted(self: VisualAnalyser, segment: Any, goes_on: bool) -> None:
        begun.append((float(segment.times[0]), float(segment.times[-1]), goes_on))
        work_out(self, segment, goes_on)

    monkeypatch.setattr(VisualAnalyser, "_work_out", noted)
    options = AnalyseOptions(max_segment_mb=0.06, threads=1)
    slides = slide_of(1), slide_of(2)
    analyse(film(8.0, slides[0], wander), options)
    full = begun[0][1]
    assert begun[1][2]
    begun.clear()
    analyse(film(16.0, lambda t: slides[t > full + 0.01], wander), options)
    assert begun[0][1] == full
    assert not begun[1][2]
