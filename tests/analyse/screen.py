"""A drawn screen: slides, pointers and paths that are known exactly, as frames without an encoder.

slide = slide_of(seed=1)
result = analyse(film(8.0, slide, wander, ARROW))
recall(result.trace, wander, 0.0, 8.0)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from narratrace.analyse.visual import AnalyseOptions, VisualAnalyser
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary, VideoStreamInfo
from narratrace.data.trace import Trace

U8 = npt.NDArray[np.uint8]
Planes = tuple[U8, U8, U8]
Point = tuple[float, float]
Path = Callable[[float], "Point | None"]
Show = Callable[[float], Planes]

CANDIDATE = np.dtype(
    [(name, "<f4") for name in ("x", "y", "fit", "similarity", "background")]
    + [(name, "<i4") for name in ("glyph", "blob")]
)
"""A row of :class:`narratrace.ops.sparse.Candidates`."""
WIDTH, HEIGHT, FPS = 320, 192, 15.0
Y, U, V = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Pointer:
    """A drawn pointer.

    Attributes:
        color: Y U V of every pixel, uint8, shape (h, w, 3).
        cover: Share of the pixel that is the pointer, shape (h, w).
        spot: Its hot spot (x, y), counted from the top left pixel.
    """

    color: U8
    cover: npt.NDArray[np.float64]
    spot: tuple[int, int]


def _drawn(
    size: tuple[int, int], spot: tuple[int, int], paint: Callable[[ImageDraw.ImageDraw], None]
) -> Pointer:
    """A pointer painted in the palette 1 black, 2 white, 3 red, 4 yellow and see-through."""
    canvas = Image.new("L", size, 0)
    paint(ImageDraw.Draw(canvas))
    index = np.asarray(canvas)
    palette = np.array([(0, 0, 0), (16, 128, 128), (235, 128, 128), (90, 90, 235), (200, 20, 150)], np.uint8)
    return Pointer(palette[index], np.array([0, 1, 1, 1, 0.5])[index], spot)


_TIP = [(0, 0), (0, 16), (4, 12), (7, 19), (9, 18), (6, 11), (11, 11)]
_FINGER = [
    (5, 0),
    (7, 0),
    (8, 2),
    (8, 8),
    (15, 10),
    (16, 14),
    (14, 21),
    (5, 21),
    (0, 13),
    (1, 11),
    (4, 13),
    (4, 1),
]


def _halo(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((0, 0, 28, 28), fill=4)
    draw.polygon([(14, 14), (14, 25), (17, 22), (22, 21)], fill=1)


def _cross(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((7, 0, 9, 16), fill=1)
    draw.rectangle((0, 7, 16, 9), fill=1)


ARROW = _drawn((13, 21), (0, 0), lambda d: d.polygon(_TIP, fill=2, outline=1))
DARK_ARROW = _drawn((13, 21), (0, 0), lambda d: d.polygon(_TIP, fill=1, outline=2))
HAND = _drawn((18, 23), (6, 0), lambda d: d.polygon(_FINGER, fill=2, outline=1))
DOT = _drawn((13, 13), (6, 6), lambda d: d.ellipse((0, 0, 12, 12), fill=3))
CROSS = _drawn((17, 17), (8, 8), _cross)
HALO = _drawn((29, 29), (14, 14), _halo)
POINTERS = {"arrow": ARROW, "dark arrow": DARK_ARROW, "hand": HAND, "dot": DOT, "cross": CROSS, "halo": HALO}


def flat(luma: int, width: int = WIDTH, height: int = HEIGHT) -> Planes:
    """One grey everywhere."""
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return np.full((height, width), luma, np.uint8), chroma, chroma.copy()


def slide_of(
    seed: int,
    width: int = WIDTH,
    height: int = HEIGHT,
    *,
    paper: int = 235,
    ink: int = 30,
    lines: int = 6,
    picture: bool = True,
) -> Planes:
    """A slide: a heading, lines of text-like noise on the left, and a textured picture on the right."""
    rng = np.random.default_rng(seed)
    planes = flat(paper, width, height)
    write(planes, rng, 12, 10, int(rng.integers(width // 3, width - 40)), 10, ink)
    for k in range(lines):
        write(planes, rng, 12, 34 + 18 * k, int(rng.integers(width // 5, width // 2 - 20)), 7, ink)
    if picture:
        x0, y0, w, h = width // 2 + 4, 40, width // 2 - 20, height - 60
        coarse = Image.fromarray(rng.integers(20, 230, (h // 10 + 1, w // 10 + 1), dtype=np.uint8))
        planes[Y][y0 : y0 + h, x0 : x0 + w] = np.asarray(coarse.resize((w, h), Image.Resampling.BICUBIC))
        planes[U][y0 // 2 : (y0 + h) // 2, x0 // 2 : (x0 + w) // 2] = int(rng.integers(90, 150))
    return planes


def write(
    planes: Planes, rng: np.random.Generator, x: int, y: int, width: int, size: int, ink: int = 30
) -> None:
    """A line of words that nobody can read, ``size`` pixels high, painted into ``planes``."""
    strokes = rng.random((size, width)) < 0.5
    strokes[:, rng.random(width) < 0.15] = False
    part = planes[Y][y : y + size, x : x + width]
    part[strokes[: part.shape[0], : part.shape[1]]] = ink


def copied(planes: Planes) -> Planes:
    """Planes to paint into."""
    y, u, v = (plane.copy() for plane in planes)
    return y, u, v


def blend(a: Planes, b: Planes, share: float) -> Planes:
    """A moment of a dissolve: ``share`` of ``b`` over ``a``."""
    y, u, v = (np.rint(p + share * (q.astype(float) - p)).astype(np.uint8) for p, q in zip(a, b, strict=True))
    return y, u, v


def put(planes: Planes, pointer: Pointer, at: Point) -> Planes:
    """The picture with a pointer whose hot spot is at ``at`` (cut off at the edges)."""
    out = copied(planes)
    height, width = out[Y].shape
    left, top = round(at[0]) - pointer.spot[0], round(at[1]) - pointer.spot[1]
    h, w = pointer.cover.shape
    cover = np.zeros((h + 2, w + 2))
    color = np.zeros((h + 2, w + 2, 3))
    dx, dy = left % 2, top % 2
    cover[dy : dy + h, dx : dx + w], color[dy : dy + h, dx : dx + w] = pointer.cover, pointer.color
    cover, color = (
        cover[: (h + 2) // 2 * 2, : (w + 2) // 2 * 2],
        color[: (h + 2) // 2 * 2, : (w + 2) // 2 * 2],
    )
    _mix(out[Y], cover, color[..., 0], left - dx, top - dy, width, height)
    quarter = cover.reshape(cover.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    for plane in (U, V):
        total = (cover * color[..., plane]).reshape(cover.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
        tint = total / np.maximum(quarter, 1e-9)
        _mix(out[plane], quarter, tint, (left - dx) // 2, (top - dy) // 2, out[U].shape[1], out[U].shape[0])
    return out


def _mix(
    plane: U8,
    cover: npt.NDArray[np.float64],
    color: npt.NDArray[np.float64],
    x: int,
    y: int,
    width: int,
    height: int,
) -> None:
    h, w = cover.shape
    xa, ya, xb, yb = max(0, x), max(0, y), min(width, x + w), min(height, y + h)
    if xa >= xb or ya >= yb:
        return
    c, k = cover[ya - y : yb - y, xa - x : xb - x], color[ya - y : yb - y, xa - x : xb - x]
    part = plane[ya:yb, xa:xb]
    part[...] = np.rint(part * (1 - c) + c * k)


def wander(t: float) -> Point:
    """A hand that roams over the slide and rests for a second of every four."""
    s = 3 * math.floor(t / 4) + min(t % 4, 3.0)
    return (WIDTH * (0.5 + 0.4 * math.sin(1.3 * s))), HEIGHT * (0.47 + 0.35 * math.sin(0.9 * s + 1))


def nowhere(_: float) -> Point | None:
    """No pointer."""
    return None


def ticks(seconds: float, fps: float = FPS) -> list[float]:
    """Times of a constant frame rate."""
    return [i / fps for i in range(round(seconds * fps))]


def film(
    times: float | Sequence[float], show: Planes | Show, at: Path = nowhere, pointer: Pointer = ARROW
) -> Iterator[Frame]:
    """Frames of a screen with a pointer on it, made as they are asked for.

    Args:
        times: Presentation seconds of each frame, or how long to film at the usual rate.
        show: What is on the screen, always or by time.
        at: Where the hot spot is by time, None while there is no pointer.
        pointer: How it looks.
    """
    for t in ticks(times) if isinstance(times, int | float) else times:
        planes = show(t) if callable(show) else show
        place = at(t)
        y, u, v = put(planes, pointer, place) if place is not None else planes
        yield Frame(t=t, pts=round(t * 90_000), y=y, u=u, v=v)


def stream(width: int = WIDTH, height: int = HEIGHT) -> VideoStreamInfo:
    """What a container would say of such frames."""
    return VideoStreamInfo(
        index=0,
        codec="rawvideo",
        profile="",
        pixel_format="yuv420p",
        bit_depth=8,
        coded_width=width,
        coded_height=height,
        width=width,
        height=height,
        rotation=0,
        sample_aspect=Fraction(1),
        full_range=False,
        color_matrix="bt709",
        interlaced=False,
        time_base=Fraction(1, 90_000),
        start_pts_s=0.0,
        average_rate=FPS,
        has_b_frames=False,
        frames=0,
    )


def analyse(
    frames: Iterable[Frame],
    options: AnalyseOptions | None = None,
    *,
    batch: int = 16,
    after: Callable[[VisualAnalyser], None] | None = None,
) -> VisualAnalysis:
    """The analysis of ``frames``, pushed ``batch`` at a time; ``after`` sees the analyser after each push."""
    source = iter(frames)
    first = next(source)
    analyser = VisualAnalyser(stream(first.width, first.height), options)
    times = [first.t]
    group = [first, *islice(source, batch - 1)]
    while group:
        analyser.push(group)
        times += [frame.t for frame in group]
        if after is not None:
            after(analyser)
        group = list(islice(source, batch))
    times = times[1:]
    last = times[-1] - times[-2] if len(times) > 1 else 1 / FPS
    return analyser.finish(
        DecodeSummary(
            codec="rawvideo",
            width=first.width,
            height=first.height,
            start_pts_s=times[0],
            duration=times[-1] + last,
            frames_decoded=len(times),
            frames_skipped=0,
            packets=len(times),
            corrupt=0,
            fps_mean=FPS,
            vfr=False,
            backend="test",
        )
    )


def errors(trace: Trace, at: Path) -> npt.NDArray[np.float64]:
    """Distance of every trace point from the true hot spot, infinite where there is no pointer."""
    places = [(at(t + 1e-9), x, y) for t, x, y, _ in trace]
    return np.array([math.hypot(p[0] - x, p[1] - y) if p else math.inf for p, x, y in places])


def recall(trace: Trace, at: Path, start: float, end: float, within: float = 6.0) -> float:
    """Share of 10 Hz instants with a pointer that have a right trace point within 0.1 s."""
    wanted = [t for t in np.arange(start + 0.05, end, 0.1).tolist() if at(t) is not None]
    right = trace.t[errors(trace, at) <= within]
    return float(np.mean([bool(np.any(np.abs(right - t) <= 0.1)) for t in wanted]))


def boundaries(result: VisualAnalysis) -> list[float]:
    """Starts of all shots but the first."""
    return [shot.span.start for shot in result.shots[1:]]
