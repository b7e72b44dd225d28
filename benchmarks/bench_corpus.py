"""What the runner costs, what workers gain, and what a corpus run survives.

    python -m benchmarks.bench_corpus overhead scaling ledger crash leak scale [--json FILE]

- ``overhead``: one run over recordings against the same stages in a plain loop, and against one command each;
- ``scaling``: two workers against one;
- ``ledger``: 118,000 rows: beginning, status, going on, memory of the driver;
- ``crash``: 300 short recordings, a tenth damaged; the run and its workers are killed at 20 random instants,
  and the output is compared with an undisturbed run's;
- ``leak``: memory of one worker over 500 recordings;
- ``scale``: the published load in simulation, on 1 to 64 cards.

All media are made on the spot. Figures are medians where a measurement is repeated (``--repeat``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.extras import lacking

from narratrace.corpus.jobs import make_job, with_threads
from narratrace.corpus.messages import Task
from narratrace.corpus.options import RunOptions
from narratrace.corpus.rates import KINDS
from narratrace.corpus.simulate import lecture_durations, simulate
from narratrace.corpus.workshop import Workshop
from narratrace.data.outcome import Kept
from narratrace.recipe import EngineOptions, build_stages
from narratrace.source import resolve
from narratrace.threads import usable_cores
from narratrace.understand.transcriber import TranscribeOptions
from narratrace.write.bundle import write_bundle
from narratrace.write.options import BundleOptions, ShardOptions
from narratrace.write.shards import Assembler

try:
    import psutil
    import simpy  # noqa: F401  # what the simulation imports, an hour later
    from tests.corpus.media import damage, make_lecture
    from tests.corpus.runs import outputs
    from tests.write.builders import make_recording
except ImportError as error:
    raise lacking(error) from None

ROOT = Path(__file__).parents[1]
ENGINE = EngineOptions(device="cpu", transcribe=TranscribeOptions(asr="captions"))
SETTINGS = ("--asr", "captions", "--device", "cpu")
ONE_THREAD = ("--set", "decode.threads=1")
FULL_LOAD = 118_000
SHARDS = 2_900
"""Of all kinds: 40 pairs a recording, 2,000 in a shard, and fewer traces and clips."""

KILLS = 20

Figures = dict[str, Any]


def command(inputs: Sequence[Path], out: Path, *more: str) -> list[str]:
    """The command line of a run."""
    return [
        *(sys.executable, "-m", "narratrace", "process", *map(str, inputs), "-o", str(out)),
        *SETTINGS,
        *more,
    ]


def timed(work: Callable[[], object]) -> float:
    """Seconds it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def call(arguments: Sequence[str], expected: int = 0) -> None:
    """Run a command to its end."""
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != expected:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr[-2000:]}")


def make_inputs(folder: Path, count: int, seconds: float) -> list[Path]:
    """Recordings that differ, with captions."""
    folder.mkdir(parents=True)
    return [make_lecture(folder, f"v{n:04d}", seconds, seed=n) for n in range(count)]


def overhead(folder: Path, repeat: int) -> Figures:
    """The runner against a plain loop over the same stages, and against one command a recording."""
    inputs = make_inputs(folder / "in", 24, 9.0)
    loops, runs = [], []
    for number in range(repeat):
        loops.append(timed(lambda n=number: plain_loop(inputs, folder / f"loop-{n}")))  # type: ignore[misc]
        run = command(
            [folder / "in"], folder / f"run-{number}", "--workers", "1", "--set", "decode.threads=1"
        )
        runs.append(timed(lambda run=run: call(run)))  # type: ignore[misc]
    nothing = statistics.median(timed(lambda: call(run)) for _ in range(repeat))
    start = statistics.median(timed(lambda: call(start_only(folder))) for _ in range(repeat))
    singles = sum(
        timed(lambda p=path: call(command([p], folder / "single" / p.stem, "--set", "decode.threads=1")))  # type: ignore[misc]
        for path in inputs
    )
    loop, run_s = statistics.median(loops), statistics.median(runs)
    return {
        "recordings": len(inputs),
        "plain_loop_s": loop,
        "run_s": run_s,
        "command_on_a_complete_run_s": nothing,
        "start_and_load_s": start,
        "single_commands_s": singles,
        "over_loop_without_start": (run_s - start) / loop - 1,
        "over_single_commands": run_s / singles - 1,
    }


def plain_loop(inputs: Sequence[Path], out: Path) -> None:
    """What the runner has to be measured against: the stages, one recording after another."""
    out.mkdir()
    job = make_job(with_threads(ENGINE, 1), RunOptions(), build_stages, out, out)
    with Workshop(job) as workshop:
        for sequence, video in enumerate(resolve(inputs)):
            task = Task(
                sequence=sequence, attempt=1, video=video, path=video.uri, captions=video.captions_uri
            )
            if not isinstance(workshop.carry_out(task), Kept):
                raise RuntimeError(f"{video.video_id} failed")


