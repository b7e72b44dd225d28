"""What makes one recording: content, pointer, motion, overlays, frame times and encoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .motion import MotionSpec
from .pointer import PointerSpec


@dataclass(frozen=True)
class Clock:
    """Frame times of the delivered file.

    fps: nominal frames per s. jitter: standard deviation of a frame's time, s. drop, dup: chance that a
    frame is missing, or shows the picture of the one before. start: first frame's time, s. lazy: a recorder
    that writes frames only when something changed, but at least every `lazy` s (0: all frames).
    """

    fps: float = 30
    jitter: float = 0.0
    drop: float = 0.0
    dup: float = 0.0
    start: float = 0.0
    lazy: float = 0.0

    def times(self, end: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Presentation times of the frames up to `end` (s), and the times of the screen that they show."""
        n = int((end - self.start) * self.fps)
        noise = (
            np.clip(rng.normal(0, self.jitter, n), -0.4 / self.fps, 0.4 / self.fps)
            if self.jitter
            else np.zeros(n)
        )
        noise[0] = 0
        shown = self.start + np.arange(n) / self.fps + noise
        keep = rng.random(n) >= self.drop
        for k in np.flatnonzero(~keep):
            # Dropped frames come in short runs, as when the machine is busy.
            keep[k : k + int(rng.integers(0, 4))] = False
        keep[:3] = keep[-1] = True
        shown = shown[keep]
        seen = shown.copy()
        for k in np.flatnonzero(rng.random(len(shown)) < self.dup):
            seen[k] = seen[max(k - 1, 0)]
        return shown, seen


@dataclass(frozen=True)
class Encoding:
    """How the file is delivered. `rate` in kbit/s replaces a quality setting in `options`."""

    codec: str = "libx264"
    suffix: str = "mp4"
    options: dict[str, str] = field(default_factory=dict)
    rate: int = 0
    gop: int = 250
    bframes: int = 2
    pixels: str = "yuv420p"
    full_range: bool = False
    audio: str = "aac"
    audio_rate: int = 44100

    def timebase(self) -> Fraction:
        """Unit of the frame times: MPEG-4 part 2 can't count 1/90000."""
        return Fraction(1, 90000) if self.suffix == "mp4" and self.codec != "mpeg4" else Fraction(1, 1000)


def x264(preset: str = "veryfast", crf: int = 23, **more: str) -> dict[str, str]:
    """Options of an H.264 encode at constant quality."""
    return {"preset": preset, "crf": str(crf), **more}


@dataclass(frozen=True)
class Spec:
    """One recording. `shots` are "recipe" or "recipe:argument"; `transitions` "style:seconds", in turn;
    `overlays` see compose.py; `hidden` lists shots during which "blocks" hiding hides the pointer;
    `looks` and `topics` change at every "/" among the shots.
    """

    name: str
    seed: int
    topics: tuple[str, ...]
    looks: tuple[str, ...]
    shots: tuple[str, ...]
    pointer: PointerSpec = field(default_factory=PointerSpec)
    motion: MotionSpec = field(default_factory=MotionSpec)
    transitions: tuple[str, ...] = ("cut",)
    overlays: tuple[str, ...] = ()
    desktop: tuple[int, int] = (1280, 720)
    output: tuple[int, int] = (1280, 720)
    clock: Clock = field(default_factory=Clock)
    encoding: Encoding = field(default_factory=Encoding)
    voice: tuple[str, int, int] = ("en-us", 160, 50)
    gap: float = 0.9
    hidden: tuple[int, ...] = ()
    scaler: str = "BICUBIC"
    noise: float = 0.0
    """Room noise of the sound track, standard deviation in 16 bit steps."""

    @property
    def file(self) -> str:
        """The video's file name."""
        return f"{self.name}.{self.encoding.suffix}"
