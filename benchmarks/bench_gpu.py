"""What a card gives: one call, under eight minutes, no network; inputs are made on the spot.

    python -m benchmarks.bench_gpu [--json FILE] [--only copy,kernels,video,classifier,asr] [--budget-s 460]

- ``copy``: bandwidth of a copy within the card, the ceiling for everything else;
- ``kernels``: each kernel of the recorder on a batch of 1080p frames, against that ceiling;
- ``video``: bare NVDEC and the whole visual pass, by codec, size and number of sessions, and their ratio;
- ``classifier``: images a second by batch size; ``asr``: times real time by windows a batch (both with random
  weights of real architectures, which are as fast as trained ones);
- and from these the time that 118,000 recordings would take, peak device memory, and where the time goes.

Parts that cannot run say why and leave the others alone; the exit status is 1 then, and 3 without a card.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

VIDEOS, MEAN_S, FPS = 118_000, 3.7 * 60, 30
"""The published load: recordings, their mean length in seconds, and their frame rate."""

PACKAGES = ("narratrace", "numba-cuda", "cupy-cuda13x", "PyNvVideoCodec", "torch", "ctranslate2", "av")
FILES = (("h264", 1920, 1080), ("h264", 1280, 720), ("vp9", 1920, 1080), ("av1", 1920, 1080))
PARTS = ("copy", "kernels", "video", "classifier", "asr")


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


def run_copy(_: dict[str, Any]) -> dict[str, Any]:
    """The ceiling."""
    from benchmarks.gpu.kernels import copy_ceiling

    return {"gb_s": copy_ceiling()}


def run_kernels(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Kernels, as shares of the ceiling."""
    from benchmarks.gpu.kernels import kernel_rates

    ceiling = results.get("copy", {}).get("gb_s")
    rows = kernel_rates(1920, 1080)
    return [{**row, "of_ceiling": row["gb_s"] / ceiling if ceiling else None} for row in rows]


def run_video(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Decoding, and the whole visual pass."""
    from benchmarks.gpu.media import ENCODERS, make_recording
    from benchmarks.gpu.video import measure

    from narratrace.decode.nvdec import why_not_libraries, why_not_stream
    from narratrace.driver import driver_facts
    from narratrace.source import probe

    reason, card, rows = why_not_libraries(), driver_facts().gpus[0], []
    if reason:
        raise RuntimeError(reason)
    with tempfile.TemporaryDirectory() as folder:
        for codec, width, height in FILES:
            if not any(cap.codec == codec for cap in card.decodes):
                rows.append(
                    {"file": f"{codec} {width} x {height}", "skipped": f"{card.name} decodes no {codec}"}
                )
                continue
            name = f"{codec}-{height}.{ENCODERS[codec][1]}"
            path = make_recording(Path(folder) / name, codec, width, height, 20)
            reason = why_not_stream(probe(path).video, card)
            if reason:
                rows.append({"file": name, "skipped": reason})
                continue
            rows += measure(path, results["machine"]["nvdec_engines"])
    return rows


def run_classifier(_: dict[str, Any]) -> list[dict[str, Any]]:
    """Keyframes."""
    from benchmarks.gpu.models import classifier_rates

    return classifier_rates()


def run_asr(_: dict[str, Any]) -> list[dict[str, Any]]:
    """Speech."""
    from benchmarks.gpu.models import asr_rates

    return asr_rates()


RUNNERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "copy": run_copy,
    "kernels": run_kernels,
    "video": run_video,
    "classifier": run_classifier,
    "asr": run_asr,
}


def projection(results: dict[str, Any]) -> dict[str, float]:
    """Hours of one card for the published load; stations overlap, so the largest counts."""
    hours: dict[str, float] = {}
    seconds = VIDEOS * MEAN_S
    whole = [
        row["fps"]
        for row in results.get("video") or []
        if row.get("file") == "h264-1080.mp4" and "fps" in row
    ]
    if whole:
        hours["visual_h264_1080p_h"] = seconds * FPS / max(whole) / 3600
    asr = [row["x_real_time"] for row in results.get("asr") or []]
    if asr:
        hours["asr_h"] = seconds / max(asr) / 3600
    if hours:
        hours["overlapped_h"] = max(hours.values())
    return hours


class MemoryWatch:
    """Looks at the card's memory while the parts run."""

    def __init__(self) -> None:
        self.peak_gb = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        import cupy

        while not self._done.wait(0.2):
            free, total = cupy.cuda.Device(0).mem_info
            self.peak_gb = max(self.peak_gb, (total - free) / 1e9)


def show(name: str, rows: Any) -> None:
    """One part as a table."""
    print(f"\n{name}")
    for row in rows if isinstance(rows, list) else [rows]:
        print("  " + "  ".join(f"{key}={_short(value)}" for key, value in row.items()), flush=True)


def _short(value: Any) -> str:
    return (
        f"{value:,.3g}"
        if isinstance(value, float) and abs(value) < 100
        else (f"{value:,.0f}" if isinstance(value, float) else str(value))
    )


def run_parts(names: list[str], results: dict[str, Any], budget_s: float) -> dict[str, str]:
    """Runs the parts into ``results``; what went wrong, by part."""
    begun, problems = time.perf_counter(), {}
    for name in names:
        if time.perf_counter() - begun > budget_s:
            problems[name] = f"left out: {budget_s:g} s were over"
            continue
        try:
            results[name] = RUNNERS[name](results)
            show(name, results[name])
        except Exception as error:
            problems[name] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
    return problems


def main() -> int:
    """Exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    parser.add_argument(
        "--budget-s", type=float, default=460.0, help="no part begins after that many seconds"
    )
    arguments = parser.parse_args()
    from narratrace.device import why_not_cuda

    reason = why_not_cuda(0)
    if reason:
        print(f"no card to measure: {reason}", file=sys.stderr)
        return 3
    results: dict[str, Any] = {"machine": machine()}
    show("machine", results["machine"])
    with MemoryWatch() as watch:
        results["problems"] = run_parts(arguments.only.split(","), results, arguments.budget_s)
    results["peak_device_memory_gb"] = watch.peak_gb
    results["projection"] = projection(results)
    show("118,000 recordings", results["projection"])
    for name, problem in results["problems"].items():
        print(f"{name}: {problem}", file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 1 if results["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
