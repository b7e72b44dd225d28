from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from narratrace.data.transcript import Transcript
from narratrace.errors import InputError
from narratrace.source import load_captions
from narratrace.source.captions import SidecarIndex
from tests.support.attempt import attempt

# "~" stands for the space that YouTube puts on an otherwise empty line.
YOUTUBE = """WEBVTT
Kind: captions
Language: en

00:00:00.480 --> 00:00:02.389 align:start position:0%
~
hello<00:00:00.880><c> everyone</c><00:00:01.200><c> welcome</c>

00:00:02.389 --> 00:00:02.399 align:start position:0%
hello everyone welcome
~

00:00:02.399 --> 00:00:04.150 align:start position:0%
hello everyone welcome
to<00:00:02.639><c> the</c><00:00:03.000><c> lecture</c>

00:00:04.150 --> 00:00:04.160 align:start position:0%
to the lecture
~

00:00:04.160 --> 00:00:05.000 align:start position:0%
to the lecture
[Music]

00:00:05.000 --> 00:00:06.000 align:start position:0%
the
the<00:00:05.500><c> end</c>
""".replace("~", " ")

SRT = """1
00:00:01,000 --> 00:00:03,000
<i>A plain</i> cue
of two lines

2
00:00:03,500 --> 00:00:05,000
{\\an8}Ünïcode &amp; more
42

"""


def load(folder: Path, name: str, text: str | bytes) -> Transcript:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return load_captions(path)


def texts(transcript: Transcript) -> list[str]:
    return [utterance.text for utterance in transcript.utterances]


def check_invariants(transcript: Transcript) -> None:
    starts = [utterance.span.start for utterance in transcript.utterances]
    assert starts == sorted(starts)
    for utterance in transcript.utterances:
        assert utterance.words
        reached = utterance.span.start
        for word in utterance.words:
            assert word.text == word.text.strip() != ""
            assert reached - 1e-9 <= word.span.start <= word.span.end <= utterance.span.end + 1e-9
            reached = word.span.start


def test_rolling_captions_are_said_once_with_their_own_word_times(tmp_path: Path) -> None:
    transcript = load(tmp_path, "talk.vtt", YOUTUBE)
    assert texts(transcript) == ["hello everyone welcome", "to the lecture", "the the end"]
    assert transcript.word_times == "exact"
    assert transcript.language == "en"
    assert transcript.source == "captions:talk.vtt"
    assert [(w.text, w.span.start, w.span.end) for w in transcript.utterances[0].words] == [
        ("hello", 0.48, 0.88),
        ("everyone", 0.88, 1.2),
        ("welcome", 1.2, pytest.approx(1.2 + 0.3 + 7 / 15)),
    ]
    assert [w.span.start for w in transcript.utterances[1].words] == [2.399, 2.639, 3.0]
    check_invariants(transcript)


def test_rolling_captions_converted_to_srt(tmp_path: Path) -> None:
    cues = [
        ("00:00:00,480 --> 00:00:02,389", "hello everyone"),
        ("00:00:02,389 --> 00:00:02,399", "hello everyone"),
        ("00:00:02,399 --> 00:00:04,150", "hello everyone\nto the lecture"),
        ("00:00:04,150 --> 00:00:04,160", "to the lecture"),
        ("00:00:04,160 --> 00:00:06,000", "to the lecture\nabout lungs"),
    ]
    text = "\n\n".join(f"{i}\n{time}\n{words}" for i, (time, words) in enumerate(cues, 1))
    transcript = load(tmp_path, "talk.srt", text)
    assert texts(transcript) == ["hello everyone", "to the lecture", "about lungs"]
    assert transcript.word_times == "interpolated"


def test_captions_that_grow_word_by_word(tmp_path: Path) -> None:
    cues = ["the", "the left", "the left lung", "the left lung is", "and", "and here"]
    text = "WEBVTT\n\n" + "\n\n".join(f"00:0{i}.000 --> 00:0{i + 1}.000\n{c}" for i, c in enumerate(cues))
    assert texts(load(tmp_path, "a.vtt", text)) == ["the", "left", "lung", "is", "and", "here"]


def test_a_speaker_may_repeat_herself(tmp_path: Path) -> None:
    cues = ["Okay.", "Okay.", "Look at this.", "And this.", "Now this."]
    text = "WEBVTT\n\n" + "\n\n".join(f"00:0{i}.000 --> 00:0{i + 1}.000\n{c}" for i, c in enumerate(cues))
    assert texts(load(tmp_path, "a.vtt", text)) == cues


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_srt_in_any_encoding(newline: str, encoding: str, tmp_path: Path) -> None:
    transcript = load(tmp_path, "a.de.srt", SRT.replace("\n", newline).encode(encoding))
    assert texts(transcript) == ["A plain cue of two lines", "Ünïcode & more 42"]
    assert transcript.language == "de"
    assert transcript.word_times == "interpolated"
    assert transcript.warnings == (("not UTF-8, read as Windows-1252",) if encoding == "cp1252" else ())
    check_invariants(transcript)


