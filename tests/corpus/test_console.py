"""What a run shows: logs with video ids, figures for Prometheus, a bar on a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from narratrace.corpus.console import _bar, clock, figures
from narratrace.corpus.executor import Activity
from narratrace.corpus.ledger_rows import State, Totals
from narratrace.corpus.messages import Made, Report, Task
from narratrace.corpus.metrics import serve
from narratrace.corpus.tally import Queues, Snapshot, Tally
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed, Kept
from narratrace.errors import StorageError

ROOT = Path(__file__).parents[2]
SETTINGS = ("--asr", "captions", "--device", "cpu", "--workers", "1")


def some_snapshot() -> Snapshot:
    """A run of four recordings of an hour each, two of which are done in this session."""
    totals = Totals(
        videos={State.PENDING: 3, State.DONE: 1},
        hours={State.PENDING: 3.0, State.DONE: 1.0},
        samples={"pairs": 5, "traces": 0, "clips": 0},
    )
    tally = Tally(totals, workers=2)
    tally._began -= 1800.0
    made = Made(
        bundle="b", size=1, counts={"pairs": 2}, duration=7200.0, timings={"decode": 900.0, "write": 90.0}
    )
    task = Task(sequence=1, attempt=1, video=VideoInput(video_id="v", uri="u"), path="p")
    tally.settled(Report(task=task, outcome=Kept(made), seconds=1.0, worker="w"), weight=3600.0)
    failed = Failed(video_id="v", uri="u", station="decode", error="E", message="m")
    tally.settled(Report(task=task, outcome=failed, seconds=1.0, worker="w"), weight=3600.0)
    queues = Queues(fetching=1, running=1, bundles=2, bundle_bytes=77)
    return tally.snapshot(queues, {"worker-0": Activity(video_id="v", station="decode", memory=123)})


def test_figures_add_up() -> None:
    snapshot = some_snapshot()
    assert {s.value: n for s, n in snapshot.videos.items() if n} == {"done": 2, "failed": 1, "running": 1}
    # Two hours by expectation were three in fact, so the third that is left counts for 1.5 h.
    assert snapshot.hours_done == pytest.approx(4.0)
    assert snapshot.hours_total == pytest.approx(5.5)
    assert snapshot.speed == pytest.approx(6.0, rel=0.01)
    assert snapshot.eta_s == pytest.approx(900.0, rel=0.01)
    assert snapshot.busy["decode"] == pytest.approx(0.25, rel=0.01)
    assert snapshot.bottleneck == "decode"
    assert snapshot.samples["pairs"] == 7
    line = figures(snapshot)
    assert "4.00/5.50 h" in line
    assert "decode 25% busy" in line
    assert clock(3723.4) == "1:02:03"


def test_a_single_recording_moves_the_bar() -> None:
    tally = Tally(Totals(videos={State.PENDING: 1}, hours={State.PENDING: 2.0}, samples={}), workers=1)
    tally._began -= 600.0
    now = tally.snapshot(Queues(running=1), {"worker-0": Activity(video_id="v", share=0.25)})
    assert (now.hours_done, now.hours_under_way, now.hours_total) == (0.0, 0.5, 2.0)
    assert now.speed == pytest.approx(3.0, rel=0.01)
    assert now.eta_s == pytest.approx(1800.0, rel=0.01)
    assert "0.50/2.00 h, 3.0 x real time" in figures(now)


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_failures_are_not_cut_off(columns: int) -> None:
    rich = pytest.importorskip("rich.console")
    shown = io.StringIO()
    with _bar(rich.Console(file=shown, width=columns, force_terminal=True)) as look:
        look(some_snapshot())
    assert "1 failed" in shown.getvalue()


def test_prometheus_gets_the_figures() -> None:
    pytest.importorskip("prometheus_client", reason="needs prometheus-client")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with serve(port) as take:
        url = f"http://127.0.0.1:{port}/metrics"
        assert urllib.request.urlopen(url).read() == b""
        take(some_snapshot())
        text = urllib.request.urlopen(url).read().decode()
        with pytest.raises(StorageError, match="cannot listen"), serve(port):
            pass
    for line in (
        'narratrace_videos{state="done"} 2.0',
        'narratrace_videos{state="failed"} 1.0',
        'narratrace_queue{queue="bundles"} 2.0',
        'narratrace_scratch_bytes{what="bundles"} 77.0',
        'narratrace_worker_memory_bytes{worker="worker-0"} 123.0',
        'narratrace_workers{station="decode"} 1.0',
        "narratrace_hours_done 4.0",
    ):
        assert line in text.splitlines(), text
    assert re.search(r'narratrace_busy_share\{station="decode"\} 0\.2[45]', text)


def test_json_logs_name_the_recording(lecture: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"")
    command = [sys.executable, "-m", "narratrace", "process", str(lecture), str(tmp_path / "bad.mp4")]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "out"), *SETTINGS, "--log-format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    events = [json.loads(line) for line in done.stderr.splitlines()]
    by_video = {event["video_id"]: event for event in events if event.get("video_id")}
    assert set(by_video) == {"lecture-0", "bad"}
    assert "pairs" in by_video["lecture-0"]["message"]
    (failure,) = [event for event in events if event.get("video_id") == "bad"]
    path = str(tmp_path / "bad.mp4")
    assert failure["message"] == f"bad: failed at source: {path}: the file is empty (expected a media file)"
    assert (failure["level"], failure["error"], failure["station"]) == ("error", "MediaError", "source")
    assert (failure["uri"], failure["expected"], failure["cause"]) == (path, "a media file", "")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_on_a_terminal_and_quiet_elsewhere(lecture: Path, tmp_path: Path, is_terminal: bool) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "narratrace", "process", str(lecture), "-o", str(tmp_path), *SETTINGS]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs if is_terminal else subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(theirs)
    text = _read_all(ours) if is_terminal else (process.stderr.read() if process.stderr else b"").decode()
    os.close(ours)
    assert process.wait(timeout=60) == 0
    assert ("starting workers" in text) == is_terminal
    assert "1 recordings: 1 done" in text
    if not is_terminal:
        assert len(text.splitlines()) == 1


def _read_all(descriptor: int) -> str:
    data = b""
    try:
        while block := os.read(descriptor, 4096):
            data += block
    except OSError:  # the terminal is gone with its last user
        pass
    return data.decode("utf-8", "replace")
