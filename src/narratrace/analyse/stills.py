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

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from narratrace.analyse.insets import Areas
from narratrace.analyse.tiles import Bool, TileBox, components, cut, grow, tile_box
from narratrace.analyse.turns import groups, together, turns_of, window
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


class StillOptions(Struct, frozen=True, kw_only=True):
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
    max_ease_s: Annotated[
        float, option("longest time for which a transition begins or ends slowly", unit="s", ge=0)
    ] = 1.2
    min_stay_s: Annotated[
        float,
        option(
            "shortest time for which something larger than a pointer comes and goes",
            unit="s",
            gt=0,
            source="as `min_settled_s`: what is shorter is no still of its own",
        ),
    ] = 0.4
    min_shown_s: Annotated[
        float,
        option(
            "shortest time for which something smaller, but larger than the pointer found, is shown",
            unit="s",
            gt=0,
        ),
    ] = 1.0
    min_pixels: Annotated[
        int, option("strongly changed pixels that a tile of a change of content has", ge=1)
    ] = 16
    min_shift: Annotated[
        int,
        option(
            "levels by which a faintly changed tile is lighter or darker on average",
            unit="levels",
            ge=1,
            source="compression keeps a tile's mean: what it alone changes is no larger than a pointer in "
            "46 recordings",
        ),
    ] = 6
    shifted: Annotated[
        float,
        option(
            "share of the picture's tiles that change faintly, from which on they are content: a zoom into a "
            "picture of little contrast",
            gt=0,
            le=1,
            source="within stable spans of 46 recordings at most 0.017",
        ),
    ] = 0.05
    status_line: Annotated[
        float,
        option(
            "height of the line at the picture's top that has a clock, as a share of the picture's: what "
            "changes there and is no larger than a pointer is no change of content",
            ge=0,
            le=1,
            source="choice; the clock of a conference window ends at 0.047",
        ),
    ] = 0.05
    max_places: Annotated[int, option("places a resting and leaving pointer can change at once", ge=1)] = 3


class Doubt(Struct, frozen=True):
    """A small place where one background ends and another begins: pointer or content.

    Attributes:
        tiles: The tiles concerned.
        before, after: Their blocks before and after, see :func:`narratrace.ops.sparse.compose`.
        end, begin: Last frame that shows ``before``, first frame that shows ``after`` (medians).
        since, until: First frame that shows ``before``, frame after the last that shows ``after`` (medians).
        window: As ``end`` and ``begin``, of the whole place, if it is content that changed there.
    """

    tiles: npt.NDArray[np.int32]
    before: npt.NDArray[np.int32]
    after: npt.NDArray[np.int32]
    end: int
    begin: int
    since: int
    until: int
    window: tuple[int, int]

    def box(self, columns: int) -> TileBox:
        """Bounding box in pixels."""
        return tile_box(self.tiles, columns)


class Background(Struct, frozen=True, eq=False):
    """The clean plate of frames [begin, end) as blocks per tile, and what is in doubt about it."""

    begin: int
    end: int
    blocks: dict[int, int]
    doubts: list[Doubt]

    def plate(self, segment: Segment, override: dict[int, int] | None = None) -> Planes:
        """The picture; ``override`` replaces the blocks of single tiles."""
        blocks = {**self.blocks, **(override or {})}
        return compose(
            segment,
            self.begin,
            np.fromiter(blocks.keys(), np.int32, len(blocks)),
            np.fromiter(blocks.values(), np.int32, len(blocks)),
        )


class SegmentView(Struct, frozen=True, eq=False):
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
    areas: Areas
    goes_on: bool = False

    def during(self, begin: int, end: int) -> SegmentView:
        """The same for frames [begin, end): areas that come later or have gone do not move in it."""
        moving = self.areas.during(begin, end, self.rows * self.columns)
        return self if np.array_equal(moving, self.moving) else replace(self, moving=moving)

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


def background(
    view: SegmentView, begin: int, end: int, epochs: EpochOptions, options: StillOptions
) -> Background:
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
    doubts = [_doubt(place) for place in _places(turns_of(table, view.moving), view, options.join_s)]
    return Background(begin, end, blocks, doubts)


def visits(
    view: SegmentView, ground: Background, epochs: EpochOptions, options: StillOptions
) -> Iterator[Doubt]:
    """Places where something covered a still's background for a while, all of the place at one time.

    It came or it went: what is larger than the pointer is content, and who knows the pointer can tell.
    """
    stays = view.history.stays(ground.begin, ground.end, epochs, options.min_stay_s, view.ignore)
    turns = turns_of(stays, view.moving)
    usual = np.array([ground.blocks.get(tile, -2) for tile in turns["tile"].tolist()], dtype=np.int64)
    came, went = turns["before"] == usual, turns["after"] == usual
    for place in _places(turns[came & ~went], view, options.join_s):
        if _together_s(view, place["begin"], place["until"]) >= options.min_shown_s:
            yield _doubt(place)
    for place in _places(turns[went & ~came], view, options.join_s):
        if _together_s(view, place["since"], place["end"] + 1) >= options.min_shown_s:
            yield _doubt(place)


