"""Whether two pictures show the same things, larger or smaller, and elsewhere: the ends of a zoom or a pan.

Note [Alignment]
~~~~~~~~~~~~~~~~
A zoom through a section of tissue, or a fast pan, moves small things so far from one frame to the next that
none can be followed. What it begins and ends with can still be laid over each other: one of the two is shrunk
step by step and looked for in the other by normalised cross-correlation (Lewis, Fast Normalized
Cross-Correlation, 1995) of what both show (Padfield, Masked Object Registration in the Fourier Domain, 2012).
Both without their coarse shades, or the dark margin around a picture would fit best. A slide with an enlarged
part of the one before it does not move there: what lies between the two must be on the way too, which neither
the pictures of a cut are nor those of a dissolve. And what can be followed is a zoom only if its ends lie on
each other: slides that grow into the picture end with what is nowhere in what they began with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from PIL import Image

from narratrace.analyse.dissolving import blends
from narratrace.data.shots import ChangeKind
from narratrace.options import option

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
C64 = npt.NDArray[np.complexfloating]
_STEP = 0.06  # so that half of one off, enough is alike to refine from
SCALES = np.arange(-1.14, 1.15, _STEP)
"""Natural logarithms of the enlargements that are tried: below a third of its size, little is left."""
_FINER = np.arange(-0.05, 0.051, 0.01)
_SHADES = 6  # pixels on each side over which shades are averaged
_MOST = 24.0  # levels from them that count
_MIN_SIDE = 6
_ROOM = 2 - 0.3  # of what is shared, the least is nowhere wrapped around
_FAST = 16  # transforms of such lengths, and of multiples, are fast
_SHARED = 0.3  # of what a picture shows, that another of its size must share
_CONTAINED = 0.6  # the same of a smaller picture
_UNLIKE = 0.2  # of the difference between the ends, by which what is under way differs from both
_NO_BLEND = 0.25  # of the difference between the ends, that is left when a picture is taken for a blend
_UPRIGHT = 0.25  # sideways for up or down, below which a shift is a scroll
_LOOKS = 4  # at pictures under way
_FLAT = 4.0  # variance of what is shared below which there is nothing to tell


class AlignmentOptions(Struct, frozen=True, kw_only=True):
    """When pictures that lie on each other are the ends of a motion."""

    ends: Annotated[
        float, option("correlation of what the first and the last picture both show, at least", ge=0, le=1)
    ] = 0.7
    ends_scaled: Annotated[
        float,
        option(
            "what is added to `ends` for each unit of the natural logarithm of the scale: of what is small, "
            "less is left",
            ge=0,
            le=1,
            source="two zooms by 2.8 leave 0.90 and 0.94, of three pushed slides something is alike by 0.86",
        ),
    ] = 0.18
    between: Annotated[
        float, option("the same for the first picture and one in between, at least", ge=0, le=1)
    ] = 0.6
    way: Annotated[
        float,
        option("share of the way that a picture in between has gone, and has to go, at least", gt=0, le=0.5),
    ] = 0.1


class Alignment(Struct, frozen=True):
    """Where one picture lies on another.

    Attributes:
        likeness: Correlation of what both show, -1..1.
        dx, dy: Shift of the centre in pixels, of the picture with the smaller things.
        scale: Natural logarithm of the size of things in the second divided by their size in the first.
    """

    likeness: float
    dx: float
    dy: float
    scale: float


def align(a: F64, b: F64, scales: Iterable[float] = SCALES) -> Alignment:
    """The best alignment of picture ``b`` with picture ``a``, in levels, of the same shape."""
    whole = _Texture(a, a.shape), _Texture(b, b.shape)

    def at(scale: float) -> Alignment:
        p = whole[0] if scale >= 0 else _Texture(_smaller(a, -scale), a.shape)
        q = whole[1] if scale <= 0 else _Texture(_smaller(b, scale), b.shape)
        return Alignment(*p.place(q), scale)

    rough = max((at(scale) for scale in scales), key=lambda found: found.likeness)
    return max((at(rough.scale + more) for more in _FINER), key=lambda found: found.likeness)


def kind_of_motion(
    pictures: Sequence[F64], options: AlignmentOptions, min_scale: float, min_shift: float
) -> ChangeKind | None:
    """``zoom``, ``pan`` or ``scroll`` if pictures are moments of one, else None.

    Args:
        pictures: Of one shape, in levels, in time order.
        options: Thresholds.
        min_scale, min_shift: See :class:`narratrace.analyse.registration.MotionOptions`.
    """
    first, *between, last = pictures
    apart = float(np.abs(last - first).mean())
    unlike = [
        picture
        for picture in between
        if min(float(np.abs(picture - end).mean()) for end in (first, last)) >= _UNLIKE * apart
    ]
    left = [left for _, left in blends(first, last, unlike)]
    under_way = [picture for picture, share in zip(unlike, left, strict=True) if share >= _NO_BLEND]
    if not under_way or min(first.shape) < 2 * _MIN_SIDE:
        return None
    whole = align(first, last)
    if whole.likeness < options.ends + options.ends_scaled * abs(whole.scale):
        return None
    dx, dy = abs(whole.dx) / first.shape[1], abs(whole.dy) / first.shape[0]
    zooms = abs(whole.scale) >= min_scale
    if not zooms and max(dx, dy) < min_shift:
        return None
    scales = whole.scale * np.linspace(0, 1, 2 + int(abs(whole.scale) / _STEP))
    for picture in under_way[:: max(1, len(under_way) // _LOOKS)]:
        there = align(first, picture, scales)
        if zooms:
            gone = there.scale / whole.scale
        else:
            gone = float(np.hypot(there.dx, there.dy) / np.hypot(whole.dx, whole.dy))
        if there.likeness >= options.between and options.way <= gone <= 1 - options.way:
            return "zoom" if zooms else scroll_or_pan(dx, dy)
    return None


def scroll_or_pan(dx: float, dy: float) -> ChangeKind:
    """Which of the two a shift is, by its lengths as shares of the part's width and height."""
    return "scroll" if dx < _UPRIGHT * dy else "pan"


