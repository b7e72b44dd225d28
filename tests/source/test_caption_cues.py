# ruff: noqa: RUF001
"""What cues of real files tell: their times, their text, and what is no speech in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from narratrace.data.transcript import Transcript
from narratrace.errors import InputError
from narratrace.source import load_captions

from .test_captions import check_invariants, load, texts


def vtt(folder: Path, *cues: tuple[str, str]) -> Transcript:
    """A WebVTT file of (times, text), times as ``0-4.5`` in seconds."""
    blocks = []
    for times, text in cues:
        start, end = (f"00:{float(t):06.3f}" for t in times.split("-"))
        blocks.append(f"{start} --> {end}\n{text}")
    transcript = load(folder, "a.vtt", "\n\n".join(["WEBVTT", *blocks]))
    check_invariants(transcript)
    return transcript


def spans(transcript: Transcript) -> list[tuple[float, float]]:
    return [(round(u.span.start, 3), round(u.span.end, 3)) for u in transcript.utterances]


def test_text_without_spaces_is_cut_into_characters_and_keeps_having_none(tmp_path: Path) -> None:
    found = vtt(
        tmp_path, ("0-4", "今天看肝脏。这里"), ("4-6", "是病灶\n边界"), ("6-7", "CT 图像"), ("7-8", "the end")
    )
    assert [word.text for word in found.words][:7] == ["今", "天", "看", "肝", "脏。", "这", "里"]
    assert texts(found) == ["今天看肝脏。这里", "是病灶边界", "CT 图像", "the end"]
    assert [u.words[0].glued for u in found.utterances] == [False, True, False, False]
    assert found.words[0].span.duration == pytest.approx(4 / 9)


def test_words_stamped_inside_keep_the_spaces_that_are_written(tmp_path: Path) -> None:
    found = vtt(
        tmp_path,
        ("1-3", "hel<00:01.500>lo <00:02.000>there".replace("<", "<00:")),
        ("4-8", "今天<00:00:05.000><c>我们</c><00:00:06.000><c>看</c>"),
    )
    assert texts(found) == ["hello there", "今天我们看"]
    assert [(w.text, w.span.start) for w in found.utterances[1].words][2] == ("我", 5.0)


def test_a_stamped_word_lasts_no_longer_than_it_takes_to_say(tmp_path: Path) -> None:
    found = vtt(tmp_path, ("0-9", "so<00:00:00.300><c> hello</c><00:00:05.000><c> there</c>"))
    ends = [round(word.span.end, 3) for word in found.words]
    assert ends == [0.3, round(0.3 + 0.3 + 5 / 15, 3), round(5 + 0.3 + 5 / 15, 3)]
    phrase = vtt(tmp_path, ("0-9", "<00:00:00.000>so hello there <00:00:06.000>again"))
    assert phrase.words[2].span.end == 6.0


def test_only_stamps_make_times_exact(tmp_path: Path) -> None:
    assert vtt(tmp_path, ("0-1", "Yes."), ("1-2", "No.")).word_times == "interpolated"
    assert vtt(tmp_path, ("0-1", "Yes."), ("1-3", "a<00:00:02.000> b")).word_times == "exact"
    assert vtt(tmp_path, ("0-1", "Yes it is."), ("1-3", "a<00:00:02.000> b")).word_times == "interpolated"


def test_a_cue_that_the_next_lies_inside_keeps_its_time(tmp_path: Path) -> None:
    found = vtt(tmp_path, ("0-10", "A long one over ten seconds."), ("1-2", "Aside."))
    assert spans(found) == [(0, 10), (1, 2)]
    assert found.warnings == ()
    chained = vtt(tmp_path, ("0-4", "first line"), ("2-6", "second line"), ("4-6", "third line"))
    assert spans(chained) == [(0, 2), (2, 4), (4, 6)]


def test_no_stamp_gives_way_to_an_overlap(tmp_path: Path) -> None:
    found = vtt(
        tmp_path, ("0-5", "<00:00:00.500>a <00:00:04.500>late"), ("3-6", "<00:00:03.500>b <00:00:05.000>c")
    )
    assert [(word.text, word.span.start) for word in found.words] == [
        ("a", 0.5),
        ("b", 3.5),
        ("late", 4.5),
        ("c", 5),
    ]


def test_cues_that_start_together_keep_their_stamps(tmp_path: Path) -> None:
    found = vtt(tmp_path, ("1-4", "<00:00:01.000>Hello <00:00:03.000>there"), ("1-4", "Bonjour"))
    assert [(w.text, w.span.start) for w in found.utterances[0].words] == [("Hello", 1), ("there", 3)]
    assert texts(vtt(tmp_path, ("1-4", "Hello"), ("1-4", "there"))) == ["Hello there"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Uptake of [18F]FDG and [68Ga]PSMA in [0, 1]", None),
        ("See [Fig. 3] and (the latter) (cough) [sic]", None),
        ("[Music] now [ Applause ] (laughs) here (soft music playing) go", "now here go"),
        ("[&nbsp;__&nbsp;] what [BLANK_AUDIO] 【音乐】 （笑） [музыка] [Gelächter] (risas)", "what"),
        ("[SPEAKER_01]: yes [Dr. Example]: no [inaudible]", "yes no"),
    ],
)
def test_of_brackets_only_sounds_and_speakers_go(written: str, said: str | None, tmp_path: Path) -> None:
    assert texts(vtt(tmp_path, ("1-9", written))) == [said or written]


def test_a_speaker_may_say_the_same_three_times(tmp_path: Path) -> None:
    for cues in (
        [("0-1", "Okay."), ("1-2", "Okay."), ("2-3", "Okay.")],
        [("0-1", "Okay."), ("3-4", "Okay."), ("6-7", "Okay. So."), ("9-10", "Okay. So. Now.")],
    ):
        assert texts(vtt(tmp_path, *cues)) == [text for _, text in cues]


def test_what_scrolls_may_pause(tmp_path: Path) -> None:
    cues = [("0-2", "a b"), ("2-4", "a b\nc d"), ("4-6", "c d\ne f"), ("9-11", "e f\ng h"), ("14-15", "g h")]
    assert texts(vtt(tmp_path, *cues)) == ["a b", "c d", "e f", "g h", "g h"]


def test_text_after_a_blank_line_goes_with_the_cue_before(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "a.srt",
        "1\n00:00:01,000 --> 00:00:03,000\nfirst -> line\n\nsecond line\n\n"
        "2\n\n00:00:03,000 --> 00:00:05,000\n"
        "third\n\n42\n\nfourth\n3\n00:00:05,000 --> 00:00:06,000\nfifth\n",
    )
    assert texts(found) == ["first -> line second line", "third 42 fourth", "fifth"]
    assert found.warnings == ("3 blocks of text had no times: taken for the end of the cue before",)


def test_times_without_milliseconds_and_with_many_hours(tmp_path: Path) -> None:
    found = load(
        tmp_path, "a.srt", "1\n00:00:01 --> 00:00:03\nfirst\n\n2\n100:00:03 --> 100:00:05,5\nsecond\n"
    )
    assert spans(found) == [(1, 3), (360003, 360005.5)]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("今天我们看肝脏", "gb18030"),
        ("Печень человека", "cp1251"),
        ("Το ήπαρ του ανθρώπου", "cp1253"),
        ("これは肝臓です", "shift_jis"),
        ("간을 봅니다", "euc-kr"),
        ("ตับของมนุษย์", "tis-620"),
        ("plain", "utf-16-le"),
    ],
)
def test_text_in_an_encoding_that_cannot_be_told_is_refused(text: str, encoding: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, "a.srt", f"1\n00:00:01,000 --> 00:00:02,000\n<i>{text}</i>\n".encode(encoding))
    assert caught.value.cause
    assert "iconv" in caught.value.expected


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_zero_bytes_in_text_are_left_out(count: int, tmp_path: Path) -> None:
    cues = (f"{n}\n00:00:0{n},000 --> 00:00:0{n},900\nein w\0rd für {n}\n\n" for n in range(1, count + 1))
    text = "".join(cues)
    text += "9\n00:00:20,000 --> 00:00:21,000\n" + "long " * 40 + "\n"
    transcript = load(tmp_path, "a.srt", text.encode())
    assert transcript.warnings == (f"zero bytes left out: {count}",)
    assert transcript.utterances[0].text == "ein wrd für 1"
    assert load(tmp_path, "b.srt", text.replace("\0", "").encode()).utterances == transcript.utterances


@pytest.mark.parametrize(
    "content", [b"\0\0\0\x20ftypisom" + bytes(range(256)) * 20, b"\0" * 4000, b"text " + b"\0" * 9]
)
def test_files_that_are_no_text_are_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not text that can be read"):
        load(tmp_path, "a.vtt", content)


@pytest.mark.parametrize(
    "text", ["Lebergröße", "été à Hawaï", "Å, måtte være nær", "“naïve” … — señor", "à l’œil: °C"]
)
def test_western_text_in_windows_1252_is_read_with_a_warning(text: str, tmp_path: Path) -> None:
    found = load(tmp_path, "a.srt", f"1\n00:00:01,000 --> 00:00:02,000\n{text}\n".encode("cp1252"))
    assert texts(found) == [text]
    assert found.warnings == ("not UTF-8, read as Windows-1252",)


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *[(f"talk.{code}.srt", "en") for code in ("en", "eng", "en-US", "ENG")],
        *[("talk.ger.srt", "de"), ("talk.deu.srt", "de"), ("talk.chi.srt", "zh"), ("talk.yue.srt", "yue")],
        *[(f"talk.{tag}.srt", "") for tag in ("raw", "sdh", "cc", "asr", "xx")],
    ],
)
def test_the_language_in_a_file_name_is_a_known_code(name: str, language: str, tmp_path: Path) -> None:
    assert load(tmp_path, name, "1\n00:00:01,000 --> 00:00:02,000\nhello\n").language == language
    assert (
        load(tmp_path, "a.vtt", "WEBVTT\nLanguage: eng\n\n00:01.000 --> 00:02.000\nhello\n").language == "en"
    )


def test_captions_without_length_in_a_script_without_spaces_last_longer(tmp_path: Path) -> None:
    found = load_captions(_written(tmp_path / "a.srt", "1\n00:00:01,000 --> 00:00:01,000\n今天看肝脏\n"))
    assert spans(found) == [(1, 2)]


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
