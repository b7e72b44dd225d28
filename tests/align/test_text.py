# ruff: noqa: RUF001
"""Sentences, and whose they are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.align.sentences import (
    SentenceOptions,
    as_utterance,
    split_sentences,
    spoken_sentences,
)
from narratrace.align.text import TextOptions, cut_speech, deal_sentences, fill_windows
from narratrace.data.spacing import split_text
from narratrace.data.transcript import Utterance, Word
from narratrace.timebase import Span

from .builders import utterance, words

OPTIONS = SentenceOptions()


def split(text: str, **options: float) -> list[str]:
    return [s.text for s in split_sentences(words(text), SentenceOptions(**options))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("This is one. This is two.", ["This is one.", "This is two."]),
        ("Is it? It is! Yes…", ["Is it?", "It is!", "Yes…"]),
        ('He said "stop." Then he left.', ['He said "stop."', "Then he left."]),
        ("See Dr. Smith in Fig. 3 below.", ["See Dr. Smith in Fig. 3 below."]),
        ("Stains, e.g. H and E, i.e. the usual.", ["Stains, e.g. H and E, i.e. the usual."]),
        ("It measures 3.5 mm. Small.", ["It measures 3.5 mm.", "Small."]),
        ("About 3. 5 mm here.", ["About 3. 5 mm here."]),
        ("As shown by J. Smith et al. in 1999.", ["As shown by J. Smith et al. in 1999."]),
        ("no punctuation at all", ["no punctuation at all"]),
        ("これは細胞です。 次です。", ["これは細胞です。", "次です。"]),
        ("The U.S. study at 3 p.m. it was.", ["The U.S. study at 3 p.m. it was."]),
        ("Stage IV. p.m. it. Next one.", ["Stage IV. p.m. it.", "Next one."]),
        ("all is small here. as usual.", ["all is small here.", "as usual."]),
        ("یہ جگر ہے۔ یہ تلی ہے۔", ["یہ جگر ہے۔", "یہ تلی ہے۔"]),
        ("Սա լյարդն է։ Սա փայծաղն է։", ["Սա լյարդն է։", "Սա փայծաղն է։"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "今天看肝脏。这是病灶！清楚吗？「是。」好",
            ["今天看肝脏。", "这是病灶！", "清楚吗？", "「是。」", "好"],
        ),
        ("今天看肝. 这里", ["今天看肝.", "这里"]),
    ],
)
def test_sentences_end_within_text_without_spaces(text: str, sentences: list[str]) -> None:
    spoken = [Word(Span(i, i + 1), word, glued=glued) for i, (word, glued) in enumerate(split_text(text))]
    assert [s.text for s in split_sentences(spoken, OPTIONS)] == sentences


def test_speech_that_overlaps_is_not_mixed() -> None:
    long, aside = utterance("A long one over ten", 0, 10), utterance("Short aside.", 3, 5)
    rest = utterance("seconds goes on.", 10, 13)
    said = spoken_sentences([long, aside, rest], OPTIONS)
    assert [s.text for s in said] == ["A long one over ten seconds goes on.", "Short aside."]
    assert (
        spoken_sentences([utterance("one by", 0, 2.5), utterance("one.", 2, 3)], OPTIONS)[0].text
        == "one by one."
    )


def test_a_pause_ends_a_sentence() -> None:
    spoken = [*words("here is the cell", 0.0), *words("and here another", 5.0)]
    assert [s.text for s in split_sentences(spoken, OPTIONS)] == ["here is the cell", "and here another"]


def test_unpunctuated_speech_is_cut_at_its_longest_pauses() -> None:
    spoken = [*words("a b c d e", 0.0), *words("f g h i j", 2.3)]
    assert [s.text for s in split_sentences(spoken, SentenceOptions(max_words=8))] == [
        "a b c d e",
        "f g h i j",
    ]


timed_words = st.lists(
    st.tuples(st.integers(0, 100), st.integers(0, 100), st.sampled_from(["cell", "e.g.", "end.", "3.", "5"])),
    max_size=80,
).map(lambda parts: _speech(parts))


def _speech(parts: list[tuple[int, int, str]]) -> list[Word]:
    """Words from (pause, duration, text) in units of 20 ms."""
    spoken, t = [], 0.0
    for pause, duration, text in parts:
        t += pause * 0.02
        spoken.append(Word(Span(t, t + duration * 0.02), text))
        t += duration * 0.02
    return spoken


@given(timed_words, st.integers(1, 20))
def test_every_word_is_in_one_sentence_and_none_is_too_long(spoken: list[Word], most: int) -> None:
    sentences = split_sentences(spoken, SentenceOptions(max_words=most))
    assert [word for s in sentences for word in s.words] == spoken
    assert all(0 < len(s.words) <= most for s in sentences)
    assert all(s.span.start <= w.span.start and w.span.end <= s.span.end for s in sentences for w in s.words)


SENTENCES = [utterance("first one.", 0, 4), utterance("second one.", 5, 9), utterance("third one.", 12, 14)]


def dealt(pictures: list[list[Span]], **options: float) -> list[list[str]]:
    found = deal_sentences(SENTENCES, pictures, TextOptions(**options))  # type: ignore[arg-type]
    return [[sentence.text for sentence in own] for own in found]


class TestDealing:
    def test_a_sentence_goes_to_the_picture_it_is_spoken_over_longest(self) -> None:
        assert dealt([[Span(0, 6)], [Span(6, 20)]]) == [["first one."], ["second one.", "third one."]]

    def test_time_on_the_screen_counts_over_all_visits_of_a_picture(self) -> None:
        back_and_forth = [[Span(5, 6), Span(8, 9)], [Span(6, 7.5)]]
        assert dealt(back_and_forth)[0][-1:] == ["second one."]

    def test_speech_over_no_picture_goes_to_one_within_the_lead(self) -> None:
        assert dealt([[Span(15, 20)]], lead_s=2, lag_s=0) == [["third one."]]
        assert dealt([[Span(15, 20)]], lead_s=0.5, lag_s=0) == [[]]

    def test_speech_over_no_picture_goes_to_one_within_the_lag(self) -> None:
        assert dealt([[Span(9.5, 11)]], lead_s=0, lag_s=2) == [["third one."]]
        assert dealt([[Span(9.5, 11)]], lead_s=0, lag_s=0.5) == [[]]

    def test_lead_takes_nothing_from_another_picture(self) -> None:
        assert dealt([[Span(0, 9)], [Span(9, 10)]], lead_s=5, lag_s=0)[0] == ["first one.", "second one."]

    def test_nobody_without_pictures_or_sentences(self) -> None:
        assert dealt([]) == []
        assert deal_sentences([], [[Span(0, 1)]], TextOptions()) == [[]]

    def test_a_word_without_duration_is_not_lost(self) -> None:
        instant = Utterance(Span(3, 3), (Word(Span(3, 3), "there"),))
        assert deal_sentences([instant], [[Span(0, 5)]], TextOptions()) == [[instant]]

    @given(timed_words, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=6))
    def test_no_sentence_has_two_owners(self, spoken: list[Word], shown: list[tuple[int, int]]) -> None:
        sentences = split_sentences(spoken, OPTIONS)
        owned = deal_sentences(sentences, [[Span(a, a + n)] for a, n in shown], TextOptions())
        everyone = [id(sentence) for own in owned for sentence in own]
        assert len(everyone) == len(set(everyone))
        assert all(own == sorted(own, key=lambda s: s.span.start) for own in owned)


@given(timed_words, st.integers(1, 30))
def test_windows_hold_all_sentences_in_order_and_as_many_as_fit(spoken: list[Word], most: int) -> None:
    sentences = split_sentences(spoken, SentenceOptions(max_words=10))
    windows = list(fill_windows(sentences, most))
    assert [s for window in windows for s in window] == sentences
    for window, following in itertools.pairwise(windows):
        held = sum(len(s.words) for s in window)
        assert held <= most or len(window) == 1
        assert held + len(following[0].words) > most


def speech(spoken: list[Word]) -> list[Utterance]:
    """The words as one utterance."""
    return [as_utterance(spoken)] if spoken else []


def cut(spoken: list[Word], pictures: list[list[Span]], **options: float) -> list[str]:
    return [s.text for s in cut_speech(speech(spoken), pictures, TextOptions(**options))]  # type: ignore[arg-type]


class TestWithoutPunctuation:
    def test_speech_is_cut_where_the_picture_changes(self) -> None:
        spoken = [*words("a b c d e f g h i j", seconds=0.5)]
        assert cut(spoken, [[Span(0, 2.1)], [Span(2.1, 4.4)], [Span(4.4, 9)]]) == [
            "a b c d",
            "e f g h i",
            "j",
        ]

    def test_a_picture_that_comes_back_has_what_is_said_over_it(self) -> None:
        spoken, pictures = [*words("a b c d e f", seconds=1)], [[Span(0, 2), Span(4, 9)], [Span(2, 4)]]
        assert cut(spoken, pictures) == ["a b", "c d", "e f"]
        dealt = deal_sentences(cut_speech(speech(spoken), pictures, TextOptions()), pictures, TextOptions())
        assert [[s.text for s in own] for own in dealt] == [["a b", "e f"], ["c d"]]

    @pytest.mark.parametrize(("pause", "first"), [(0.6, "and that was"), (0.3, "and that")])
    def test_a_pause_nearby_is_better_than_the_change_itself(self, pause: float, first: str) -> None:
        """The word before the pause takes 0.4 s, the picture changes as it begins."""
        spoken = [*words("and that was", 0.0), *words("now the next", 1.2 + pause)]
        assert cut(spoken, [[Span(0, 0.8)], [Span(0.8, 9)]])[0] == first

    def test_a_sentence_that_somebody_wrote_stays_whole(self) -> None:
        spoken = [*words("one two three four. five six", seconds=1)]
        assert cut(spoken, [[Span(0, 2)], [Span(2, 5)], [Span(5, 9)]]) == [
            "one two three four.", "five", "six",
        ]  # fmt: skip

    def test_speech_far_from_any_picture_stays_nobodys(self) -> None:
        spoken, pictures = [*words("a b c d e f g h i j", seconds=1)], [[Span(0, 2)], [Span(8, 10)]]
        sentences = cut_speech(speech(spoken), pictures, TextOptions(lead_s=1, lag_s=1))
        dealt = deal_sentences(sentences, pictures, TextOptions(lead_s=1, lag_s=1))
        assert [[s.text for s in own] for own in dealt] == [["a b c"], ["h i j"]]

    @given(timed_words, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=6))
    def test_words_go_to_the_picture_on_the_screen(
        self, spoken: list[Word], shown: list[tuple[int, int]]
    ) -> None:
        """Without pauses too: word by word, whoever has a word is the picture it is spoken over longest."""
        t, run = 0.0, []
        for word in spoken:
            run.append(Word(Span(t, t + word.span.duration + 0.02), "word"))
            t = run[-1].span.end
        edges = list(itertools.accumulate(value for pair in shown for value in pair))
        pictures = [[Span(a / 4, b / 4)] for a, b in zip(edges[::2], edges[1::2], strict=True)]
        sentences = cut_speech(speech(run), pictures, TextOptions())
        assert [word for s in sentences for word in s.words] == run
        for (picture,), own in zip(pictures, deal_sentences(sentences, pictures, TextOptions()), strict=True):
            for word in (word for s in own for word in s.words):
                over = [other.overlap(word.span) for (other,) in pictures]
                assert picture.overlap(word.span) >= max(over) - 1e-9


@given(timed_words, st.integers(1, 20), st.integers(1, 20))
def test_no_sample_has_more_words_than_it_may(spoken: list[Word], most: int, in_sentence: int) -> None:
    options = TextOptions(max_words=most, sentences=SentenceOptions(max_words=in_sentence))
    windows = list(fill_windows(cut_speech(speech(spoken), [], options), most))
    assert [word for window in windows for s in window for word in s.words] == spoken
    assert all(sum(len(s.words) for s in window) <= most for window in windows)
