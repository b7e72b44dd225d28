"""The document of a sample says what the sample says."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from narratrace.data.sample import RegionBox, SampleKind, WordPosition
from narratrace.data.shots import Box
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Utterance, Word
from narratrace.errors import InputError
from narratrace.timebase import Span
from narratrace.write.localized_narratives import narrative_line
from narratrace.write.options import NarrativeOptions
from narratrace.write.sample_json import check_sample_json, sample_json
from tests.write.builders import HEIGHT, WIDTH, make_recording, make_sample


@pytest.mark.parametrize("kind", list(SampleKind))
def test_documents_of_all_kinds_are_valid_and_strict(kind: SampleKind) -> None:
    recording = make_recording(3)
    document = sample_json(make_sample(kind, "vid-0003", 1), recording)
    check_sample_json(document, input="x")
    json.dumps(document, allow_nan=False)
    assert (document["clip"] is not None) == (kind is SampleKind.CLIP)
    assert (document["image"] is None) == (kind is SampleKind.CLIP)


def test_trace_is_in_video_pixels_and_relative_to_the_picture_and_the_start() -> None:
    sample = make_sample(SampleKind.TRACE, "v", 0)
    trace = Trace(
        np.array([1.00004, 2.25]), np.array([639.96, 1300.0]), np.array([-3.0, 180.0]), np.array([0.5, 1.0])
    )
    document = sample_json(replace(sample, span=Span(0.5, 4.0), trace=trace), make_recording(0))
    assert document["trace"] == [[1.0001, 640.0, -3.0, 0.5], [2.25, 1300.0, 180.0, 1.0]]
    assert document["trace_relative"] == [[0.5001, 640 / WIDTH, 0.0], [1.75, 1.0, 180 / HEIGHT]]


TIMES = st.lists(
    st.floats(0, 1e5) | st.integers(0, 10**7).map(lambda n: n / 90_000), min_size=6, max_size=6, unique=True
)


@given(TIMES, st.sampled_from(SampleKind))
def test_what_lies_within_the_span_does_so_as_written(times: list[float], kind: SampleKind) -> None:
    start, a, b, c, d, end = sorted(times)
    one = np.ones(4)
    base = make_sample(kind, "v", 0)
    word, inner = Word(Span(a, c), "here", 1.0), Span(b, d)
    sample = replace(
        base,
        span=Span(start, end),
        trace=Trace(np.array([start, b, c, end]), one, one, one),
        utterances=(
            Utterance(Span(a, c), (word,)),
            Utterance(Span(c, end), (replace(word, span=Span(c, end)),)),
        ),
        boxes=(RegionBox(box=Box(x0=0, y0=0, x1=1, y1=1), span=inner, text="", method="dwell", score=1),),
        dwells=(Dwell(span=inner, x=1.0, y=1.0, radius=1.0),),
        word_positions=(WordPosition(word=word, x=1.0, y=1.0),),
        image_t=b,
        stable_span=Span(start, c),
        clip=base.clip and replace(base.clip, span=Span(a, end), offset=a),
    )
    recording = make_recording(0)
    document = check_sample_json(sample_json(sample, recording), input="x")
    span, spoken = document["span"], document["utterances"]
    assert span["start"] >= start - 1e-6
    assert span["end"] <= end + 1.001e-4
    parts = [*spoken, *(w for u in spoken for w in u["words"]), *document["boxes"], *document["dwells"]]
    parts += [*document["word_positions"], *filter(None, [document["clip"]])]
    assert all(span["start"] <= part["start"] <= part["end"] <= span["end"] for part in parts)
    assert spoken[0]["end"] == spoken[1]["start"], "they meet"
    assert all(span["start"] <= t <= span["end"] for t, *_ in document["trace"])
    length = round(span["end"] - span["start"], 4)
    assert all(0 <= t <= length for t, *_ in document["trace_relative"])
    assert all(0 <= w["start_time"] <= w["end_time"] <= length for w in document["timed_caption"])
    if document["image"]:
        assert span["start"] <= document["image"]["stable_span"]["start"] <= document["image"]["t"]
    if document["clip"]:
        assert all(
            t >= document["clip"]["offset"] for t, *_ in document["trace"] if t > document["clip"]["start"]
        )
    line = json.loads(narrative_line(document, recording, NarrativeOptions()))
    assert all(0 <= point["t"] <= length for stroke in line["traces"] for point in stroke)
    assert line["voice_recording"].endswith(f"#t={span['start']:.4f},{span['end']:.4f}")


def test_a_point_in_the_first_picture_is_at_no_time_before_the_span() -> None:
    """Pictures at 30 Hz: the 53rd is at 1.7667 s, which 1.767 s is not before."""
    one = np.ones(1)
    sample = make_sample(SampleKind.TRACE, "v", 0)
    first = replace(sample, span=Span(53 / 30, 4.0), trace=Trace(np.array([53 / 30]), one, one, one))
    document = sample_json(first, make_recording(0))
    assert (document["span"]["start"], document["trace"][0][0]) == (1.7667, 1.7667)
    assert document["trace_relative"][0][0] == 0


def test_words_keep_their_times_on_both_clocks() -> None:
    sample = make_sample(SampleKind.PAIR, "v", 2)
    document = sample_json(sample, make_recording(0))
    words = [word for utterance in document["utterances"] for word in utterance["words"]]
    assert (
        [w["text"] for w in words]
        == [t["utterance"] for t in document["timed_caption"]]
        == sample.text.split()
    )
    for word, timed in zip(words, document["timed_caption"], strict=True):
        assert timed["start_time"] + document["span"]["start"] == pytest.approx(word["start"], abs=1e-9)
        assert timed["end_time"] + document["span"]["start"] == pytest.approx(word["end"], abs=1e-9)


def test_manifest_columns_pass_through_but_never_displace_ours() -> None:
    sample = make_sample(SampleKind.PAIR, "v", 0)
    carried = {**sample.meta, "ratio": 0.123456789012, "chunk": {"start": 4 / 3}}
    meta = sample_json(replace(sample, meta=carried), make_recording(0))["meta"]
    assert meta["views"] == 12
    assert meta["ratio"] == 0.123456789012
    assert meta["chunk"] == {"start": 1.333333}
    assert meta["spw"] == 0.4
    assert meta["title"] == "Lecture 0"


def test_a_sample_without_anything_optional() -> None:
    sample = replace(
        make_sample(SampleKind.PAIR, "v", 0),
        utterances=(),
        text="",
        word_positions=(),
        labels={},
        meta={},
        image_t=None,
        stable_span=None,
    )
    document = check_sample_json(sample_json(sample, make_recording(0, transcript=None)), input="x")
    assert document["image"]["t"] is None
    assert document["meta"]["transcript_source"] == "none"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "other/1"),
        ("uid", "a.b"),
        ("uid", "../x"),
        ("trace", [[1, 2, 3, 1], [1, 2, 3, 1]]),
        ("span", {"start": 2, "end": 1}),
        ("kind", "songs"),
        ("boxes", [{"x0": 1}]),
        ("meta", None),
        ("image", {}),
    ],
)
def test_broken_documents_are_named_by_field(field: str, value: object) -> None:
    document = sample_json(make_sample(SampleKind.TRACE, "v", 0), make_recording(0))
    with pytest.raises(InputError, match=field):
        check_sample_json({**document, field: value}, input="x")
    del document[field]
    with pytest.raises(InputError, match=field):
        check_sample_json(document, input="x")


def test_localized_narratives_line() -> None:
    recording = make_recording(5)
    sample = make_sample(SampleKind.TRACE, "vid-0005", 0, seed=9)
    document = sample_json(sample, recording)
    line = json.loads(narrative_line(document, recording, NarrativeOptions()))
    assert list(line) == [
        "dataset_id",
        "image_id",
        "annotator_id",
        "caption",
        "timed_caption",
        "traces",
        "voice_recording",
    ]
    assert " ".join(word["utterance"] for word in line["timed_caption"]) == line["caption"]
    assert len(line["traces"]) == 2  # the pointer is out of sight once
    points = [point for stroke in line["traces"] for point in stroke]
    assert all(0 <= p["x"] <= 1 and 0 <= p["y"] <= 1 and 0 <= p["t"] <= 6 for p in points)
    assert np.allclose([p["x"] * WIDTH for p in points], sample.trace.x, atol=0.1)
    assert np.allclose([p["t"] + sample.span.start for p in points], sample.trace.t, atol=0.002)
    assert line["voice_recording"] == "https://video.example/5#t=0.3334,6.3334"


def test_annotator_follows_the_channel_and_the_file_name_stands_in_for_a_link() -> None:
    document = sample_json(make_sample(SampleKind.TRACE, "v", 0), make_recording(0))

    def line(sequence: int, **names: str) -> dict[str, object]:
        recording = make_recording(sequence)
        recording = replace(recording, input=replace(recording.input, **names))
        return json.loads(narrative_line(document, recording, NarrativeOptions()))  # type: ignore[no-any-return]

    stretch = "#t=0.3334,6.3334"
    assert line(0)["annotator_id"] == line(1)["annotator_id"]
    assert line(0, channel="")["annotator_id"] != line(1, channel="")["annotator_id"]
    assert line(0, link="", uri="/home/me/talk #3.mp4")["voice_recording"] == "talk%20%233.mp4" + stretch
    assert line(0, link="https://v.example/w?v=1#t=30")["voice_recording"] == (
        "https://v.example/w?v=1" + stretch
    )
    assert line(0, link="", uri="s3://bucket/a%20talk.mp4")["voice_recording"] == "a%20talk.mp4" + stretch
    assert line(0, link="", uri="/m/ca\udce9.mp4")["voice_recording"] == "ca%E9.mp4" + stretch
    assert line(0, link="", uri="s3://bucket/talk.mp4?sig=s")["voice_recording"] == "talk.mp4" + stretch


@pytest.mark.parametrize("kind", SampleKind)
def test_a_sample_prints_without_its_files(kind: SampleKind) -> None:
    sample = make_sample(kind, "lecture", 1)
    assert sample.key in repr(sample)
    assert "\\x" not in repr(sample)
