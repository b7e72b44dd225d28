"""The whole visual analysis of frames on a card is that of the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narratrace.analyse.visual import AnalyseOptions, VisualAnalyser
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary
from narratrace.source import probe
from tests.kernels.pictures import Planes, copied, flat, noise, place
from tests.support.media import make_video

pytest.importorskip("narratrace.kernels.recorder", reason="needs numba-cuda")

HEIGHT, WIDTH = 48, 80


def pictures() -> list[Planes]:
    """Two slides, and something that moves over them."""
    rng = np.random.default_rng(11)
    slides = [flat(HEIGHT, WIDTH, 235), noise(rng, HEIGHT, WIDTH)]
    out = []
    for i in range(16):
        picture = copied(slides[i // 9])
        x = 4 + 4 * i
        picture[0][20:30, x : x + 6] = 16
        out.append(picture)
    return out


def analyse(path: Path, device: str) -> VisualAnalysis:
    video = probe(path).video
    assert video is not None
    analyser = VisualAnalyser(video, AnalyseOptions(), device)
    frames = pictures()
    for begin in range(0, len(frames), 8):
        chunk = frames[begin : begin + 8]
        planes = place(chunk, "nv12") if device != "cpu" else chunk
        analyser.push(
            [Frame(t=0.4 * (begin + i), pts=begin + i, y=y, u=u, v=v) for i, (y, u, v) in enumerate(planes)]
        )
    return analyser.finish(
        DecodeSummary(
            codec="h264", width=WIDTH, height=HEIGHT, start_pts_s=0.0, duration=6.4, frames_decoded=16,
            frames_skipped=0, packets=16, corrupt=0, fps_mean=2.5, vfr=False, backend="test",
        )
    )  # fmt: skip


def test_the_analysis_is_that_of_the_cpu(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, seconds=0.1)
    wanted, got = analyse(made.path, "cpu"), analyse(made.path, "cuda:0")
    assert len(wanted.shots) == 2
    assert len(wanted.stable_spans) == 2
    assert got.shots == wanted.shots
    assert got.changes == wanted.changes
    assert got.moving_regions == wanted.moving_regions
    assert got.dwells == wanted.dwells
    for a, b in ((got.trace.t, wanted.trace.t), (got.trace.x, wanted.trace.x), (got.trace.y, wanted.trace.y)):
        assert a.tolist() == b.tolist()
    assert len(got.stable_spans) == len(wanted.stable_spans)
    for a, b in zip(got.stable_spans, wanted.stable_spans, strict=True):
        assert a.span == b.span
        assert (a.phash, a.group, a.keyframe_t) == (b.phash, b.group, b.keyframe_t)
        assert (a.keyframe and a.keyframe.jpeg) == (b.keyframe and b.keyframe.jpeg)