def test_words_share_their_cue_by_length(tmp_path: Path) -> None:
    transcript = load(tmp_path, "a.srt", "1\n00:00:10,000 --> 00:00:11,000\na bbb ccccc\n")
    bounds = [(round(w.span.start, 6), round(w.span.end, 6)) for w in transcript.words]
    assert bounds == [(10.0, round(10 + 2 / 12, 6)), (round(10 + 2 / 12, 6), 10.5), (10.5, 11.0)]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("with p < 0.05 in this arm and n > 30 patients", None),
        ("if x <y and z> w", None),
        ("a <- b and c -> d", None),
        ("<3 of them, and >2", None),
        ("<i>very</i> <b.loud>small</b> <u>cells</u>", "very small cells"),
        ('<font color="#ff0000" size=2>red</font> ones', "red ones"),
        ("<v Dr. Example>look <c.yellow.bg_blue>here</c></v>", "look here"),
        ("<lang en-GB>colour</lang> <ruby>base<rt>over</rt></ruby>", "colour baseover"),
        ("one<br/> two<BR> <span style='x'>three</span>", "one two three"),
        ("{\\an8}{\\i1}up{\\i0} there", "up there"),
    ],
)
def test_tags_are_left_out_and_comparisons_kept(written: str, said: str | None, tmp_path: Path) -> None:
    for name, head in (("a.srt", "1\n00:00:01,000"), ("a.vtt", "WEBVTT\n\n00:00:01.000")):
        end = (head[-4] == "," and "00:00:09,000") or "00:00:09.000"
        assert texts(load(tmp_path, name, f"{head} --> {end}\n{written}\n")) == [said or written]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("en", "en"),
        ("german", "de"),
        ("German", "de"),
        ("Haitian Creole", "ht"),
        ("de-AT", "de"),
        ("pt_BR", "pt"),
        ("yue", "yue"),
        ("lao", "lo"),
        ("Klingon", ""),
        ("", ""),
    ],
)
def test_languages_of_recognisers_become_codes(language: str, code: str, tmp_path: Path) -> None:
    text = json.dumps({"language": language, "segments": [{"start": 0, "end": 1, "text": "a"}]})
    assert load(tmp_path, "a.json", text).language == code


def test_comments_styles_and_identifiers_are_not_speech(tmp_path: Path) -> None:
    text = (
        "WEBVTT - a title\n\nSTYLE\n::cue { color: red }\n\nNOTE\nnothing --> here\n\n"
        "intro\n00:01.000 --> 00:02.000 line:0\n<v Ann>First <b>words</b>\n\n"
        "NOTE between\n\nsecond part\n01:00:02.000 --> 01:00:03.000\n>> second cue ♪\n"
    )
    transcript = load(tmp_path, "a.vtt", text)
    assert texts(transcript) == ["First words", "second cue"]
    assert transcript.utterances[1].span.start == 3602.0


def test_cues_without_readable_times_are_left_out_with_a_warning(tmp_path: Path) -> None:
    text = (
        "WEBVTT\n\nNOTE a --> comment\n\n00:00:01.000 -> 00:00:04.000\nWrong arrow.\n\n"
        "-00:00:01.000 --> 00:00:04.000\nNegative.\n\n00:00:05.000 --> 00:00:08.000\nA fine one.\n"
    )
    found = load(tmp_path, "a.vtt", text)
    assert [utterance.text for utterance in found.utterances] == ["A fine one."]
    assert found.warnings == ("2 cues had no readable times: left out",)


def test_cues_out_of_order_overlapping_and_without_length(tmp_path: Path) -> None:
    text = (
        "WEBVTT\n\n00:05.000 --> 00:05.000\nfive has none\n\n00:01.000 --> 00:04.000\none to four\n\n"
        "00:03.000 --> 00:04.500\nthree\n\n00:08.000 --> 00:07.000\neight is negative\n\n"
        "00:08.000 --> 00:09.000\ntogether\n"
    )
    transcript = load(tmp_path, "a.vtt", text)
    check_invariants(transcript)
    assert texts(transcript) == [
        "one to four",
        "three",
        "five has none",
        "eight is negative together",
    ]
    assert transcript.utterances[0].span.end == 3.0
    assert 5.3 < transcript.utterances[2].span.end < 7
    assert len(transcript.warnings) == 3


@pytest.mark.parametrize("text", ["", "  \n\n", "WEBVTT", "WEBVTT\n\n", "\ufeffWEBVTT\n"])
def test_empty_files_are_empty_transcripts(text: str, tmp_path: Path) -> None:
    transcript = load(tmp_path, "a.vtt", text)
    assert transcript.utterances == ()
    assert transcript.warnings


@pytest.mark.parametrize("name", ["a.vtt", "a.srt", "a.json", "a.txt", "gone.srt"])
def test_garbage_is_one_error_that_names_the_file(name: str, tmp_path: Path) -> None:
    if name != "gone.srt":
        (tmp_path / name).write_text("this is no caption\nat all\n")
    with pytest.raises(InputError) as caught:
        load_captions(tmp_path / name)
    assert caught.value.input == str(tmp_path / name)


