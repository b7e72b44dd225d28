"""A pointer that does not move within a still is part of its clean plate: looking for it there.

Note [Resting pointers]
~~~~~~~~~~~~~~~~~~~~~~~
Nothing differs from the plate, so only the look of the pointer is left to go by. Near the place where it
was last seen, a fair likeness is enough. Elsewhere it must be a good likeness and clearly the best one of
the whole picture, and only a look with a shape of its own is searched: red dots and rings are common on
slides.

A pointer that is in the plate and leaves is missed there: from then on something differs from the plate at
its place. So the differences just before and just after a break tell where to look for it, and frames that
differ from the plate at its place do not show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Annotated, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.analyse.breaks import F64, Point, breaks, joined
from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.glyphs import RIM
from narratrace.analyse.stills import SegmentView
from narratrace.analyse.tiles import Bool
from narratrace.data.trace import Trace
from narratrace.ops.sparse import U8, Blobs, Planes, find_places
from narratrace.options import option

_MISSED = 0.5
"""Share of the frames with the pointer elsewhere that miss one which is in the plate, at least."""
_LACKS = 0.5
"""Most likeness of a place that lacks the pointer, as a share of that of the place with it."""
_OTHER_SCENE = 0.05
"""Share of a picture's pixels that differ between two stills of a scene, at most."""
_CONTRAST = 28
"""Levels from which on a pixel differs."""
_FAINT = 16
"""Levels by which what can be seen differs from what is around it."""
_SHOWN = 0.15
"""Share of a pointer's pixels that can be seen so, at least; of a white one on white, but the outline can."""
_SPECK = 0.3
"""Share of a pointer's pixels that differ, at least, where the picture lacks it."""
_SLACK = 3
"""Pixels by which the edge of what differs may be off that of the pointer."""


class RestOptions(Struct, frozen=True, kw_only=True):
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
    lone_similarity: Annotated[
        float,
        option(
            "the same in a still that shows the pointer nowhere",
            ge=0,
            le=1,
            source="a translucent halo that was learned on another slide reaches 0.4",
        ),
    ] = 0.36
    disc_similarity: Annotated[
        float,
        option(
            "likeness of a halo, and of what is in it, that suffices where both are most alike at one place",
            ge=0,
            le=1,
            source="a translucent halo that was learned on another slide reaches 0.4",
        ),
    ] = 0.36
    similarity: Annotated[float, option("likeness that suffices anywhere", ge=0, le=1)] = 0.78
    margin: Annotated[float, option("lead over the next best place of the picture", ge=0, le=1)] = 0.08
    typical: Annotated[
        float,
        option(
            "likeness, as a share of what the look's own samples have, that suffices with `clear_margin`",
            ge=0,
            le=1,
            source="what compression does to a pointer that moves it also does to one at rest; on 160 "
            "recordings 0.85 with 0.2 missed one for 22 s, and claimed less than 2 s of another wrongly",
        ),
    ] = 0.68
    clear_margin: Annotated[float, option("see typical", ge=0, le=1)] = 0.15
    single_similarity: Annotated[
        float,
        option(
            "likeness that suffices with a lead of `single_margin`: no other place is anything like it",
            ge=0,
            le=1,
        ),
    ] = 0.45
    single_margin: Annotated[float, option("see single_similarity", ge=0, le=1)] = 0.4


class Find(NamedTuple):
    """A pointer in a plate.

    Attributes:
        x, y: Hot spot, pixel centre.
        similarity: Likeness, 0..1.
        box: Extent (x0, y0, x1, y1) of the look relative to the hot spot, pixels.
        area: Pixels that differ when it has gone: its own, and those of the halo around it.
    """

    x: float
    y: float
    similarity: float
    box: tuple[int, int, int, int]
    area: int


