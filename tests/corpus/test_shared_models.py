"""Runs whose workers share one set of models: the same output, and the same ends of what goes wrong."""

from __future__ import annotations

import json
import logging
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from msgspec.structs import replace

from narratrace.corpus import VideoFinished, VideoRetried
from narratrace.corpus.jobs import make_crew, with_threads
from narratrace.corpus.options import RunOptions
from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.outcome import Failed, Kept
from narratrace.driver import DriverFacts, Gpu
from narratrace.errors import ModelError
from narratrace.understand.classifier import ClassifyOptions
from narratrace.understand.transcriber import TranscribeOptions
from tests.corpus.lendable import asking, watched
from tests.corpus.media import make_lecture
from tests.corpus.runs import ENGINE, OPTIONS, dead_letters, ledger_rows, make_run, outputs, write_manifest
from tests.understand.media import read_audio

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "fixtures" / "whisper"
WORKERS = 3
SHARED = replace(OPTIONS, workers=WORKERS, models="shared")
SPEAKING = replace(ENGINE, transcribe=TranscribeOptions(asr=f"whisper:{MODEL}"))


@pytest.fixture(scope="module")
def speakers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings in each of which somebody says something else, at another time; their order is shuffled."""
    pytest.importorskip("faster_whisper")
    folder = tmp_path_factory.mktemp("speakers")
    clips = [read_audio(str(path)) for path in sorted((MODEL / "clips").glob("*.ogg"))]
    spoken = sorted((clip.samples for clip in clips if clip), key=len)[:3]  # of three to six seconds
    rows = []
    for number in range(4):
        words = np.concatenate([np.zeros(3200 * number, np.float32), spoken[number % 3]])
        make_lecture(folder, f"v{number}", len(words) / SAMPLE_RATE, seed=number, speech=words)
        rows.append({"uri": f"v{number}.mp4"})
    random.Random(1).shuffle(rows)
    write_manifest(folder / "m.jsonl", rows)
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Untrained weights: their labels are nonsense, but another nonsense for every picture."""
    torch = pytest.importorskip("torch")
    from narratrace.understand._torchvision import import_torchvision

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "shuffle.pt"
    model = import_torchvision().models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=2)
    torch.save(model.state_dict(), path)
    return f"torchvision:shufflenet_v2_x0_5:{path}"


