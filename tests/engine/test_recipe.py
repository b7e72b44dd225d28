"""The contract of every stage, and the recipe that lines them up."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed, Kept
from narratrace.data.recording import Recording
from narratrace.decode import AudioOptions
from narratrace.errors import InputError
from narratrace.models import OwnModels
from narratrace.pipeline import Hooks, Stage
from narratrace.recipe import (
    MAKERS,
    EngineOptions,
    FlowOptions,
    SoundReader,
    build_pipeline,
    build_stages,
    loads_models,
    process_recording,
    read_sidecar,
)
from narratrace.source import probe, resolve
from narratrace.visual_pass import frames_device
from tests.support.media import make_video

CPU = EngineOptions(device="cpu")
NAMES = ["analyse", "transcribe", "classify", "judge", "align", "clips"]


def unknown(number: int) -> Recording:
    """A recording that does not exist, and of which nothing is known."""
    video = VideoInput(
        video_id=f"v{number}", uri=f"/nowhere/{number}.mp4", captions_uri=f"/nowhere/{number}.vtt"
    )
    return Recording(input=video, sequence=number)


def named(name: str) -> Stage:
    return MAKERS[name](CPU, Hooks())


def test_stages_are_in_order_and_carry_their_names():
    assert [stage.name for stage in build_stages(CPU)] == NAMES == list(MAKERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_pickles_before_it_is_opened(name: str):
    stage = pickle.loads(pickle.dumps(named(name)))
    assert isinstance(stage, Stage)
    assert stage.name == name
    stage.open()
    stage.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_answers_for_each_recording_in_order_and_never_raises(name: str):
    stage = named(name)
    stage.open()
    assert stage.run([]) == []
    batch = [unknown(number) for number in (3, 1, 2)]
    outcomes = stage.run(batch)
    stage.close()
    answered = [o.value.video_id if isinstance(o, Kept) else o.video_id for o in outcomes]
    assert answered == ["v3", "v1", "v2"]
    for outcome, recording in zip(outcomes, batch, strict=True):
        if isinstance(outcome, Failed):
            assert outcome.uri in (recording.input.uri, recording.input.captions_uri)
            assert outcome.station
            assert outcome.message


@pytest.mark.parametrize("name", ["transcribe", "classify"])
def test_whoever_holds_the_models_is_asked_whether_a_card_can_be_used(name: str):
    """So that who does not hold them need not import what they are made with."""

    class Elsewhere(OwnModels):
        def call(self, function: Any) -> Any:
            asked.append(pickle.loads(pickle.dumps(function)))
            return "cpu"

    asked: list[Any] = []
    classify = replace(CPU.classify, classifier="torchvision:resnet18:weights.pt")
    MAKERS[name](replace(CPU, classify=classify), Hooks(models=Elsewhere()))
    assert [function() for function in asked] == ["cpu"]


def test_a_recording_goes_through_all_stages(zoo: dict[str, Path]):
    stages = build_stages(CPU)
    for stage in stages:
        stage.open()
    (video,) = resolve([zoo["plain.mp4"]])
    outcome = process_recording(stages, video, 7)
    assert isinstance(outcome, Kept)
    recording = outcome.value
    assert recording.sequence == 7
    assert recording.visual is not None
    assert recording.stats is not None
    assert recording.samples == ()  # nobody speaks
    assert set(recording.timings) == {"decode", "analyse", "transcribe", "judge", "align", "clips"}
    broken = process_recording(stages, resolve([zoo["text.mp4"]])[0], 8)
    assert isinstance(broken, Failed)
    assert process_recording(stages, video, 9), "a stage survives a failure"


def test_the_pipeline_can_end_early():
    flow = FlowOptions(in_flight=3, batch=2, visual_workers=2)
    pipeline = build_pipeline(CPU, flow, until="transcribe")
    assert [station.name for station in pipeline.stations] == NAMES[:2]
    assert pipeline.in_flight == 3
    assert [(s.batch, s.workers) for s in pipeline.stations] == [(1, 2), (2, 1)]


@pytest.mark.parametrize(
    ("sessions", "cores", "flow", "sizes"),
    [
        (0, 16, FlowOptions(), (1, 2, 5)),
        (9, 16, FlowOptions(), (9, 9, 18)),
        (9, 4, FlowOptions(), (4, 4, 8)),
        (9, 2, FlowOptions(batch=8), (2, 2, 10)),
        (9, 16, FlowOptions(visual_workers=3), (3, 3, 7)),
        (9, 16, FlowOptions(clip_workers=1), (9, 1, 18)),
        (9, 16, FlowOptions(in_flight=6), (9, 9, 6)),
    ],
)
def test_a_pipeline_keeps_all_engines_of_its_card_busy(
    monkeypatch: pytest.MonkeyPatch, sessions: int, cores: int, flow: FlowOptions, sizes: tuple[int, ...]
):
    monkeypatch.setattr("narratrace.recipe.device_sessions", lambda device: sessions)
    monkeypatch.setattr("narratrace.recipe.usable_cores", lambda: cores)
    pipeline = build_pipeline(EngineOptions(), flow)
    workers = {station.name: station.workers for station in pipeline.stations}
    assert (workers["analyse"], workers["clips"], pipeline.in_flight) == sizes


@pytest.mark.parametrize(
    ("asr", "classifier", "loads"),
    [
        ("none", "none", False),
        ("captions", "none", False),
        ("captions", "torchvision:resnet18:weights.pt", True),
        ("whisper:small", "none", True),
        ("auto", "none", True),
    ],
)
def test_which_options_load_models(tmp_path: Path, asr: str, classifier: str, loads: bool):
    for file in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / file).touch()
    speech = replace(CPU.transcribe, asr=asr, auto_model=str(tmp_path))
    options = replace(CPU, transcribe=speech, classify=replace(CPU.classify, classifier=classifier))
    assert loads_models(options) == loads


def test_auto_loads_no_model_that_is_not_there(tmp_path: Path):
    speech = replace(CPU.transcribe, auto_model=str(tmp_path / "none"))
    assert not loads_models(replace(CPU, transcribe=speech))
    assert loads_models(replace(CPU, transcribe=replace(speech, allow_download=True)))


@pytest.mark.parametrize(
    ("name", "start", "zero"),
    [
        ("plain.mp4", 0.0, 0.0),
        ("late.mp4", 3.0, 0.0),
        ("late.mkv", 3.0, 0.0),
        ("muxed.ts", 0.0, None),
        ("late.ts", 100.0, None),
    ],
)
def test_sidecars_count_from_the_beginning_of_playback(
    name: str, start: float, zero: float | None, tmp_path: Path
):
    media = make_video(
        tmp_path / name, seconds=1, start=start, audio="tone", audio_start=max(0.0, start - 0.5)
    )
    captions = tmp_path / "v.srt"
    captions.write_text("1\n00:00:01,000 --> 00:00:02,000\nlook here\n")
    if zero is None:  # a transport stream begins with its earliest stream
        facts = probe(media.path)
        assert facts.audio is not None
        assert facts.audio.start_pts_s is not None
        assert facts.video is not None
        assert facts.video.start_pts_s is not None
        zero = min(facts.audio.start_pts_s, facts.video.start_pts_s)
        assert zero == pytest.approx(max(0.0, start - 0.5), abs=0.05)
    heard = read_sidecar(VideoInput(video_id="v", uri=str(media.path), captions_uri=str(captions)))
    assert heard is not None
    assert heard.utterances[0].span.start == pytest.approx(zero + 1)
    assert [w.span.start for w in heard.words] == pytest.approx([zero + 1, zero + 1.5])


def test_sidecars_are_read_where_there_are_some(zoo: dict[str, Path], tmp_path: Path):
    video = VideoInput(video_id="v", uri=str(zoo["plain.mp4"]))
    assert read_sidecar(VideoInput(video_id="v", uri="v.mp4")) is None
    captions = tmp_path / "v.srt"
    captions.write_text("1\n00:00:01,000 --> 00:00:02,000\nlook here\n")
    heard = read_sidecar(replace(video, captions_uri=str(captions)))
    assert heard is not None
    assert [word.text for word in heard.words] == ["look", "here"]
    with pytest.raises(InputError):
        read_sidecar(replace(video, captions_uri=str(tmp_path / "none.srt")))


def test_sound_is_read_where_there_is_some(zoo: dict[str, Path]):
    reader = pickle.loads(pickle.dumps(SoundReader(AudioOptions())))
    sound = reader(str(zoo["plain.mp4"]))
    assert sound is not None
    assert sound.duration == pytest.approx(8.0, abs=0.1)
    assert len(sound.samples) == pytest.approx(8 * SAMPLE_RATE, rel=0.02)
    assert reader(str(zoo["video only.mkv"])) is None


@pytest.mark.parametrize(
    ("backend", "device"), [("pyav", "cpu"), ("nvdec:0", "cuda:0"), ("nvdec:3", "cuda:3")]
)
def test_frames_lie_where_their_decoder_puts_them(backend: str, device: str):
    assert frames_device(backend) == device
