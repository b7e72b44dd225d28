"""Breaks of a trace, joining pieces, and points for frames that stay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.analyse.breaks import breaks, joined
from narratrace.analyse.pointer import held
from narratrace.data.trace import Trace

F64 = npt.NDArray[np.float64]
seeds = st.integers(0, 2**32 - 1)


def some(seed: int) -> tuple[F64, npt.NDArray[np.bool_], Trace]:
    """Times of frames, at which of them there is a trace point, and the trace."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    times = 5 + np.cumsum(rng.choice([1 / 60, 1 / 30, 0.1, 0.7, 5.0], n, p=[0.4, 0.3, 0.15, 0.1, 0.05]))
    seen = rng.random(n) < rng.choice([0.0, 0.3, 0.8, 1.0])
    return times, seen, points(rng, times[seen])


def points(rng: np.random.Generator, t: F64) -> Trace:
    x, y, score = rng.integers(0, 100, (3, len(t))).astype(float)
    return Trace(t, x, y, score / 100)


@given(seeds, st.sampled_from([0.0, 0.05, 0.25, 1.0]), st.booleans())
def test_breaks_are_the_runs_of_frames_without_a_point(seed: int, shortest: float, known: bool):
    times, seen, trace = some(seed)
    before = (1.0, 2.0) if known else None
    got = list(breaks(times, trace, before, shortest))
    wanted = []
    start = 0
    while start < len(times):
        stop = start
        while stop < len(times) and not seen[stop]:
            stop += 1
        if stop > start and times[stop - 1] - times[start] >= shortest:
            place = {t: (x, y) for t, x, y, _ in trace}
            a = place[times[start - 1]] if start else before
            b = place[times[stop]] if stop < len(times) else None
            wanted.append((start, stop, a, b))
        start = stop + 1
    assert got == wanted


def test_without_a_trace_all_frames_are_one_break():
    assert list(breaks(np.array([1.0, 2.0, 4.0]), Trace.empty(), (7.0, 8.0), 0.1)) == [
        (0, 3, (7.0, 8.0), None)
    ]
    assert list(breaks(np.array([1.0, 2.0, 4.0]), Trace.empty(), None, 3.1)) == []


@given(seeds, st.integers(1, 4))
def test_joined_pieces_keep_the_better_of_two_points(seed: int, count: int):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.1, 20))
    pieces = [points(rng, times[rng.random(20) < 0.4]) for _ in range(count)]
    rows = [row for piece in pieces for row in piece]
    whole = joined(pieces)
    assert whole.t.tolist() == sorted({row[0] for row in rows})
    for row in whole:
        assert row in rows
        assert row[3] == max(other[3] for other in rows if other[0] == row[0])


def test_joining_nothing_gives_nothing():
    assert len(joined([Trace.empty()])) == len(joined([Trace.empty(), Trace.empty()])) == 0
    times, _, trace = some(3)
    assert list(joined([Trace.empty(), trace])) == list(trace)
    assert len(times)


@given(seeds, st.sampled_from([0.02, 0.1, 0.25]))
def test_a_held_trace_has_no_gap_while_a_frame_stays(seed: int, every: float):
    times, seen, trace = some(seed)
    out = held(trace, times, every)
    rows = list(out)
    assert set(trace) <= set(rows)
    for i in np.flatnonzero(seen).tolist():
        until = times[i + 1] if i + 1 < len(times) else times[i]
        inside = [row for row in rows if times[i] <= row[0] < until or row[0] == times[i]]
        assert len({row[1:] for row in inside}) == 1  # the place does not change
        gaps = np.diff([row[0] for row in inside] + [until])
        assert gaps.max() <= every + 1e-9
        assert len(inside) <= max(1.0, (until - times[i]) / every + 1)  # nor are there more than it takes
    frames = np.searchsorted(times, out.t, side="right") - 1
    assert seen[frames].all()  # nothing where nothing was seen


def test_after_the_last_frame_nothing_is_held():
    times = np.array([0.0, 1.0])
    out = held(points(np.random.default_rng(0), times), times, 0.25)
    assert out.t.tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert len(held(Trace.empty(), times, 0.25)) == 0
