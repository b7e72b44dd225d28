"""Cutting a segment into stills: stretches in which the clean picture does not change.

Note [Stills]
~~~~~~~~~~~~~
A still is a stretch of video whose picture, without the pointer and without moving regions, is one and the
same: its clean plate. Stills are bounded by changes of content. A tile whose background epoch ends while
another begins (Note [Epochs]) saw either a change of content or a pointer that rested there and left. The
two differ in extent: a pointer is small and in one or two places. Small ones are left undecided here; they
become "doubts" which the pointer finder settles once it knows how the pointer looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from narratrace.analyse.tiles import Bool, TileBox, components, tile_box
from narratrace.data.shots import MovingRegion
from narratrace.ops.sparse import (
    TILE,
    Difference,
    EpochOptions,
    History,
    Planes,
    Segment,
    compare,
    compose,
    tile_grid,
)
from narratrace.options import option

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StillOptions:
    """How changes of content are told from a passing pointer."""

    max_pointer: Annotated[
        float,
        option(
            "size of the largest pointer (halo included), as a share of the picture's height",
            gt=0,
            le=1,
            source="highlighting halos of common recorders are up to 100 px at 720p",
        ),
    ] = 0.2
    join_s: Annotated[
        float, option("tiles that change within this time belong to one change", unit="s", ge=0)
    ] = 0.12
    merge_s: Annotated[float, option("changes closer than this are one", unit="s", ge=0)] = 0.3
    min_pixels: Annotated[
        int, option("strongly changed pixels that a tile of a change of content has", ge=1)
    ] = 16
    max_places: Annotated[int, option("places a resting and leaving pointer can change at once", ge=1)] = 3


@dataclass(frozen=True, slots=True)
class Doubt:
    """A small place where one background ends and another begins: pointer or content.

    Attributes:
        tiles: The tiles concerned.
        before, after: Their blocks before and after, see :func:`narratrace.ops.sparse.compose`.
        end, begin: Last frame that shows ``before``, first frame that shows ``after`` (medians).
    """

    tiles: npt.NDArray[np.int32]
    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]
    end: int
    begin: int

    def box(self, columns: int) -> TileBox:
        """Bounding box in pixels."""
        return tile_box(self.tiles, columns)


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """The clean plate of frames [begin, end) as blocks per tile, and what is in doubt about it."""

    begin: int
    end: int
    blocks: dict[int, int]
    doubts: list[Doubt]

    def plate(
        self, segment: Segment, override: dict[int, int] | None = None, *, refined: bool = False
    ) -> Planes:
        """The picture; ``override`` replaces the blocks of single tiles.

        ``refined`` as in :func:`compose`.
        """
        blocks = {**self.blocks, **(override or {})}
        return compose(
            segment,
            self.begin,
            np.fromiter(blocks.keys(), np.int32, len(blocks)),
            np.fromiter(blocks.values(), np.int32, len(blocks)),
            refined=refined,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SegmentView:
    """A segment with what all further steps need of it.

    Attributes:
        goes_on: Whether it is the rest of the segment before, which ended for its size.
    """

    segment: Segment
    times: npt.NDArray[np.float64]
    history: History
    moving: Bool
    regions: list[MovingRegion]
    rows: int
    columns: int
    max_pointer: float
    goes_on: bool = False

    @property
    def ignore(self) -> npt.NDArray[np.uint8]:
        """The moving tiles as a mask for native calls."""
        return self.moving.astype(np.uint8)

    def moment(self, frame: int) -> dict[int, int]:
        """What the moving tiles show at one frame.

        Blocks by tile. Their longest versions are of many moments.
        """
        shown = np.full(self.rows * self.columns, -1, dtype=np.int64)
        until = int(self.segment.offsets[frame + 1])
        shown[self.segment.tiles[:until]] = np.arange(until)  # the latest assignment stays
        tiles = np.flatnonzero(self.moving)
        return dict(zip(tiles.tolist(), shown[tiles].tolist(), strict=True))

    def is_moving(self, x: float, y: float) -> bool:
        """Whether a position on the screen is on a moving tile."""
        return bool(self.moving[int(y) // TILE * self.columns + int(x) // TILE])


def background(view: SegmentView, begin: int, end: int, epochs: EpochOptions) -> Background:
    """The longest epoch of every tile within frames [begin, end), and the doubts."""
    table = view.history.epochs(begin, end, epochs)
    blocks: dict[int, int] = {}
    longest: dict[int, float] = {}
    spans = view.times[table["last"] - 1] - view.times[table["first"]]
    for tile, block, span in zip(
        table["tile"].tolist(), table["block"].tolist(), spans.tolist(), strict=True
    ):
        if span > longest.get(tile, -1.0):
            longest[tile], blocks[tile] = span, block
    doubts = []
    for group in _groups(_turns(table, view.moving), view.times, 0.12):
        for members in components(group["tile"], view.columns, reach=1):
            turn = group[members]
            doubts.append(
                Doubt(
                    turn["tile"],
                    turn["before"],
                    turn["after"],
                    int(np.median(turn["end"])),
                    int(np.median(turn["begin"])),
                )
            )
    return Background(begin, end, blocks, doubts)


def find_changes(view: SegmentView, epochs: EpochOptions, options: StillOptions) -> list[tuple[int, int]]:
    """Changes of content in a segment: last frame before, first frame after, in time order."""
    turns = _turns(view.history.epochs(0, len(view.times), epochs), view.moving)
    changes = []
    for group in _groups(turns, view.times, options.join_s):
        large = np.zeros(len(group), dtype=bool)
        places = list(components(group["tile"], view.columns, reach=2))
        for members in places:
            large[members] = tile_box(group["tile"][members], view.columns).size > view.max_pointer
        if large.any() or len(places) > options.max_places:
            kept = group[large] if large.any() else group
            # Tiles that the pointer crossed meanwhile changed earlier or later than the content did.
            changes.append(
                (
                    int(np.percentile(kept["end"], 5, method="lower")),
                    int(np.percentile(kept["begin"], 95, method="higher")),
                )
            )
    return _confirm(view, _merge(sorted(changes), view.times, options.merge_s), epochs, options)


def is_content(difference: Difference, columns: int, max_pointer: float, options: StillOptions) -> bool:
    """Whether two plates differ by more than a pointer or two and compression noise."""
    tiles = np.flatnonzero(difference.tile_strong >= options.min_pixels)
    places = [tile_box(tiles[m], columns) for m in components(tiles, columns, reach=1)]
    return len(places) > options.max_places or any(box.size > max_pointer for box in places)


def stretches(changes: list[tuple[int, int]], frames: int) -> list[tuple[int, int]]:
    """Frame ranges [begin, end) between changes; ranges without a frame are left out."""
    begins = [0] + [after for _, after in changes]
    ends = [before + 1 for before, _ in changes] + [frames]
    return [(begin, end) for begin, end in zip(begins, ends, strict=True) if begin < end]


_TURN = np.dtype([("tile", "<i4"), ("end", "<i4"), ("begin", "<i4"), ("before", "<i4"), ("after", "<i4")])


def _turns(epochs: npt.NDArray[Any], moving: Bool) -> npt.NDArray[Any]:
    """Successive epochs of one tile, outside moving tiles."""
    same = (epochs["tile"][1:] == epochs["tile"][:-1]) & ~moving[epochs["tile"][1:]]
    i = np.flatnonzero(same)
    out = np.zeros(len(i), dtype=_TURN)
    out["tile"] = epochs["tile"][i]
    out["end"], out["begin"] = epochs["last"][i] - 1, epochs["first"][i + 1]
    out["before"], out["after"] = epochs["block"][i], epochs["block"][i + 1]
    return out


def _groups(turns: npt.NDArray[Any], times: npt.NDArray[np.float64], join_s: float) -> list[npt.NDArray[Any]]:
    """Turns whose intervals touch in time, to within ``join_s``."""
    if len(turns) == 0:
        return []
    turns = turns[np.argsort(turns["begin"], kind="stable")]
    reached = np.maximum.accumulate(times[turns["begin"]])
    apart = times[turns["end"][1:]] > reached[:-1] + join_s
    return np.split(turns, np.flatnonzero(apart) + 1)


def _merge(
    changes: list[tuple[int, int]], times: npt.NDArray[np.float64], gap: float
) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for before, after in changes:
        if merged and times[before] - times[merged[-1][1]] < gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], after))
        else:
            merged.append((before, after))
    return merged


def _confirm(
    view: SegmentView, changes: list[tuple[int, int]], epochs: EpochOptions, options: StillOptions
) -> list[tuple[int, int]]:
    """Drops changes after which the picture is the same but for pointers and noise."""
    while changes:
        ranges = stretches(changes, len(view.times))
        plates = [background(view, begin, end, epochs).plate(view.segment) for begin, end in ranges]
        kept = []
        for before, after in changes:
            sides = [
                p
                for (begin, end), p in zip(ranges, plates, strict=True)
                if end == before + 1 or begin == after
            ]
            if len(sides) < 2 or is_content(
                compare(sides[0], sides[1], view.ignore), view.columns, view.max_pointer, options
            ):
                kept.append((before, after))
        if len(kept) == len(changes):
            return kept
        changes = kept
    return changes


def view_segment(
    segment: Segment,
    moving: Bool,
    regions: list[MovingRegion],
    history: History,
    max_pointer: float,
    *,
    goes_on: bool = False,
) -> SegmentView:
    """Bundles a segment with its history and moving tiles."""
    rows, columns = tile_grid(segment.width, segment.height)
    return SegmentView(segment, segment.times, history, moving, regions, rows, columns, max_pointer, goes_on)
