"""Memory is bounded by the options and the picture's size, however long a recording is."""

from __future__ import annotations

import gc
import threading
import tracemalloc
import weakref
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.analyse import stills, visual
from narratrace.analyse.glyphs import SAMPLE, pick_samples
from narratrace.analyse.moving import MovingFinder, MovingOptions
from narratrace.analyse.visual import AnalyseOptions, VisualAnalyser
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary
from narratrace.errors import DeviceGaveUp
from narratrace.ops.sparse import EpochOptions, History, Recorder, Segment, compose, make_recorder

from .screen import (
    HEIGHT,
    WIDTH,
    Path,
    Point,
    analyse,
    copied,
    film,
    nowhere,
    slide_of,
    stream,
    ticks,
    wander,
)

RATE, EACH = 10.0, 30.0
LIMIT_MB, WAITING_MB = 1.0, 1.5
OPTIONS = AnalyseOptions(max_segment_mb=LIMIT_MB, max_waiting_mb=WAITING_MB, threads=1)
PICTURES = 3 * WIDTH * HEIGHT // 2  # the first of a segment
FACES = np.random.default_rng(6).integers(30, 220, (16, 48, 48), dtype=np.uint8)
SLIDES = [slide_of(80 + k) for k in range(5)]


@cache
def background(slide: int, moment: int):
    planes = copied(SLIDES[slide])
    planes[0][136:184, 264:312] = FACES[moment]
    return planes


def beside(t: float) -> Point | None:
    """A hand that keeps off the inset."""
    x, y = wander(t)
    return 0.7 * x, y


def lecture(minutes: float, at: Path) -> Iterator[Frame]:
    """A slide every half minute, and an inset that moves all the time."""
    return film(
        ticks(60 * minutes, RATE),
        lambda t: background(int(t / EACH) % len(SLIDES), round(t * RATE) % len(FACES)),
        at,
    )


@dataclass
class Meter:
    """Stands before a recorder, and adds up what it and the segments that live have kept."""

    recorder: Recorder
    peak: int = 0
    largest: int = 0
    _taken: list[weakref.ref[Segment]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recorder, name)

    def push(self, *frame: Any) -> int:
        changed = self.recorder.push(*frame)
        self._taken = [ref for ref in self._taken if ref() is not None]
        live = [segment for ref in self._taken if (segment := ref()) is not None]
        kept = self.recorder.bytes + sum(segment.bytes + PICTURES for segment in live)
        self.peak = max(self.peak, kept)
        return changed

    def take(self) -> Segment:
        segment = self.recorder.take()
        self.largest = max(self.largest, segment.bytes)
        self._taken.append(weakref.ref(segment))
        return segment


def metered(
    monkeypatch: pytest.MonkeyPatch, frames: Iterable[Frame], options: AnalyseOptions
) -> tuple[VisualAnalysis, Meter]:
    meters: list[Meter] = []

    def make(*args: Any) -> Any:
        meters.append(Meter(make_recorder(*args)))
        return meters[-1]

    monkeypatch.setattr(visual, "make_recorder", make)
    result = analyse(frames, options)
    (meter,) = meters
    return result, meter


@pytest.mark.parametrize("at", [beside, nowhere], ids=["pointer", "no pointer"])
def test_what_is_kept_does_not_grow_with_the_recording(monkeypatch: pytest.MonkeyPatch, at: Path):
    """Thousands of frames; an hour of the like would be kept in the same space."""
    result, long = metered(monkeypatch, lecture(6.0, at), OPTIONS)
    _, short = metered(monkeypatch, lecture(2.0, at), OPTIONS)
    assert len(result.shots) == 12
    assert (len(result.trace) > 3000) == (at is beside)
    frame = 30 * 388  # what one frame of this film changes
    assert long.largest <= 1e6 * LIMIT_MB + frame
    assert long.peak <= 1.2 * short.peak
    # The open segment, what waits for looks, and few stills that wait for a pointer.
    assert long.peak <= 1e6 * (WAITING_MB + 7 * LIMIT_MB) + 8 * PICTURES


def test_threads_keep_a_little_more(monkeypatch: pytest.MonkeyPatch):
    """What is under way beside the decoder, as much again as a segment, however slow it is."""
    options = replace(OPTIONS, threads=3)
    result, meter = metered(monkeypatch, lecture(4.0, beside), options)
    assert len(result.shots) == 8
    assert meter.peak <= 1e6 * (WAITING_MB + 9 * LIMIT_MB) + 12 * PICTURES


@pytest.mark.parametrize("limit", [0.5, 2.0])
def test_a_segment_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch, limit: float):
    _, meter = metered(monkeypatch, lecture(1.0, beside), AnalyseOptions(max_segment_mb=limit, threads=1))
    assert 0.9e6 * limit <= meter.largest <= 1e6 * limit + 30 * 388


def test_nothing_waits_for_longer_than_it_may(monkeypatch: pytest.MonkeyPatch):
    """Half a minute a slide; without a limit the whole recording waits."""
    peaks = {}
    for seconds in (0.0, 35.0, 1000.0):
        options = AnalyseOptions(max_segment_mb=0.5, max_waiting_mb=1000, max_waiting_s=seconds, threads=1)
        peaks[seconds] = metered(monkeypatch, lecture(3.0, beside), options)[1].peak
    assert peaks[0.0] <= 1.5e6
    assert 2 * peaks[0.0] <= peaks[35.0] <= peaks[1000.0] / 2