class RestFinder(Struct, frozen=True):
    """Looks for a resting pointer in plates.

    Attributes:
        options: Thresholds.
        tolerance: Contrast at which a pixel no longer resembles the pointer's.
    """

    options: RestOptions
    tolerance: int

    def near(
        self, plate: Planes, known: Sequence[Entry], place: Point, reach: float, *, lone: bool
    ) -> Find | None:
        """The pointer at most ``reach`` times its size from ``place``.

        By the look that is most alike there.

        Args:
            plate: Clean plate of the still.
            known: Looks to search for.
            place: Where the pointer was before or after.
            reach: See above.
            lone: Whether the still shows the pointer nowhere.
        """
        least = self.options.lone_similarity if lone else self.options.near_similarity
        finds = (find for entry in known if (find := self._beside(plate, entry, place, reach, least)))
        return max(finds, key=lambda find: find.similarity, default=None)

    def _beside(self, plate: Planes, entry: Entry, place: Point, reach: float, least: float) -> Find | None:
        height, width = plate[0].shape
        # More than the reach is searched, for what stands out among few places may be chance.
        r, x, y = int(max(reach, self.options.near) * entry.size), int(place[0]), int(place[1])
        window = (max(0, x - r), max(0, y - r), min(width, x + r + 1), min(height, y + r + 1))
        if window[0] >= window[2] or window[1] >= window[3]:
            return None
        best, lead = self._best(plate, entry, window)
        if best is None or best.similarity < least:
            return None
        if max(abs(best.x - place[0]), abs(best.y - place[1])) > reach * entry.size + 1:
            return None
        # Halos and compression take off some likeness everywhere; then the place must stand out.
        sure = best.similarity >= self.options.sure_similarity or lead >= self.options.near_margin
        return best if sure and _shows(plate, entry, best) else None

    def anywhere(self, plate: Planes, known: Sequence[Entry]) -> Find | None:
        """The pointer, wherever it is, if it stands out."""
        for entry in known:
            if not entry.distinct:
                continue
            best, lead = self._best_of_all(plate, entry)
            if best and (
                self._stands_out(best.similarity, lead, entry) or self._in_disc(plate, best, entry.disc)
            ):
                return best
        return None

    def _in_disc(self, plate: Planes, inner: Find, disc: Entry | None) -> bool:
        """Whether what is most like the core of a halo is where its disc stands out: both are no chance."""
        least = self.options.disc_similarity
        if disc is None or inner.similarity < least:
            return False
        best, lead = self._best_of_all(plate, disc)
        if best is None or best.similarity < least or lead < self.options.near_margin:
            return False
        return max(abs(best.x - inner.x), abs(best.y - inner.y)) <= _SLACK

    def appeared(self, plate: Planes, before: Planes, known: Sequence[Entry]) -> Find | None:
        """The pointer where it alone looks like that, and where another plate of the same scene lacks it.

        Dots and rings are common on slides, but do not come while all else stays.

        Args:
            plate: Clean plate of a still.
            before: That of the still before.
            known: Looks to search for, likeliest first.
        """
        if not _same_scene(plate, before):
            return None
        for entry in known:
            best, lead = self._best_of_all(plate, entry)
            if (
                best is None
                or best.similarity < self.options.lone_similarity
                or lead < self.options.near_margin
            ):
                continue
            x, y = int(best.x), int(best.y)
            window = (x - _SLACK, y - _SLACK, x + _SLACK + 1, y + _SLACK + 1)
            there = find_places(before, entry.glyph, window, self.tolerance)
            if max((found[2] for found in there), default=0.0) <= _LACKS * best.similarity:
                return best
        return None

    def _stands_out(self, similarity: float, lead: float, entry: Entry) -> bool:
        options = self.options
        return any(
            similarity >= likeness and lead >= margin
            for likeness, margin in (
                (options.similarity, options.margin),
                (options.typical * entry.pointer.similarity, options.clear_margin),
                (options.single_similarity, options.single_margin),
            )
        )

    def missed(self, plate: Planes, known: Sequence[Entry], rows: npt.NDArray[Any]) -> Find | None:
        """The pointer in the plate where one of ``rows`` (see :class:`Blobs`) differs from it."""
        best: Find | None = None
        for row, entry in product(rows, known):
            find, _ = self._best(plate, entry, _window(row, entry.glyph.box, plate[0].shape))
            if find and find.similarity >= self.options.typical * entry.pointer.similarity:
                best = find if best is None or find.similarity > best.similarity else best
        return best

    def fill(
        self,
        times: F64,
        trace: Trace,
        plate: Planes,
        known: Sequence[Entry],
        before: Point | Find | None,
        view: SegmentView,
        blobs: Blobs,
    ) -> Trace:
        """The trace, with its breaks filled where the pointer rests in the plate.

        Args:
            times: When each frame of the still appears, increasing.
            trace: Points at some of the frames.
            plate: Clean plate of the still.
            known: Looks to search for, likeliest first.
            before: Where the pointer was before the still, None when unknown; a find if it is known to be
                there still.
            view: Tells which parts of the plate are moving pictures, where a likeness is chance.
            blobs: What differs from the plate in each frame.
        """
        pieces = [trace]
        lone = len(trace) == 0
        stays = before if isinstance(before, Find) else None
        place = (before[0], before[1]) if before else None
        for start, stop, a, b in breaks(times, trace, place, self.options.min_s):
            near = self.options.beside if start > 0 else self.options.near
            found = (
                (stays if start == 0 else None)
                or (self.near(plate, known, a, near, lone=lone) if a else None)
                or (self.near(plate, known, b, self.options.beside, lone=lone) if b else None)
                or self.missed(plate, known, _around(blobs, start, stop, view.max_pointer))
            )
            if (
                found
                and not view.is_moving(found.x, found.y)
                and not always_there(found, times, trace, blobs)
            ):
                pieces.append(shown(times, start, stop, found, blobs))
        return joined(pieces)

    def _best_of_all(self, plate: Planes, entry: Entry) -> tuple[Find | None, float]:
        """The same anywhere in a picture."""
        height, width = plate[0].shape
        return self._best(plate, entry, (0, 0, width, height))

    def _best(
        self, plate: Planes, entry: Entry, window: tuple[int, int, int, int]
    ) -> tuple[Find | None, float]:
        """The best place in a window, None when nothing resembles the look, and its lead over the next."""
        places = find_places(plate, entry.glyph, window, self.tolerance)
        if not places:
            return None, 0.0
        x, y, similarity = places[0]
        lead = similarity - (places[1][2] if len(places) > 1 else 0.0)
        # What the edge of the picture leaves of the look, if less than half, may be alike by chance.
        similarity *= min(1.0, 2 * entry.on_screen(x, y, plate[0].shape))
        return Find(x + 0.5, y + 0.5, similarity, entry.glyph.box, entry.gone), lead


