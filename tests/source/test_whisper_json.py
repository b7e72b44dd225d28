"""Transcripts of recognisers: what a word is, and what other tools than Whisper write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from narratrace.data.transcript import Transcript
from narratrace.errors import InputError
from narratrace.source import load_sidecar

from .test_captions import check_invariants, load, texts


def words(*texts: str, start: float = 0.0) -> list[dict[str, Any]]:
    """Words half a second each."""
    return [{"word": t, "start": start + i / 2, "end": start + i / 2 + 0.5} for i, t in enumerate(texts)]


def read(folder: Path, *segments: dict[str, Any], **parts: Any) -> Transcript:
    whole = [{"start": 0.0, "end": 9.0, **segment} for segment in segments]
    transcript = load(folder, "a.json", json.dumps({"segments": whole, **parts}, ensure_ascii=False))
    check_invariants(transcript)
    return transcript


@pytest.mark.parametrize(
    "text", [" This X-ray shows 3.5 cm, 10% of T2-weighted.", "", "another text than that of the words"]
)
def test_a_token_without_a_space_before_is_a_part_of_a_word(text: str, tmp_path: Path) -> None:
    tokens = words(
        " This", " X", "-ray", " shows", " 3", ".5", " cm,", " 10", "%", " of", " T2", "-weighted."
    )
    found = read(tmp_path, {"text": text, "words": tokens})
    assert texts(found) == ["This X-ray shows 3.5 cm, 10% of T2-weighted."]
    assert [(w.span.start, w.span.end) for w in found.words if w.text == "X-ray"] == [(0.5, 1.5)]


def test_tokens_of_chinese_stay_words_without_spaces(tmp_path: Path) -> None:
    first = {"text": "今天看CT。肝脏。", "words": words("今天", "看", "CT", "。", "肝", "脏。")}
    found = read(tmp_path, first, {"text": "这里", "words": words("这里", start=4), "start": 4.0})
    assert texts(found) == ["今天看CT。肝脏。", "这里"]
    assert [word.glued for word in found.words] == [False, True, True, True, True, True]


def test_words_of_whisperx_have_spaces_between_them_but_for_scripts_without(tmp_path: Path) -> None:
    english = words("The", "liver", "3.5", "cm")
    assert texts(read(tmp_path, {"text": "The liver 3.5 cm", "words": english})) == ["The liver 3.5 cm"]
    assert texts(read(tmp_path, {"text": "", "words": english})) == ["The liver 3.5 cm"]
    chinese = words("看", "M", "R", "I", "肝", "脏。")
    assert texts(read(tmp_path, {"text": "看MRI 肝脏。", "words": chinese})) == ["看MRI 肝脏。"]
    assert texts(read(tmp_path, {"text": "", "words": words("肝", "脏。")})) == ["肝脏。"]


def test_segments_of_chinese_without_words_are_cut_into_characters(tmp_path: Path) -> None:
    found = read(tmp_path, {"text": "今天看肝脏。", "words": None})
    assert [word.text for word in found.words] == ["今", "天", "看", "肝", "脏。"]
    assert found.word_times == "interpolated"


def test_what_other_recognisers_write(tmp_path: Path) -> None:
    stamped = [{"text": "hello", "start": 0, "end": 1, "confidence": 0.25}]
    found = read(tmp_path, {"text": " hello", "words": stamped})
    assert [(word.text, word.probability) for word in found.words] == [("hello", 0.25)]
    placeless = [
        {"word": "hi", "start": None, "end": None, "score": None},
        {"word": "you", "start": 1.0, "end": 2.0},
    ]
    found = read(tmp_path, {"text": "hi you", "words": placeless})
    assert [(word.text, word.span.start, word.span.end) for word in found.words] == [
        ("hi", 0, 1),
        ("you", 1, 2),
    ]


def test_numbers_that_are_none(tmp_path: Path) -> None:
    word = '{"word": "NaN", "start": 1.0, "end": NaN, "score": NaN}, {"word": "b", "start": Infinity}'
    found = load(tmp_path, "a.json", f'{{"segments": [{{"start": 0, "end": 3, "words": [{word}]}}]}}')
    assert [(word.text, word.span.start, word.probability) for word in found.words] == [
        ("NaN", 1, 1),
        ("b", 1, 1),
    ]


def test_segments_without_length_or_times(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {"start": 2.0, "end": 2.0, "text": "one two three"},
        {"start": 2.5, "end": 1.0, "text": "four"},
        {"start": None, "end": None, "text": "lost"},
        {"start": None, "end": None, "text": "found", "words": words("found", start=6)},
    )
    assert texts(found) == ["one two three", "four", "found"]
    ends = [round(utterance.span.end, 3) for utterance in found.utterances]
    assert ends == [2.5, round(2.5 + 4 / 15, 3), 6.5]
    assert found.warnings == (
        "1 segments had no times: left out",
        "2 segments had no length: given 15 characters a second",
    )


def test_a_sidecar_that_holds_no_captions_gives_way_to_the_next(tmp_path: Path) -> None:
    video = tmp_path / "t.mp4"
    sponsors = tmp_path / "t.json"
    sponsors.write_text('{"segments": [{"category": "sponsor", "segment": [0, 1]}]}')
    with pytest.raises(InputError):
        load_sidecar(sponsors, video)
    (tmp_path / "t.srt").write_text("no captions either")
    (tmp_path / "t.en.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nhello\n")
    found = load_sidecar(sponsors, video)
    assert (texts(found), found.source) == (["hello"], "captions:t.en.vtt")
    assert "t.json" in found.warnings[0]
    assert "took t.en.vtt instead" in found.warnings[0]
    with pytest.raises(
        InputError
    ):  # one that does not belong to the recording by its name was named on purpose
        load_sidecar(sponsors, tmp_path / "other.mp4")
