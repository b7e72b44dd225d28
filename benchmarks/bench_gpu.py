"""What a card gives: one call, under eight minutes, no network; inputs are made on the spot.

    python -m benchmarks.bench_gpu [--json FILE] [--only copy,kernels,video,classifier,asr] [--budget-s 420]

- ``copy``: bandwidth of a copy within the card, the ceiling for everything else;
- ``kernels``: each kernel of the recorder on 1080p frames, against that ceiling, see Note [Timing kernels];
- ``video``: bare NVDEC and the whole visual pass, by codec, size and number of sessions or processes;
- ``classifier``: images a second by batch size;
- ``asr``: times real time by windows a batch, of the engine's decoder and of a greedy search alone (both
  models have random weights in real architectures, as fast as trained ones);
- and from these the time that 118,000 recordings would take, peak device memory, and where the time goes.

Each part has a process and a share of the time of its own. After every row the figures are written anew, so
that nothing is lost with a part that hangs or crashes, or with this process. What cannot run says why and
leaves the rest alone; the exit status is 1 then, and 3 without a card.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.gpu.speech import ENGINE
from benchmarks.gpu.supervise import Part, run_parts

from narratrace.write.files import write_atomic

VIDEOS, MEAN_S, FPS = 118_000, 3.7 * 60, 30
"""The published load: recordings, their mean length in seconds, and their frame rate."""

BUDGET_S = 420.0
"""A minute less than eight minutes, for a start of Python and for processes that are slow to end."""

PACKAGES = (
    "narratrace", "numba-cuda", "cupy-cuda13x", "PyNvVideoCodec", "torch", "ctranslate2",
    "nvidia-cublas-cu12", "av",
)  # fmt: skip
PARTS = {
    "copy": Part("benchmarks.gpu.kernels:copy_steps", 30),
    "kernels": Part("benchmarks.gpu.kernels:kernel_steps", 45),
    "video": Part("benchmarks.gpu.video:video_steps", 180),
    "classifier": Part("benchmarks.gpu.models:classifier_steps", 45),
    "asr": Part("benchmarks.gpu.speech:asr_steps", 120),
}


def machine() -> dict[str, Any]:
    """The card, the driver and the libraries."""
    from narratrace.driver import driver_facts

    facts = driver_facts()
    card = facts.gpus[0]
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "card": card.name,
        "compute": card.compute,
        "memory_gb": card.memory_bytes / 1e9,
        "nvdec_engines": card.nvdec_engines,
        "cuda": facts.cuda,
        "cores": len(os.sched_getaffinity(0)),
        "versions": versions,
    }


def projection(results: dict[str, Any]) -> dict[str, Any]:
    """Hours of one card for the published load; stations overlap, so the largest counts.

    Speech counts as the engine's own decoder reads it, all of it and none from captions.
    """
    found: dict[str, Any] = {}
    seconds = VIDEOS * MEAN_S
    whole = [row for row in results.get("video", []) if row["file"] == "h264-1080.mp4" and "fps" in row]
    if whole:
        best = max(whole, key=lambda row: row["fps"])
        found["visual_h264_1080p_h"] = seconds * FPS / best["fps"] / 3600
        found["visual_by"] = {key: best[key] for key in ("sessions", "processes") if key in best}
    asr = [row for row in results.get("asr", []) if row["how"] == ENGINE and "x_real_time" in row]
    if asr:
        best = max(asr, key=lambda row: row["x_real_time"])
        found["asr_h"] = seconds / best["x_real_time"] / 3600
        found["asr_windows"] = best["windows"]
    hours = [found[name] for name in ("visual_h264_1080p_h", "asr_h") if name in found]
    return {**found, "overlapped_h": max(hours)} if hours else {}


class Results:
    """The figures, on the terminal as they come, and in a file that is always whole.

    Args:
        values: What is filled in.
        path: The file, None for none.
    """

    def __init__(self, values: dict[str, Any], path: Path | None) -> None:
        self._values = values
        self._path = path
        self._shown: dict[str, int] = {}

    def changed(self, name: str) -> None:
        """Part ``name`` has a new row, or has ended."""
        self._values["projection"] = projection(self._values)
        if self._path is not None:
            write_atomic(self._path, json.dumps(self._values, indent=1).encode() + b"\n")
        rows = self._values[name]
        for row in rows[self._shown.get(name, 0) :]:  # what is shown is safe
            show(name, row)
        self._shown[name] = len(rows)


def show(name: str, row: dict[str, Any]) -> None:
    """One row."""
    print(f"{name:<11}" + "  ".join(f"{key}={_short(value)}" for key, value in row.items()), flush=True)


def _short(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


def measure(parts: dict[str, Part], values: dict[str, Any], path: Path | None, budget_s: float) -> int:
    """Runs the parts; the exit status."""
    run_parts(parts, values, budget_s, Results(values, path).changed)
    show("load", values["projection"])
    for name, problem in values["problems"].items():
        print(f"{name}: {problem}", file=sys.stderr)
    return 1 if values["problems"] else 0


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures there after every row")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument("--budget-s", type=float, default=BUDGET_S, help="seconds for all parts together")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    unknown = set(names) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    from narratrace.device import why_not_cuda

    reason = why_not_cuda(0)
    if reason:
        print(f"no card to measure: {reason}", file=sys.stderr)
        return 3
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the part in hand is ended, too
    values: dict[str, Any] = {"machine": machine()}
    show("machine", values["machine"])
    return measure({name: PARTS[name] for name in names}, values, arguments.json, arguments.budget_s)


if __name__ == "__main__":
    sys.exit(main())
