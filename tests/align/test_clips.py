"""Where clips are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.align.clips import ClipOptions, clip_events, clip_spans
from narratrace.align.gesture import Gesture, GestureKind
from narratrace.align.sentences import SentenceOptions, split_sentences
from narratrace.data.shots import Box
from narratrace.errors import OptionError
from narratrace.timebase import Span

from .builders import utterance, words

OPTIONS = ClipOptions(before_s=1.0, after_s=1.0, min_s=3.0, max_s=10.0)
SHOT = Span(0.0, 100.0)


def cut(*events: tuple[float, float], said: list[tuple[str, float, float]] | None = None) -> list[Span]:
    sentences = [utterance(*row) for row in said or []]
    return clip_spans([Span(*event) for event in events], sentences, SHOT, OPTIONS)


class TestSpans:
    def test_an_event_is_padded(self) -> None:
        assert cut((20, 24)) == [Span(19, 25)]

    def test_a_short_event_is_widened_to_the_shortest_clip(self) -> None:
        assert cut((20, 20.5)) == [Span(18.75, 21.75)]

    def test_a_long_event_is_cut_to_the_longest_clip(self) -> None:
        assert cut((20, 50)) == [Span(19, 29)]

    def test_events_whose_padding_touches_share_a_clip(self) -> None:
        assert cut((20, 22), (24, 26)) == [Span(19, 27)]

    def test_events_that_do_not_fit_one_clip_have_one_each(self) -> None:
        assert cut((20, 26), (27, 32)) == [Span(19, 26), Span(26, 33)]

    def test_a_clip_does_not_leave_the_shot(self) -> None:
        assert cut((0.5, 3), (98, 99.5)) == [Span(0, 4), Span(97, 100)]

    def test_a_shot_too_short_for_a_clip_has_none(self) -> None:
        assert clip_spans([Span(10.5, 11)], [], Span(10, 12), OPTIONS) == []

    def test_events_of_other_shots_are_left_out(self) -> None:
        assert clip_spans([Span(5, 6), Span(25, 26)], [], Span(20, 40), OPTIONS) == [Span(24, 27)]

    def test_no_events_no_clips(self) -> None:
        assert cut() == []


class TestSentences:
    def test_a_clip_grows_to_whole_sentences(self) -> None:
        assert cut((20, 24), said=[("it begins.", 18, 20), ("it ends.", 24, 26)]) == [Span(18, 26)]

    def test_a_clip_leaves_out_a_sentence_that_does_not_fit(self) -> None:
        assert cut((20, 24), said=[("a long one before.", 5, 19.5)]) == [Span(19.5, 25)]

    def test_a_clip_cuts_between_words_when_the_sentence_is_longer_than_any_clip(self) -> None:
        talk = (" ".join(["word"] * 37), 0.0, 37.0)
        (clip,) = cut((20.2, 24.2), said=[talk])
        assert (clip.start, clip.end) == pytest.approx((19, 26))

    def test_an_event_without_a_clip_takes_no_room_from_its_neighbour(self) -> None:
        said = [("underneath you see the thalamus, and the brain stem.", 93, 98.9)]
        late = (99.0, 99.5)
        assert cut((93, 96), late, said=said) == cut((93, 96), said=said) == [Span(92, 98.9)]

    def test_a_sentence_never_shortens_the_event(self) -> None:
        (clip,) = cut((20, 24), said=[("spoken over its begin, and on.", 15, 22)])
        assert clip.start <= 20


def gesture(kind: GestureKind, start: float) -> Gesture:
    return Gesture(kind=kind, span=Span(start, start + 1), box=Box(x0=0, y0=0, x1=1, y1=1))


def test_the_events_are_chosen_by_kind() -> None:
    found = [gesture("dwell", 1), gesture("circle", 5), gesture("underline", 9)]
    assert clip_events(found, ClipOptions()) == [Span(5, 6), Span(9, 10)]
    assert len(clip_events(found, ClipOptions(events="all"))) == 3
    assert clip_events(found, ClipOptions(events="none")) == []


def test_limits_that_exclude_each_other_are_refused() -> None:
    with pytest.raises(OptionError, match="shorter than the shortest"):
        ClipOptions(min_s=5, max_s=4)


@given(
    st.lists(st.tuples(st.integers(0, 990), st.integers(1, 150)), max_size=12),
    st.lists(st.integers(0, 40), max_size=60),
)
def test_clips_are_apart_within_limits_and_cover_their_events(
    events: list[tuple[int, int]], pauses: list[int]
) -> None:
    spans = sorted(Span(a / 10, (a + n) / 10) for a, n in events)
    spoken, t = [], 0.0
    for i, pause in enumerate(pauses):
        t += pause / 10
        spoken += words("end." if i % 7 == 6 else "word", t, 0.4)
        t += 0.4
    sentences = split_sentences(spoken, SentenceOptions())
    clips = clip_spans(spans, sentences, SHOT, OPTIONS)
    for clip in clips:
        assert SHOT.start <= clip.start
        assert clip.end <= SHOT.end
        assert OPTIONS.min_s - 1e-9 <= clip.duration <= OPTIONS.max_s + 1e-9
        assert any(clip.overlap(span) > 0 for span in spans)
    assert all(a.end <= b.start for a, b in itertools.pairwise(clips))
    if all(b.start - a.end > 20 for a, b in itertools.pairwise(spans)):
        short = [span for span in spans if span.duration <= 8 and span.end <= SHOT.end]
        assert all(any(c.start <= s.start and s.end <= c.end for c in clips) for s in short)
