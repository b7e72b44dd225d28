"""Recordings made on the spot: still pages, a new one every few seconds, and a pointer that moves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS = 30
ENCODERS = {"h264": ("libx264", "mp4"), "vp9": ("libvpx-vp9", "webm"), "av1": ("libsvtav1", "mkv")}
OPTIONS = {
    "libx264": {"preset": "ultrafast", "bf": "2"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"},
    "libsvtav1": {"preset": "12"},
}
"""Fast ones: what is measured is decoding."""


def pages(width: int, height: int, count: int) -> list[np.ndarray]:
    """Luma of slides: lines of blocks, as text would be, and a picture."""
    out = []
    for i in range(count):
        rng = np.random.default_rng(i)
        page = np.full((height, width), 235, np.uint8)
        for y in range(height // 12, height - height // 8, height // 16):
            words = np.repeat(rng.integers(0, 2, width // 12, dtype=np.uint8), 6)[: width // 2]
            page[y : y + height // 48, width // 20 : width // 20 + len(words)] = 235 - 200 * words
        picture = (
            rng.integers(30, 220, (height // 32, width // 48), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
        )
        page[height // 4 : height // 4 + picture.shape[0], -picture.shape[1] - 20 : -20] = picture
        out.append(page)
    return out


def make_recording(path: Path, codec: str, width: int, height: int, seconds: float) -> Path:
    """A recording of one codec and size; made once."""
    if path.exists():
        return path
    name, _ = ENCODERS[codec]
    slides = pages(width, height, 4)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(name, rate=FPS, options=OPTIONS[name])
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.gop_size = 120
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane in frame.planes[1:]:
            np.frombuffer(plane, np.uint8)[:] = 128
        for i in range(int(seconds * FPS)):
            luma = slides[i // (6 * FPS) % len(slides)].copy()
            x = int(width * (0.1 + 0.3 * (1 + np.sin(i / 40))))
            y = int(height * (0.2 + 0.3 * (1 + np.cos(i / 55))))
            luma[y : y + height // 40, x : x + width // 80] = 16
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            rows[:, :width] = luma
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