def _together_s(view: SegmentView, first: I64, last: I64) -> float:
    """Seconds that all of some half-open ranges of frames have in common."""
    return float(view.times[last.min() - 1] - view.times[first.max()])


def _places(turns: npt.NDArray[Any], view: SegmentView, join_s: float) -> Iterator[npt.NDArray[Any]]:
    """Turns that touch in time and in place."""
    for group in groups(turns, view.times, join_s):
        for members in components(group["tile"], view.columns, reach=1):
            yield group[members]


def _doubt(turns: npt.NDArray[Any]) -> Doubt:
    """What is in doubt where one place changed."""
    end, begin, since, until = (int(np.median(turns[c])) for c in ("end", "begin", "since", "until"))
    return Doubt(turns["tile"], turns["before"], turns["after"], end, begin, since, until, window(turns))


class _Change(Struct, frozen=True, eq=False):
    """Content that changes between two frames, and the tiles that showed it."""

    before: int
    after: int
    tiles: npt.NDArray[np.integer]


def find_changes(
    view: SegmentView, table: npt.NDArray[Any], epochs: EpochOptions, options: StillOptions
) -> list[tuple[int, int]]:
    """Changes of content in a segment: last frame before, first frame after, in time order.

    Args:
        view: The segment.
        table: Its epochs over all frames.
        epochs: When two versions of a tile are the same.
        options: Thresholds.
    """
    count = len(view.times)
    turns = turns_of(table, view.moving)
    stays = turns_of(view.history.stays(0, count, epochs, options.min_stay_s, view.ignore), view.moving)
    changes = []
    for sudden, tiles in _sudden(view, stays, options):
        changes.append(_Change(*window(sudden), tiles))
        turns = turns[~_part_of(turns, sudden, view)]
    for group in groups(turns, view.times, options.join_s):
        places = list(components(group["tile"], view.columns, reach=2))
        large = _members_of_large(group, places, view.columns, view.max_pointer)
        if large.any() or len(places) > options.max_places:
            kept = group[large] if large.any() else group
            before, after = (compose(view.segment, 0, kept["tile"], kept[c]) for c in ("before", "after"))
            if _differ(view, before, after, kept["tile"], options):
                changes.append(_Change(*window(kept), kept["tile"]))
    sure = [_Change(at - 1, at, np.flatnonzero(mask)) for at, mask in view.areas.edges(count).items()]
    confirmed = _confirm(view, _in_order(changes, view.times, options.merge_s), epochs, options)
    return [(c.before, c.after) for c in _in_order([*confirmed, *sure], view.times, options.merge_s)]


def _sudden(
    view: SegmentView, stays: npt.NDArray[Any], options: StillOptions
) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[np.int32]]]:
    """Turns of stays that form a place larger than a pointer and may have happened at one instant.

    A pointer that rests here, then there, is in one of these places at a time.

    Yields:
        The turns, and the tiles of all that turn right before and after: a zoom changes a few at a time.
    """
    least = view.max_pointer + TILE  # a pointer reaches into one more tile than its size would need
    for group in groups(stays, view.times, options.join_s):
        at_once = group[together(group)]
        if tile_box(at_once["tile"], view.columns).size > least:
            places = list(components(at_once["tile"], view.columns, reach=2))
            large = _members_of_large(at_once, places, view.columns, least)
            if large.any():
                yield at_once[large], group["tile"]


def _part_of(turns: npt.NDArray[Any], change: npt.NDArray[Any], view: SegmentView) -> Bool:
    """Which turns lie in the place of a sudden change and may have happened with it."""
    before, after = window(change)
    columns = view.columns
    x, y = turns["tile"] % columns, turns["tile"] // columns
    cx, cy = change["tile"] % columns, change["tile"] // columns
    part: Bool = (turns["end"] < after) & (turns["begin"] > before)
    part &= (x >= cx.min()) & (x <= cx.max()) & (y >= cy.min()) & (y <= cy.max())
    return part


def _members_of_large(group: npt.NDArray[Any], places: list[I64], columns: int, least: float) -> Bool:
    """Which turns are in a place larger than ``least`` pixels."""
    large = np.zeros(len(group), dtype=bool)
    for members in places:
        large[members] = tile_box(group["tile"][members], columns).size > least
    return large


def changed_tiles(difference: Difference, picture: int, options: StillOptions) -> I64:
    """Tiles that differ: strongly in some pixels, or, where many do, faintly as a whole.

    Args:
        difference: Of two pictures or of a part of them.
        picture: Tiles of the whole picture.
        options: Thresholds.
    """
    strong = difference.tile_strong >= options.min_pixels
    faint = difference.tile_shift >= options.min_shift
    many = np.count_nonzero(faint) >= options.shifted * picture
    return np.flatnonzero(strong | faint if many else strong)


