"""How the recording's pointer looks: learned from the video itself, with its hot spot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from narratrace.analyse.hot_spots import (
    THIN,
    Bool2,
    dilated,
    fill,
    hot_spot,
    is_outline,
    pointing_part,
    roundness,
)
from narratrace.analyse.orders import distinct, median
from narratrace.ops.sparse import Blobs, Glyph, GlyphCutout, Planes, Segment, cut_out, learn_glyph
from narratrace.options import option

PIXEL = np.dtype(
    [("dx", "<i2"), ("dy", "<i2"), ("y", "u1"), ("u", "u1"), ("v", "u1"), ("weight", "u1"), ("role", "u1")]
)
SAMPLE = np.dtype([(name, "<i4") for name in ("frame", "x0", "y0", "x1", "y1")])
RIM = 4
_APART = 128
"""Contrast to what was behind from which on an opaque pixel counts in full. A shadow is opaque as long as it
is seen on paper alone, and has other colours over a photograph."""
_AS_WIDE = 0.8  # ratio of the sides of what is about round
_FILLED = 0.55  # share of its box that a dot covers, at least
_PATCH = 50
"""Pixels from which on no pointer fills its box; the dot and the I-beam of a small picture may."""


class GlyphOptions(Struct, frozen=True, kw_only=True):
    """How a pointer's look is learned and recognised."""

    contrast: Annotated[
        int,
        option(
            "contrast to the clean plate above which a pixel belongs to something in front",
            unit="levels",
            ge=1,
            le=254,
        ),
    ] = 28
    tolerance: Annotated[
        int,
        option("contrast at which a pixel no longer resembles the pointer's", unit="levels", ge=1, le=255),
    ] = 48
    keen_contrast: Annotated[
        int, option("as `contrast`, for stills that show nothing with that", unit="levels", ge=1, le=254)
    ] = 16
    keen_tolerance: Annotated[
        int, option("as `tolerance`, for the same stills", unit="levels", ge=1, le=255)
    ] = 40
    min_samples: Annotated[int, option("places a pointer must have been seen at to be learned", ge=3)] = 4
    max_samples: Annotated[int, option("places looked at, evenly picked", ge=3)] = 24
    min_similarity: Annotated[float, option("similarity of samples that agree", ge=0, le=1)] = 0.6
    min_pixels: Annotated[int, option("opaque pixels of the smallest pointer", ge=1)] = 12
    min_symmetry: Annotated[
        float,
        option(
            "overlap with itself upside down of a shape that points with its centre",
            ge=0,
            le=1,
            source="arrows reach 0.61 in 480p mush, dots and halos 0.91 or more",
        ),
    ] = 0.75
    faint: Annotated[
        float,
        option(
            "share of samples in which a pixel of a halo differs that is lost on other backgrounds",
            gt=0,
            le=1,
            source="of a halo learned over two backgrounds half differs in 0.3 to 0.5 of the samples",
        ),
    ] = 0.25
    searched: Annotated[int, option("most looks searched in one still", ge=1)] = 6
    min_share: Annotated[
        float,
        option("looks seen less often than this, relative to the commonest, are not searched", ge=0, le=1),
    ] = 0.03
    crumb_size: Annotated[
        float,
        option(
            "size below which a look seen less often than `crumb_share` is a part of the commonest one, as a "
            "multiple of that one's size",
            ge=0,
            le=1,
        ),
    ] = 0.3
    crumb_share: Annotated[float, option("see crumb_size and torn_size", ge=0, le=1)] = 0.3
    torn_size: Annotated[
        float,
        option(
            "size from which on a look seen less often than `crumb_share`, and no disc, is a torn piece of a "
            "disc, as a multiple of that one's size",
            ge=0,
        ),
    ] = 0.6
    min_side: Annotated[int, option("shorter side of the narrowest pointer", unit="px", ge=1)] = 3
    min_length: Annotated[int, option("longer side of the shortest pointer", unit="px", ge=1)] = 6
    max_filled: Annotated[
        float,
        option(
            "share of its box that a look of some size covers, at most",
            gt=0,
            le=1,
            source="dots reach 0.89; patches that an encoder refines one after the other have 1.0",
        ),
    ] = 0.95
    min_travel: Annotated[
        float, option("distance a pointer must have travelled, as a multiple of its size", ge=0)
    ] = 1.5
    min_shown: Annotated[
        float,
        option(
            "share of samples in which a pixel of a look differs from the plate, on average",
            ge=0,
            le=1,
            source="on 48 recordings pointers have 0.63 or more, parts of a dissolve and a face 0.53 or less",
        ),
    ] = 0.58
    trail_length: Annotated[
        float, option("length of a look that may be a round one with a trail, in its widths", ge=1)
    ] = 1.5
    dot_share: Annotated[
        float,
        option(
            "places that agree on a dot, at least, as a share of those that agree on more: it has a trail",
            gt=0,
            le=1,
        ),
    ] = 0.75
    trail_width: Annotated[
        float, option("least ratio of widths of a round look and of the same with a trail", gt=0, le=1)
    ] = 0.75
    pooled_samples: Annotated[
        int, option("places that teach a look of which no still shows enough", ge=3)
    ] = 3
    part_size: Annotated[
        float,
        option(
            "size up to which a look may be a part of another one, as a multiple of that one's size",
            ge=0,
            le=1,
        ),
    ] = 0.95
    part_share: Annotated[
        float, option("samples of the whole, at least, as a multiple of those of the part", ge=0)
    ] = 1.0
    own_look: Annotated[
        float,
        option(
            "likeness of a still's own look to the best one learned, below which it is searched there too",
            ge=0,
            le=1,
            source="of 61 looks that were learned again in 18 recordings, 10 are below",
        ),
    ] = 0.6
    halo_size: Annotated[
        float,
        option(
            "size from which on a round look may be a halo that lets the picture through, and is searched "
            "without its colours too, as a share of the picture's height",
            gt=0,
        ),
    ] = 0.06
    explains: Annotated[
        float, option("fit of a known look to a sample that teaches no other look", ge=0, le=1)
    ] = 0.5
    pooled_travel: Annotated[
        float,
        option(
            "distance such a look must have travelled, as a multiple of its size",
            ge=0,
            source="a hand over a link is seen for the last 10 to 30 px of a movement",
        ),
    ] = 0.25

    def keen(self) -> GlyphOptions:
        """The same for less contrast, see Note [Two sights]."""
        return replace(self, contrast=self.keen_contrast, tolerance=self.keen_tolerance)