class _Texture:
    """What a picture shows without its shades, ready to be laid over another.

    Args:
        picture: In levels, no larger than ``room``.
        room: Shape of the largest picture that takes part.
    """

    def __init__(self, picture: F64, room: tuple[int, ...]) -> None:
        self.shape = picture.shape
        self._room = tuple(-(-int(_ROOM * side) // _FAST) * _FAST for side in room)
        texture = np.clip(picture - _shades(picture), -_MOST, _MOST).astype(np.float32)
        self.size = picture.size
        self.energy = float((texture**2).sum())
        self._spectrum = self._transform(texture)
        self._energy = self._transform(texture**2)
        self._shown = self._transform(np.ones_like(texture))

    def place(self, other: _Texture) -> tuple[float, float, float]:
        """Likeness where the other fits best, and the shift of its centre from this one's, (dx, dy)."""
        shared = np.multiply.outer(
            *(_shared(own, its, n) for own, its, n in zip(self.shape, other.shape, self._room, strict=True))
        )
        energy = self._sums(self._energy, other._shown), self._sums(self._shown, other._energy)
        least = _SHARED if self.shape == other.shape else _CONTAINED
        tells = np.minimum(*energy) >= _FLAT * shared
        for texture, seen in zip((self, other), energy, strict=True):
            if texture.size == min(self.size, other.size):
                tells &= (shared >= least * texture.size) & (seen >= least * texture.energy)
        product = self._sums(self._spectrum, other._spectrum)
        likeness = np.where(tells, product / np.sqrt(np.maximum(energy[0] * energy[1], _FLAT)), -1.0)
        y, x = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        dy, dx = (
            (at if at < own else at - n) + 0.5 * (its - own)
            for at, own, its, n in zip((int(y), int(x)), self.shape, other.shape, self._room, strict=True)
        )
        return float(likeness[y, x]), dx, dy

    def _transform(self, picture: F32) -> C64:
        return np.fft.rfft2(picture, self._room)

    def _sums(self, own: C64, its: C64) -> npt.NDArray[np.floating]:
        """Sum of products for each place of the other's first pixel, those before this one's at the end."""
        return np.fft.irfft2(own * np.conj(its), self._room)


def _shared(own: int, its: int, room: int) -> F64:
    """Rows (or columns) that two pictures share, by where the other begins in this one, modulo ``room``."""
    begins = np.arange(room)
    begins = np.where(begins < own, begins, begins - room)
    shared: F64 = np.maximum(0.0, np.minimum(own, begins + its) - np.maximum(0, begins))
    return shared


def _smaller(picture: F64, scale: float) -> F64:
    """The picture, things ``exp(scale)`` times as small."""
    height, width = (max(_MIN_SIDE, round(side * np.exp(-scale))) for side in picture.shape)
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float64)


def _shades(picture: F64) -> F64:
    """The mean around every pixel."""
    size = 2 * _SHADES + 1
    padded = np.pad(picture, _SHADES, mode="edge")
    sums = np.pad(padded.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    shades: F64 = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    shades *= 1 / size**2
    return shades
