"""Dwells against their definition, on paths of all sorts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.analyse.dwell import DwellOptions, find_dwells
from narratrace.data.trace import Trace

HEIGHT = 720
OPTIONS = DwellOptions()
EXTENT = 2 * OPTIONS.radius * HEIGHT


def trace_of(t, x, y) -> Trace:
    return Trace(*(np.asarray(column, float) for column in (t, x, y)), np.ones(len(t)))


@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Rests of all lengths, with tremor, between steps of all lengths; frames are missing now and then."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = rng.choice([0.0, 1.0, 6.0, 40.0], size=(int(rng.integers(0, 90)), 2), p=[0.5, 0.3, 0.15, 0.05])
    path = 300 + np.cumsum(steps * rng.choice([-1, 1], steps.shape), axis=0)
    gaps = rng.choice([1 / 30, 0.1, 0.45, 0.6], size=len(path), p=[0.8, 0.12, 0.04, 0.04])
    return trace_of(np.cumsum(gaps), path[:, 0], path[:, 1])


def fits(trace: Trace, i: int, j: int) -> bool:
    """Whether points i to j (inclusive) are at one place, without a break."""
    x, y, t = trace.x[i : j + 1], trace.y[i : j + 1], trace.t[i : j + 1]
    return bool(max(np.ptp(x), np.ptp(y)) <= EXTENT and np.diff(t).max(initial=0.0) <= OPTIONS.max_gap_s)


@given(traces())
def test_a_dwell_is_long_and_at_one_place(trace: Trace):
    for dwell in find_dwells(trace, HEIGHT, OPTIONS):
        i, j = np.searchsorted(trace.t, [dwell.span.start, dwell.span.end])
        assert (trace.t[i], trace.t[j]) == (dwell.span.start, dwell.span.end)
        assert dwell.span.duration >= OPTIONS.min_s
        assert fits(trace, i, j)
        off = np.hypot(trace.x[i : j + 1] - dwell.x, trace.y[i : j + 1] - dwell.y)
        assert dwell.radius == pytest.approx(off.max())
        assert trace.x[i : j + 1].min() <= dwell.x <= trace.x[i : j + 1].max()
        assert trace.y[i : j + 1].min() <= dwell.y <= trace.y[i : j + 1].max()


@given(traces())
def test_dwells_are_in_order_and_as_long_as_they_can_be(trace: Trace):
    dwells = find_dwells(trace, HEIGHT, OPTIONS)
    assert all(a.span.end < b.span.start for a, b in pairwise(dwells))
    for dwell in dwells:
        i, j = np.searchsorted(trace.t, [dwell.span.start, dwell.span.end])
        assert j + 1 == len(trace) or not fits(trace, i, j + 1)


@given(traces())
def test_no_dwell_is_missed(trace: Trace):
    """Outside of dwells there is no place where the pointer stays long enough."""
    taken = np.zeros(len(trace), bool)
    for dwell in find_dwells(trace, HEIGHT, OPTIONS):
        taken |= (trace.t >= dwell.span.start) & (trace.t <= dwell.span.end)
    for i in range(len(trace)):
        for j in range(i, len(trace)):
            if taken[i : j + 1].any() or not fits(trace, i, j):
                break
            assert trace.t[j] - trace.t[i] < OPTIONS.min_s


@given(traces(), st.integers(-1000, 1000))
def test_it_does_not_matter_where_the_place_is(trace: Trace, shift: int):
    moved = trace_of(trace.t, trace.x + shift, trace.y - shift)
    one, other = find_dwells(trace, HEIGHT, OPTIONS), find_dwells(moved, HEIGHT, OPTIONS)
    assert [(d.span, d.x + shift, d.y - shift) for d in one] == [(d.span, d.x, d.y) for d in other]


def test_a_hand_that_rests_twice():
    t = np.arange(90) / 30
    x = np.interp(t, [0, 1.0, 1.3, 2.0, 2.2, 3.0], [100, 100, 600, 600, 900, 900])
    y = 200 + np.sin(40 * t)  # tremor
    found = find_dwells(trace_of(t, x, y), HEIGHT, OPTIONS)
    assert [d.x for d in found] == pytest.approx([100, 600, 900], abs=1)
    assert [d.y for d in found] == pytest.approx([200, 200, 200], abs=1)
    assert [d.span.duration for d in found] == pytest.approx([1.0, 0.7, 0.8], abs=0.05)
    assert all(d.radius <= OPTIONS.radius * HEIGHT for d in found)


def test_short_stops_and_slow_travel_are_no_dwells():
    t = np.arange(60) / 30
    assert find_dwells(trace_of(t, 30 * (8 * t).astype(int), 0 * t), HEIGHT, OPTIONS) == ()
    assert find_dwells(trace_of(t, 70 * t, 0 * t), HEIGHT, OPTIONS) == ()
    assert find_dwells(Trace.empty(), HEIGHT, OPTIONS) == ()


def test_a_break_ends_a_dwell():
    t = np.r_[np.arange(15) / 30, 2 + np.arange(15) / 30]
    first, second = find_dwells(trace_of(t, 0 * t, 0 * t), HEIGHT, OPTIONS)
    assert (first.span.end, second.span.start) == (t[14], t[15])


def test_the_size_of_a_place_is_a_share_of_the_picture():
    t = np.arange(30) / 30
    trace = trace_of(t, 12 * (np.arange(30) % 2), 0 * t)
    assert find_dwells(trace, 1080, OPTIONS)
    assert not find_dwells(trace, 360, OPTIONS)
