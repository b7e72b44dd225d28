"""kill -9 of the run and of its workers at random instants: the output is as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from narratrace.corpus import Run
from narratrace.corpus.ledger_rows import State
from narratrace.write.shard_file import list_finished_shards, verify_shard
from tests.corpus.media import damage, make_lecture
from tests.corpus.runs import dead_letters, ledger_rows, outputs

ROOT = Path(__file__).parents[2]
VIDEOS, DAMAGED = 24, (5, 13)
SETTINGS = (
    *("--asr", "captions", "--device", "cpu", "--workers", "2", "--set", "shards.max_samples=4"),
    *("--set", "run.retry.backoff_s=0.01", "--set", "run.retry.attempts=9"),
)


def command(inputs: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "narratrace", "process", str(inputs), "-o", str(out), *SETTINGS]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    seeds = [make_lecture(folder, f"seed{n}", 4.0 + n, seed=n) for n in range(3)]
    for number in range(VIDEOS):
        path = folder / f"v{number:03d}.mp4"
        shutil.copy(seeds[number % 3], path)
        shutil.copy(seeds[number % 3].with_suffix(".vtt"), path.with_suffix(".vtt"))
        if number in DAMAGED:
            damage(path, number)
    for seed in seeds:
        seed.unlink()
        seed.with_suffix(".vtt").unlink()
    return folder


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("undisturbed")
    assert subprocess.run(command(inputs, out), cwd=ROOT, check=False, timeout=120).returncode == 1
    return outputs(out)


def check(out: Path, undisturbed: dict[str, str]) -> None:
    """Nothing lost, nothing twice, nothing else."""
    assert outputs(out) == undisturbed
    for record in list_finished_shards(out):
        verify_shard(out, record)
    rows = ledger_rows(out)
    assert [row["state"] for row in rows.values()].count("done") == VIDEOS - len(DAMAGED)
    assert sorted(letter["video_id"] for letter in dead_letters(out)) == [f"v{n:03d}" for n in DAMAGED]
    assert not (out / ".scratch").exists()


def test_killed_at_random_instants(inputs: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    out, rng = tmp_path / "out", random.Random(7)
    kills = 0
    while True:
        process = subprocess.Popen(command(inputs, out), cwd=ROOT, stderr=subprocess.PIPE)
        try:
            process.wait(timeout=rng.uniform(0.5, 2.0) if kills < 6 else 120)
            break
        except subprocess.TimeoutExpired:
            workers = psutil.Process(process.pid).children()
            process.kill()
            process.wait()
            kills += 1
            _, alive = psutil.wait_procs(workers, timeout=10)
            assert not alive, "workers end with their driver"
    assert process.returncode == 1, "the damaged recordings failed"
    assert kills >= 3, "a fast machine may be done before the sixth"
    check(out, undisturbed)


def test_workers_killed_at_random_instants(inputs: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    out, rng = tmp_path / "out", random.Random(3)
    process = subprocess.Popen(command(inputs, out), cwd=ROOT, stderr=subprocess.PIPE)
    kills = 0
    while process.poll() is None and kills < 8:
        time.sleep(rng.uniform(0.02, 0.3))
        if (out / ".scratch" / "bundles").exists() and count_running(out):
            kill_one(psutil.Process(process.pid), rng)
            kills += 1
    assert kills >= 3
    assert process.wait() == 1
    check(out, undisturbed)
    assert sum(row["attempt"] for row in ledger_rows(out).values()) > VIDEOS


def count_running(out: Path) -> int:
    return [row["state"] for row in ledger_rows(out).values()].count("running")


def kill_one(driver: psutil.Process, rng: random.Random) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        rng.choice(driver.children()).send_signal(signal.SIGKILL)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_signals_end_a_run_in_good_order(inputs: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*command(inputs, out), "--log-format", "json"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(json.loads(line))
        if lines[-1].get("video_id") and len(lines) > 3:
            process.send_signal(getattr(signal, name))
            break
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130, rest
    assert "not complete" in rest
    assert json.loads((out / "run.json").read_text())["state"] == "stopped"
    states = {row["state"] for row in ledger_rows(out).values()}
    assert "running" not in states
    assert "pending" in states


def test_finished_work_of_a_killed_run_is_taken_over(inputs: Path, tmp_path: Path) -> None:
    """A bundle that reached scratch in the driver's last instant is not computed again."""
    out = tmp_path / "out"
    process = subprocess.Popen(command(inputs, out), cwd=ROOT, stderr=subprocess.PIPE)
    bundles = out / ".scratch" / "bundles"
    while len(list(bundles.glob("*.bundle.tar")) if bundles.exists() else ()) < 3:
        time.sleep(0.01)
    process.kill()
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in bundles.glob("*.bundle.tar")}
    run = Run((), out)
    events = run.events()
    next(events)
    after = {path.name: path.stat().st_mtime_ns for path in bundles.glob("*.bundle.tar")}
    events.close()
    assert all(after.get(name, when) == when for name, when in before.items())
    rows = ledger_rows(out)
    assert all(
        rows[name.split("-", 1)[1].removesuffix(".bundle.tar")]["state"] == State.DONE for name in before
    )
