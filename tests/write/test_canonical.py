"""Numbers and JSON that come out the same everywhere."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from enum import Enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.data.trace import Trace
from narratrace.write.canonical import (
    instant,
    json_line,
    json_page,
    json_value,
    seconds,
    since,
    trace_columns,
)


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=40, unique=True))
def test_trace_times_still_increase_after_rounding(times: list[float]) -> None:
    t = np.sort(np.array(times))
    trace = Trace(t, np.ones(len(t)), np.ones(len(t)), np.ones(len(t)))
    rounded = trace_columns(trace)[0]
    assert np.all(np.diff(rounded) > 0)
    assert np.max(np.min(np.abs(t[:, None] - rounded[None]), axis=1)) <= 1.001e-4  # s
    assert all(value == round(value, 4) for value in rounded.tolist())


@pytest.mark.parametrize("rate", [10, 24, 25, 30, 30000 / 1001, 60, 90])
@pytest.mark.parametrize("digits", [4, 9])
def test_a_written_time_finds_the_frame_of_its_point(rate: float, digits: int) -> None:
    frames = np.arange(2000) / rate
    one = np.ones(len(frames))
    written = trace_columns(Trace(frames, one, one, one))[0]
    found = np.searchsorted(np.round(frames, digits), written + 1e-9, side="right") - 1
    assert found.tolist() == list(range(len(frames)))


def test_points_that_are_not_finite_never_reach_a_file() -> None:
    t, x = np.array([1.0, 2.0, 3.0]), np.array([5.0, np.nan, np.inf])
    columns = trace_columns(Trace(t, x, np.zeros(3), np.ones(3)))
    assert [column.tolist() for column in columns] == [[1.0], [5.0], [0.0], [1.0]]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    )
)
def test_whatever_a_manifest_holds_becomes_strict_json(value: object) -> None:
    line = json_line(json_value(value))
    assert line.count(b"\n") == 1
    json.loads(line, parse_constant=pytest.fail)


PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


@given(st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_page_reads_back_as_what_was_written(value: object) -> None:
    assert json.loads(json_page(value)) == value


def test_a_page_has_a_line_to_each_row_of_a_list_and_takes_rows_one_by_one() -> None:
    rows = ({"t": t, "x": [t]} for t in range(2))
    page = json_page({"video": {"id": "v"}, "trace": rows, "words": [], "more": {}})
    assert page.decode().splitlines() == [
        "{",
        ' "video": {',
        '  "id": "v"',
        " },",
        ' "trace": [',
        '  {"t": 0, "x": [0]},',
        '  {"t": 1, "x": [1]}',
        " ],",
        ' "words": [],',
        ' "more": {}',
        "}",
    ]


def test_a_page_with_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_page({"t": [math.nan]})


def test_json_values_of_other_types() -> None:
    class Colour(str, Enum):
        RED = "red"

    value = {
        "b": np.float32(0.5),
        "a": [np.int64(3), np.array([1, 2]), {3, 1, 2}],
        "c": Colour.RED,
        "d": datetime.datetime(2024, 5, 6, 7, 8),
        "e": math.nan,
    }
    text = '{"a":[3,[1,2],[1,2,3]],"b":0.5,"c":"red","d":"2024-05-06T07:08:00","e":null}\n'
    assert json_line(json_value(value)).decode() == text


def test_a_broken_surrogate_survives_as_an_escape() -> None:
    assert json.loads(json_line({"title": "half \ud83d pair"}))["title"] == "half \ud83d pair"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("write", [seconds, instant])
def test_a_time_that_is_not_finite_is_refused(value: float, write: Callable[[float], float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        write(value)


def test_no_negative_zero() -> None:
    assert math.copysign(1, seconds(-0.0001)) == math.copysign(1, instant(-0.00001)) == 1


@given(st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_times_keep_their_order_and_are_those_of_the_trace(a: float, b: float) -> None:
    early, late = sorted((a, b))
    assert instant(early) <= instant(late)
    assert since(late, early) >= 0
    assert instant(early) + since(late, early) == pytest.approx(instant(late), abs=1e-9)
    one = np.ones(1)
    assert trace_columns(Trace(np.array([a]), one, one, one))[0].tolist() == [instant(a)]


@given(st.integers(-(10**9), 10**9))
def test_times_that_are_written_are_written_alike_again(tenths_of_ms: int) -> None:
    assert instant(tenths_of_ms / 10_000) == tenths_of_ms / 10_000
