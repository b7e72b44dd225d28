"""Videos whose frames show their own number, and reading numbers, times and sound back from clips."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.support.media import Draw

BITS = 10


def numbered(width: int, height: int) -> Draw:
    """A painter: the frame's number as ten vertical bars, lowest bit left; the top quarter stays white."""

    def draw(i: int, t: float) -> npt.NDArray[np.uint8]:
        bars = np.array([235 if (i >> bit) & 1 else 16 for bit in range(BITS)], np.uint8)
        picture = np.repeat(bars, -(-width // BITS))[None, :width].repeat(height, axis=0)
        picture[: height // 4] = 235
        return picture

    return draw


def number_of(luma: npt.NDArray[np.uint8]) -> int:
    """The number a picture shows."""
    height, width = luma.shape
    cell = -(-width // BITS)
    columns = [min(width - 1, bit * cell + cell // 2) for bit in range(BITS)]
    return sum(int(luma[3 * height // 4, x] > 125) << bit for bit, x in enumerate(columns))


@dataclass(frozen=True)
class Decoded:
    """What a clip holds.

    Attributes:
        numbers: Number shown by each picture.
        times: Presentation time of each picture in the clip, seconds.
        lumas: The pictures themselves.
        durations: Seconds by stream kind, as the container tells.
        sound: Mono samples, the first at time ``sound_start``.
        rate: Samples per second.
    """

    numbers: list[int]
    times: list[float]
    lumas: list[npt.NDArray[np.uint8]]
    durations: dict[str, float]
    sound: npt.NDArray[np.float32]
    sound_start: float
    rate: int


def decode(mp4: bytes) -> Decoded:
    """Decode a whole clip with an ordinary reader."""
    with av.open(io.BytesIO(mp4)) as container:
        durations = {s.type: float(s.duration * s.time_base) for s in container.streams}
        frames = list(container.decode(video=0))
        times = [float(frame.pts * frame.time_base) for frame in frames]
        lumas = [luma_of(frame) for frame in frames]
    sound, start, rate = _sound(mp4) if "audio" in durations else (np.zeros(0, np.float32), 0.0, 0)
    return Decoded([number_of(luma) for luma in lumas], times, lumas, durations, sound, start, rate)


def luma_of(frame: Any) -> npt.NDArray[np.uint8]:
    """The luma plane of an 8-bit frame, copied."""
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : frame.width].copy()


def _sound(mp4: bytes) -> tuple[npt.NDArray[np.float32], float, int]:
    with av.open(io.BytesIO(mp4)) as container:
        frames = list(container.decode(audio=0))
    rate = frames[0].sample_rate
    places = [round(float(frame.pts * frame.time_base) * rate) for frame in frames]
    sound = np.zeros(places[-1] + frames[-1].samples - places[0], np.float32)
    for place, frame in zip(places, frames, strict=True):
        sound[place - places[0] :][: frame.samples] = frame.to_ndarray().astype(np.float32).mean(axis=0)
    return sound, places[0] / rate, rate


def onset(decoded: Decoded) -> float:
    """Time in the clip of the first loud sample, seconds."""
    return decoded.sound_start + int(np.argmax(np.abs(decoded.sound) > 0.3)) / decoded.rate


def inside(times: Sequence[float], start: float, end: float) -> list[int]:
    """Numbers of the frames that begin in ``[start, end)``."""
    return [i for i, t in enumerate(times) if start <= t < end]