def test_what_waits_is_let_go_at_its_limit(monkeypatch: pytest.MonkeyPatch):
    """Without a limit the whole recording waits."""
    peaks = {}
    for waiting in (0.0, 3.0, 1000.0):
        options = AnalyseOptions(max_segment_mb=0.5, max_waiting_mb=waiting, max_waiting_s=1000, threads=1)
        peaks[waiting] = metered(monkeypatch, lecture(2.0, beside), options)[1].peak
    assert peaks[0.0] <= 1.5e6
    assert 2e6 <= peaks[3.0] <= 4.2e6
    assert peaks[1000.0] >= 6e6


def test_a_page_that_grows_all_the_time_needs_few_pictures(monkeypatch: pytest.MonkeyPatch):
    """Somebody who draws makes a hundred changes a minute; each has a picture before it and one after."""
    stages = [copied(SLIDES[0])]
    for mark in range(40):
        stages.append(copied(stages[-1]))
        x, y = 8 + 30 * (mark % 10), 20 + 40 * (mark // 10)
        stages[-1][0][y : y + 24, x : x + 24] = 60
    live: list[weakref.ref[Any]] = []
    most = 0

    def counted(*args: Any, **options: Any) -> Any:
        nonlocal most
        planes = compose(*args, **options)
        live.append(weakref.ref(planes[0]))
        most = max(most, sum(ref() is not None for ref in live))
        return planes

    monkeypatch.setattr(stills, "compose", counted)
    options = AnalyseOptions(threads=1)
    result = analyse(film(ticks(41.0, RATE), lambda t: stages[min(40, int(t))], nowhere), options)
    assert len(result.changes) >= 35
    assert most <= 18  # of stills that are being worked out, and a few that wait for a pointer


def test_python_objects_do_not_pile_up():
    """Plates, histories and blobs of stills that are done."""
    for moment in range(len(FACES)):
        for slide in range(len(SLIDES)):
            background(slide, moment)  # drawn before it counts
    grown = []
    for minutes in (1.0, 4.0):
        frames = lecture(minutes, beside)
        tracemalloc.start()
        analyse(frames, OPTIONS)
        grown.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    trace = 3 * 60 * RATE * 4 * 8 * 4  # the trace and its copies while it is joined
    assert grown[1] <= 1.3 * grown[0] + trace


def test_hours_in_one_stretch_need_no_picture_a_moment():
    """A clock ticks on a large still screen, and its tile is followed through every half second."""
    recorder = make_recorder(1920, 1080, AnalyseOptions().change)
    y, u, v = np.full((1080, 1920), 90, np.uint8), *np.full((2, 540, 960), 128, np.uint8)
    for i in range(900):
        y[:16, :16] = 90 + 60 * (i % 2)
        recorder.push(4.0 * i, y, u, v)
    segment = recorder.take()
    samples = np.zeros(16_000, SAMPLE)
    samples["x0"] = 5 * np.arange(len(samples)) % 1900
    samples["x1"] = samples["x0"] + 20
    tracemalloc.start()
    MovingFinder(MovingOptions()).find(segment, History(segment).epochs(0, 900, EpochOptions()), 200.0)
    assert len(pick_samples(samples, 24)) == 24
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("how", ["finished", "left", "failed"])
def test_what_an_analyser_holds_goes_with_it_and_not_with_the_collector(
    how: str, threads: int, monkeypatch: pytest.MonkeyPatch
):
    """A recorder may hold device and pinned memory."""
    live: list[weakref.ref[Any]] = []
    closed: list[threading.Thread] = []

    class Closing(Meter):
        def push(self, *frame: Any) -> int:
            if how == "failed" and self.recorder.frames == 20:
                raise DeviceGaveUp("out of memory")
            return super().push(*frame)

        def close(self) -> None:
            closed.append(threading.current_thread())

    def make(*args: Any) -> Any:
        recorder = Closing(make_recorder(*args))
        live.append(weakref.ref(recorder))
        return recorder

    def look() -> None:
        frames = film(ticks(6.0, RATE), lambda t: SLIDES[int(t) // 3], beside)
        analyser = VisualAnalyser(stream(WIDTH, HEIGHT), AnalyseOptions(threads=threads))
        live.append(weakref.ref(analyser))
        with closing(analyser):
            analyser.push(list(frames))
            if how == "finished":
                analyser.finish(
                    DecodeSummary(
                        codec="rawvideo", width=WIDTH, height=HEIGHT, start_pts_s=0.0, duration=6.0,
                        frames_decoded=60, frames_skipped=0, packets=60, corrupt=0, fps_mean=10.0, vfr=False,
                        backend="test",
                    )
                )  # fmt: skip

    monkeypatch.setattr(visual, "make_recorder", make)
    gc.collect()
    gc.disable()
    try:
        with suppress(DeviceGaveUp):
            look()
        assert [ref() is None for ref in live] == [True, True]
    finally:
        gc.enable()
    assert closed == [threading.current_thread()]
