"""What the result must not depend on: how frames are delivered, and how much memory may be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import Frame

from .screen import (
    HEIGHT,
    WIDTH,
    Planes,
    Point,
    analyse,
    blend,
    copied,
    errors,
    film,
    flat,
    recall,
    slide_of,
    wander,
)  # fmt: skip

A, B, C = slide_of(31), slide_of(32), slide_of(33)
FACES = np.random.default_rng(8).integers(40, 200, (7, 48, 64), dtype=np.uint8)
SECONDS = 14.0


def show(t: float) -> Planes:
    """A cut, a white flash, a dissolve, and all the time a webcam inset."""
    if t < 4.0:
        planes = A
    elif 6.0 <= t < 6.09:
        planes = flat(235)
    else:
        planes = B if t < 9.0 else blend(B, C, min(1.0, (t - 9.0) / 0.7))
    planes = copied(planes)
    planes[0][4:52, 252:316] = FACES[round(15 * t) % len(FACES)]
    return planes


def beside(t: float) -> Point | None:
    """The hand, which keeps away from the inset and is hidden for a while."""
    x, y = wander(t)
    return (0.7 * x, y) if not 10.5 < t < 12.0 else None


@cache
def frames() -> tuple[Frame, ...]:
    return tuple(film(SECONDS, show, beside))


def told(result: VisualAnalysis) -> dict[str, Any]:
    """Everything in a result but how long it took, comparable."""
    trace = result.trace
    return {
        "shots": result.shots,
        "changes": result.changes,
        "spans": [
            (s.span, s.keyframe_t, s.keyframe and s.keyframe.jpeg, s.phash, s.group)
            for s in result.stable_spans
        ],
        "moving": result.moving_regions,
        "trace": [column.tolist() for column in (trace.t, trace.x, trace.y, trace.score)],
        "dwells": result.dwells,
    }


@cache
def usual() -> dict[str, Any]:
    return told(analyse(frames()))


def reused(pictures: Iterable[Frame], buffers: int) -> Iterator[Frame]:
    """The same frames in the memory of few, overwritten while nobody may look, with padded rows."""
    pool = [
        [np.zeros((height, width + 13), np.uint8) for height, width in ((HEIGHT, WIDTH), *[SMALL] * 2)]
        for _ in range(buffers)
    ]
    for i, frame in enumerate(pictures):
        planes = [buffer[:, :-13] for buffer in pool[i % buffers]]
        for plane, source in zip(planes, (frame.y, frame.u, frame.v), strict=True):
            plane[...] = source
        yield Frame(t=frame.t, pts=frame.pts, y=planes[0], u=planes[1], v=planes[2])


SMALL = (HEIGHT // 2, WIDTH // 2)


def test_the_film_has_something_to_tell():
    result = usual()
    assert [len(result[name]) for name in ("shots", "spans")] == [3, 3]
    assert len(result["trace"][0]) > 150
    assert result["moving"]
    assert result["dwells"]


@pytest.mark.parametrize("batch", [1, 7, 64, 1000])
def test_batches_make_no_difference(batch: int):
    """Nor does it matter what becomes of the planes after a batch."""
    assert told(analyse(reused(frames(), batch), batch=batch)) == usual()


@pytest.mark.parametrize("batch", [1, 5])
def test_batches_make_no_difference_where_frames_are_rare(batch: int):
    """A frame stays for seconds, and is overwritten before it is known how long it stayed."""
    rare = [frame for i, frame in enumerate(frames()) if i % 9 in (0, 1)]
    assert told(analyse(reused(rare, batch), batch=batch)) == told(analyse(rare, batch=1000))


@given(threads=st.integers(1, 5), batch=st.integers(1, 40))
@settings(max_examples=4)
def test_threads_make_no_difference(threads: int, batch: int):
    assert told(analyse(frames(), AnalyseOptions(threads=threads), batch=batch)) == usual()


def test_recordings_analysed_side_by_side_do_not_touch():
    """No state is shared between analysers: what one has learned stays its own."""
    plain = told(analyse(film(5.0, A)))
    analyse(frames())
    assert told(analyse(film(5.0, A))) == plain
    assert told(analyse(frames())) == usual()


def test_a_pointer_at_rest_makes_no_other_picture():
    """Between two flashes it is part of the picture as if painted there."""

    def show(t: float) -> Planes:
        return flat(235) if 6.0 <= t < 6.09 or 9.0 <= t < 9.09 else A

    def at(t: float) -> Point | None:
        return wander(min(t, 6.0) if t < 9.0 else t)

    result = analyse(film(15.0, show, at))
    assert len(result.shots) == len(result.stable_spans) == 1
    assert result.stable_spans[0].span.duration >= 14.5
    assert recall(result.trace, at, 0.0, 15.0) >= 0.95


def still_frames(seed: int) -> tuple[Frame, ...]:
    """One slide for long, with a hand that never rests for long, and another one."""
    first, second = slide_of(seed), slide_of(seed + 1)
    return tuple(film(24.0, lambda t: first if t < 16.0 else second, wander))


@given(
    seed=st.integers(0, 200),
    max_segment_mb=st.floats(0.15, 1.0),
    max_waiting_mb=st.sampled_from([0.0, 0.2, 96.0]),
)
@settings(max_examples=16)
def test_a_still_cut_into_segments_stays_one(seed: int, max_segment_mb: float, max_waiting_mb: float):
    """Segments of a few seconds; the usual ones hold minutes.

    A pointer that comes to rest for the last second of a segment is part of its plate, and may be lost.
    """
    pictures = still_frames(seed)
    whole = analyse(pictures, AnalyseOptions(max_segment_mb=1000.0))
    cut = analyse(pictures, AnalyseOptions(max_segment_mb=max_segment_mb, max_waiting_mb=max_waiting_mb))
    assert cut.shots == whole.shots
    assert cut.changes == whole.changes == ()
    assert [s.span for s in cut.stable_spans] == [s.span for s in whole.stable_spans]
    assert [s.group for s in cut.stable_spans] == [0, 1]
    assert recall(cut.trace, wander, 0.0, 24.0) >= 0.95
    both, i, j = np.intersect1d(cut.trace.t, whole.trace.t, return_indices=True)
    assert len(both) >= 0.95 * len(whole.trace)
    apart = np.hypot(cut.trace.x[i] - whole.trace.x[j], cut.trace.y[i] - whole.trace.y[j])
    assert np.mean(apart <= 1.0) >= 0.99
    assert np.mean(errors(cut.trace, wander) <= 3.0) >= 0.99
