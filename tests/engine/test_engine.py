"""The engine as a Python object: streaming, order, bounds, faults, hangs."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import narratrace.visual_pass
from narratrace import (
    AlignedSample,
    BudgetOptions,
    Dropped,
    Engine,
    EngineOptions,
    Failed,
    FlowOptions,
    RunOptions,
    SampleKind,
    VideoInput,
)
from narratrace.corpus import Run
from narratrace.data.media import MediaInfo
from narratrace.data.outcome import Kept
from narratrace.decode import DecodeOptions
from narratrace.errors import BudgetExceeded, DecodeTimeout, DeviceError, InputError, MediaError, OptionError
from narratrace.source import probe
from narratrace.understand.filters import FilterOptions
from narratrace.understand.transcriber import TranscribeOptions
from tests.support.media import make_video
from tests.support.zoo import SECONDS, circling, lecture

CPU = EngineOptions(device="cpu")

WORDS = "and here is the dark spot we look at every day and here again it moves".split()  # noqa: SIM905


def narrated(folder: Path, name: str, suffix: str = ".mp4", start: float = 0.0) -> Path:
    """The lecture of the zoo, with captions that go over all of it."""
    path, paint = folder / f"{name}{suffix}", lecture(at=circling)
    make_video(
        path,
        width=320,
        height=180,
        fps=15,
        seconds=SECONDS,
        start=start,
        draw=lambda i, t: paint(i, t - start),
        audio="tone",
    )
    step = SECONDS / 4
    cues = [
        f"{_stamp(k * step)} --> {_stamp((k + 1) * step)}\n{' '.join(WORDS[4 * k : 4 * k + 4])}."
        for k in range(4)
    ]
    path.with_suffix(".vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues) + "\n", encoding="utf-8")
    return path


def _stamp(t: float) -> str:
    return f"00:00:{t:06.3f}"


@pytest.fixture(scope="module")
def lectures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("lectures")
    return [narrated(folder, f"talk{n}") for n in range(4)]


def shown(sample: AlignedSample) -> tuple[object, ...]:
    """What must be the same on every run."""
    clip = sample.clip.mp4 if sample.clip else b""
    picture = sample.image.jpeg if sample.image else b""
    return sample.kind, sample.key, sample.span, sample.text, picture, sample.trace.x.tobytes(), clip


def test_samples_come_in_input_order_and_the_same_on_every_run(lectures: list[Path]):
    first = [shown(s) for s in Engine(CPU).stream(lectures)]
    again = [shown(s) for s in Engine(CPU, flow=FlowOptions(in_flight=1)).stream([str(p) for p in lectures])]
    assert first == again
    videos = [key.rpartition("_")[0] for _, key, *_ in first]  # type: ignore[attr-defined]
    assert list(dict.fromkeys(videos)) == ["talk0", "talk1", "talk2", "talk3"]
    assert videos == sorted(videos)


def test_samples_are_what_the_recording_shows_and_says(lectures: list[Path]):
    samples = list(Engine(CPU).stream(lectures[0]))
    kinds = {kind: [s for s in samples if s.kind is kind] for kind in SampleKind}
    assert all(kinds.values()), {kind.value: len(found) for kind, found in kinds.items()}
    assert " ".join(s.text for s in kinds[SampleKind.PAIR]).lower().replace(".", "").split() == WORDS
    for sample in kinds[SampleKind.TRACE]:
        assert sample.image is not None
        assert sample.image.jpeg[:2] == b"\xff\xd8"
        for t, x, y, _ in sample.trace:
            wanted = circling(t)
            assert abs(x - wanted[0]) <= 8
            assert abs(y - wanted[1]) <= 8
    for sample in kinds[SampleKind.CLIP]:
        assert sample.clip is not None
        assert sample.clip.frames > 0
        assert b"ftyp" in sample.clip.mp4[:16]


def test_captions_count_from_where_a_transport_stream_begins(lectures: list[Path], tmp_path: Path):
    late = narrated(tmp_path, "talk0", ".ts", start=100.0)
    begin = probe(late).video.start_pts_s  # type: ignore[union-attr]
    assert begin is not None
    assert begin >= 100
    wanted, found = ([s.kind for s in Engine(CPU).stream(path)] for path in (lectures[0], late))
    assert found == wanted
    looked: list[float] = []
    recording = Engine(CPU, on_progress=lambda _, seconds: looked.append(seconds)).examine(late, words=True)
    heard, visual = recording.transcript, recording.visual
    assert visual is not None
    assert visual.shown.duration == pytest.approx(SECONDS, abs=0.1)
    assert max(looked) == pytest.approx(SECONDS, abs=0.2), "progress is seconds looked at, not a time"
    assert heard is not None
    assert heard.words[0].span.start == pytest.approx(begin, abs=0.05)


def test_later_recordings_are_decoded_while_earlier_samples_are_used(lectures: list[Path]):
    looked: dict[str, float] = {}
    engine = Engine(CPU, flow=FlowOptions(in_flight=3), on_progress=looked.__setitem__)
    samples = engine.stream(lectures)
    assert next(samples).video_id == "talk0"
    deadline = time.monotonic() + 20
    while looked.get("talk2", 0.0) < SECONDS - 0.5 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    assert looked["talk2"] >= SECONDS - 0.5, "nothing was decoded while the consumer held a sample"
    assert "talk3" not in looked, "the bound of three recordings was passed"
    assert {s.video_id for s in samples} == {"talk0", "talk1", "talk2", "talk3"}
    stats = engine.stats()
    assert stats is not None
    assert stats.most_in_flight == 3
    assert [s.recordings for s in stats.stations] == [4] * 6


def test_an_endless_input_is_drawn_from_as_room_becomes_free(lectures: list[Path]):
    drawn, before = 0, set(threading.enumerate())  # models of other tests stay for good

    def endless() -> Iterator[VideoInput]:
        nonlocal drawn
        while True:
            yield VideoInput(video_id=f"v{drawn}", uri=str(lectures[0]))
            drawn += 1

    outcomes = Engine(CPU, flow=FlowOptions(in_flight=2)).recordings(endless())
    taken = [next(outcomes) for _ in range(3)]
    assert [o.value.video_id for o in taken if isinstance(o, Kept)] == ["v0", "v1", "v2"]
    assert drawn <= 4
    outcomes.close()  # type: ignore[attr-defined]
    for thread in [t for t in threading.enumerate() if t.name.startswith("narratrace-") and t not in before]:
        thread.join(30)
        assert not thread.is_alive()


def test_what_fails_or_is_dropped_is_told_and_skipped(
    lectures: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing of the kind")
    silent = tmp_path / "silent.mp4"
    silent.write_bytes(lectures[1].read_bytes())
    options = replace(CPU, filters=FilterOptions(min_speech_share=0.5))
    told: list[Dropped | Failed] = []
    with caplog.at_level(logging.INFO, "narratrace"):
        samples = list(
            Engine(options).stream([lectures[0], broken, silent, lectures[2]], on_skipped=told.append)
        )
    assert list(dict.fromkeys(s.video_id for s in samples)) == ["talk0", "talk2"]
    failed, dropped = told
    assert isinstance(failed, Failed)
    assert (failed.video_id, failed.error, failed.station) == ("broken", "MediaError", "source")
    assert isinstance(dropped, Dropped)
    assert (dropped.video_id, dropped.rule) == ("silent", "min_speech_share")
    assert str(broken) in caplog.text
    assert "min_speech_share" in caplog.text


def test_too_many_failures_end_the_run(tmp_path: Path):
    for number in range(5):
        (tmp_path / f"{number}.mp4").write_bytes(b"broken")
    engine = Engine(CPU, budget=BudgetOptions(max_failed=2))
    told: list[Dropped | Failed] = []
    with pytest.raises(BudgetExceeded, match="3 recordings failed"):
        list(engine.stream(tmp_path, on_skipped=told.append))
    assert [f.video_id for f in told] == ["0", "1", "2"]


def test_a_model_that_is_not_there_ends_the_run_before_it_costs_anything(
    lectures: list[Path], tmp_path: Path
):
    pytest.importorskip("faster_whisper")
    options = replace(CPU, transcribe=TranscribeOptions(asr=f"whisper:{tmp_path}"))
    with pytest.raises(Exception, match=r"model\.bin") as caught:
        list(Engine(options).stream(lectures))
    assert caught.value.exit_code == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("inputs", [[], "missing.mp4", ["missing.mp4"], Path("missing"), "*.nothing"])
def test_inputs_that_name_nothing_are_refused(
    inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    if inputs == []:
        assert list(Engine(CPU).stream(inputs)) == []
        return
    with pytest.raises(InputError):
        list(Engine(CPU).stream(inputs))


@pytest.mark.parametrize("inputs", [None, [None], b"talk.mp4", [b"talk.mp4"], 5, [Path("talk.mp4"), 5]])
def test_what_is_no_name_is_refused(inputs: Any, tmp_path: Path):
    for names in (lambda: list(Engine(CPU).stream(inputs)), lambda: Run(inputs, tmp_path / "out")):
        with pytest.raises(InputError, match="names no recording"):
            names()


def test_a_single_name_is_not_taken_apart(lectures: list[Path], tmp_path: Path):
    for source in (lectures[0], str(lectures[0])):
        summary = Run(source, tmp_path / "out", engine=CPU, options=RunOptions(workers=1)).execute()
        assert sum(summary.totals.videos.values()) == 1


def test_captions_of_a_described_recording_are_found(lectures: list[Path]):
    def words(captions: str | None) -> list[str]:
        video = VideoInput(video_id="v", uri=str(lectures[0]), captions_uri=captions)
        (outcome,) = Engine(
            EngineOptions(device="cpu", transcribe=TranscribeOptions(asr="captions"))
        ).recordings([video])
        assert isinstance(outcome, Kept)
        assert outcome.value.transcript is not None
        return [word.text.strip(".") for word in outcome.value.transcript.words]

    assert words(None) == WORDS
    assert words("") == []


def test_names_and_descriptions_are_not_mixed(lectures: list[Path]):
    mixed = [VideoInput(video_id="v", uri=str(lectures[0])), str(lectures[1])]
    with pytest.raises(TypeError, match="mixed"):
        list(Engine(CPU).stream(mixed))  # type: ignore[arg-type]


def test_examine_takes_one_recording(lectures: list[Path]):
    with pytest.raises(InputError, match="names 4 recordings"):
        Engine(CPU).examine(lectures[0].parent)
    recording = Engine(CPU).examine(lectures[0], words=True)
    assert recording.transcript is not None
    assert [w.text.strip(".") for w in recording.transcript.words] == WORDS
    assert recording.samples is None
    assert set(recording.timings) == {"decode", "analyse", "transcribe"}
    assert Engine(CPU).examine(lectures[0]).transcript is None


def test_broken_captions_fail_their_recording_at_their_station(lectures: list[Path], tmp_path: Path):
    path = tmp_path / "talk.mp4"
    path.write_bytes(lectures[0].read_bytes())
    path.with_suffix(".vtt").write_text("WEBVTT\n\n00:00:02.000 --> nonsense\nwords\n")
    with pytest.raises(InputError, match=r"captions talk\.vtt: ") as caught:
        Engine(CPU).examine(path, words=True)
    assert caught.value.input == str(path)
    assert caught.value.station


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"device": "tpu"}, OptionError),
        ({"device": "cuda:99"}, DeviceError),
        ({"decode": DecodeOptions(batch_size=0)}, OptionError),
    ],
)
def test_options_are_checked_at_once(options: dict[str, object], kind: type[Exception]):
    with pytest.raises(kind):
        Engine(EngineOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments", [{"options": {"device": "cpu"}}, {"options": {}}, {"flow": {"batch": 1}}, {"budget": 5}]
)
def test_options_of_another_type_are_refused(arguments: Any):
    with pytest.raises(OptionError, match=r"is no \w+Options"):
        Engine(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"options": RunOptions(workers=-1)},
        {"options": RunOptions(workers="2")},  # type: ignore[arg-type]
        {"options": {"workers": 2}},
        {"engine": {"device": "cpu"}},
        {"engine": EngineOptions(decode=DecodeOptions(batch_size=0))},
    ],
)
def test_options_of_runs_are_checked_at_once(arguments: Any, tmp_path: Path):
    with pytest.raises(OptionError):
        Run("talk.mp4", tmp_path / "out", **arguments)


def stuck_media(example: Path, stuck: Path) -> Callable[..., MediaInfo]:
    """A probe that takes ``stuck``, a pipe that never delivers, for a file like ``example``."""

    def look(uri: str, **how: object) -> MediaInfo:
        return replace(probe(example), path=uri) if uri == str(stuck) else probe(uri, **how)  # type: ignore[arg-type]

    return look


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_decoder_stuck_in_native_code_fails_alone(
    lectures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    fifo = tmp_path / "stuck.ts"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    monkeypatch.setattr(narratrace.visual_pass, "probe", stuck_media(lectures[0], fifo))
    options = replace(CPU, decode=DecodeOptions(stall_timeout_s=0.5))
    told: list[Dropped | Failed] = []
    try:
        videos = [
            VideoInput(video_id=f"v{n}", uri=str(uri), captions_uri=str(lectures[0].with_suffix(".vtt")))
            for n, uri in enumerate([lectures[0], fifo, lectures[1]])
        ]
        began = time.monotonic()
        samples = list(Engine(options).stream(videos, on_skipped=told.append))
        assert time.monotonic() - began < 60
        assert list(dict.fromkeys(s.video_id for s in samples)) == ["v0", "v2"]
        (failed,) = told
        assert isinstance(failed, Failed)
        assert (failed.error, failed.station, failed.uri) == ("DecodeTimeout", "decode", str(fifo))
        with pytest.raises(DecodeTimeout, match="no frame for"):
            Engine(options).analyze(videos[1])
    finally:
        os.close(writer)  # the pipe ends, and with it the threads that hang on it


def test_progress_goes_through_the_whole_recording(lectures: list[Path]):
    seen: list[float] = []
    Engine(CPU, on_progress=lambda video_id, seconds: seen.append(seconds)).analyze(lectures[0])
    assert seen == sorted(seen)
    assert seen[-1] >= SECONDS - 0.2


LIGHT = """
import sys
import narratrace
bare = sorted({"numpy", "av", "PIL", "pyarrow", "msgspec"} & set(sys.modules))
from narratrace import Engine, EngineOptions
Engine(EngineOptions(device="auto"))
from narratrace.cli import build_parser
build_parser()
heavy = ("torch", "torchvision", "open_clip", "timm", "transformers", "faster_whisper", "ctranslate2",
         "onnxruntime", "cupy", "numba", "PyNvVideoCodec", "ray", "fsspec", "rich")