def _shows(plate: Planes, entry: Entry, found: Find) -> bool:
    """Whether the place differs from what is around it; a black cross is alike all over a black picture."""
    x0, y0, x1, y1 = found.box
    left, top = int(found.x) + x0, int(found.y) + y0
    ys, xs = np.nonzero(entry.pointer.look.opaque[RIM:-RIM, RIM:-RIM])
    height, width = plate[0].shape
    ys, xs = ys + top, xs + left
    on_screen = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    ys, xs = ys[on_screen], xs[on_screen]
    differs = np.zeros(len(ys), dtype=bool)
    for plane, step in zip(plate, (1, 2, 2), strict=True):
        around = _frame(plane, left // step, top // step, (x1 - x0) // step, (y1 - y0) // step)
        own = plane[ys // step, xs // step].astype(np.int16)
        differs |= step * np.abs(own - np.median(around)) > _FAINT
    return bool(differs.mean() >= _SHOWN) if len(differs) else False


def _frame(plane: U8, left: int, top: int, width: int, height: int) -> U8:
    """What is right around a box, as far as it is on the screen."""
    part = plane[
        max(0, top - _SLACK) : max(0, top + height + _SLACK),
        max(0, left - _SLACK) : max(0, left + width + _SLACK),
    ]
    return np.concatenate(
        [part[:_SLACK].ravel(), part[-_SLACK:].ravel(), part[:, :_SLACK].ravel(), part[:, -_SLACK:].ravel()]
    )


def _same_scene(a: Planes, b: Planes) -> bool:
    every = np.s_[::4, ::4]
    if a[0].shape != b[0].shape:
        return False
    apart = np.abs(a[0][every].astype(np.int16) - b[0][every]) > _CONTRAST
    return bool(apart.mean() <= _OTHER_SCENE)


def shown(times: F64, start: int, stop: int, found: Find, blobs: Blobs) -> Trace:
    """The trace of a pointer that is in the plate, in those of frames [start, stop) that do not miss it."""
    missed = _missed(found, blobs)[start:stop]
    return resting(times[start:stop][~missed], found)


def _missed(found: Find, blobs: Blobs) -> Bool:
    """Frames that miss a pointer which is in the plate: half of it, or of the part the plate has, differs."""
    left, top, right, bottom = found.box
    rows = blobs.table
    across = np.minimum(rows["x1"], found.x + right) - np.maximum(rows["x0"], found.x + left)
    down = np.minimum(rows["y1"], found.y + bottom) - np.maximum(rows["y0"], found.y + top)
    needed = 0.5 * found.similarity * (right - left) * (bottom - top)
    covers = np.maximum(across, 0) * np.maximum(down, 0) >= needed
    covers &= rows["area"] >= _SPECK * found.similarity * found.area
    before = np.r_[0, np.cumsum(covers)]  # of the rows up to each
    missed: Bool = before[blobs.last] > before[blobs.first]
    return missed


def always_there(found: Find, times: F64, trace: Trace, blobs: Blobs) -> bool:
    """Whether the place looks the same while the pointer is elsewhere: then it is no pointer in the plate."""
    left, top, right, bottom = found.box
    away = (np.abs(trace.x - found.x) >= right - left) | (np.abs(trace.y - found.y) >= bottom - top)
    if not away.any():
        return False
    frames = np.searchsorted(times, trace.t[away], side="right") - 1
    return bool(_missed(found, blobs)[frames].mean() < _MISSED)


def _around(blobs: Blobs, start: int, stop: int, max_pointer: float) -> npt.NDArray[Any]:
    """What differs from the plate right before frame ``start`` and at frame ``stop``."""
    rows = np.concatenate(
        [blobs.at(i) for i in (start - 1, stop) if 0 <= i < len(blobs)] or [blobs.table[:0]]
    )
    size = np.maximum(rows["x1"] - rows["x0"], rows["y1"] - rows["y0"])
    small: npt.NDArray[Any] = rows[size <= max_pointer]
    return small


def _window(row: Any, box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Where the hot spot of a pointer with that box is, if it is what a blob shows; half-open."""
    x0, y0, x1, y1 = box
    xs = sorted((int(row["x0"]) - x0, int(row["x1"]) - x1))
    ys = sorted((int(row["y0"]) - y0, int(row["y1"]) - y1))
    return (
        min(max(0, xs[0] - _SLACK), shape[1] - 1),
        min(max(0, ys[0] - _SLACK), shape[0] - 1),
        max(1, min(shape[1], xs[1] + _SLACK + 1)),
        max(1, min(shape[0], ys[1] + _SLACK + 1)),
    )


def resting(times: F64, found: Find) -> Trace:
    """The trace of a pointer that rests at one place at all ``times``."""
    return Trace(times.copy(), *(np.full(len(times), value) for value in found[:3]))
