"""One child process, measured: wall time, processor time and peak memory as the kernel counts them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("narratrace", "av", "numpy", "scenedetect", "opencv-python-headless", "opencv-python")


@dataclass(frozen=True)
class Run:
    """One run of one method.

    Attributes:
        wall: Seconds from the start of the process to its end.
        cpu: Seconds of processor time, user and system, of all its threads.
        rss: Peak resident memory in MB (1e6 bytes).
        inside: Seconds that the work took within the process, without its start and imports; None for
            programs that do not tell.
    """

    wall: float
    cpu: float
    rss: float
    inside: float | None = None


def run(
    command: Sequence[str | Path], env: dict[str, str] | None = None, document: Path | None = None
) -> Run:
    """Run a command to its end.

    Args:
        command: Program and arguments.
        env: Variables in addition to ours.
        document: JSON file it writes; the sum of its ``timings`` is the time inside.

    Raises:
        RuntimeError: it failed; the message holds the end of what it said.
    """
    begun = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise RuntimeError(
            f"{command[0]} ended with {process.returncode}: {said.decode(errors='replace')[-600:]}"
        )
    unit = 1 if sys.platform == "darwin" else 1024
    inside = sum(json.loads(document.read_bytes())["timings"].values()) if document else None
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6, inside)


def medians(runs: Sequence[Run], bare: Sequence[Run]) -> dict[str, float]:
    """Medians over rounds, and medians of the ratios to the bare decode of the same round."""
    row = {
        "wall_s": median(r.wall for r in runs),
        "cpu_s": median(r.cpu for r in runs),
        "rss_mb": max(r.rss for r in runs),
        "wall_ratio": median(r.wall / b.wall for r, b in zip(runs, bare, strict=True)),
        "cpu_ratio": median(r.cpu / b.cpu for r, b in zip(runs, bare, strict=True)),
    }
    inside = [r.inside for r in runs if r.inside is not None]
    if len(inside) == len(runs):
        row["inside_s"] = median(inside)
        row["inside_ratio"] = median(i / b.wall for i, b in zip(inside, bare, strict=True))
    return {name: round(value, 3) for name, value in row.items()}


def machine() -> dict[str, Any]:
    """What the figures depend on: processor, load, versions, date."""
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "niceness": os.nice(0),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "ffmpeg": _ffmpeg(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _ffmpeg() -> str:
    said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    return said.split(" ")[2]
