"""The GPU benchmark's parts are on their own: what one of them does costs no other its figures."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from benchmarks import bench_gpu
from benchmarks.gpu.supervise import ROOT, Part, run_parts

from narratrace.driver import DriverFacts, Gpu


def parts(*names: str, share_s: float = 60) -> dict[str, Part]:
    return {name: Part(f"tests.bench.parts:{name}", share_s) for name in names}


def run(names: list[str], budget_s: float, **results: Any) -> dict[str, Any]:
    run_parts(parts(*names), results, budget_s)
    return results


def test_a_part_goes_on_from_the_results_of_those_before():
    results = run(["fine"], 120, before=[1, 2, 3])
    assert results["fine"] == [{"n": 1, "value": 1.0}, {"n": 2, "value": 3.0}]
    assert results["problems"] == {}


def test_a_failed_row_costs_no_other_row():
    results = run(["one_bad_row", "broken"], 120)
    bad = {"n": 2, "problem": "ZeroDivisionError: float division by zero"}
    assert results["one_bad_row"] == [{"n": 1, "value": 1.0}, bad, {"n": 3, "value": 3.0}]
    assert results["problems"]["one_bad_row"] == f"1 of 3 rows: {bad['problem']}"
    assert results["broken"] == [{"n": 1, "value": 1.0}]
    assert results["problems"]["broken"] == "OSError: no room"


def test_a_part_that_dies_costs_only_the_row_in_hand():
    results = run(["killed", "leaves_a_thread", "fine"], 120)
    assert results["killed"] == [{"n": 1, "value": 1.0}]
    assert results["problems"] == {"killed": "ended by signal 9, at {'n': 2}"}
    assert len(results["leaves_a_thread"]) == 1
    assert len(results["fine"]) == 2


def test_a_part_that_hangs_is_ended_with_its_processes_and_leaves_time_for_the_others():
    begun, results = time.monotonic(), {}
    run_parts({**parts("hangs", share_s=1), **parts("fine", share_s=9)}, results, 100)
    assert 10 <= time.monotonic() - begun < 90
    assert results["problems"] == {"hangs": "stopped after 10 s, at {'n': 3}"}
    assert [row["n"] for row in results["hangs"]] == [1, 2]
    assert not _is_alive(results["hangs"][1]["pid"])
    assert len(results["fine"]) == 2


def test_what_there_is_no_time_for_is_left_out():
    assert run(["fine"], 0.0)["problems"] == {"fine": "left out: 0 s were over"}


def test_a_missing_part_is_a_problem_of_its_own():
    results: dict[str, Any] = {}
    run_parts({"none": Part("tests.bench.parts:none", 1)}, results, 60)
    assert results["problems"]["none"] == "ended by exit code 1, at its start"


def test_the_file_is_whole_after_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file, seen = tmp_path / "gpu.json", []
    changed = bench_gpu.Results.changed

    def look(self: bench_gpu.Results, name: str) -> None:
        changed(self, name)
        seen.append(len(json.loads(file.read_text()).get(name, [])))

    monkeypatch.setattr(bench_gpu.Results, "changed", look)
    assert bench_gpu.measure(parts("fine", "killed"), {"machine": {}}, file, 120) == 1
    assert seen == [1, 2, 2, 1, 1]
    found = json.loads(file.read_text())
    assert list(found["problems"]) == ["killed"]
    assert [path.name for path in tmp_path.iterdir()] == ["gpu.json"]


def test_a_benchmark_that_is_ended_keeps_its_rows_and_ends_its_part(tmp_path: Path):
    code = (
        "import signal, sys; from pathlib import Path; from benchmarks import bench_gpu\n"
        "from tests.bench.test_gpu_parts import parts\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"bench_gpu.measure(parts('hangs'), {{}}, Path({str(tmp_path / 'gpu.json')!r}), 300)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "n=1" in process.stdout.readline()
    assert "n=2" in process.stdout.readline()
    for _ in range(6):  # Python loses what a handler raises while objects are freed: ask again
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            break
    assert process.returncode == 143
    rows = json.loads((tmp_path / "gpu.json").read_text())["hangs"]
    assert [row["n"] for row in rows] == [1, 2]
    assert not _is_alive(rows[1]["pid"])


def test_the_default_budget_leaves_a_margin():
    assert bench_gpu.BUDGET_S <= 8 * 60 - 60
    assert sum(part.share_s for part in bench_gpu.PARTS.values()) <= bench_gpu.BUDGET_S


def test_without_a_card_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.setattr("narratrace.device.why_not_cuda", lambda _: "none here")
    monkeypatch.setattr(sys, "argv", ["bench_gpu"])
    assert bench_gpu.main() == 3
    assert "no card to measure: none here" in capsys.readouterr().err


def test_the_machine_is_named_with_its_libraries(monkeypatch: pytest.MonkeyPatch):
    card = Gpu(index=0, name="Card", compute="9.0", memory_bytes=141_000_000_000, nvdec_engines=7)
    monkeypatch.setattr("narratrace.driver.driver_facts", lambda: DriverFacts(cuda="13.0", gpus=(card,)))
    found = bench_gpu.machine()
    assert (found["card"], found["memory_gb"], found["nvdec_engines"]) == ("Card", 141.0, 7)
    assert found["versions"]["PyNvVideoCodec"]
    assert found["versions"]["av"] != "absent"


def test_the_load_is_projected_from_what_the_engine_does():
    seconds = bench_gpu.VIDEOS * bench_gpu.MEAN_S
    results = {
        "video": [
            {"file": "h264-1080.mp4", "made_in_s": 1.0},
            {"file": "h264-1080.mp4", "sessions": 9, "fps": 3000.0},
            {"file": "h264-1080.mp4", "processes": 16, "fps": 4000.0},
            {"file": "h264-720.mp4", "sessions": 9, "fps": 9000.0},
        ],
        "asr": [
            {"how": "engine", "windows": 8, "problem": "no memory"},
            {"how": "engine", "windows": 16, "x_real_time": 250.0},
            {"how": "greedy", "windows": 32, "x_real_time": 900.0},
        ],
    }
    found = bench_gpu.projection(results)
    assert found["asr_h"] == pytest.approx(seconds / 250 / 3600)
    assert found["visual_h264_1080p_h"] == pytest.approx(seconds * 30 / 4000 / 3600)
    assert found["visual_by"] == {"processes": 16}
    assert found["overlapped_h"] == found["visual_h264_1080p_h"]
    assert bench_gpu.projection({}) == {}


def _is_alive(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return False
        if state == "Z":  # nobody has asked for its end yet, as in a container without an init
            return False
        time.sleep(0.1)
    return True
