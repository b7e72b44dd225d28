"""Methods that the benchmark compares narratrace with, each a process of its own.

    python -m benchmarks.children METHOD FILE OUT.json THREADS

OUT.json is an analysis that ``score.py`` can judge, with as much in it as the method finds, and ``timings``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
Document = dict[str, Any]

CROP, SIMILAR, SHORTEST_S = 64, 0.98, 3.0
"""The published rule of a stable interval: crop in pixels, SSIM between neighbours, seconds."""
CONTRAST = 30
"""Largest difference of two frames below which the naive method sees no pointer, levels."""


def detect_content(path: Path, threads: int) -> Document:
    """PySceneDetect's detect-content with its defaults."""
    from scenedetect import ContentDetector

    return _scenes(path, threads, ContentDetector())


def detect_adaptive(path: Path, threads: int) -> Document:
    """PySceneDetect's detect-adaptive with its defaults."""
    from scenedetect import AdaptiveDetector

    return _scenes(path, threads, AdaptiveDetector())


def _scenes(path: Path, threads: int, detector: Any) -> Document:
    import cv2
    from scenedetect import SceneManager, open_video

    cv2.setNumThreads(threads)
    video, manager = open_video(str(path)), SceneManager()
    manager.add_detector(detector)
    manager.detect_scenes(video)
    scenes = manager.get_scene_list(start_in_scene=True)
    return {"shots": [{"start": a.seconds, "end": b.seconds} for a, b in scenes]}


def naive(path: Path, threads: int) -> Document:
    """The published pointer method: where two neighbouring frames of a stable interval differ most."""
    random = np.random.default_rng(0)
    times: list[float] = []
    similar: list[bool] = []
    points: list[tuple[float, int, int, int]] = []
    last: U8 | None = None
    for t, luma in _frames(path, threads):
        if last is not None:
            difference = np.maximum(luma, last) - np.minimum(luma, last)
            y, x = divmod(int(difference.argmax()), difference.shape[1])
            points.append((t, x, y, int(difference[y, x])))
            top, left = (int(random.integers(0, side - CROP)) for side in luma.shape)
            crop = np.s_[top : top + CROP, left : left + CROP]
            similar.append(ssim(luma[crop], last[crop]) > SIMILAR)
        times.append(t)
        last = luma
    spans = list(_runs(times, similar))
    trace = [
        {"t": t, "x": x, "y": y, "score": 1.0}
        for t, x, y, contrast in points
        if contrast >= CONTRAST and any(a < t < b for a, b in spans)
    ]
    return {"stable_spans": [{"start": a, "end": b} for a, b in spans], "trace": trace}


def ssim(a: U8, b: U8, side: int = 7) -> float:
    """Mean structural similarity over square windows (Wang et al. 2004), the usual constants."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    mx, my = _means(x, side), _means(y, side)
    vx, vy, cov = _means(x * x, side) - mx * mx, _means(y * y, side) - my * my, _means(x * y, side) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(np.mean((2 * mx * my + c1) * (2 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))))


def _means(values: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Mean of every window, by cumulative sums."""
    total = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    inside = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return inside / side**2


def _runs(times: list[float], similar: list[bool]) -> Iterator[tuple[float, float]]:
    """Longest runs of similar neighbours, if they last long enough."""
    start = 0
    for i in range(1, len(times) + 1):
        if i < len(times) and similar[i - 1]:
            continue
        if times[i - 1] - times[start] >= SHORTEST_S:
            yield times[start], times[i - 1]
        start = i


def _frames(path: Path, threads: int) -> Iterator[tuple[float, U8]]:
    """Time and luma of every frame, read as fast as PyAV can."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        for frame in container.decode(stream):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            yield float(frame.time), rows[:, : plane.width].copy()


def decode_all(path: Path, threads: int) -> Document:
    """Narratrace's decoder alone, every frame: what analysis is added to."""
    return _decode(path, threads, "all")


def decode_auto(path: Path, threads: int) -> Document:
    """Narratrace's decoder alone, without droppable pictures."""
    return _decode(path, threads, "auto")


def _decode(path: Path, threads: int, frames: Any) -> Document:
    from narratrace.decode import DecodeOptions
    from narratrace.decode.pyav import PyavDecoder
    from narratrace.source import probe

    with PyavDecoder(probe(str(path)), DecodeOptions(frames=frames, threads=threads)) as decoder:
        return {"frames": sum(len(batch) for batch in decoder.packed_batches())}


METHODS: dict[str, Callable[[Path, int], Document]] = {
    "detect-content": detect_content,
    "detect-adaptive": detect_adaptive,
    "naive": naive,
    "decode-all": decode_all,
    "decode-auto": decode_auto,
}


def main() -> None:
    method, path, out, threads = sys.argv[1:]
    begun = time.perf_counter()
    document = METHODS[method](Path(path), int(threads))
    document["timings"] = {"inside_s": time.perf_counter() - begun}
    Path(out).write_text(json.dumps(document))


if __name__ == "__main__":
    main()
