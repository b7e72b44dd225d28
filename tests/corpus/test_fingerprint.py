"""Which options a run may be continued with."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from narratrace.corpus.fingerprint import WITHOUT_EFFECT, difference, effective, fingerprint
from narratrace.corpus.inputs import UNKNOWN_S, digest, weight_of
from narratrace.data.media import VideoInput
from narratrace.decode import DecodeOptions
from narratrace.options import from_mapping, rows
from narratrace.recipe import EngineOptions
from narratrace.write.canonical import json_value


def test_every_option_without_effect_exists() -> None:
    assert {row.path for row in rows(EngineOptions())} >= WITHOUT_EFFECT


def test_numbers_of_threads_have_no_effect() -> None:
    assert {row.path for row in rows(EngineOptions()) if "threads" in row.path} <= WITHOUT_EFFECT


def test_all_other_options_count() -> None:
    known = {row.path for row in rows(EngineOptions())}
    assert set(effective(EngineOptions())) == known - WITHOUT_EFFECT
    assert {"device", "decode.frames", "shards.max_samples", "bundle.analysis_keyframes"} <= known


def test_differences_are_named() -> None:
    before = effective(EngineOptions())
    after = effective(EngineOptions(device="cpu", decode=DecodeOptions(threads=3, frames="all")))
    assert difference(before, after) == ['decode.frames: "auto" -> "all"', 'device: "auto" -> "cpu"']
    assert fingerprint(before) != fingerprint(after)
    assert fingerprint(before) == fingerprint(effective(EngineOptions(decode=DecodeOptions(threads=3))))
    assert difference({"a": None}, {}) == ["a: null -> (no such option)"]


def test_options_survive_the_ledger() -> None:
    options = EngineOptions(decode=DecodeOptions(threads=3))
    assert from_mapping(EngineOptions, json_value(options)) == options


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        ({"uri": "/elsewhere/a.mp4"}, True),
        ({"captions_uri": "/elsewhere/a.vtt"}, True),
        ({"captions_uri": None}, False),
        ({"title": "Other"}, False),
        ({"video_id": "b"}, False),
        ({"extra": {"views": 2}}, False),
    ],
)
def test_inputs_may_move_and_nothing_else(change: dict[str, object], is_same: bool) -> None:
    video = VideoInput(video_id="a", uri="a.mp4", captions_uri="a.vtt", title="T", extra={"views": 1})
    other = replace(video, **change)  # type: ignore[arg-type]
    assert (digest([video]) == digest([other])) == is_same
    assert digest([video, other]) != digest([other, video]) or is_same


def test_expected_durations(tmp_path: object) -> None:
    assert weight_of(VideoInput(video_id="a", uri="https://h/a.mp4", extra={"duration": "90.5"})) == 90.5
    assert weight_of(VideoInput(video_id="a", uri="s3://b/a.mp4", extra={"duration": "long"})) == UNKNOWN_S
    assert (
        weight_of(VideoInput(video_id="a", uri="s3://b/a.mp4", extra={"duration": float("nan")})) == UNKNOWN_S
    )
    assert weight_of(VideoInput(video_id="a", uri="/nowhere/a.mp4")) == 0.0
    assert weight_of(VideoInput(video_id="a", uri=__file__)) > 0.0
