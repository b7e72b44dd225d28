"""A pointer position for every word."""

from __future__ import annotations

import numpy as np
import pytest

from narratrace.align.words_trace import WordTraceOptions, word_positions
from narratrace.data.trace import Trace
from narratrace.data.transcript import Word
from narratrace.timebase import Span

from .builders import line_trace, words

OPTIONS = WordTraceOptions()
MOVING = line_trace(0, 10, (0, 100), (1000, 100))
"""100 px a second to the right."""


def test_a_word_has_the_position_at_its_middle() -> None:
    found = word_positions(words("one two three", 2.0), MOVING, OPTIONS)
    assert [p.x for p in found] == pytest.approx([220, 260, 300])
    assert [p.word.text for p in found] == ["one", "two", "three"]


def test_positions_between_points_are_on_the_way_between_them() -> None:
    sparse = Trace(np.array([1.0, 1.2]), np.array([0.0, 40.0]), np.array([0.0, 10.0]), np.ones(2))
    (found,) = word_positions([Word(Span(1.05, 1.15), "there")], sparse, OPTIONS)
    assert (found.x, found.y) == pytest.approx((20.0, 5.0))


def test_a_lag_looks_where_the_hand_is_later() -> None:
    (found,) = word_positions([Word(Span(2.0, 2.4), "there")], MOVING, WordTraceOptions(lag_s=0.5))
    assert found.x == pytest.approx(270)


def test_a_word_spoken_while_the_pointer_is_hidden_has_no_position() -> None:
    early = MOVING.within(Span(0, 3))
    found = word_positions([Word(Span(2.5, 2.7), "seen"), Word(Span(5, 5.5), "hidden")], early, OPTIONS)
    assert found[0].x is not None
    assert (found[1].x, found[1].y) == (None, None)


def test_a_word_takes_a_point_seen_while_it_is_spoken_when_its_middle_is_blind() -> None:
    blinking = Trace(np.array([1.0, 2.0]), np.array([10.0, 20.0]), np.array([5.0, 6.0]), np.ones(2))
    (found,) = word_positions([Word(Span(0.9, 1.7), "haematoxylin")], blinking, OPTIONS)
    assert (found.x, found.y) == (10.0, 5.0)


@pytest.mark.parametrize(
    ("span", "lag_s", "seen"),
    [
        (Span(2.5, 3.4), 0.0, True),
        (Span(2.8, 3.6), 0.0, False),
        (Span(2.5, 2.9), 0.4, False),
        (Span(5.5, 6.1), 0.0, False),
        (Span(5.9, 6.9), 0.0, True),
    ],
)
def test_a_word_has_a_position_only_while_the_picture_is_shown(span: Span, lag_s: float, seen: bool) -> None:
    shown = [Span(0, 3), Span(6, 10)]
    parts = [MOVING.within(time) for time in shown]
    columns = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x", "y", "score"))
    (found,) = word_positions([Word(span, "here")], Trace(*columns), WordTraceOptions(lag_s=lag_s), shown)
    assert (found.x is not None) == seen


def test_no_pointer_no_positions() -> None:
    assert all(p.x is None for p in word_positions(words("one two"), Trace.empty(), OPTIONS))
