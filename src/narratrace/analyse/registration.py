"""Whether a transition moves the picture or replaces it: how zooms, pans and scrolls are told from fades.

Note [Registration]
~~~~~~~~~~~~~~~~~~~
While a view is zoomed, panned or scrolled, each frame is the one before it, shifted and scaled a little;
while one slide fades into the next, nothing moves. So neighbouring thumbnails of a transition are
registered by the least-squares method of Lucas and Kanade (1981) with three parameters, a shift and a
scale, and what counts is how much of their difference the motion explains, and how far it leads in all. An
instant jump to another zoom step leaves no frame in between and cannot be told from a new slide.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.analyse.aligning import align, scroll_or_pan
from narratrace.analyse.orders import median
from narratrace.analyse.tiles import TileBox
from narratrace.data.shots import Box, ChangeKind
from narratrace.options import option

F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]
_ROUNDS = 6
_UNEXPLAINED = 0.95
_MIN_CHANGE = 0.5  # levels; less is noise
_ONE_STEP = 0.75  # of all of a zoom, that one step may be
_TELLS = 4.0  # levels by which what a pan carries differs from its own median, on average, at least


class MotionOptions(Struct, frozen=True, kw_only=True):
    """When a transition is a motion of the picture."""

    min_pairs: Annotated[int, option("fewest pairs of different thumbnails to judge by", ge=1)] = 4
    min_steady: Annotated[
        float,
        option(
            "net change of scale in a zoom, as a share of all changes of scale on the way",
            ge=0,
            le=1,
            source="zooms go one way; dips, covers and pushes that seem to zoom stay below 0.5",
        ),
    ] = 0.7
    max_flat: Annotated[
        float,
        option(
            "contrast of the flattest thumbnail, relative to the ends', below which it is a dip to a colour",
            ge=0,
            le=1,
        ),
    ] = 0.35
    max_cut: Annotated[
        float,
        option(
            "difference of an unexplained step, as a multiple of the median, from which on it is a cut",
            gt=0,
        ),
    ] = 2.0
    max_residual: Annotated[
        float,
        option(
            "share of the thumbnails' difference that motion leaves unexplained",
            ge=0,
            le=1,
            source="fades leave 0.95 and more; zooms and pans of recorded viewers at most 0.88",
        ),
    ] = 0.9
    min_scale: Annotated[
        float, option("least change of scale in all of a zoom, as a natural logarithm", ge=0)
    ] = 0.12
    push_shift: Annotated[
        float,
        option("shift in all beyond which one slide pushes the other out, as a share of the part", gt=0),
    ] = 0.6
    push_residual: Annotated[
        float,
        option("see push_area: share of the difference that such a shift leaves unexplained", ge=0, le=1),
    ] = 0.6
    push_area: Annotated[
        float, option("share of the picture from which on a shift is one slide pushing the other", gt=0, le=1)
    ] = 0.95
    carried_residual: Annotated[
        float,
        option(
            "share of the difference between the ends of a pan that its shift leaves unexplained",
            ge=0,
            source="95 of 100 drawn pans leave less than 0.3, most pushed or covered slides more than 1",
        ),
    ] = 0.6
    enlarged: Annotated[
        float,
        option(
            "correlation of what the ends of a zoom both show, laid over each other, at least",
            ge=0,
            le=1,
            source="drawn zooms 0.94 or more, drawn slides that grow in or push others 0.48 or less",
        ),
    ] = 0.68
    min_shift: Annotated[
        float, option("least shift in all of a pan, as a share of the picture's part", ge=0)
    ] = 0.06


class Step(Struct, frozen=True):
    """Motion between two thumbnails.

    Attributes:
        scale: Natural logarithm of the size of things in the second divided by their size in the first.
        dx, dy: Shift of the centre in thumbnail pixels.
        residual: Share of the difference that the motion does not explain, 0..1.
    """

    scale: float
    dx: float
    dy: float
    residual: float


def moved(thumbnails: Sequence[U8], step: int, box: Box, options: MotionOptions) -> ChangeKind | None:
    """``zoom``, ``pan`` or ``scroll`` if a transition moves the picture, else None.

    Args:
        thumbnails: Luma of the picture before the transition, of its frames and of the picture after, shrunk
            ``step`` times.
        step: See there.
        box: The part of the picture that changes, in its pixels.
        options: Thresholds.
    """
    parts = parts_of(thumbnails, step, box)
    if not parts or min(parts[0].shape) < 8:
        return None
    contrast = [float(part.std()) for part in parts]
    if min(contrast) < options.max_flat * min(contrast[0], contrast[-1]):
        return None  # a dip to black or white
    apart = _differing(parts)
    if len(apart) < options.min_pairs:
        return None
    steps = [register(a, b) for a, b, _ in apart]
    usual = median([change for _, _, change in apart])
    if any(
        s.residual > _UNEXPLAINED and change > options.max_cut * usual
        for s, (_, _, change) in zip(steps, apart, strict=True)
    ):
        return None  # a cut, and motion before or after it
    residual = median([s.residual for s in steps])
    if residual > options.max_residual:
        return None
    clear = [s for s in steps if s.residual <= options.max_residual]
    height, width = parts[0].shape
    scale = sum(s.scale for s in clear)
    zoom = abs(scale)
    if zoom < options.min_steady * sum(abs(s.scale) for s in clear):
        zoom = 0.0
    if max(abs(s.scale) for s in clear) > _ONE_STEP * zoom:
        zoom = 0.0  # a zoom goes step by step
    dx = abs(sum(s.dx for s in clear)) / width
    dy = abs(sum(s.dy for s in clear)) / height
    # A slide that pushes another out moves the whole picture and is hard to follow: it brings in new things.
    everything = box.area >= options.push_area * step**2 * thumbnails[0].size
    pushed = max(dx, dy) > options.push_shift or (everything and residual > options.push_residual)
    zooms = zoom >= options.min_scale and not (zoom < 0.3 and max(dx, dy) > options.push_shift)
    if zooms:
        ends = align(parts[0], parts[-1])
        if ends.likeness >= options.enlarged and abs(ends.scale) >= options.min_scale:
            return "zoom"
    if pushed or max(dx, dy) < options.min_shift:
        return None
    if (
        _carried(parts[0], parts[-1], sum(s.dx for s in clear), sum(s.dy for s in clear))
        > options.carried_residual
    ):
        return None
    return scroll_or_pan(dx, dy)


def parts_of(thumbnails: Sequence[U8], step: int, box: Box) -> list[F64]:
    """The part ``box`` of each thumbnail, see :func:`moved`."""
    part = part_of(box, step)
    return [thumbnail[part].astype(np.float64) for thumbnail in thumbnails]


def part_of(box: Box | TileBox, step: int) -> tuple[slice, slice]:
    """Rows and columns of thumbnails, shrunk ``step`` times, that have a part in a box."""
    rows = slice(int(box.y0) // step, -(-int(box.y1) // step))
    columns = slice(int(box.x0) // step, -(-int(box.x1) // step))
    return rows, columns


def _differing(parts: Sequence[F64]) -> list[tuple[F64, F64, float]]:
    """Neighbours that differ, and by how many levels."""
    apart = [(a, b, float(np.abs(a - b).mean())) for a, b in pairwise(parts)]
    return [(a, b, change) for a, b, change in apart if change > _MIN_CHANGE]


def _carried(first: F64, last: F64, dx: float, dy: float) -> float:
    """Share of the difference of two pictures that a shift of about (dx, dy) leaves where both show the same.

    A slide that pushes another out, or covers it, is followed for some steps, but shares nothing with it but
    empty paper.
    """
    height, width = first.shape
    least = np.inf
    reach = [max(2, round(0.25 * abs(d))) for d in (dx, dy)]
    for y in range(round(dy) - reach[1], round(dy) + reach[1] + 1):
        for x in range(round(dx) - reach[0], round(dx) + reach[0] + 1):
            if abs(x) >= width or abs(y) >= height:
                continue
            was = first[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
            now = last[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
            left = float(np.abs(now - was).mean())
            if left < least and _tells(was) and _tells(now):
                least = left
    return least / max(1e-9, float(np.abs(last - first).mean()))


def _tells(part: F64) -> bool:
    """Whether a part of a picture has something on it."""
    return float(np.abs(part - median(part)).mean()) >= _TELLS


def register(a: F64, b: F64) -> Step:
    """The shift and scale that best turns picture ``a`` into picture ``b`` of the same shape.

    Coarse to fine.
    """
    scale = dx = dy = 0.0
    for level in (4, 2):
        if min(a.shape) < 8 * level:
            continue
        small = _refined(_shrunk(a, level), _shrunk(b, level), Step(scale, dx / level, dy / level, 1.0))
        scale, dx, dy = small.scale, small.dx * level, small.dy * level
    still = float(np.abs(b - a).mean())
    left = _error(a, b, *_centred(a.shape), scale, dx, dy)
    residual = float(np.abs(left).mean()) / max(still, 1e-9)
    return Step(scale, dx, dy, residual) if residual < 1.0 else Step(0.0, 0.0, 0.0, 1.0)


def _refined(a: F64, b: F64, start: Step) -> Step:
    """Gauss-Newton steps from ``start`` to the best motion between two pictures."""
    x, y = _centred(a.shape)
    gy, gx = np.gradient(a)
    basis = np.stack([(gx * x + gy * y).ravel(), gx.ravel(), gy.ravel()], axis=1)
    inverse = np.linalg.pinv(basis.T @ basis) @ basis.T
    scale, dx, dy = start.scale, start.dx, start.dy
    best, least = start, np.inf
    for _ in range(_ROUNDS):
        error = _error(a, b, x, y, scale, dx, dy)
        left = float(np.abs(error).mean())
        if left < least:
            best, least = Step(scale, dx, dy, 1.0), left
        change = inverse @ error.ravel()
        scale, dx, dy = scale - change[0], dx - change[1], dy - change[2]
        if abs(scale) > 0.7 or max(abs(dx) / a.shape[1], abs(dy) / a.shape[0]) > 0.5:
            break  # lost
    return best


def _centred(shape: tuple[int, ...]) -> tuple[F64, F64]:
    """Coordinates x, y of every pixel, counted from the picture's centre."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    return x - 0.5 * (shape[1] - 1), y - 0.5 * (shape[0] - 1)