def start_only(folder: Path) -> list[str]:
    """A program that does what comes before the first recording: imports, and a worker with its imports."""
    code = (
        "import sys, tempfile; from pathlib import Path\n"
        "from narratrace.corpus.local import LocalExecutor\n"
        "from benchmarks.bench_corpus import ENGINE, make_job, build_stages, RunOptions\n"
        "folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))\n"
        "job = make_job(ENGINE, RunOptions(), build_stages, folder, folder)\n"
        "executor = LocalExecutor(job, [{}], 1, folder); executor.start()\n"
        "while not executor.free: executor.poll(1.0)\n"
        "executor.close()\n"
    )
    return [sys.executable, "-c", code, str(folder)]


def scaling(folder: Path, repeat: int) -> Figures:
    """Two workers of one thread each against one, on recordings of the published mean length."""
    make_inputs(folder / "in", 20, 222.0)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for number in range(repeat):
        for workers, found in seconds.items():
            out = folder / f"out-{workers}-{number}"
            run = command([folder / "in"], out, "--workers", str(workers), *ONE_THREAD)
            found.append(timed(partial(call, run)))
    one, two = (statistics.median(seconds[workers]) for workers in (1, 2))
    gains = [a / b for a, b in zip(seconds[1], seconds[2], strict=True)]
    return {
        "one_worker_s": one,
        "two_workers_s": two,
        "gain": statistics.median(gains),
        "cores": usable_cores(),
    }


