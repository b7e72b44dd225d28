"""A pointer that does not move within a still is part of its clean plate: looking for it there.

Note [Resting pointers]
~~~~~~~~~~~~~~~~~~~~~~~
Nothing differs from the plate, so only the look of the pointer is left to go by. Near the place where it was
last seen, a fair likeness is enough. Elsewhere it must be a good likeness and clearly the best one of the whole
picture, and only a look with a shape of its own is searched: red dots and rings are common on slides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from narratrace.analyse.glyph_book import Entry
from narratrace.ops.sparse import Planes, find_glyph
from narratrace.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """When a likeness in the plate counts as the pointer."""

    near: Annotated[
        float, option("farthest from the last place that counts as near, as a multiple of the pointer's size", ge=0)
    ] = 2.0
    near_similarity: Annotated[float, option("likeness that suffices near the last place", ge=0, le=1)] = 0.62
    similarity: Annotated[float, option("likeness that suffices anywhere", ge=0, le=1)] = 0.78
    margin: Annotated[float, option("lead over the next best place of the picture", ge=0, le=1)] = 0.08


@dataclass(frozen=True, slots=True)
class Rest:
    """Where a resting pointer was found: its hot spot's pixel centre, and how alike it is, 0..1."""

    x: float
    y: float
    similarity: float


def find_resting(
    plate: Planes, known: Sequence[Entry], last: tuple[float, float] | None, tolerance: int, options: RestOptions
) -> Rest | None:
    """The pointer in a plate, or None.

    Args:
        plate: Clean plate of a still in which nothing pointer-like moves.
        known: Looks to search for, likeliest first.
        last: Where the pointer was seen last, None when it was not or long ago.
        tolerance: Contrast at which a pixel no longer resembles the pointer's.
        options: Thresholds.
    """
    height, width = plate[0].shape
    for entry in known:
        if last is not None:
            reach = int(options.near * entry.size)
            x, y = int(last[0]), int(last[1])
            window = (max(0, x - reach), max(0, y - reach), min(width, x + reach + 1), min(height, y + reach + 1))
            found = find_glyph(plate, entry.glyph, window, tolerance)
            if found[2] >= options.near_similarity:
                return Rest(found[0] + 0.5, found[1] + 0.5, found[2])
    for entry in known:
        if entry.points_with == "centre":
            continue
        x, y, best = find_glyph(plate, entry.glyph, (0, 0, width, height), tolerance)
        if best >= options.similarity and best - _next_best(plate, entry, x, y, tolerance) >= options.margin:
            return Rest(x + 0.5, y + 0.5, best)
    return None


def _next_best(plate: Planes, entry: Entry, x: int, y: int, tolerance: int) -> float:
    """Likeness of the best place that does not overlap the one at (x, y)."""
    height, width = plate[0].shape
    s = entry.size
    around = [(0, 0, width, y - s), (0, y + s, width, height), (0, y - s, x - s, y + s), (x + s, y - s, width, y + s)]
    windows = [(max(0, a), max(0, b), min(width, c), min(height, d)) for a, b, c, d in around]
    return max(
        (find_glyph(plate, entry.glyph, w, tolerance)[2] for w in windows if w[0] < w[2] and w[1] < w[3]), default=0.0
    )
