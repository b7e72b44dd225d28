"""Assembles bundles in child processes that are killed, and continues until the run is complete.

    python -m tests.write.crash_child BUNDLES OUT MAX_SAMPLES points FIRST STEP
    python -m tests.write.crash_child BUNDLES OUT MAX_SAMPLES times SEED COUNT

``points``: one run after the other, each killed (SIGKILL) at one more of the instants at which the assembler
touches the file system; run k dies at instant FIRST + k * STEP, then goes on, dies again as far along, and so
forth. Ends when a run meets no further instant. ``times``: COUNT runs, killed after random delays until done.
Each run has its own folder OUT/NNN. All children are forked from this process, which has everything imported.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet  # noqa: F401  (so that the children need not)

from narratrace.write.options import ShardOptions
from narratrace.write.shards import Assembler

DROPPED = "dropped"


def assemble(out: Path, bundles: list[Path | None], options: ShardOptions) -> None:
    with Assembler(out, options) as assembler:
        for sequence in range(assembler.next_sequence, len(bundles)):
            assembler.submit(sequence, bundles[sequence])
        assembler.finish()


def die_at(instant: int) -> None:
    """Make this process kill itself right before, or right after, its ``instant``-th file system call."""
    passed = 0

    def counted(call):  # type: ignore[no-untyped-def]
        def wrapper(*args, **kwargs):  # type: ignore[no-untyped-def]
            nonlocal passed
            for moment in ("before", "after"):
                passed += 1
                if passed > instant:
                    os.kill(os.getpid(), signal.SIGKILL)
                if moment == "before":
                    result = call(*args, **kwargs)
            return result

        return wrapper

    os.fsync = counted(os.fsync)
    for name in ("replace", "unlink", "mkdir", "open"):
        setattr(Path, name, counted(getattr(Path, name)))


def run_child(out: Path, bundles: list[Path | None], options: ShardOptions, instant: int | None) -> int:
    child = os.fork()
    if child == 0:
        if instant is not None:
            die_at(instant)
        assemble(out, bundles, options)
        os._exit(0)
    return child


def outcome(child: int) -> bool:
    """Whether the child came to its end; anything but our kill is a failure of the test."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return False
    if os.waitstatus_to_exitcode(status):
        raise SystemExit("a child failed")
    return True


def kill_at_points(
    out: Path, bundles: list[Path | None], options: ShardOptions, first: int, step: int
) -> None:
    instant, runs = first, 0
    while True:
        target = out / f"{runs:03d}"
        if outcome(run_child(target, bundles, options, instant)):
            return
        while not outcome(run_child(target, bundles, options, instant)):
            instant += step  # a run that always dies at the same call would never end
        instant, runs = first + (runs + 1) * step, runs + 1


def kill_at_times(
    out: Path, bundles: list[Path | None], options: ShardOptions, seed: int, count: int
) -> None:
    rng = random.Random(seed)
    begun = time.monotonic()
    outcome(run_child(out / "whole", bundles, options, None))
    # How long a run takes depends on what pyarrow finds to import in a child: measured, not assumed.
    length = time.monotonic() - begun
    for run in range(count):
        while True:
            child = run_child(out / f"{run:03d}", bundles, options, None)
            time.sleep(rng.uniform(0.0, 1.3 * length))
            os.kill(child, signal.SIGKILL)  # may come too late, which is a run undisturbed
            if outcome(child):
                break


def main() -> None:
    folder, out, max_samples, mode, a, b = sys.argv[1:]
    with contextlib.suppress(ImportError):  # pyarrow looks for it: once here rather than in every child
        importlib.import_module("pandas")
    bundles = [None if p.suffix == f".{DROPPED}" else p for p in sorted(Path(folder).iterdir())]
    options = ShardOptions(max_samples=int(max_samples))
    {"points": kill_at_points, "times": kill_at_times}[mode](Path(out), bundles, options, int(a), int(b))


if __name__ == "__main__":
    main()
