"""Following the pointer into areas that move by themselves.

Note [Before moving pictures]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A webcam inset or a cine loop has no clean plate, so the pointer is not what differs from it. But its look
is known from elsewhere. Where a track breaks off near such an area, or begins near one, the area's frames
are searched for that look at the analysis rate, and one trajectory through the best places of all of them,
held at both ends by the track outside, is chosen like any other. It counts if the pointer looks alike on
average: in a moving picture there is always something that resembles it for a moment.

The same holds where the pointer brings something up that is larger than itself, a lit row or button or a
tooltip: what differs from the plate is then no picture of the pointer. It may rest there, or move along.
And it holds between two stills while somebody draws: then there is no plate at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.analyse.breaks import Point, breaks, joined
from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.orders import distinct
from narratrace.analyse.stills import SegmentView
from narratrace.analyse.tiles import tile_box
from narratrace.analyse.trace import TrackOptions, track
from narratrace.data.shots import Box
from narratrace.data.trace import Trace
from narratrace.ops.sparse import Blobs, Candidates, find_on_screen
from narratrace.options import option

F64 = npt.NDArray[np.float64]
_MARGIN = 16


class InsideOptions(Struct, frozen=True, kw_only=True):
    """When a likeness before a moving picture is the pointer."""

    every_s: Annotated[float, option("time between searched frames", unit="s", gt=0)] = 0.1
    min_gap_s: Annotated[float, option("shorter breaks of a track are not searched", unit="s", gt=0)] = 0.25
    near: Annotated[
        float,
        option(
            "farthest from a moving area that a track may break off, as a share of the picture's height", ge=0
        ),
    ] = 0.15
    min_similarity: Annotated[float, option("similarity at which a place is worth nothing", ge=0, le=1)] = (
        0.55
    )
    mean_similarity: Annotated[
        float, option("mean similarity along a trajectory that counts", ge=0, le=1)
    ] = 0.66
    brought_up: Annotated[
        float,
        option(
            "largest thing brought up that is searched all over, as a share of the picture; of larger ones "
            "what is around the ends of the break",
            ge=0,
            le=1,
        ),
    ] = 0.15
    drawn_in: Annotated[
        float,
        option(
            "largest part of the picture that is searched while content changes within it, as a share of the "
            "picture",
            ge=0,
            le=1,
            source="choice: strokes of a pen lie within; beyond, pages scroll and pictures are exchanged",
        ),
    ] = 0.35
    mean_lead: Annotated[
        float,
        option(
            "mean lead of a trajectory that counts over the next best place of each frame",
            ge=0,
            le=1,
            source="a white pointer resembles white paper around a picture wherever it is looked for",
        ),
    ] = 0.05
    clear_similarity: Annotated[
        float, option("mean similarity that suffices with a mean lead of `clear_lead`", ge=0, le=1)
    ] = 0.58
    clear_lead: Annotated[
        float,
        option(
            "see clear_similarity",
            ge=0,
            le=1,
            source="a soft arrow at rest before a face 0.11",
        ),
    ] = 0.1


class InsideFinder(Struct, frozen=True):
    """Follows the pointer before moving pictures, see Note [Before moving pictures].

    Attributes:
        options: When a likeness is the pointer.
        tracking: Prices of a trajectory.
        tolerance: Contrast at which a pixel no longer resembles the pointer's.
    """

    options: InsideOptions
    tracking: TrackOptions
    tolerance: int

    def follow(
        self,
        view: SegmentView,
        begin: int,
        end: int,
        outside: Trace,
        before: Point | None,
        known: Sequence[Entry],
        blobs: Blobs,
    ) -> Trace:
        """The trace of frames [begin, end) with what was found before moving pictures.

        Args:
            outside: Trace over the still part of the picture.
            before: Where the pointer was before the still, None when unknown.
            known: Looks to search for, likeliest first.
            blobs: What differs from the plate in each frame.
        """
        times = view.times[begin:end]
        pieces = [outside]
        reach = self.options.near * view.segment.height
        for start, stop, a, b in breaks(times, outside, before, self.options.min_gap_s):
            areas = [
                box
                for box in _areas(view, times[start], times[stop - 1])
                if _near(box, a, reach) or _near(box, b, reach)
            ]
            pieces += [
                self._first(view, begin + start, begin + stop, box, (a, b), known)
                for box in areas or _brought_up(blobs, start, stop, (a, b), view, self.options.brought_up)
            ]
        return joined(pieces)

    def between(
        self,
        view: SegmentView,
        begin: int,
        end: int,
        ends: tuple[Point, Point],
        known: Sequence[Entry],
    ) -> Trace:
        """The trace of frames [begin, end) while content changes, see Note [Before moving pictures].

        Args:
            ends: Where the pointer was just before and just after.
            known: Looks to search for, likeliest first.
        """
        if begin >= end or view.times[end - 1] - view.times[begin] < self.options.min_gap_s:
            return Trace.empty()
        offsets = view.segment.offsets
        box = tile_box(view.segment.tiles[offsets[begin] : offsets[end]], view.columns)
        within = box.within(view.segment.width, view.segment.height)
        if within.area > self.options.drawn_in * view.segment.width * view.segment.height:
            return Trace.empty()
        return self._first(view, begin, end, within, ends, known)

    def _first(
        self,
        view: SegmentView,
        begin: int,
        end: int,
        box: Box,
        ends: tuple[Point | None, Point | None],
        known: Sequence[Entry],
    ) -> Trace:
        """The best trajectory of the likeliest look that has one, see :meth:`_search`."""
        found = (self._search(view, begin, end, box, ends, entry) for entry in known)
        return next((trace for trace in found if len(trace)), Trace.empty())

    def _search(
        self,
        view: SegmentView,
        begin: int,
        end: int,
        box: Box,
        ends: tuple[Point | None, Point | None],
        entry: Entry,
    ) -> Trace:
        """The best trajectory of one look within ``box`` in frames [begin, end), or an empty one."""
        times = view.times[begin:end]
        wanted = distinct(np.searchsorted(times, np.arange(times[0], times[-1] + 1e-9, self.options.every_s)))
        wanted = wanted[wanted < len(times)]
        frames = (begin + wanted).astype(np.int32)
        found = find_on_screen(view.segment, frames, entry.glyph, _window(view, box), self.tolerance)
        t, first, last = times[wanted], found.first, found.last
        x, y = found.table["x"], found.table["y"]
        size = view.segment.height, view.segment.width
        likeness = found.table["similarity"] * np.minimum(1.0, 2 * entry.on_screen(x, y, size))
        reward = (likeness - self.options.min_similarity).astype(np.float32)
        chosen = _tracked(t, first, last, x, y, reward, ends, self.tracking)
        seen = np.flatnonzero(chosen >= 0)
        rows = found.table[chosen[seen]]
        if len(seen) < 3:
            return Trace.empty()
        mean, lead = likeness[chosen[seen]].mean(), _leads(found, chosen, seen).mean()
        options = self.options
        alike = mean >= options.mean_similarity and lead >= options.mean_lead
        if not alike and (mean < options.clear_similarity or lead < options.clear_lead):
            return Trace.empty()
        return Trace(t[seen], *(rows[name].astype(np.float64) for name in ("x", "y", "similarity")))


def _leads(found: Candidates, chosen: npt.NDArray[np.int32], seen: npt.NDArray[np.int64]) -> F64:
    """Similarity of the chosen place of each frame in ``seen``, less that of the best other one."""
    leads = np.zeros(len(seen))
    for k, frame in enumerate(seen.tolist()):
        row = int(chosen[frame])
        places = np.arange(found.first[frame], found.last[frame])
        others = found.table["similarity"][places[places != row]]
        leads[k] = found.table["similarity"][row] - others.max(initial=0.0)
    return leads


def _window(view: SegmentView, box: Box) -> tuple[int, int, int, int]:
    """Where the hot spot may be: in the area or beside it, half-open x0, y0, x1, y1."""
    return (
        max(0, int(box.x0) - _MARGIN),
        max(0, int(box.y0) - _MARGIN),
        min(view.segment.width, int(box.x1) + _MARGIN),
        min(view.segment.height, int(box.y1) + _MARGIN),
    )


def _areas(view: SegmentView, start: float, stop: float) -> list[Box]:
    """Moving areas larger than a pointer that move at that time."""
    return [
        region.box
        for region in view.regions
        if max(region.box.x1 - region.box.x0, region.box.y1 - region.box.y0) > view.max_pointer
        and region.span.start <= stop
        and region.span.end >= start
    ]


def _brought_up(
    blobs: Blobs,
    start: int,
    stop: int,
    ends: tuple[Point | None, Point | None],
    view: SegmentView,
    largest: float,
) -> list[Box]:
    """Where the pointer may be while something larger than it covers an end of a break."""
    rows = np.concatenate([blobs.at(start), blobs.at((start + stop) // 2), blobs.at(stop - 1)])
    rows = rows[np.maximum(rows["x1"] - rows["x0"], rows["y1"] - rows["y0"]) > view.max_pointer]
    most, reach = largest * view.segment.width * view.segment.height, 0.25 * view.max_pointer
    boxes: list[Box] = []
    for x, y in (end for end in ends if end is not None):
        under = rows[
            (rows["x0"] - _MARGIN <= x)
            & (x <= rows["x1"] + _MARGIN)
            & (rows["y0"] - _MARGIN <= y)
            & (y <= rows["y1"] + _MARGIN)
        ]
        if len(under) == 0:
            continue
        thing = Box(
            x0=float(under["x0"].min()),
            y0=float(under["y0"].min()),
            x1=float(under["x1"].max()),
            y1=float(under["y1"].max()),
        )
        around = Box(x0=x - reach, y0=y - reach, x1=x + reach, y1=y + reach)
        boxes.append(thing if thing.area <= most else around)
    return list(dict.fromkeys(boxes))


def _near(box: Box, point: Point | None, reach: float) -> bool:
    if point is None:
        return False
    dx = max(box.x0 - point[0], point[0] - box.x1, 0.0)
    dy = max(box.y0 - point[1], point[1] - box.y1, 0.0)
    return bool(np.hypot(dx, dy) <= reach)


def _tracked(
    t: F64,
    first: npt.NDArray[np.uint32],
    last: npt.NDArray[np.uint32],
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    reward: npt.NDArray[np.float32],
    ends: tuple[Point | None, Point | None],
    options: TrackOptions,
) -> npt.NDArray[np.int32]:
    """Chosen candidate per instant, -1 for none, with the known ends as certain points before and after."""
    sure = np.float32(1.0)
    lead, tail = ends
    if lead is not None:
        t, x, y, reward = (
            np.r_[t[0] - 0.05, t],
            np.r_[np.float32(lead[0]), x],
            np.r_[np.float32(lead[1]), y],
            np.r_[sure, reward],
        )
        first, last = (
            np.r_[np.uint32(0), first + 1].astype(np.uint32),
            np.r_[np.uint32(1), last + 1].astype(np.uint32),
        )
    if tail is not None:
        n = np.uint32(len(x))
        t, x, y, reward = (
            np.r_[t, t[-1] + 0.05],
            np.r_[x, np.float32(tail[0])],
            np.r_[y, np.float32(tail[1])],
            np.r_[reward, sure],
        )
        first, last = np.r_[first, n].astype(np.uint32), np.r_[last, n + 1].astype(np.uint32)
    chosen = track(
        t, first, last, x.astype(np.float32), y.astype(np.float32), reward.astype(np.float32), options
    )
    if lead is not None:
        chosen = np.where(chosen[1:] > 0, chosen[1:] - 1, -1)
    return chosen[: len(chosen) - (tail is not None)].astype(np.int32)