def ledger(folder: Path, repeat: int) -> Figures:
    """A manifest of full size: beginning a run, its status, and going on with it."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest, out = folder / "corpus.jsonl", folder / "out"
    with manifest.open("w") as file:
        for n in range(FULL_LOAD):
            row = {"video_id": f"video-{n:06d}", "uri": f"https://127.0.0.1:9/media/{n:06d}.mp4"}
            more = {"title": f"Lecture {n} on a subject", "channel": f"channel {n % 999}", "duration": 222.0}
            file.write(json.dumps({**row, **more, "link": f"https://videos.example/{n}"}) + "\n")
    # The first session ends before anything is fetched: what is measured is the bookkeeping.
    halt = [sys.executable, "-m", "benchmarks.bench_corpus", "--session", str(manifest), str(out)]
    begin = json.loads(subprocess.run(halt, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    pretend_done(out)
    again = [
        json.loads(subprocess.run(halt, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        for _ in range(repeat + 1)
    ]
    show = [sys.executable, "-m", "narratrace", "corpus", "status", str(out)]
    return {
        "rows": FULL_LOAD,
        "shards": SHARDS,
        "begin_s": begin["seconds"],
        "begin_memory_mb": begin["memory_mb"],
        "first_restart_s": again[0]["seconds"],
        "restart_s": statistics.median(run["seconds"] for run in again[1:]),
        "restart_memory_mb": statistics.median(run["memory_mb"] for run in again),
        "status_command_s": statistics.median(timed(partial(call, show)) for _ in range(repeat)),
        "ledger_mb": (out / "ledger.sqlite").stat().st_size / 1e6,
    }


def pretend_done(out: Path) -> None:
    """Mark the first half of a ledger as finished, and write as many shards as a corpus of this size has."""
    import sqlite3

    with sqlite3.connect(out / "ledger.sqlite") as database:
        database.execute(
            "UPDATE videos SET state = 'dropped', attempt = 1, reason = 'pretended: by the benchmark', "
            "began = 1, ended = 2, seconds = 1 WHERE sequence < ?",
            (FULL_LOAD // 2,),
        )
    with tempfile.TemporaryDirectory() as folder, Assembler(out, ShardOptions(max_samples=1)) as assembler:
        for sequence in range(SHARDS):
            bundle = write_bundle(make_recording(sequence, (1, 0, 0)), Path(folder), BundleOptions())
            assembler.submit(sequence, bundle)
            bundle.unlink()
        assembler.finish()


def session(manifest: Path, out: Path) -> Figures:
    """Begin or go on with a run until its workers are asked for work; time and peak memory of the driver."""
    from narratrace.corpus import Run

    began = time.perf_counter()
    run = Run([manifest], out, engine=ENGINE, options=RunOptions(workers=1))
    events = run.events()
    next(events)  # the first event comes once the loop turns
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    events.close()
    return {"seconds": seconds, "memory_mb": peak}


def crash(folder: Path, _repeat: int) -> Figures:
    """Kill -9 at random instants against an undisturbed run."""
    inputs = make_inputs(folder / "in", 300, 4.0)
    for number in range(0, 300, 10):
        damage(inputs[number], number // 10)
    more = ("--workers", "2", "--set", "shards.max_samples=50", "--set", "run.retry.backoff_s=0.01")
    more = (*more, "--set", "run.retry.attempts=9")
    undisturbed_s = timed(partial(call, command([folder / "in"], folder / "undisturbed", *more), expected=1))
    rng = random.Random(0)
    out, kills = folder / "killed", 0
    began = time.perf_counter()
    while True:
        process = subprocess.Popen(command([folder / "in"], out, *more), cwd=ROOT, stderr=subprocess.DEVNULL)
        while kills < KILLS and process.poll() is None:
            time.sleep(rng.uniform(0.3, max(0.6, 1.5 * undisturbed_s / KILLS)))
            kills += kill_something(process, rng)
        if process.wait() != -signal.SIGKILL:
            break
    letters = [json.loads(line) for line in (out / "dead_letter.jsonl").read_text().splitlines()]
    verified = subprocess.run(
        [sys.executable, "-m", "narratrace", "corpus", "verify", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return {
        "recordings": 300,
        "kills": kills,
        "undisturbed_s": undisturbed_s,
        "killed_s": time.perf_counter() - began,
        "identical": outputs(out) == outputs(folder / "undisturbed"),
        "files": len(outputs(out)),
        "dead_letters": len(letters),
        "dead_letters_right": sorted(d["video_id"] for d in letters)
        == sorted(path.stem for path in inputs[::10]),
        "verify": verified.stdout.strip(),
    }


def kill_something(process: subprocess.Popen[bytes], rng: random.Random) -> int:
    """Kill the driver or one of its workers; 1 when there was anything to kill."""
    if process.poll() is not None:
        return 0
    with contextlib.suppress(psutil.NoSuchProcess):
        workers = psutil.Process(process.pid).children()
        if workers and rng.random() < 0.5:
            os.kill(rng.choice(workers).pid, signal.SIGKILL)
        else:
            process.kill()
            process.wait()
        return 1
    return 0


def leak(folder: Path, _repeat: int) -> Figures:
    """Resident memory of a worker over many recordings."""
    inputs = make_inputs(folder / "seeds", 10, 6.0)
    (folder / "in").mkdir()
    for number in range(500):
        source = inputs[number % 10]
        shutil.copy(source, folder / "in" / f"v{number:04d}.mp4")
        shutil.copy(source.with_suffix(".vtt"), folder / "in" / f"v{number:04d}.vtt")
    from narratrace.corpus import Run, VideoFinished

    memory: list[float] = []
    run = Run([folder / "in"], folder / "out", engine=ENGINE, options=RunOptions(workers=1))
    for event in run.events():
        snapshot = run.snapshot()
        if isinstance(event, VideoFinished) and snapshot:
            memory.append(max(worker.memory for worker in snapshot.workers.values()) / 1e6)
    half = memory[100:300], memory[300:]
    return {
        "recordings": len(memory),
        "after_50_mb": memory[49],
        "median_100_to_300_mb": statistics.median(half[0]),
        "median_300_to_500_mb": statistics.median(half[1]),
        "peak_mb": max(memory),
    }


def scale(_folder: Path, _repeat: int) -> Figures:
    """The published load in simulation: cards, order, window, workers a card, splitting long recordings."""
    durations, h200 = lecture_durations(FULL_LOAD), KINDS["h200"]
    cases: dict[str, dict[str, Any]] = {
        f"{cards} cards": {"count": cards} for cards in (1, 2, 4, 8, 16, 32, 64)
    }
    cases |= {f"64 cards, order {order}": {"count": 64, "order": order} for order in ("input", "longest")}
    cases |= {f"16 cards, window {n}": {"count": 16, "window": n} for n in (8, 32, 64, 128)}
    cases |= {f"8 cards, {n} workers each": {"count": 8, "workers": n} for n in (7, 14, 21, 28)}
    cases |= {"64 cards, split at 30 min": {"count": 64, "split_s": 1_800.0}}
    figures: Figures = {"recordings": FULL_LOAD, "hours_of_video": sum(durations) / 3600}
    for name, case in cases.items():
        found = simulate(durations, h200, **case)
        figures[name] = {
            "hours": round(found.hours, 3),
            "tail_min": round(60 * found.tail_hours, 1),
            "used": {unit: round(share, 3) for unit, share in sorted(found.used.items())},
            "waiting_bundles": found.waiting,
        }
        print(name, figures[name], file=sys.stderr, flush=True)
    return figures


BENCHMARKS = {f.__name__: f for f in (overhead, scaling, ledger, crash, leak, scale)}


def main() -> None:
    """Run the benchmarks named and show their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("which", nargs="*", choices=[*BENCHMARKS, []], help="all by default")
    parser.add_argument("--repeat", type=int, default=3, help="times a measurement is repeated")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--session", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.session:
        print(json.dumps(session(*args.session)))
        return
    machine = {"machine": platform.machine(), "cores": usable_cores(), "python": platform.python_version()}
    figures: Figures = {**machine, "date": time.strftime("%Y-%m-%d"), "load": os.getloadavg()[0]}
    for name in args.which or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            figures[name] = BENCHMARKS[name](Path(folder) / "work", args.repeat)
        print(name)
        for key, value in figures[name].items():
            print(
                f"  {key:<32}{value:.3f}" if isinstance(value, float) else f"  {key:<32}{value}", flush=True
            )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
