"""Recordings that take their worker down, hang it, or fill its memory: nobody else notices."""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from narratrace.corpus import Run, VideoFinished, VideoRetried
from narratrace.corpus.child import Child, environment_of
from narratrace.corpus.jobs import crew, make_crew, make_job, with_threads, worker_environments
from narratrace.corpus.local import LocalExecutor
from narratrace.corpus.messages import Task
from narratrace.corpus.options import LimitOptions
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed, Kept
from narratrace.driver import DriverFacts, Gpu
from narratrace.errors import DiskError, ModelError, WorkerLost
from narratrace.threads import usable_cores
from tests.corpus.runs import ENGINE, OPTIONS, dead_letters, ledger_rows, make_run, write_manifest
from tests.corpus.stages import mischievous, on_card, still_born


def run_with(folder: Path, lecture: Path, mischief: list[str], **limits: Any) -> Run:
    """A run over copies of one recording, each with its own mischief; the first has none."""
    rows = []
    for i, what in enumerate(["", *mischief]):
        shutil.copy(lecture, folder / f"v{i}.mp4")
        rows.append({"uri": f"v{i}.mp4", "mischief": what, "marker": str(folder / f"marker-{i}")})
    manifest = write_manifest(folder / "m.jsonl", rows)
    options = replace(OPTIONS, limits=LimitOptions(**limits))
    return make_run([manifest], folder / "out", options=options, stages=mischievous)


def ends(run: Run) -> tuple[dict[str, VideoFinished], list[VideoRetried]]:
    """How every recording ended, and what was tried again."""
    events = list(run.events())
    finished = {event.video_id: event for event in events if isinstance(event, VideoFinished)}
    return finished, [event for event in events if isinstance(event, VideoRetried)]


def failed(finished: dict[str, VideoFinished], video_id: str) -> Failed:
    outcome = finished[video_id].outcome
    assert isinstance(outcome, Failed)
    return outcome


def test_killed_and_crashed_workers_are_replaced_and_their_recordings_tried_again(
    lecture: Path, tmp_path: Path
) -> None:
    finished, retried = ends(run_with(tmp_path, lecture, ["kill once", "segfault", "kill"]))
    assert isinstance(finished["v0"].outcome, Kept)
    assert isinstance(finished["v1"].outcome, Kept)
    assert finished["v1"].attempt == 2
    for video_id, signal in (("v2", 11), ("v3", 9)):
        lost = failed(finished, video_id)
        assert (lost.error, lost.station, lost.retryable) == ("WorkerLost", "mischief", True)
        assert f"signal {signal}" in lost.cause
        assert finished[video_id].attempt == OPTIONS.retry.attempts
    assert "Segmentation fault" in failed(finished, "v2").cause
    assert sorted(event.video_id for event in retried) == ["v1", "v2", "v2", "v3", "v3"]
    assert sorted(letter["video_id"] for letter in dead_letters(tmp_path / "out")) == ["v2", "v3"]


