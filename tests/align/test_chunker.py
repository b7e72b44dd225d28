"""The chunker: the published rule, and what holds of its chunks whatever the keyframes are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.align.chunker import (
    Chunk,
    ChunkOptions,
    chunk_keyframes,
    pair_chunk_time,
)
from narratrace.data.transcript import Transcript
from narratrace.timebase import Span

from .builders import transcript, utterance

END = 1000.0


@st.composite
def keyframes(draw: st.DrawFn) -> tuple[list[float], list[bool]]:
    """Rising times in whole milliseconds, each medical or not."""
    times = sorted(draw(st.sets(st.integers(0, 200_000), max_size=30)))
    medical = draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    return [ms / 1000 for ms in times], medical


chunk_times = st.integers(1, 60_000).map(lambda ms: ms / 1000)


def chunk(times: list[float], medical: list[bool], chunk_time: float, end: float = END) -> list[Chunk]:
    return chunk_keyframes(times, medical, chunk_time, Span(0.0, end))


def rows(chunks: list[Chunk]) -> list[tuple[float, float, tuple[int, ...]]]:
    return [(c.span.start, c.span.end, c.keyframes) for c in chunks]


class TestPublishedRule:
    def test_opens_at_the_previous_keyframe_if_that_is_nearer(self) -> None:
        assert rows(chunk([10, 13, 15], [False, True, False], 7.0)) == [(10, 15, (1,))]

    def test_opens_a_chunk_time_before_the_first_medical_keyframe_otherwise(self) -> None:
        assert rows(chunk([1, 13, 15], [False, True, False], 7.0)) == [(6, 15, (1,))]

    def test_closes_at_the_first_keyframe_that_is_not_medical(self) -> None:
        found = rows(chunk([0, 2, 4, 6, 8], [True, True, False, True, False], 7.0))
        assert found == [(0, 4, (0, 1)), (4, 8, (3,))]

    def test_closes_when_a_gap_is_longer_than_the_chunk_time(self) -> None:
        assert rows(chunk([0, 20, 22], [True, True, False], 7.0)) == [(0, 20, (0,)), (20, 22, (1,))]

    def test_closes_when_the_gaps_add_up_to_more_than_the_chunk_time(self) -> None:
        found = rows(chunk([0, 3, 6, 9, 12], [True, True, True, True, False], 7.0))
        assert found == [(0, 9, (0, 1, 2)), (9, 12, (3,))]

    def test_keeps_a_sum_of_exactly_the_chunk_time(self) -> None:
        assert rows(chunk([0, 3, 7, 9], [True, True, True, False], 7.0)) == [(0, 9, (0, 1, 2))]

    def test_keeps_the_last_run_which_the_released_code_loses(self) -> None:
        assert rows(chunk([0, 5, 8], [False, True, True], 7.0, end=30)) == [(0, 30, (1, 2))]


class TestDegenerateInput:
    def test_no_keyframes(self) -> None:
        assert chunk([], [], 7.0) == []

    def test_none_medical(self) -> None:
        assert chunk([1, 2], [False, False], 7.0) == []

    def test_a_single_keyframe_stands_for_the_whole_rest(self) -> None:
        assert rows(chunk([3.0], [True], 7.0, end=60)) == [(0, 60, (0,))]

    def test_nothing_reaches_back_before_the_recording(self) -> None:
        found = chunk_keyframes([12.0], [True], 7.0, Span(10.0, 20.0))
        assert rows(found) == [(10, 20, (0,))]

    def test_one_verdict_per_keyframe_is_needed(self) -> None:
        with pytest.raises(ValueError, match="zip"):
            chunk([1.0, 2.0], [True], 7.0)


class TestInvariants:
    @given(keyframes(), chunk_times)
    def test_chunks_are_in_order_and_apart(self, frames: tuple[list[float], list[bool]], s: float) -> None:
        spans = [c.span for c in chunk(*frames, s)]
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))
        assert all(span.start < span.end for span in spans)

    @given(keyframes(), chunk_times)
    def test_every_medical_keyframe_lies_in_exactly_one_chunk(
        self, frames: tuple[list[float], list[bool]], s: float
    ) -> None:
        times, medical = frames
        chunks = chunk(times, medical, s)
        assert [i for c in chunks for i in c.keyframes] == [i for i, m in enumerate(medical) if m]
        assert all(c.span.contains(times[i]) for c in chunks for i in c.keyframes)

    @given(keyframes(), chunk_times)
    def test_no_other_keyframe_lies_inside_a_chunk(
        self, frames: tuple[list[float], list[bool]], s: float
    ) -> None:
        times, medical = frames
        for c in chunk(times, medical, s):
            inside = {i for i, t in enumerate(times) if c.span.start < t < c.span.end}
            assert inside <= set(c.keyframes)

    @given(keyframes(), chunk_times)
    def test_lengths_are_bounded_by_the_chunk_time(
        self, frames: tuple[list[float], list[bool]], s: float
    ) -> None:
        times, medical = frames
        for c in chunk(times, medical, s):
            first, last = times[c.keyframes[0]], times[c.keyframes[-1]]
            assert last - first <= s
            assert first - c.span.start <= s + 1e-9

    @given(keyframes(), chunk_times, st.integers(0, 10_000))
    def test_a_trailing_keyframe_that_is_not_medical_changes_nothing(
        self, frames: tuple[list[float], list[bool]], s: float, later_ms: int
    ) -> None:
        times, medical = frames
        alone = chunk(times, medical, s)
        followed = chunk([*times, END], [*medical, False], s, END + later_ms / 1000)
        assert followed == alone

    @given(keyframes(), chunk_times, st.integers(1, 5000))
    def test_the_clock_does_not_matter(
        self, frames: tuple[list[float], list[bool]], s: float, shift: int
    ) -> None:
        times, medical = frames
        later = chunk_keyframes([t + shift for t in times], medical, s, Span(shift, END + shift))
        here = chunk(times, medical, s)
        assert [c.keyframes for c in later] == [c.keyframes for c in here] or _rounds(times, s)

    @given(keyframes(), chunk_times)
    def test_a_longer_chunk_time_never_makes_more_chunks(
        self, frames: tuple[list[float], list[bool]], s: float
    ) -> None:
        assert len(chunk(*frames, 2 * s)) <= len(chunk(*frames, s))


def _rounds(times: list[float], s: float) -> bool:
    """Whether some distance equals the chunk time up to rounding, so that a shift may tip the comparison."""
    return any(abs(b - a - s) < 1e-6 for i, a in enumerate(times) for b in times[i + 1 :])


class TestSecondsPerWord:
    def test_counts_speech_not_silence(self) -> None:
        assert transcript(("one two", 0, 1), ("three four", 9, 10)).seconds_per_word == pytest.approx(0.5)

    def test_counts_overlapping_speech_once(self) -> None:
        rolling = Transcript(utterances=(utterance("a b", 0, 2), utterance("c d", 1, 3)))
        assert rolling.seconds_per_word == pytest.approx(3 / 4)

    def test_is_unknown_without_words(self) -> None:
        assert Transcript().seconds_per_word is None

    def test_chunk_time_is_the_time_of_the_word_budget(self) -> None:
        assert pair_chunk_time(0.4, ChunkOptions()) == pytest.approx(8.0)
        assert pair_chunk_time(0.4, ChunkOptions(word_budget=5)) == pytest.approx(2.0)
