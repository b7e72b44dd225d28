"""Every kind of input a run may meet, sound and broken, each with what must come of it.

The sound ones show the same lecture: two slides, cut at half time, and an arrow that wanders over them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from narratrace.errors import MediaError
from tests.support.media import (
    FIXTURES,
    U8,
    Draw,
    flip_bits,
    make_size_change,
    make_video,
    strip_moov,
    truncate,
    zero_packets,
)

WIDTH, HEIGHT, FPS, SECONDS = 320, 180, 15.0, 8.0
CUT = SECONDS / 2


def tip(t: float, width: int = WIDTH, height: int = HEIGHT) -> tuple[float, float]:
    """Hot spot of the arrow at ``t`` seconds."""
    return width * (0.2 + 0.06 * t), height * (0.4 + 0.2 * math.sin(t))


def circling(t: float) -> tuple[float, float]:
    """Hot spot of an arrow that circles a region of 320 x 180, once on each slide, and wanders in between."""
    phase = t % CUT
    if not 1.0 <= phase < 3.0:
        return 150 + 8 * phase, 60 + 3 * phase
    angle = math.pi * (phase - 1.0) * 1.2
    return 110 + 45 * math.cos(angle), 85 + 35 * math.sin(angle)


def lecture(
    width: int = WIDTH, height: int = HEIGHT, at: Callable[[float], tuple[float, float]] | None = None
) -> Draw:
    """Painter of the lecture, with the arrow's hot spot by ``at``, by default as :func:`tip` says."""
    where = at or (lambda t: tip(t, width, height))
    slides = [_slide(width, height, seed) for seed in range(2)]

    def draw(i: int, t: float) -> U8:
        picture: U8 = slides[int(t >= CUT)].copy()
        x, y = (round(v) for v in where(t))
        for row in range(13):
            picture[y + row, x : x + row * 2 // 3 + 1] = 16
        return picture

    return draw


def _slide(width: int, height: int, seed: int) -> U8:
    """Lines of words on a light ground; the second slide has fewer of them, and a picture on the right."""
    rng = np.random.default_rng(seed)
    slide: U8 = np.full((height, width), 230 - 30 * seed, np.uint8)
    lines, right = ((6, 0.8), (4, 0.45))[seed]
    for line in range(1, lines + 1):
        y, x = height * line // (lines + 2), width // 10
        while x < width * right:
            length = int(rng.integers(4, 14))
            slide[y : y + max(3, height // 40), x : x + length] = 90
            x += length + 4
    if seed:
        y, x = np.mgrid[: height // 2, : width // 3]
        slide[height // 4 : height // 4 + height // 2, width * 11 // 20 : width * 11 // 20 + width // 3] = (
            150 + 40 * np.sin(x / width * 14) * np.cos(y / height * 9)
        ).astype(np.uint8)
    return slide


@dataclass(frozen=True)
class Specimen:
    """One input.

    Attributes:
        name: File name.
        make: Writes the file into a folder.
        error: What it must end as; None for sound inputs.
        either: Whether a result is right as well (damage that a decoder may or may not get past).
        size: Displayed width and height.
        frames: Pictures in the file, 0 where that depends on the damage.
        shows_lecture: Whether shots and trace must be those of the lecture.
        warns: A word that must occur in the warnings, empty for none.
    """

    name: str
    make: Callable[[Path], object]
    error: type[Exception] | None = None
    either: bool = False
    size: tuple[int, int] = (WIDTH, HEIGHT)
    frames: int = round(FPS * SECONDS)
    shows_lecture: bool = True
    warns: str = ""

    def __str__(self) -> str:
        return self.name


def _lecture(path: Path, **how: object) -> Path:
    sizes = {"width": how.pop("width", WIDTH), "height": how.pop("height", HEIGHT)}
    timing = {} if "times" in how else {"fps": FPS, "seconds": SECONDS}
    return make_video(path, **sizes, **timing, draw=lecture(**sizes), **how).path  # type: ignore[arg-type]


def _turned(path: Path) -> None:
    """Upright when displayed: the coded pictures lie on their side."""
    upright = lecture(HEIGHT, WIDTH)
    make_video(
        path,
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        seconds=SECONDS,
        rotation=90,
        draw=lambda i, t: np.ascontiguousarray(np.rot90(upright(i, t))),
    )


def _source(folder: Path, **how: object) -> Path:
    """An ordinary recording to be damaged, out of sight of folder searches."""
    (folder / "sources").mkdir(exist_ok=True)
    path = folder / "sources" / f"source{len(list((folder / 'sources').iterdir()))}.mp4"
    return _lecture(path, **how)


def _sound_only(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        for block in range(100):
            t = (block * 1024 + np.arange(1024)) / 48_000
            samples = (0.3 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), block * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def irregular_times() -> list[float]:
    """Times of a screen recorder that writes pictures when something changes, with a pause in it."""
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.02, 0.12, 140))
    times = times[times < SECONDS]
    return [float(t) for t in times if not 1.0 < t < 1.8]


_FASTSTART = {"movflags": "faststart"}

SOUND = (
    Specimen("plain.mp4", lambda path: _lecture(path, audio="tone")),
    Specimen("video only.mkv", lambda path: _lecture(path)),
    Specimen(
        "irregular.mp4", lambda path: _lecture(path, times=irregular_times()), frames=len(irregular_times())
    ),
    Specimen("b frames.mp4", lambda path: _lecture(path, bframes=2)),
    Specimen("long gop.mp4", lambda path: _lecture(path, gop=600, options={"sc_threshold": "0"})),
    Specimen("444.mp4", lambda path: _lecture(path, pix_fmt="yuv444p")),
    Specimen("turned.mp4", lambda path: _turned(path), size=(HEIGHT, WIDTH)),
    Specimen(
        "odd.webm",
        lambda path: _lecture(path, width=853, height=479, codec="libvpx-vp9"),
        size=(853, 479),
    ),
    Specimen("Vorlesung, 肺 🫁 'x'.mp4", lambda path: _lecture(path)),
    Specimen(
        "cut short.mp4",
        lambda path: truncate(_source(path.parent, container_options=_FASTSTART), path, 0.8),
        frames=0,
        shows_lecture=False,
        warns="cut short",
    ),
    Specimen("one frame.mp4", lambda path: _lecture(path, times=[0.0]), frames=1, shows_lecture=False),
    Specimen("two frames.mp4", lambda path: _lecture(path, times=[0.0, 0.5]), frames=2, shows_lecture=False),
    Specimen(
        "resized.ts",
        lambda path: make_size_change(path, [(160, 96), (320, 192)]),
        size=(160, 96),
        frames=40,
        shows_lecture=False,
        warns="rescaled",
    ),
    Specimen(
        "hevc 10 bit.mp4",
        lambda path: path.write_bytes((FIXTURES / "hevc_10bit.mp4").read_bytes()),
        size=(96, 48),
        frames=24,
        shows_lecture=False,
    ),
)

BROKEN = (
    Specimen("empty.mp4", lambda path: path.write_bytes(b""), MediaError),
    Specimen("text.mp4", lambda path: path.write_text("This is no video.\n" * 99), MediaError),
    Specimen("no index.mp4", lambda path: strip_moov(_source(path.parent), path), MediaError),
    Specimen("index lost.mp4", lambda path: truncate(_source(path.parent), path, 0.5), MediaError),
    Specimen("sound only.m4a", _sound_only, MediaError),
    Specimen(
        "mostly zeros.mp4",
        lambda path: zero_packets(_source(path.parent), path, share=0.8),
        MediaError,
    ),
)

DAMAGED = (
    Specimen(
        "flipped.mp4",
        lambda path: flip_bits(_source(path.parent), path, share=0.1),
        MediaError,
        either=True,
        frames=0,
        shows_lecture=False,
    ),
    Specimen(
        "flipped much.mp4",
        lambda path: flip_bits(_source(path.parent), path, share=0.6, seed=1, bits=32),
        MediaError,
        either=True,
        frames=0,
        shows_lecture=False,
    ),
)

ALL = (*SOUND, *BROKEN, *DAMAGED)


def make_zoo(folder: Path) -> dict[str, Path]:
    """All files, by name of the specimen."""
    for specimen in ALL:
        specimen.make(folder / specimen.name)
    return {specimen.name: folder / specimen.name for specimen in ALL}
