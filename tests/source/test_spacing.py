# ruff: noqa: RUF001
"""Words with and without spaces between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.data.spacing import assemble, goes_on, run_on, split_text
from narratrace.data.transcript import Transcript, Utterance, Word, join_words
from narratrace.timebase import Span

MIXED = st.text("aZ3 .,-%()[]\"'“”…　今天肝。！？、「」（）がンー สวัสดีกี ລາວ ကို။ ខ្មែរ។", max_size=40)


def placed(pieces: list[tuple[str, bool]]) -> list[Word]:
    return [Word(Span(i, i + 1), text, 1.0, glued) for i, (text, glued) in enumerate(pieces)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a 3.5 cm, T2-weighted mass", "a|3.5|cm,|T2-weighted|mass"),
        ("don’t “say” wait…what", "don’t|“say”|wait…what"),
        ("今天看肝脏。", "今|天|看|肝|脏。"),
        ("见「图3」，（约3.5cm）MRI检查", "见|「图|3」，|（约|3.5cm）|MRI|检|查"),
        ("これはガンです！", "こ|れ|は|ガ|ン|で|す！"),
        ("ที่ตับ", "ที่|ตั|บ"),
        ("肝…… 脾", "肝……|脾"),
    ],
)  # fmt: skip
def test_text_is_cut_at_spaces_and_where_none_are_written_into_characters(text: str, words: str) -> None:
    assert [word for word, _ in split_text(text)] == words.split("|")


@given(MIXED)
def test_cutting_and_joining_gives_the_text(text: str) -> None:
    pieces = split_text(text)
    assert join_words(placed(pieces)) == " ".join(text.split())
    assert all(word and not any(map(str.isspace, word)) for word, _ in pieces)


def test_tokens_without_a_space_before_are_parts_of_a_word() -> None:
    tokens = [
        ("This", True),
        ("X", True),
        ("-ray", False),
        ("3", True),
        (".5", False),
        ("10", True),
        ("%", False),
    ]
    parts = [(Word(Span(i, i + 0.5), text, 1 - i / 10), spaced) for i, (text, spaced) in enumerate(tokens)]
    words = assemble(parts)
    assert [word.text for word in words] == ["This", "X-ray", "3.5", "10%"]
    assert (words[1].span, words[1].probability) == (Span(1, 2.5), 0.8)
    assert join_words(words) == "This X-ray 3.5 10%"


def test_tokens_of_scripts_without_spaces_stay_words_and_end_with_a_sentence() -> None:
    tokens = ["今天", "看", "肝", "。", "CT", "脏。这里"]
    words = assemble((Word(Span(i, i + 1), text), False) for i, text in enumerate(tokens))
    assert [word.text for word in words] == ["今天", "看", "肝。", "CT", "脏。", "这里"]
    assert join_words(words) == "今天看肝。CT脏。这里"
    assert [word.span for word in words[-2:]] == [Span(5, 5.5), Span(5.5, 6)]


def test_text_without_spaces_goes_on_in_the_next_utterance() -> None:
    said = [
        Utterance(Span(0, 1), tuple(placed(split_text(text)))) for text in ("它的", "边界", "the end", "清楚")
    ]
    words = [word for utterance in run_on(said) for word in utterance.words]
    assert join_words(words) == "它的边界 the end 清楚"
    assert not goes_on("wait…", "…and")
    assert not goes_on("3", "检")


def test_words_of_overlapping_utterances_are_in_time_order() -> None:
    long = Utterance(Span(0, 6), (Word(Span(0, 1), "a"), Word(Span(5, 6), "b")))
    aside = Utterance(Span(2, 4), (Word(Span(2, 3), "c"),))
    assert [word.text for word in Transcript(utterances=(long, aside)).words] == ["a", "c", "b"]