@pytest.mark.slow
@pytest.mark.timeout(900)  # four processes load libraries of hundreds of megabytes
def test_shared_models_give_what_own_models_give(
    speakers: Path,
    classifier: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = replace(SPEAKING, classify=ClassifyOptions(classifier=classifier, cpu_threads=1))
    caplog.set_level(logging.DEBUG)
    found, loads, asked, libraries = {}, {}, {}, {}
    for models, workers in (("own", 1), ("shared", WORKERS)):
        notes, out = tmp_path / f"notes-{models}", tmp_path / models
        notes.mkdir()
        monkeypatch.setenv("NOTES", str(notes))
        monkeypatch.setenv("ASKERS", str(workers))
        caplog.clear()
        options = replace(SHARED, models=models, workers=workers)
        make_run([speakers / "m.jsonl"], out, engine=engine, options=options, stages=watched).execute()
        for row in ledger_rows(out).values():
            assert row["state"] == "done"
            assert {"transcribe", "classify"} <= set(json.loads(row["timings"]))
        found[models] = outputs(out)
        loads[models] = sorted((notes / "loads").read_text().split())
        told = [record.getMessage().partition(", asked by ") for record in caplog.records]
        asked[models] = [int(number) for _, is_told, number in told if is_told]
        libraries[models] = [set(path.read_text().split()) for path in notes.glob("*.modules")]
    assert found["shared"] == found["own"]
    assert len(found["own"]) > 3
    assert loads["shared"] == loads["own"] == ["classify", "transcribe"], "once for all workers"
    assert max(asked["shared"]) > 1, "batches hold windows of several recordings"
    assert asked["own"] == []
    assert [len(libraries[models]) for models in ("own", "shared")] == [1, WORKERS]
    assert all("torch" in loaded for loaded in libraries["own"])
    assert not any("torch" in loaded for loaded in libraries["shared"])


def test_recordings_that_take_the_models_down_end_as_those_that_take_their_worker_down(
    lecture: Path, tmp_path: Path
) -> None:
    mischief = ["", f"kill once {tmp_path / 'marker'}", "", "kill", "", "bug", "media", "foreign"]
    rows = [
        {"video_id": f"v{number}", "uri": str(lecture), "mischief": what}
        for number, what in enumerate(mischief)
    ]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    run = make_run([manifest], tmp_path / "out", engine=SPEAKING, options=SHARED, stages=asking)
    events = list(run.events())
    ends = {event.video_id: event for event in events if isinstance(event, VideoFinished)}
    retried = sorted(event.video_id for event in events if isinstance(event, VideoRetried))
    for video_id in ("v0", "v1", "v2", "v4"):
        assert isinstance(ends[video_id].outcome, Kept)
        assert ends[video_id].attempt == 1, "neighbours, and what does not come again, lose nothing"
    errors = {}
    for video_id in ("v3", "v5", "v6", "v7"):
        outcome = ends[video_id].outcome
        assert isinstance(outcome, Failed)
        assert outcome.station == "ask"
        errors[video_id] = outcome.error
    assert errors == {"v3": "WorkerLost", "v5": "KeyError", "v6": "MediaError", "v7": "ForeignError"}
    assert retried == ["v3", "v3", "v7", "v7"]
    assert sorted(letter["video_id"] for letter in dead_letters(tmp_path / "out")) == sorted(errors)


def test_a_model_that_is_not_there_ends_the_run(lecture: Path, tmp_path: Path) -> None:
    engine = replace(ENGINE, transcribe=TranscribeOptions(asr=f"whisper:{tmp_path / 'nothing'}"))
    with pytest.raises(ModelError, match="no such folder"):
        make_run([lecture], tmp_path / "out", engine=engine, options=SHARED).execute()


# --- who shares


def with_card(monkeypatch: pytest.MonkeyPatch, *sizes: int) -> None:
    cards = [
        Gpu(index=n, name="card", compute="9.0", memory_bytes=size, nvdec_engines=4)
        for n, size in enumerate(sizes)
    ]
    monkeypatch.setattr("narratrace.corpus.jobs.driver_facts", lambda: DriverFacts(gpus=tuple(cards)))
    monkeypatch.setattr("narratrace.corpus.jobs.usable_cores", lambda: 32)


@pytest.mark.parametrize(
    ("size", "models", "count", "lenders"),
    [
        (24_000_000_000, "own", 4, set()),
        (24_000_000_000, "auto", 12, {0}),
        (24_000_000_000, "shared", 12, {0}),
        (10_000_000_000, "auto", 4, {0}),  # 6 GB for the models, once, and 1 GB for each worker
        (7_900_000_000, "auto", 1, {None}),
        (7_900_000_000, "shared", 1, {0}),
    ],
)
def test_models_count_once_on_a_card(
    monkeypatch: pytest.MonkeyPatch, size: int, models: str, count: int, lenders: set[int | None]
) -> None:
    with_card(monkeypatch, size)
    engine = replace(SPEAKING, device="auto")
    crew = make_crew(engine, RunOptions(models=models, card_bytes=6_000_000_000), 1000)  # type: ignore[arg-type]
    assert len(crew.cards) == count
    assert set(crew.lenders) == lenders
    assert len(crew.lenders) in (0, count)


def test_every_card_has_models_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_card(monkeypatch, 24_000_000_000, 24_000_000_000, 6_000_000_000)
    crew = make_crew(replace(SPEAKING, device="auto"), RunOptions(workers=5), 1000)
    assert crew.cards == (0, 1, 2, 0, 1)
    assert crew.lenders == (0, 1, None, 0, 1), "a worker alone on its card loads them itself"
    assert crew.model_threads == 16


def test_workers_without_a_card_share_only_where_asked_and_of_use() -> None:
    assert make_crew(SPEAKING, RunOptions(workers=2), 1000).lenders == ()
    assert make_crew(SPEAKING, SHARED, 1000).lenders == (0,) * WORKERS
    assert make_crew(ENGINE, SHARED, 1000).lenders == (), "captions need no model"


def test_shared_speech_may_use_all_cores() -> None:
    threads = with_threads(SPEAKING, 1, 8)
    assert (threads.transcribe.cpu_threads, threads.classify.cpu_threads) == (8, 1)
    chosen = replace(SPEAKING, transcribe=replace(SPEAKING.transcribe, cpu_threads=3))
    assert with_threads(chosen, 1, 8).transcribe.cpu_threads == 3


# --- the end of a run


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_no_process_and_no_socket_outlives_the_run(
    speakers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    out = tmp_path / "out"
    command = [
        *(sys.executable, "-m", "narratrace", "process", str(speakers), "-o", str(out), "--device", "cpu"),
        *("--asr", f"whisper:{MODEL}", "--workers", "2", "--set", "run.models=shared"),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    while not any(out.glob(".scratch/bundles/*.bundle.tar")):  # until they are in the middle of it
        assert process.poll() is None
        assert time.monotonic() < deadline
        children = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.05)
    assert sum("lending_process" in " ".join(child.cmdline()) for child in children) == 1
    assert list(tmp_path.glob("narratrace-*/models"))
    process.send_signal(getattr(signal, name))
    assert process.wait(timeout=60) == (-9 if name == "SIGKILL" else 130)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert not list(tmp_path.glob("narratrace-*"))