print(bare, sorted(name for name in heavy if name in sys.modules))
"""


def test_importing_engine_and_command_line_is_light():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


UNUSED = """
import sys
import narratrace.engine, narratrace.settings
writing = ("bundle", "shards", "index", "clip_encoder", "clip_source", "localized_narratives")
on_a_card = ("device_pass", "nvdec", "sessions", "bitstream")
names = [f"narratrace.write.{name}" for name in writing] + [f"narratrace.decode.{name}" for name in on_a_card]
print([name for name in (*names, "tarfile", "subprocess") if name in sys.modules])
"""


def test_an_analysis_loads_nothing_of_writing_samples_or_of_cards():
    done = subprocess.run([sys.executable, "-c", UNUSED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


WHOLE = """
import sys
from narratrace.cli import main
code = main(["analyze", sys.argv[1], "-o", sys.argv[2], "--quiet"])
print(code, [name for name in ("numpy.ma", "numpy.random", "PIL.ImageDraw") if name in sys.modules])
"""


def test_a_whole_analysis_loads_nothing_that_it_needs_not(tmp_path: Path):
    recording = Path(__file__).parents[2] / "examples" / "v01.mp4"
    arguments = [sys.executable, "-c", WHOLE, str(recording), str(tmp_path / "analysis.json")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"


def test_lazy_exports_are_all_there():
    import narratrace

    for name in narratrace.__all__:
        assert getattr(narratrace, name) is not None
    assert set(narratrace.__all__) <= set(dir(narratrace))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = narratrace.Nothing


@pytest.mark.eval
def test_a_real_lecture_gives_samples_of_every_kind(real_recording: Path):
    samples = list(Engine(CPU).stream(real_recording))
    kinds = {kind: [s for s in samples if s.kind is kind] for kind in SampleKind}
    assert all(len(found) >= 2 for found in kinds.values())
    spoken = " ".join(s.text for s in kinds[SampleKind.PAIR])
    assert len(spoken.split()) > 50
    for sample in samples:
        assert sample.key.startswith("v03_")
        assert sample.image is not None
        assert all(sample.span.start <= t <= sample.span.end for t, *_ in sample.trace)


def test_damage_keeps_its_type_on_the_way_to_the_caller(tmp_path: Path):
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"")
    with pytest.raises(MediaError) as caught:
        Engine(CPU).analyze(path)
    assert (caught.value.station, caught.value.input) == ("source", str(path))
    assert caught.value.expected
