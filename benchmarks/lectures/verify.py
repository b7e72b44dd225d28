"""Checks recordings against their own pixels, and makes contact sheets for people.

    python -m benchmarks.lectures.verify FOLDER [--only NAME] [--sheets DIR]

For each video of the folder: as many frames as the truth has rows, at the same times; spans that lie in
order and hold still outside moving regions; visible change at every shot boundary; and, at instants
at which a visible pointer moved, a difference to the frame before it around the true hot spot.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from .sheets import crops, decode, sheet

Luma = NDArray[np.int16]
REACH = 48
"""Half the size of the window around the hot spot that is looked at, px of a 720 px high video."""


@dataclass
class Report:
    """What was found for one video."""

    name: str
    faults: list[str] = field(default_factory=list)
    tested: int = 0
    agreed: int = 0

    def line(self) -> str:
        """One line for people."""
        share = (
            f"{self.agreed}/{self.tested} pointer moves seen" if self.tested else "no pointer moves tested"
        )
        return f"{self.name}: {share}; {'; '.join(self.faults) or 'ok'}"


def _grey(frame: av.VideoFrame) -> Luma:
    return frame.to_ndarray(format="gray").astype(np.int16)


def _mask(truth: dict[str, Any], t: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels outside moving regions at time t."""
    keep = np.ones(shape, bool)
    for r in truth["moving_regions"]:
        if r["start"] - 0.1 <= t <= r["end"] + 0.1:
            keep[max(int(r["y0"]) - 6, 0) : int(r["y1"]) + 6, max(int(r["x0"]) - 6, 0) : int(r["x1"]) + 6] = (
                False
            )
    return keep


def _window(row: list[float], shape: tuple[int, ...], reach: float) -> tuple[slice, slice]:
    x, y = int(row[1]), int(row[2])
    r = int(reach)
    return slice(max(y - r, 0), min(y + r, shape[0])), slice(max(x - r, 0), min(x + r, shape[1]))


def check(path: Path, truth: dict[str, Any]) -> Report:
    """Runs all checks on one video."""
    report, rows = Report(path.name), truth["cursor"]
    spans, scale = truth["stable_spans"], truth["height"] / 720
    old: Luma | None = None
    count = 0
    rng = np.random.default_rng(0)
    for k, (t, frame) in enumerate(decode(path)):
        count += 1
        if k >= len(rows) or abs(t - rows[k][0]) > 0.0015:
            report.faults.append(f"frame {k}: time {t:.4f} is not in the truth")
            break
        inside = any(s["start"] + 0.2 < t < s["end"] for s in spans)
        moved = (
            k > 0
            and rows[k][3]
            and rows[k - 1][3]
            and np.hypot(rows[k][1] - rows[k - 1][1], rows[k][2] - rows[k - 1][2]) > 6 * scale
        )
        now = _grey(frame) if moved or (k + 1 < len(rows)) else None
        if moved and inside and old is not None and now is not None and rng.random() < 0.3:
            _pointer(report, truth, rows[k - 1 : k + 1], t, abs(now - old), scale)
        old = now
    if count != len(rows) and not report.faults:
        report.faults.append(f"{count} frames, truth has {len(rows)}")
    _order(report, truth)
    _stillness(report, path, truth)
    return report


def _pointer(
    report: Report, truth: dict[str, Any], rows: list[list[float]], t: float, change: Luma, scale: float
) -> None:
    """Whether what changed outside moving regions is around the hot spot or where it was one frame before."""
    keep = _mask(truth, t, change.shape)
    old, row = rows
    if not keep[int(min(row[2], change.shape[0] - 1)), int(min(row[1], change.shape[1] - 1))]:
        return
    here = change[_window(row, change.shape, REACH * scale)].max()
    for place in (old, row):
        keep[_window(place, change.shape, 2.5 * REACH * scale)] = False
    elsewhere = float((change[keep] > 24).mean()) if keep.any() else 0.0
    report.tested += 1
    report.agreed += bool(here >= 12 and elsewhere < 0.001)


def _order(report: Report, truth: dict[str, Any]) -> None:
    """Shots and spans follow on each other within the video."""
    for name in ("shots", "stable_spans"):
        last = -1.0
        for item in truth[name]:
            if item["start"] < last or item["end"] < item["start"]:
                report.faults.append(f"{name}: disorder at {item['start']}")
            last = item["end"]
    for shot in truth["shots"]:
        for span in truth["stable_spans"]:
            if span["start"] < shot["end"] < span["end"] - 1e-6:
                report.faults.append(f"stable span {span['start']} runs over the shot's end {shot['end']}")


def _pairs(truth: dict[str, Any], times: NDArray[np.float64]) -> list[tuple[str, int, int]]:
    """Pairs of frames to compare: begin and end of a span ("still"), both sides of a boundary ("cut")."""

    def index(t: float) -> int:
        return min(int(np.searchsorted(times, t)), len(times) - 1)

    # The start of a span may still be blurred by the encoder: look a little later.
    still = [("still", index(s["start"] + 1.0), index(s["end"] - 0.01)) for s in truth["stable_spans"]]
    cuts = truth["shots"][:-1]
    return still + [("cut", index(s["end"] - 1e-6), index(s["transition_end"] - 1e-6)) for s in cuts]


def _stillness(report: Report, path: Path, truth: dict[str, Any]) -> None:
    """Within each span two frames differ only at pointer and moving regions; over a boundary they differ."""
    rows = truth["cursor"]
    times = np.array([r[0] for r in rows])
    pairs = _pairs(truth, times)
    wanted = {k for _, a, b in pairs for k in (a, b)}
    frames = {k: _grey(frame) for k, (_, frame) in enumerate(decode(path)) if k in wanted}
    for kind, a, b in pairs:
        keep = _mask(truth, times[a], frames[a].shape)
        for row in (rows[a], rows[b]):
            if row[3]:
                keep[_window(row, keep.shape, 2 * REACH * truth["height"] / 720)] = False
        change = abs(frames[a] - frames[b])[keep]
        share = float((change > 24).mean()) if keep.any() else 0.0
        # Codecs sharpen a picture over seconds and may leave blocks: only strong change is the content's.
        if kind == "still" and float((change > 64).mean()) > 0.002:
            report.faults.append(f"{share:.2%} of a stable span changes, {times[a]:.2f} to {times[b]:.2f}")
        if kind == "cut" and share < 0.0005:
            report.faults.append(f"hardly any change over the boundary at {times[a]:.2f}")


def main() -> int:
    """Entry point; returns 1 where a check failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lectures.verify", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--sheets", type=Path, help="write contact sheets there")
    args = parser.parse_args()
    bad = 0
    for path in sorted(args.folder.glob("*.truth.json")):
        truth = json.loads(path.read_text())
        name = path.name.removesuffix(".truth.json")
        if args.only and name not in args.only:
            continue
        video = args.folder / truth["video"]
        report = check(video, truth)
        if report.tested and report.agreed < 0.9 * report.tested:
            report.faults.append("the pointer is often not where the truth has it")
        bad += bool(report.faults)
        print(report.line(), flush=True)
        if args.sheets:
            args.sheets.mkdir(parents=True, exist_ok=True)
            sheet(video, truth, args.sheets / f"{name}.png")
            crops(video, truth, args.sheets / f"{name}.crops.png")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