class Look(Struct, frozen=True, eq=False):
    """The maps of :func:`narratrace.ops.sparse.learn_glyph`, cut to the pointer's shape and a rim around it.

    Attributes:
        color: Median colour, uint8, shape (h, w, 3), Y U V.
        differs, steady: Shares of samples, float32, shape (h, w).
        apart: Mean contrast to what is behind, levels, float32, shape (h, w).
        opaque: Where the colour is the pointer's own, bool, shape (h, w).
        shape: Where the pointer is, bool, cut without the rim.
    """

    color: npt.NDArray[np.uint8]
    differs: npt.NDArray[np.float32]
    steady: npt.NDArray[np.float32]
    apart: npt.NDArray[np.float32]
    opaque: Bool2
    shape: Bool2

    @classmethod
    def from_maps(cls, maps: dict[str, npt.NDArray[Any]], share: float = 0.5) -> Look:
        """Cuts the learned maps; there is at least one opaque pixel.

        Args:
            maps: As learned.
            share: Share of samples in which a pixel of the shape differs.
        """
        shape = (maps["differs"] >= share) | (maps["opaque"] > 0)
        ys, xs = np.nonzero(shape)
        own = (slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
        padded = {
            name: np.pad(maps[name], [(RIM, RIM), (RIM, RIM)] + [(0, 0)] * (maps[name].ndim - 2))
            for name in ("color", "differs", "steady", "apart", "opaque")
        }
        cut = (slice(own[0].start, own[0].stop + 2 * RIM), slice(own[1].start, own[1].stop + 2 * RIM))
        return cls(
            padded["color"][cut],
            padded["differs"][cut],
            padded["steady"][cut],
            padded["apart"][cut],
            padded["opaque"][cut] > 0,
            shape[own],
        )

    def cut(self, rows: slice, columns: slice) -> Look:
        """The opaque pixels of a part of the maps as a look of their own, with a rim around them."""
        around = (slice(rows.start - RIM, rows.stop + RIM), slice(columns.start - RIM, columns.stop + RIM))
        return Look(
            self.color[around],
            self.differs[around],
            self.steady[around],
            self.apart[around],
            self.opaque[around],
            self.opaque[rows, columns],
        )

    def filled(self) -> Look | None:
        """An outline with what is within it, in the colour of the page on which it was learned; else None."""
        if not is_outline(self.shape):
            return None
        shape = fill(self.shape)
        inside = np.pad(shape & ~self.shape, RIM)
        apart = np.where(inside, np.float32(_APART), self.apart)
        return replace(self, apart=apart, opaque=self.opaque | inside, shape=shape)

    @property
    def shown(self) -> float:
        """Share of samples in which a pixel of the shape differs, on average."""
        return float(self.differs[np.pad(self.shape, RIM)].mean())

    @property
    def size(self) -> int:
        """Longer side of the shape in pixels."""
        return int(max(self.shape.shape))

    def hot_spot(self, points_with: str) -> tuple[int, int]:
        """Pixel (x, y) of the maps that points, see Note [Hot spots]."""
        x, y = hot_spot(self.shape, points_with)
        return x + RIM, y + RIM

    def glyph(self, points_with: str) -> Glyph:
        """For the native search, with the hot spot as its origin."""
        return self.glyph_at(*self.hot_spot(points_with))

    def silhouette(self, points_with: str) -> Glyph:
        """The same without colours: where it differs from what is behind, and where it does not."""
        clear = np.zeros_like(self.opaque)
        return replace(self, opaque=clear).glyph_at(*self.hot_spot(points_with))

    def glyph_at(self, x: int, y: int) -> Glyph:
        """The same with pixel (x, y) of the maps as its origin."""
        shape = np.pad(self.shape, RIM)
        outside = (dilated(shape, 3) & ~dilated(shape, 1)) & (self.differs < 0.2)
        role = np.full(shape.shape, 255, dtype=np.uint8)
        role[outside], role[shape], role[self.opaque] = 2, 1, 0
        ys, xs = np.nonzero(role != 255)
        pixels = np.zeros(len(ys), dtype=PIXEL)
        pixels["dx"], pixels["dy"], pixels["role"] = xs - x, ys - y, role[ys, xs]
        for i, name in enumerate("yuv"):
            pixels[name] = self.color[ys, xs, i]
        own = self.steady * np.minimum(1.0, self.apart / _APART)
        sure = np.where(self.opaque, own, np.where(shape, self.differs, 0.5 * (1 - self.differs)))
        pixels["weight"] = np.clip(255 * sure[ys, xs], 1, 255)
        # The lines of an outline have its inside to one side, not what is behind.
        return Glyph(pixels, lines=not is_outline(self.shape))


class LearnedPointer(Struct, frozen=True, eq=False):
    """A pointer's look.

    Attributes:
        glyph: For the native search; its origin is the hot spot's pixel.
        look: The learned maps, cut to the pointer's shape.
        size: Longer side of its shape in pixels.
        samples: Places that agree with it.
        similarity: Their median similarity, 0..1.
        travel: Distance between the farthest of them, as a multiple of the size.
        points_with: ``centre``, ``top`` or ``bottom``.
    """

    glyph: Glyph
    look: Look
    size: int
    samples: int
    similarity: float
    travel: float
    points_with: str


def contrast(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Contrast of colours (Y U V in the last axis, a signed dtype): chroma counts twice."""
    y, u, v = np.moveaxis(np.abs(a - b), -1, 0)
    out: npt.NDArray[Any] = np.maximum(y, 2 * np.maximum(u, v))
    return out


def moving_blobs(blobs: Blobs, begin: int, max_size: float) -> npt.NDArray[Any]:
    """Blobs that moved since the frame before and kept their size: what a pointer does.

    Returns:
        Rows of :data:`SAMPLE`; ``frame`` counts in the segment.
    """
    top = 4
    n = len(blobs)
    if n < 2:
        return np.zeros(0, dtype=SAMPLE)
    index = blobs.first[:, None].astype(np.int64) + np.arange(top)
    valid = index < blobs.last[:, None]
    rows = blobs.table[np.minimum(index, max(0, len(blobs.table) - 1))] if len(blobs.table) else None
    if rows is None:
        return np.zeros(0, dtype=SAMPLE)
    width, height = rows["x1"] - rows["x0"], rows["y1"] - rows["y0"]
    size = np.maximum(width, height)
    fits = valid & (rows["area"] >= 12) & (size <= max_size)
    fresh = np.r_[False, (blobs.first[1:] != blobs.first[:-1]) | (blobs.last[1:] != blobs.last[:-1])]
    now, was = slice(1, None), slice(None, -1)
    ratio = rows["area"][was][:, None, :] / np.maximum(1, rows["area"][now][:, :, None])
    step = np.hypot(
        rows["cx"][was][:, None, :] - rows["cx"][now][:, :, None],
        rows["cy"][was][:, None, :] - rows["cy"][now][:, :, None],
    )
    alike = (ratio >= 0.6) & (ratio <= 1.6) & (step >= 2) & (step <= 0.8 * max_size)
    for side in (width, height):
        alike &= np.abs(side[was][:, None, :] - side[now][:, :, None]) <= 0.4 * side[now][:, :, None] + 3
    alike &= fits[now][:, :, None] & valid[was][:, None, :] & fresh[now][:, None, None]
    frame, which = np.nonzero(_without_echoes(alike.any(axis=2), rows["weight"][now], size[now]))
    picked = rows[frame + 1, which]
    out = np.zeros(len(frame), dtype=SAMPLE)
    out["frame"] = frame + 1 + begin
    for name in ("x0", "y0", "x1", "y1"):
        out[name] = picked[name]
    return out


def _without_echoes(moving: Bool2, weight: npt.NDArray[np.int32], size: npt.NDArray[np.int32]) -> Bool2:
    """Moving blobs without those that a heavier moving one of about their size outdoes in the same frame.

    Presenter tools draw fading copies of the pointer where it has just been; all of them move like it.

    Args:
        moving, weight, size: Per frame and blob, shape (n, k).
    """
    pairs = size[:, None, :] <= 2 * size[:, :, None]
    pairs &= size[:, :, None] <= 2 * size[:, None, :]
    heavier = weight[:, None, :] > weight[:, :, None]
    outdone = (pairs & heavier & moving[:, None, :]).any(axis=2)
    kept: Bool2 = moving & ~outdone
    return kept


def pick_samples(samples: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """At most ``count`` samples of the most common size at different places, evenly spread over time."""
    if len(samples) == 0:
        return samples
    size = np.maximum(samples["x1"] - samples["x0"], samples["y1"] - samples["y0"])
    low, high = np.ceil(0.8 * size).astype(np.int64), np.floor(1.25 * size).astype(np.int64)
    ascending = np.sort(size)
    close = np.searchsorted(ascending, high, side="right") - np.searchsorted(ascending, low)
    common = int(np.argmax(close))
    return spread(samples[(size >= low[common]) & (size <= high[common])], count)


def spread(samples: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """At most ``count`` of the samples at different places, evenly spread over time."""
    if len(samples) == 0:
        return samples
    moved = np.r_[True, (np.abs(np.diff(samples["x0"])) + np.abs(np.diff(samples["y0"]))) >= 4]
    samples = samples[moved]
    chosen: npt.NDArray[Any] = samples[
        distinct(np.linspace(0, len(samples) - 1, count).round().astype(np.int64))
    ]
    return chosen


def learn(
    segment: Segment, plate: Planes, samples: npt.NDArray[Any], options: GlyphOptions
) -> LearnedPointer | None:
    """The pointer that the samples show, or None when they do not agree on one.

    A fast dot shows its trail more often than not; where about as many agree on it without, that is it.
    """
    pointer = _learn_some(segment, plate, samples, options)
    rounded = _round(samples)
    needed = 0 if pointer is None else options.dot_share * pointer.samples
    if needed > len(rounded) or len(rounded) == len(samples) or (pointer is not None and _is_round(pointer)):
        return pointer
    dot = _learn_some(segment, plate, rounded, options)
    return dot if dot is not None and _is_round(dot) and dot.samples >= needed else pointer


def _learn_some(
    segment: Segment, plate: Planes, samples: npt.NDArray[Any], options: GlyphOptions
) -> LearnedPointer | None:
    """The pointer that those of the most common size show."""
    picked = pick_samples(samples, options.max_samples)
    if len(picked) < options.min_samples:
        return None
    cutouts = cut_out(segment, plate, picked, threshold=options.contrast)
    return learn_from(cutouts, options, options.min_samples, options.min_travel)


def _is_round(pointer: LearnedPointer) -> bool:
    """Whether it is a cross, or a dot with what shows of its glow."""
    shape = pointer.look.shape
    disc = bool(shape.mean() >= _FILLED) and min(shape.shape) >= _AS_WIDE * max(shape.shape)
    return pointer.points_with == "centre" and (disc or is_thin(shape, pointer.points_with))


def _round(samples: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Those about as wide as high: of a dot that draws a trail behind it, the ones in which it is short."""
    width, height = samples["x1"] - samples["x0"], samples["y1"] - samples["y0"]
    rounded: npt.NDArray[Any] = samples[np.minimum(width, height) >= _AS_WIDE * np.maximum(width, height)]
    return rounded


def learn_from(
    cutouts: Sequence[GlyphCutout], options: GlyphOptions, min_samples: int, min_travel: float
) -> LearnedPointer | None:
    """The pointer that the cutouts show, or None when they do not agree on one."""
    maps = learn_glyph(cutouts, tolerance=options.tolerance, min_similarity=options.min_similarity)
    agreeing = maps["similarity"] >= 0
    if agreeing.sum() < min_samples or maps["opaque"].sum() < options.min_pixels:
        return None
    look = Look.from_maps(maps)
    if look.shown < options.min_shown:
        return None  # what comes and goes in pieces
    look, points_with = whole_look(look, maps, options)
    if look.shape.sum() >= _PATCH and look.shape.mean() > options.max_filled:
        return None
    travel = max(np.ptp(maps["x"][agreeing]), np.ptp(maps["y"][agreeing])) / look.size
    if travel < min_travel or min(look.shape.shape) < options.min_side or look.size < options.min_length:
        return None
    return LearnedPointer(
        glyph=look.glyph(points_with),
        look=look,
        size=look.size,
        samples=int(agreeing.sum()),
        similarity=median(maps["similarity"][agreeing]),
        travel=float(travel),
        points_with=points_with,
    )


def whole_look(look: Look, maps: dict[str, npt.NDArray[Any]], options: GlyphOptions) -> tuple[Look, str]:
    """The learned look with all of its halo, and what it points with.

    A halo is round even where half of the samples miss a part of it.

    Args:
        look: What most samples show.
        maps: As learned.
        options: Which shapes are round.
    """
    points_with = pointing_part(look.shape, options.min_symmetry)
    if points_with == "top":
        wide = Look.from_maps(maps, options.faint)
        if roundness(wide.shape) >= options.min_symmetry:
            return wide, pointing_part(wide.shape, options.min_symmetry)
    return look, points_with


def is_thin(shape: Bool2, points_with: str) -> bool:
    """Whether a shape is made of lines that cross or end about its centre."""
    return points_with == "centre" and bool(shape.mean() < THIN)