def test_a_worker_that_is_killed_leaves_no_temporary_files(
    lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    finished, retried = ends(run_with(tmp_path, lecture, ["litter once"]))
    assert [event.video_id for event in retried] == ["v1"]
    assert all(isinstance(end.outcome, Kept) for end in finished.values())
    assert not list(temporary.iterdir())
    assert not list(tmp_path.glob("out/**/narratrace-*"))


def test_nobody_waits_long_for_a_process_that_does_not_die(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As one whose disk does not answer: it dies when that does."""
    monkeypatch.setattr("narratrace.corpus.child._DYING_S", 0.1)
    child = Child("narratrace.corpus.worker", "worker-0", environment_of(1), tmp_path)
    process = child._process
    with monkeypatch.context() as patch:
        patch.setattr(process, "kill", lambda: None)
        child.kill()
    assert "worker-0: does not die" in caplog.text
    process.kill()
    process.wait()


def test_a_hung_worker_is_killed_and_its_recording_given_up_in_the_end(lecture: Path, tmp_path: Path) -> None:
    finished, _ = ends(run_with(tmp_path, lecture, ["hang once", "hang"], stall_s=1.0, slowest=0.3))
    assert isinstance(finished["v1"].outcome, Kept)
    lost = failed(finished, "v2")
    assert lost.message.startswith("the worker was killed: ")
    assert lost.station == "mischief"
    assert ledger_rows(tmp_path / "out")["v2"]["attempt"] == OPTIONS.retry.attempts


def test_memory_beyond_the_limit_ends_the_recording_and_is_tried_again(lecture: Path, tmp_path: Path) -> None:
    finished, retried = ends(run_with(tmp_path, lecture, ["hog"], memory_bytes=400_000_000))
    assert failed(finished, "v1").error == "MemoryError"
    assert len(retried) == OPTIONS.retry.attempts - 1
    assert isinstance(finished["v0"].outcome, Kept)


def test_a_worker_that_grows_is_noticed_by_what_it_really_takes(lecture: Path, tmp_path: Path) -> None:
    # With a card there is no limit on address space, and the watch on resident memory has to do.
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    unlimited = replace(OPTIONS, limits=LimitOptions(memory_bytes=0))
    job = make_job(ENGINE, unlimited, mischievous, bundles, tmp_path)
    video = VideoInput(video_id="v", uri=str(lecture), extra={"mischief": "creep"})
    with closing(LocalExecutor(job, [{}], 1, tmp_path)) as executor:
        executor.start()
        while not executor.free:
            assert executor.poll(10.0) == []
        executor.submit(Task(sequence=0, attempt=1, video=video, path=str(lecture)))
        (worker,) = executor._workers.values()
        deadline = time.monotonic() + 60
        while not (why := worker.vigil.overdue(LimitOptions(memory_bytes=50_000_000))):
            worker.vigil.weigh(worker.memory)
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert "bytes of memory" in why


def test_storage_errors_are_tried_again_and_faults_of_ours_are_not(lecture: Path, tmp_path: Path) -> None:
    finished, retried = ends(run_with(tmp_path, lecture, ["storage once", "storage", "bug"]))
    assert isinstance(finished["v1"].outcome, Kept)
    assert failed(finished, "v2").error == "StorageError"
    assert failed(finished, "v3").error == "KeyError"
    assert "a fault of ours" in failed(finished, "v3").traceback
    assert sorted(event.video_id for event in retried) == ["v1", "v2", "v2"]
    assert finished["v3"].attempt == 1
    waits = [event.wait_s for event in retried if event.video_id == "v2"]
    assert waits == [OPTIONS.retry.backoff_s, 2 * OPTIONS.retry.backoff_s]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a full device")
def test_a_full_disk_stops_the_run_and_costs_no_attempt(lecture: Path, tmp_path: Path) -> None:
    run = run_with(tmp_path, lecture, ["full disk once", "", ""])
    with pytest.raises(DiskError, match="cannot be written: No space left on device") as caught:
        run.execute()
    assert caught.value.exit_code == 74
    assert "v1.mp4" not in str(caught.value), "nothing is wrong with the recording"
    row = ledger_rows(tmp_path / "out")["v1"]
    assert (row["state"], row["attempt"], row["not_before"]) == ("pending", 0, 0)
    assert dead_letters(tmp_path / "out") == []
    options = replace(OPTIONS, limits=LimitOptions())
    again = make_run([tmp_path / "m.jsonl"], tmp_path / "out", options=options, stages=mischievous)
    finished, _ = ends(again)
    assert again.summary is not None
    assert (again.summary.complete, again.summary.failed, finished["v1"].attempt) == (True, 0, 1)


def test_no_worker_survives_its_start(lecture: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkerLost, match="died"):
        make_run([lecture], tmp_path, stages=still_born).execute()
    assert ledger_rows(tmp_path)["lecture-0"]["state"] == "pending"


def test_too_large_too_long_too_many_pixels(lecture: Path, tmp_path: Path) -> None:
    for number, (limits, expected) in enumerate(
        [({"max_bytes": 100}, "bytes"), ({"max_duration_s": 1.0}, "lasts"), ({"max_pixels": 99}, "pixels")]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        finished, retried = ends(run_with(folder, lecture, [], **limits))
        assert expected in failed(finished, "v0").message
        assert failed(finished, "v0").station == "source"
        assert retried == []


def test_log_records_of_workers_name_their_recording(
    lecture: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ends(run_with(tmp_path, lecture, ["kill"]))
    lost = [record for record in caplog.records if "died" in record.getMessage()]
    assert {getattr(record, "video_id", "") for record in lost} == {"v1"}


def test_a_crew_fits_the_machine() -> None:
    cores = usable_cores()
    assert len(crew("cpu", 0, 1000).cards) == cores
    assert crew("cpu", 0, 1000).threads == 1
    assert (len(crew("cpu", 0, 1).cards), crew("cpu", 0, 1).threads) == (1, cores)
    assert len(crew("cpu", 7, 1000).cards) == 7
    assert len(crew("cpu", 7, 3).cards) == 3


def test_no_more_workers_on_a_card_than_its_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [
        Gpu(index=n, name="card", compute="9.0", memory_bytes=size, nvdec_engines=4)
        for n, size in enumerate((24_000_000_000, 8_000_000_000))
    ]
    monkeypatch.setattr("narratrace.corpus.jobs.driver_facts", lambda: DriverFacts(gpus=tuple(cards)))
    monkeypatch.setattr("narratrace.corpus.jobs.usable_cores", lambda: 32)
    assert crew("cuda:0", 0, 1000).cards == (0,) * 12
    assert crew("cuda:0", 0, 1000, card_bytes=6_000_000_000).cards == (0,) * 4
    assert crew("cuda:1", 0, 1000, card_bytes=9_000_000_000).cards == (1,), "one is always tried"
    assert crew("auto", 0, 1000, card_bytes=6_000_000_000).cards == (0, 1, 0, 0, 0)
    assert crew("auto", 0, 3, card_bytes=6_000_000_000).cards == (0, 1, 0)
    assert crew("auto", 8, 1000, card_bytes=6_000_000_000).cards == (0, 1, 0, 0, 0, 0, 1, 0), "as asked for"
    assert sorted(crew("auto", 0, 1000).cards) == [0] * 12 + [1] * 12


@pytest.mark.parametrize(("asr", "count"), [("none", 12), ("captions", 12), ("whisper:small", 4)])
def test_cards_are_shared_out_where_models_are_loaded(
    monkeypatch: pytest.MonkeyPatch, asr: str, count: int
) -> None:
    card = Gpu(index=0, name="card", compute="9.0", memory_bytes=24_000_000_000, nvdec_engines=4)
    monkeypatch.setattr("narratrace.corpus.jobs.driver_facts", lambda: DriverFacts(gpus=(card,)))
    monkeypatch.setattr("narratrace.corpus.jobs.usable_cores", lambda: 32)
    engine = replace(ENGINE, device="auto", transcribe=replace(ENGINE.transcribe, asr=asr))
    own = replace(OPTIONS, workers=0, models="own")
    assert len(make_crew(engine, own, 1000).cards) == count
    assert len(make_crew(engine, replace(own, card_bytes=0), 1000).cards) == 12


def test_a_worker_keeps_decoder_sessions_for_what_it_looks_at_alone() -> None:
    assert with_threads(ENGINE, 1).decode.device_sessions == 2
    chosen = replace(ENGINE, decode=replace(ENGINE.decode, device_sessions=5))
    assert with_threads(chosen, 1).decode.device_sessions == 5


@pytest.mark.parametrize(
    ("device", "seen"),
    [("cuda:1", "cuda:0 of 1"), ("cuda", "cuda:0 of 0"), ("auto", "auto of 0"), ("cuda:2", "cuda:2 of None")],
)
def test_a_worker_finds_the_card_that_was_asked_for(
    lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, seen: str
) -> None:
    """The card of a worker is the first that it sees; a card that is not there is refused by its number."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cards = [
        Gpu(index=n, name="card", compute="9.0", memory_bytes=1, nvdec_engines=1, decodes=())
        for n in range(2)
    ]
    monkeypatch.setattr("narratrace.corpus.jobs.driver_facts", lambda: DriverFacts(gpus=tuple(cards)))
    run = make_run([lecture], tmp_path, engine=replace(ENGINE, device=device), stages=on_card)
    with pytest.raises(ModelError, match=f"{seen}$"):
        run.execute()


def test_every_worker_sees_its_own_card_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert worker_environments([0, 1, None]) == [
        {"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}, {},
    ]  # fmt: skip
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    assert worker_environments([0, 1]) == [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "GPU-5"}]
