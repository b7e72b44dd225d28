"""Visual analysis beside bare decoding, PySceneDetect and the naive method: speed, memory, accuracy.

    python -m benchmarks.bench_visual [RECORDING...] [--threads 2] [--rounds 5] [--json FILE] [--text FILE]

Every method runs as a process of its own, one after another, all of them once a round. ``ffmpeg -threads N
-i FILE -map 0:v -f null -`` is the measure: ratios are taken within a round, and their median over the
rounds is shown, for wall time and for processor time (user and system), which other work on the machine
disturbs less. ``inside`` is the time within the process, without its start and imports. Peak memory is the
largest of all rounds. Accuracy is that of ``score.py``, for recordings with a truth file beside them, where
the shared recordings are present. ``--length 222`` repeats each recording to that many seconds, as the
published corpus has them: the start of a process weighs less then. ``--minutes 1 10 60`` also measures
memory against duration, on the largest recording.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.measure import Run, machine, medians, run
from benchmarks.recordings import Facts, chosen, facts, loop, scorer, truth
from benchmarks.tables import text

BARE, ALL, AUTO = "ffmpeg null", "narratrace all", "narratrace auto"
CHILDREN = ("decode-all", "decode-auto", "detect-content", "detect-adaptive", "naive")
JUDGED = (ALL, AUTO, "detect-content", "detect-adaptive", "naive")
FINDS = {
    "detect-content": {"shot_f1"},
    "detect-adaptive": {"shot_f1"},
    "naive": {"stable_iou", "cursor_recall", "cursor_precision", "cursor_error_px", "false_points_per_min"},
}
"""What methods that find only a part are judged by."""
BARS = {"all_wall": 1.25, "auto_wall": 0.9, "rss_mb": 600.0, "rss_growth": 1.1}
"""What is aimed at: ratios to bare decoding, MB at 1080p, memory of the longest to that of the shortest."""


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments().parse_args(argv)
    result: dict[str, Any] = {"machine": machine(), "command": told(sys.argv[1:]), "threads": args.threads}
    with tempfile.TemporaryDirectory() as folder:
        paths = chosen(args.recordings, args.lectures)
        if args.length:
            paths = [loop(path, args.length / 60, Path(folder) / path.name) for path in paths]
        result["recordings"] = [one(path, args, Path(folder)) for path in paths]
        if args.minutes:
            largest = max(paths, key=lambda path: facts(path).height)
            result["memory"] = memory(largest, args, Path(folder))
    result["bars"] = bars(result)
    document, table = json.dumps(result, indent=1) + "\n", text(result)
    sys.stdout.write(table)
    for file, content in ((args.json, document), (args.text, table)):
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    return 0


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_visual", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("recordings", nargs="*", type=Path, metavar="RECORDING")
    parser.add_argument("--threads", type=int, default=2, help="decoder threads of every method")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=[ALL, AUTO, *CHILDREN], metavar="METHOD")
    parser.add_argument(
        "--length", type=float, metavar="SECONDS", help="repeat each recording to this length"
    )
    parser.add_argument("--minutes", nargs="*", type=float, default=[], help="lengths for the memory table")
    parser.add_argument(
        "--lectures", type=Path, default=Path("build/lectures"), help="folder of generated lectures"
    )
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--text", type=Path, help="file for the table")
    return parser


def told(argv: Sequence[str]) -> str:
    """The command line, with files named without their folders."""
    names = [Path(part).name if "/" in part else part for part in argv]
    return shlex.join(["python", "-m", "benchmarks.bench_visual", *names])


def command(method: str, path: Path, threads: int, out: Path) -> list[str | Path]:
    """What runs a method on a recording; all but the bare decode write an analysis to ``out``."""
    count = str(threads)
    if method == BARE:
        return [
            "ffmpeg",
            "-v",
            "error",
            "-nostdin",
            "-threads",
            count,
            "-i",
            path,
            "-map",
            "0:v",
            "-f",
            "null",
            "-",
        ]
    if method in (ALL, AUTO):
        settings = ["--device", "cpu", "--frames", method.split()[1], "--set", f"decode.threads={count}"]
        return [sys.executable, "-m", "narratrace", "--quiet", "analyze", path, "-o", out, *settings]
    return [sys.executable, "-m", "benchmarks.children", method, path, out, count]


def one(path: Path, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All rounds of all methods on one recording."""
    path = path.resolve()
    runs: dict[str, list[Run]] = {method: [] for method in (BARE, *args.methods)}
    for number in range(args.rounds):
        for method, done in runs.items():
            out = folder / f"{method}.json"
            done.append(measured(method, path, args.threads, out))
            print(f"{path.name} {number + 1}/{args.rounds} {method}: {done[-1].wall:.2f} s", file=sys.stderr)
    methods = {method: medians(done, runs[BARE]) for method, done in runs.items()}
    return {
        "recording": path.name,
        **asdict(facts(path)),
        "methods": methods,
        "accuracy": accuracy(path, [m for m in args.methods if m in JUDGED], folder),
    }


