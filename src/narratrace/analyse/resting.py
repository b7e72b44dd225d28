"""A pointer that does not move within a still is part of its clean plate: looking for it there.

Note [Resting pointers]
~~~~~~~~~~~~~~~~~~~~~~~
Nothing differs from the plate, so only the look of the pointer is left to go by. Near the place where it
was last seen, a fair likeness is enough. Elsewhere it must be a good likeness and clearly the best one of
the whole picture, and only a look with a shape of its own is searched: red dots and rings are common on
slides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from narratrace.analyse.breaks import F64, Point, breaks, joined
from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.stills import SegmentView
from narratrace.data.trace import Trace
from narratrace.ops.sparse import Planes, find_places
from narratrace.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOptions:
    """When a likeness in the plate counts as the pointer."""

    near: Annotated[
        float,
        option("farthest from the last place that counts as near, as a multiple of the pointer's size", ge=0),
    ] = 2.0
    beside: Annotated[
        float,
        option(
            "farthest from where a track breaks off within a still, as a multiple of the pointer's size", ge=0
        ),
    ] = 0.7
    min_s: Annotated[float, option("shorter breaks of a track are left alone", unit="s", gt=0)] = 0.4
    sure_similarity: Annotated[float, option("likeness that suffices near the last place", ge=0, le=1)] = 0.66
    near_similarity: Annotated[
        float,
        option("likeness that suffices there with a lead of `near_margin` over other places", ge=0, le=1),
    ] = 0.42
    near_margin: Annotated[float, option("see near_similarity", ge=0, le=1)] = 0.2
    similarity: Annotated[float, option("likeness that suffices anywhere", ge=0, le=1)] = 0.78
    margin: Annotated[float, option("lead over the next best place of the picture", ge=0, le=1)] = 0.08


Find = tuple[float, float, float]
"""Hot spot (x, y), pixel centre, and likeness 0..1."""


@dataclass(frozen=True, slots=True)
class RestFinder:
    """Looks for a resting pointer in plates.

    Attributes:
        options: Thresholds.
        tolerance: Contrast at which a pixel no longer resembles the pointer's.
    """

    options: RestOptions
    tolerance: int

    def near(self, plate: Planes, known: Sequence[Entry], place: Point, reach: float) -> Find | None:
        """The pointer at most ``reach`` times its size from ``place``.

        By the likeliest look that is there.
        """
        height, width = plate[0].shape
        for entry in known:
            r, x, y = int(reach * entry.size), int(place[0]), int(place[1])
            window = (max(0, x - r), max(0, y - r), min(width, x + r + 1), min(height, y + r + 1))
            if window[0] >= window[2] or window[1] >= window[3]:
                continue
            best, lead = self._best(plate, entry, window)
            if best is None or best[2] < self.options.near_similarity:
                continue
            # Halos and compression take off some likeness everywhere; then the place must stand out.
            if best[2] >= self.options.sure_similarity or lead >= self.options.near_margin:
                return best
        return None

    def anywhere(self, plate: Planes, known: Sequence[Entry]) -> Find | None:
        """The pointer, wherever it is, if it stands out."""
        height, width = plate[0].shape
        for entry in known:
            if not entry.distinct:
                continue
            best, lead = self._best(plate, entry, (0, 0, width, height))
            if best and best[2] >= self.options.similarity and lead >= self.options.margin:
                return best
        return None

    def fill(
        self,
        times: F64,
        trace: Trace,
        plate: Planes,
        known: Sequence[Entry],
        before: Point | None,
        view: SegmentView,
    ) -> Trace:
        """The trace, with its breaks filled where the pointer rests in the plate beside them.

        Args:
            times: When each frame of the still appears, increasing.
            trace: Points at some of the frames.
            plate: Clean plate of the still.
            known: Looks to search for, likeliest first.
            before: Where the pointer was before the still, None when unknown.
            view: Tells which parts of the plate are moving pictures, where a likeness is chance.
        """
        pieces = [trace]
        for start, stop, a, b in breaks(times, trace, before, self.options.min_s):
            for place, own in ((a, start > 0), (b, True)):
                reach = self.options.beside if own else self.options.near
                found = self.near(plate, known, place, reach) if place else None
                if found and not view.is_moving(found[0], found[1]):
                    pieces.append(resting(times[start:stop], found))
                    break
        return joined(pieces)

    def _best(
        self, plate: Planes, entry: Entry, window: tuple[int, int, int, int]
    ) -> tuple[Find | None, float]:
        """The best place in a window, None when nothing resembles the look, and its lead over the next."""
        places = find_places(plate, entry.glyph, window, self.tolerance)
        if not places:
            return None, 0.0
        x, y, similarity = places[0]
        return (x + 0.5, y + 0.5, similarity), similarity - (places[1][2] if len(places) > 1 else 0.0)


def resting(times: F64, found: Find) -> Trace:
    """The trace of a pointer that rests at one place at all ``times``."""
    return Trace(times.copy(), *(np.full(len(times), value) for value in found))
