from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.decode.clock import PresentationClock
from narratrace.timebase import irregular

MS = Fraction(1, 1000)
TIMES = st.none() | st.integers(-(10**9), 10**9)


@given(st.lists(st.tuples(TIMES, TIMES, st.integers(0, 100)), max_size=50))
def test_times_increase_whatever_comes(pictures: list[tuple[int | None, int | None, int]]) -> None:
    clock = PresentationClock(MS, 30.0)
    placed = [t for picture in pictures if (t := clock.place(*picture)) is not None]
    assert all(a < b for a, b in pairwise(placed))
    assert len(placed) + clock.dropped == len(pictures)
    if placed:
        first, last, end = clock.extent()
        assert (first, last) == (placed[0], placed[-1])
        assert end >= last


@given(st.lists(st.integers(1, 1000), min_size=1), st.integers(-1000, 1000))
def test_good_times_stay(steps: list[int], start: int) -> None:
    clock = PresentationClock(MS, None)
    times = [start + sum(steps[:k]) for k in range(len(steps))]
    assert [clock.place(t, None, 0) for t in times] == times
    assert clock.dropped == clock.untimed == 0


def test_without_any_time_the_rate_of_the_header_is_used() -> None:
    clock = PresentationClock(MS, 50.0)
    assert [clock.place(None, None, 0) for _ in range(4)] == [0, 20, 40, 60]
    assert clock.untimed == 4
    assert clock.extent() == (0, 60, 80)


def test_missing_times_follow_the_last_interval() -> None:
    clock = PresentationClock(MS, 50.0)
    assert [clock.place(t, None, 0) for t in (0, 40, None, None, 160)] == [0, 40, 80, 120, 160]


def test_repeated_time_is_dropped() -> None:
    clock = PresentationClock(MS, 50.0)
    assert [clock.place(t, None, 0) for t in (0, 40, 40, 80)] == [0, 40, None, 80]
    assert clock.dropped == 1


def test_last_picture_ends_when_the_stream_says() -> None:
    clock = PresentationClock(MS, 50.0)
    clock.place(0, None, 33)
    clock.place(33, None, 500)
    assert clock.extent() == (0, 33, 533)


def test_extent_of_nothing() -> None:
    with pytest.raises(RuntimeError):
        PresentationClock(MS, None).extent()


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ({}, False),
        ({40: 1}, False),
        ({33: 200, 34: 100}, False),
        ({8: 100, 9: 50}, False),  # 120 Hz rounded to milliseconds
        ({33: 200, 37: 1}, True),
        ({33: 200, 66: 1}, True),
        ({3000: 50, 3290: 1}, False),
        ({3000: 50, 3310: 1}, True),
    ],
)
def test_irregular(intervals: dict[int, int], expected: bool) -> None:
    assert irregular(intervals) is expected