def is_content(tiles: I64, columns: int, max_pointer: float, options: StillOptions) -> bool:
    """Whether tiles that differ are more than a pointer or two."""
    places = [tile_box(tiles[m], columns) for m in components(tiles, columns, reach=1)]
    return len(places) > options.max_places or any(box.size > max_pointer for box in places)


def settled(view: SegmentView, options: StillOptions) -> tuple[int, int]:
    """Frames [begin, end) of a segment without a transition's first and last moments.

    A zoom that eases in and out, or a fade, begins and ends with changes that are small enough to be kept.
    """
    count, times = len(view.times), view.times
    still = ~view.moving[view.segment.tiles]
    frame_of = np.repeat(np.arange(count), np.diff(view.segment.offsets))
    changed = np.bincount(frame_of[still], minlength=count)
    # More than the largest pointer covers where it was and where it is.
    large = np.flatnonzero(changed > 2 * (view.max_pointer / TILE + 1) ** 2)
    if len(large) == 0:
        return 0, count
    # Of the large changes, those that follow on the segment's start, or on its end, without a pause.
    pauses = np.diff(times[np.r_[0, large, count - 1]]) > options.merge_s
    first, last = int(np.argmax(pauses)), int(np.argmax(pauses[::-1]))
    begin = int(large[first - 1]) if first and not view.goes_on else 0
    end = int(large[-last]) if last else count
    if not pauses.any() or begin >= end:
        return 0, count
    return (
        begin if times[begin] - times[0] <= options.max_ease_s else 0,
        end if times[-1] - times[min(end, count - 1)] <= options.max_ease_s else count,
    )


def stretches(changes: list[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """Frame ranges of [begin, end) between changes; ranges without a frame are left out."""
    begins = [begin] + [max(begin, after) for _, after in changes]
    ends = [min(end, before + 1) for before, _ in changes] + [end]
    return [(a, b) for a, b in zip(begins, ends, strict=True) if a < b]


def _in_order(changes: list[_Change], times: npt.NDArray[np.float64], gap: float) -> list[_Change]:
    """Changes in time order, those less than ``gap`` seconds apart as one."""
    merged: list[_Change] = []
    for change in sorted(changes, key=lambda c: (c.before, c.after)):
        last = merged[-1] if merged else None
        if last and times[change.before] - times[last.after] < gap:
            tiles = np.r_[last.tiles, change.tiles]
            merged[-1] = _Change(last.before, max(last.after, change.after), tiles)
        else:
            merged.append(change)
    return merged


def _confirm(
    view: SegmentView, changes: list[_Change], epochs: EpochOptions, options: StillOptions
) -> list[_Change]:
    """Drops changes after which their place looks the same but for pointers and noise."""

    @lru_cache(maxsize=2)  # the plates of both sides; somebody who draws makes a hundred changes a minute
    def plate(begin: int, end: int) -> Planes:
        return background(view, begin, end, epochs, options).plate(view.segment)

    while changes:
        ranges = stretches([(change.before, change.after) for change in changes], 0, len(view.times))
        kept = []
        for change in changes:
            sides = [
                plate(begin, end)
                for begin, end in ranges
                if end == change.before + 1 or begin == change.after
            ]
            if len(sides) < 2 or _differ(view, sides[0], sides[1], change.tiles, options):
                kept.append(change)
        if len(kept) == len(changes):
            return kept
        changes = kept
    return changes


def _differ(
    view: SegmentView, a: Planes, b: Planes, tiles: npt.NDArray[np.integer], options: StillOptions
) -> bool:
    """Whether two pictures differ by content in the box around some tiles and in their neighbours."""
    near = np.zeros(view.rows * view.columns, dtype=bool)
    near[tiles] = True
    box = tile_box(np.flatnonzero(grow(near, view.rows, view.columns)), view.columns)
    rows, columns = slice(box.y0 // TILE, box.y1 // TILE), slice(box.x0 // TILE, box.x1 // TILE)
    ignore = np.ascontiguousarray(view.ignore.reshape(view.rows, view.columns)[rows, columns])
    difference = compare(cut(a, box), cut(b, box), ignore.ravel())
    changed = changed_tiles(difference, near.size, options)
    return is_content(changed, ignore.shape[1], view.max_pointer, options)


def view_segment(
    segment: Segment,
    areas: Areas,
    regions: list[MovingRegion],
    history: History,
    max_pointer: float,
    *,
    goes_on: bool = False,
) -> SegmentView:
    """Bundles a segment with its history and moving tiles."""
    rows, columns = tile_grid(segment.width, segment.height)
    moving = areas.during(0, len(segment.times), rows * columns)
    return SegmentView(
        segment, segment.times, history, moving, regions, rows, columns, max_pointer, areas, goes_on
    )
