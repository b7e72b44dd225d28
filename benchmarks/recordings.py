"""The recordings a benchmark looks at, their truth, and long ones made of short ones."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT

SHARED = ROOT.parent / "shared" / "eval"
"""Recorded lectures with measured truth and the scorer, where they are present."""
EXAMPLE = ROOT / "examples" / "v01.mp4"
SUFFIXES = (".mp4", ".mkv", ".webm")
RENDERED = ("d06",)
"""Generated lectures that join by default: d06 is 1920 x 1080, H.264 with B-frames."""


@dataclass(frozen=True)
class Facts:
    """What a file holds."""

    codec: str
    width: int
    height: int
    b_frames: bool
    duration: float


def chosen(named: Sequence[Path], lectures: Path) -> list[Path]:
    """The named recordings, or the shared ones (else the bundled one) and one of 1080p."""
    if named:
        return list(named)
    shared = sorted(path for path in SHARED.glob("*") if path.suffix in SUFFIXES)
    return (shared or [EXAMPLE]) + [rendered(name, lectures) for name in RENDERED]


def rendered(name: str, lectures: Path) -> Path:
    """A generated lecture, made on first use in the folder ``lectures``."""
    found = [p for p in (lectures / "dev").glob(f"{name}.*") if p.suffix in SUFFIXES]
    if not found:
        command = [sys.executable, "-m", "benchmarks.lectures", str(lectures), "--only", name]
        subprocess.run(command, cwd=ROOT, check=True)
        found = [p for p in (lectures / "dev").glob(f"{name}.*") if p.suffix in SUFFIXES]
    return found[0]


def truth(path: Path) -> dict[str, Any] | None:
    """The measured truth beside a recording, None where there is none."""
    file = path.parent / f"{path.stem}.truth.json"
    return json.loads(file.read_bytes()) if file.exists() else None


def scorer() -> Callable[[Any, Any], dict[str, float | None]] | None:
    """``score`` of the shared recordings' score.py, None where they are not present."""
    spec = importlib.util.spec_from_file_location("score", SHARED / "score.py")
    if spec is None or spec.loader is None or not (SHARED / "score.py").exists():
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.score  # type: ignore[no-any-return]


def facts(path: Path) -> Facts:
    """Codec, size, B-frames and length of a recording, by FFmpeg."""
    wanted = "stream=codec_name,width,height,has_b_frames:format=duration"
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        wanted,
        "-of",
        "json",
        path,
    ]
    said = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    stream = said["streams"][0]
    return Facts(
        stream["codec_name"], stream["width"], stream["height"], stream["has_b_frames"] > 0,
        float(said["format"]["duration"]),
    )  # fmt: skip


def loop(path: Path, minutes: float, out: Path) -> Path:
    """The pictures of a recording, repeated by stream copy until they last so long."""
    command = ["ffmpeg", "-y", "-v", "error", "-stream_loop", "-1", "-i", path, "-map", "0:v", "-c", "copy"]
    subprocess.run([*command, "-t", str(60 * minutes), out], check=True)
    return out