def _shrunk(picture: F64, times: int) -> F64:
    h, w = picture.shape[0] // times, picture.shape[1] // times
    small: F64 = picture[: h * times, : w * times].reshape(h, times, w, times).mean(axis=(1, 3))
    return small


def _error(a: F64, b: F64, x: F64, y: F64, scale: float, dx: float, dy: float) -> F64:
    """What of ``b``, moved back, still differs from ``a``; positive where it is brighter."""
    return _warped(b, x, y, scale, dx, dy) - a


def _warped(b: F64, x: F64, y: F64, scale: float, dx: float, dy: float) -> F64:
    """``b`` at (x, y) scaled and shifted, bilinear, edges repeated; coordinates count from the centre."""
    height, width = b.shape
    u = np.clip(x * np.exp(scale) + dx + 0.5 * (width - 1), 0, width - 1.001)
    v = np.clip(y * np.exp(scale) + dy + 0.5 * (height - 1), 0, height - 1.001)
    i, j = u.astype(np.int64), v.astype(np.int64)
    fu, fv = u - i, v - j
    top = b[j, i] * (1 - fu) + b[j, i + 1] * fu
    bottom = b[j + 1, i] * (1 - fu) + b[j + 1, i + 1] * fu
    warped: F64 = top * (1 - fv) + bottom * fv
    return warped