@pytest.mark.parametrize("name", ["a.vtt", "a.srt", "a.json"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=200), at=st.integers(0, 600))
def test_damaged_files_end_in_a_transcript_or_one_error(
    name: str, noise: bytes, at: int, tmp_path: Path
) -> None:
    whole = {"a.vtt": YOUTUBE, "a.srt": SRT, "a.json": json.dumps(WHISPER)}[name].encode()
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    result = attempt(InputError, load, tmp_path, name, damaged)
    if isinstance(result, InputError):
        assert result.input == str(tmp_path / name)
    else:
        check_invariants(result)


WHISPER = {
    "text": " Hello there. Lungs",
    "language": "en",
    "segments": [
        {
            "id": 0,
            "start": 1.0,
            "end": 2.0,
            "text": " Hello there.",
            "words": [
                {"word": " Hello", "start": 1.1, "end": 1.4, "probability": 0.9},
                {"word": " there.", "start": 1.5, "end": 1.9, "probability": 0.8},
            ],
        },
    ],
}


def test_whisper_json(tmp_path: Path) -> None:
    transcript = load(tmp_path, "a.json", json.dumps(WHISPER))
    assert (transcript.language, transcript.word_times) == ("en", "exact")
    assert [(w.text, w.span.start, w.span.end, w.probability) for w in transcript.words] == [
        ("Hello", 1.1, 1.4, 0.9),
        ("there.", 1.5, 1.9, 0.8),
    ]


def test_whisper_json_without_words(tmp_path: Path) -> None:
    segments = [
        {"start": 3.0, "end": 4.0, "text": " later"},
        {"start": 0.0, "end": 2.0, "text": " two words"},
    ]
    transcript = load(tmp_path, "a.json", json.dumps({"segments": segments}))
    assert texts(transcript) == ["two words", "later"]
    assert transcript.word_times == "interpolated"
    check_invariants(transcript)


def test_whisperx_json_with_words_it_could_not_place(tmp_path: Path) -> None:
    words = [
        {"word": "about"},
        {"word": "the", "start": 1.0, "end": 1.2, "score": 0.5},
        {"word": "2"},
        {"word": "3", "score": 1.5},
        {"word": "lobes.", "start": 1.6, "end": 2.5, "score": 0.7},
        {"word": "End"},
    ]
    segments = [{"start": 0.5, "end": 3.0, "text": "about the 2 3 lobes. End", "words": words}]
    transcript = load(tmp_path, "a.json", json.dumps({"segments": segments, "word_segments": words}))
    check_invariants(transcript)
    spans = [(w.text, round(w.span.start, 3), round(w.span.end, 3)) for w in transcript.words]
    assert spans == [
        ("about", 0.5, 1.0),
        ("the", 1.0, 1.2),
        ("2", 1.2, 1.4),
        ("3", 1.4, 1.6),
        ("lobes.", 1.6, 2.5),
        ("End", 2.5, 3.0),
    ]
    assert all(0 <= w.probability <= 1 for w in transcript.words)


@pytest.mark.parametrize(
    "text",
    ['{"segments": 3}', '{"segments": [{"start": "x", "end": 1}]}', "[]", '{"segments": [{"end": 1}]}', "{"],
)
def test_json_of_another_kind_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load(tmp_path, "a.json", text)


def sidecar(folder: Path, *files: str) -> str | None:
    for file in files:
        (folder / file).write_text('{"segments": []}' if file.endswith(".json") else "x")
    found = SidecarIndex().find(folder / "talk [x].mp4")
    return found.name if found else None


def test_sidecars_are_found_by_name_in_a_fixed_order(tmp_path: Path) -> None:
    assert sidecar(tmp_path, "other.vtt", "talk [x].txt", "talk [x]2.vtt", "talk [x].notes.vtt") is None
    assert sidecar(tmp_path, "talk [x].zh-Hans.vtt") == "talk [x].zh-Hans.vtt"
    assert sidecar(tmp_path, "talk [x].de.srt") == "talk [x].de.srt"
    assert sidecar(tmp_path, "talk [x].en.srt") == "talk [x].en.srt"
    assert sidecar(tmp_path, "talk [x].en.vtt") == "talk [x].en.vtt"
    assert sidecar(tmp_path, "talk [x].srt") == "talk [x].srt"
    assert sidecar(tmp_path, "talk [x].VTT") == "talk [x].VTT"
    (tmp_path / "talk [x].json").write_text('{"id": "downloader", "formats": []}')
    assert sidecar(tmp_path) == "talk [x].VTT", "JSON of a downloader is no transcript"
    assert sidecar(tmp_path, "talk [x].json") == "talk [x].json"


def test_no_folder_no_sidecar(tmp_path: Path) -> None:
    assert SidecarIndex().find(tmp_path / "gone" / "talk.mp4") is None