def measured(method: str, path: Path, threads: int, out: Path) -> Run:
    env = {"OPENCV_FFMPEG_CAPTURE_OPTIONS": f"threads;{threads}"}
    return run(command(method, path, threads, out), env, None if method == BARE else out)


def accuracy(path: Path, methods: Sequence[str], folder: Path) -> dict[str, dict[str, float | None]]:
    """The scores of what each method wrote, empty where truth or scorer is missing."""
    score, known = scorer(), truth(path)
    if score is None or known is None:
        return {}
    scores = {m: score(known, json.loads((folder / f"{m}.json").read_bytes())) for m in methods}
    return {m: {name: v for name, v in row.items() if name in FINDS.get(m, row)} for m, row in scores.items()}


def memory(path: Path, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Peak memory of an analysis against the length of the recording, here the same one over and over."""
    rows = []
    for minutes in args.minutes:
        long = loop(path, minutes, folder / f"long{path.suffix}")
        for method in (ALL, AUTO):
            done = measured(method, long, args.threads, folder / "long.json")
            rows.append(
                {
                    "minutes": minutes,
                    "method": method,
                    "rss_mb": round(done.rss, 1),
                    "wall_s": round(done.wall, 1),
                }
            )
            print(f"{minutes:g} min, {method}: {done.rss:.0f} MB", file=sys.stderr)
    return {"recording": path.name, **asdict(facts(path)), "rows": rows}


def bars(result: dict[str, Any]) -> list[dict[str, Any]]:
    """What is aimed at, what was measured, and whether that is enough."""
    found: list[tuple[str, float, float]] = []
    for recording in result["recordings"]:
        held = Facts(**{name: recording[name] for name in Facts.__dataclass_fields__})
        methods, name = recording["methods"], recording["recording"]
        if held.codec == "h264" and held.height >= 720 and ALL in methods:
            found.append(
                (f"{name}: all, wall time to bare decode", methods[ALL]["wall_ratio"], BARS["all_wall"])
            )
        if held.codec == "h264" and held.b_frames and AUTO in methods:
            found.append(
                (f"{name}: auto, wall time to bare decode", methods[AUTO]["wall_ratio"], BARS["auto_wall"])
            )
    for method in (ALL, AUTO) if "memory" in result else ():
        peaks = [row["rss_mb"] for row in result["memory"]["rows"] if row["method"] == method]
        found.append((f"{method}: peak memory, MB", max(peaks), BARS["rss_mb"]))
        found.append(
            (f"{method}: peak memory, longest to shortest", peaks[-1] / peaks[0], BARS["rss_growth"])
        )
    return [
        {"what": what, "measured": round(value, 3), "bar": bar, "reached": value <= bar}
        for what, value, bar in found
    ]


if __name__ == "__main__":
    sys.exit(main())
