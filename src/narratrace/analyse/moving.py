"""Areas that keep moving while the rest is still: webcam insets, cine loops, playing video, clocks, carets.

Note [Moving regions]
~~~~~~~~~~~~~~~~~~~~~
Two kinds of places change by themselves. Large ones (a face, a beating heart) change nearly all the time,
over more of their area at once than a pointer covers, and never settle on one background unless they are
halted for a while, which is no change of content. Small ones (a blinking caret, a clock) are no larger than a
pointer, but tick: their changes come at even intervals, and what is around them rests, while a hand that
circles evenly passes all around. A hand that rests twitches, but at random: ticks count only if random ones
would hardly ever be as even. A third kind, bars that fill, changes every place only once: Note [Bars].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from narratrace.analyse.bars import BarFinder, BarOptions
from narratrace.analyse.insets import Area, Areas, InsetOptions, presence
from narratrace.analyse.orders import distinct, median
from narratrace.analyse.tiles import Bool, components, grow, tile_box
from narratrace.data.shots import MovingRegion
from narratrace.ops.sparse import Segment, tile_grid
from narratrace.options import option, refuse_reversed
from narratrace.timebase import Span

_BIN_S = 0.5
_REFINED_S = 0.45  # time in which an encoder refines what has changed
_OFF_SECONDS = 0.03  # a caret that blinks every 0.53 s is no clock
_NEAR = 0.15  # from a multiple of the usual interval, in such intervals


class MovingOptions(Struct, frozen=True, kw_only=True):
    """When an area counts as moving by itself rather than by the pointer passing.

    Raises:
        OptionError: the longest time between ticks is below the shortest.
    """

    window_s: Annotated[float, option("time over which an area must keep changing", unit="s", gt=0)] = 4.0
    min_active: Annotated[float, option("share of half seconds in the window with a change", ge=0, le=1)] = (
        0.5
    )
    max_background: Annotated[
        float,
        option(
            "share of time an area may show one background and still count as moving",
            ge=0,
            le=1,
            source="pointers that circle an area leave its background visible 58 % of the time or more, "
            "webcams and cine loops 45 % or less (measured on screen recordings)",
        ),
    ] = 0.5
    min_ticks: Annotated[int, option("changes that show a small area to be ticking", ge=3)] = 5
    tick_s: Annotated[
        tuple[float, float],
        option(
            "shortest and longest time between ticks",
            unit="s",
            source="carets blink every 0.5 s, clocks show seconds",
        ),
    ] = (0.3, 2.2)
    clock_s: Annotated[
        float, option("time between ticks from which on it is a clock, which stays", unit="s", gt=0)
    ] = 0.8
    min_even: Annotated[
        float,
        option("share of a ticking area's intervals that are near a multiple of the usual one", ge=0, le=1),
    ] = 0.75
    max_chance: Annotated[
        float,
        option(
            "chance of changes at random times to be as even as those of a ticking area",
            gt=0,
            le=1,
            source="of simulated hands that rest and twitch 1 to 4 times a second at most 1 % are that even "
            "(6 % without this limit); it loses no caret or clock of 6 ticks at 10 to 60 frames a second",
        ),
    ] = 0.01
    still_even: Annotated[
        float,
        option(
            "least share of such intervals, whatever their chance, of what was a clock before",
            ge=0,
            le=1,
            source="recorders of 10 frames a second that drop some leave 0.67 over 7 s",
        ),
    ] = 0.5
    max_around: Annotated[
        float,
        option("share of the tiles around a ticking area that change half as often or more", ge=0, le=1),
    ] = 0.1
    sure_extent: Annotated[
        float,
        option("size of a frame's changes that no pointer makes, as a multiple of the largest pointer", gt=0),
    ] = 1.5
    min_sure: Annotated[
        float,
        option(
            "share of half seconds with such a change in which an area moves, whatever comes back in it",
            ge=0,
            le=1,
        ),
    ] = 0.8
    min_running: Annotated[
        float,
        option(
            "share of half seconds with such a change from which on pauses of `window_s` or more are halts, "
            "which do not count",
            ge=0,
            le=1,
            source="a recorded cine loop that was halted for 7 of 31 s has 0.78",
        ),
    ] = 0.6
    min_extent: Annotated[
        float, option("size of a frame's changes within the area, as a multiple of the largest pointer", gt=0)
    ] = 0.6
    bars: BarOptions = field(default_factory=BarOptions)
    insets: InsetOptions = field(default_factory=InsetOptions)

    def __post_init__(self) -> None:
        refuse_reversed("analyse.moving.tick_s", *self.tick_s, station="analyse")


class MovingFinder:
    """Finds what moves by itself, stretch by stretch; remembers clocks and bars, which stay throughout."""

    def __init__(self, options: MovingOptions) -> None:
        self.options = options
        self._clocks: set[int] = set()
        self._bars = BarFinder(options.bars)

    def find(
        self, segment: Segment, epochs: npt.NDArray[Any], max_pointer: float
    ) -> tuple[Areas, list[MovingRegion]]:
        """Tiles that move by themselves, and the regions they form.

        Args:
            segment: The stretch of video.
            epochs: Its epochs over all frames.
            max_pointer: Size of the largest pointer in pixels.
        """
        rows, columns = tile_grid(segment.width, segment.height)
        areas: list[Area] = []
        regions: list[MovingRegion] = []
        frame_of = np.repeat(np.arange(len(segment.times)), np.diff(segment.offsets))
        whole = 0, len(segment.times)
        found = [(tiles, whole) for tiles in self._small(segment, frame_of, columns, max_pointer)]
        found += self._large(segment, frame_of, epochs, max_pointer)
        for tiles in self._bars.find(segment, epochs):
            large = tile_box(tiles, columns).size > max_pointer
            found.append((tiles, self._presence(tiles, segment, frame_of) if large else whole))
        for tiles, there in found:
            own = np.zeros(rows * columns, dtype=bool)
            own[tiles] = True
            areas.append(Area(grow(own, rows, columns), *there))
            box = tile_box(tiles, columns).within(segment.width, segment.height)
            regions.append(MovingRegion(box=box, span=_seen(tiles, segment, frame_of, there)))
        return Areas(areas), regions

    def _presence(
        self, tiles: npt.NDArray[np.int64], segment: Segment, frame_of: npt.NDArray[np.int64]
    ) -> tuple[int, int]:
        """Frames [begin, end) in which a large area is there."""
        _, columns = tile_grid(segment.width, segment.height)
        return presence(tiles, segment, frame_of, columns, self.options.insets)

    def _small(
        self, segment: Segment, frame_of: npt.NDArray[np.int64], columns: int, max_pointer: float
    ) -> Iterator[npt.NDArray[np.int64]]:
        """Ticking areas no larger than a pointer."""
        found = _ticking_tiles(segment.tiles, segment.times[frame_of], self._clocks, self.options)
        if segment.times[-1] - segment.times[0] > (self.options.min_ticks + 1) * self.options.tick_s[1]:
            self._clocks.intersection_update(found)
        ticking = np.array(sorted(found), dtype=np.int64)
        for members in components(ticking, columns, reach=2):
            tiles = ticking[members]
            # A large one, if it is anything, is of the other kind.
            if tile_box(tiles, columns).size <= max_pointer and self._alone(
                tiles, segment, frame_of, columns
            ):
                clock = [t for t in tiles.tolist() if found[t] >= self.options.clock_s]
                self._clocks.update(clock)
                yield distinct(np.r_[tiles, _digits(tiles, segment, frame_of, columns)]) if clock else tiles
        known = np.array(sorted(self._clocks - set(found)), dtype=np.int64)
        known = known[np.isin(known, segment.tiles)]
        for members in components(known, columns, reach=2):
            yield known[members]

    def _alone(
        self,
        tiles: npt.NDArray[np.int64],
        segment: Segment,
        frame_of: npt.NDArray[np.int64],
        columns: int,
    ) -> bool:
        """Whether hardly anything around ticking tiles changes as often as they do."""
        x, y = tiles % columns, tiles // columns
        sx, sy = segment.tiles % columns, segment.tiles // columns
        near = (sx >= x.min() - 2) & (sx <= x.max() + 2) & (sy >= y.min() - 2) & (sy <= y.max() + 2)
        order = np.argsort(segment.tiles[near], kind="stable")
        changed, times = segment.tiles[near][order], segment.times[frame_of[near][order]]
        # What comes sooner than half a tick belongs to the same one.
        event = np.r_[True, (changed[1:] != changed[:-1]) | (np.diff(times) >= 0.5 * self.options.tick_s[0])]
        seen, events = np.unique(changed[event], return_counts=True)
        own = np.isin(seen, tiles)
        busy = (events[~own] >= 0.5 * np.median(events[own])).sum()
        around = (np.ptp(x) + 5) * (np.ptp(y) + 5) - len(tiles)
        return bool(busy <= self.options.max_around * around)

    def _large(
        self, segment: Segment, frame_of: npt.NDArray[np.int64], epochs: npt.NDArray[Any], max_pointer: float
    ) -> Iterator[tuple[npt.NDArray[np.int64], tuple[int, int]]]:
        """Areas larger than a pointer that never come to rest, and the frames in which each is there."""
        _, columns = tile_grid(segment.width, segment.height)
        persistent = _persistent_tiles(segment, self.options)
        for members in components(persistent, columns, reach=2):
            tiles = persistent[members]
            if tile_box(tiles, columns).size <= max_pointer:
                continue
            inside = np.isin(segment.tiles, tiles)
            frames, changed = frame_of[inside], segment.tiles[inside]
            extents = _extents(frames, changed, columns)
            if median(extents) < self.options.min_extent * max_pointer:
                continue
            there = self._presence(tiles, segment, frame_of)
            times = segment.times[distinct(frames)]
            sure = _running_share(times, extents >= self.options.sure_extent * max_pointer, self.options)
            span = _seen(tiles, segment, frame_of, there)
            if (
                sure >= self.options.min_sure
                or _background_share(tiles, _clipped(epochs, segment, there), span)
                <= self.options.max_background
            ):
                yield tiles, there


def _seen(
    tiles: npt.NDArray[np.integer],
    segment: Segment,
    frame_of: npt.NDArray[np.int64],
    there: tuple[int, int],
) -> Span:
    """From the first to the last change of an area while it is there."""
    frames = frame_of[np.isin(segment.tiles, tiles)]
    within = frames[(frames >= there[0]) & (frames < there[1])]
    frames = within if len(within) else frames  # what came and went may be its surroundings
    return Span(float(segment.times[frames[0]]), float(segment.times[frames[-1]]))


def _ticking_tiles(
    tiles: npt.NDArray[np.int32], times: npt.NDArray[np.float64], clocks: set[int], options: MovingOptions
) -> dict[int, float]:
    """Tiles that change at even intervals, and these.

    ``tiles`` and ``times`` of all changes, times ascending; ``clocks`` are tiles that were ticking before.
    """
    order = np.argsort(tiles, kind="stable")
    tiles, times = tiles[order], times[order]
    first = np.flatnonzero(np.r_[True, tiles[1:] != tiles[:-1]])
    length = np.diff(np.r_[first, len(tiles)])
    soon = 0.5 * options.tick_s[0]  # what comes sooner belongs to the same tick
    before = np.r_[0, np.cumsum(np.diff(times) >= soon)]
    count = before[first + length - 1] - before[first]
    # A hand that works on one place changes it in most frames.
    ticking = (count + 1 >= options.min_ticks) & (2 * count >= length - 1)
    names = tiles[first[ticking]].tolist()
    known = np.array([name in clocks for name in names], dtype=bool)
    times = times[np.repeat(ticking, length)]
    owner = np.repeat(np.arange(len(names)), length[ticking])
    gaps, within = np.diff(times), owner[1:] == owner[:-1]
    ticks = within & (gaps >= soon)
    usual = _even(gaps[ticks], owner[1:][ticks], known, 0.5, options)
    refined = _even(*_seconds(times, owner), known, _REFINED_S, options)
    refined[np.abs(refined - 1.0) > _OFF_SECONDS] = np.nan
    found = np.where(np.isnan(usual), refined, usual).tolist()
    return {name: interval for name, interval in zip(names, found, strict=True) if not math.isnan(interval)}


def _even(
    ticks: npt.NDArray[np.float64],
    owner: npt.NDArray[np.int64],
    known: npt.NDArray[np.bool_],
    room: float,
    options: MovingOptions,
) -> npt.NDArray[np.float64]:
    """The usual interval of each tile's ticks, NaN of too few, too fast, too slow or uneven ones.

    Args:
        ticks: Intervals in seconds.
        owner: The tile that each is of, ascending from 0.
        known: Whether each tile was part of a clock before.
        room: How far, in usual intervals, random ones can be from a multiple.
    """
    shortest, longest = options.tick_s
    count = np.bincount(owner, minlength=len(known))
    usual = _medians(ticks, owner, count)
    ratio = ticks / usual[owner]
    off = np.abs(ratio - np.round(ratio))
    off[ticks > 4.5 * usual[owner]] = room
    near = np.bincount(owner, off <= _NEAR, len(known)) / np.maximum(count, 1)
    least = np.where(known, options.still_even, options.min_even)
    even = (count + 1 >= options.min_ticks) & (near >= least) & (shortest <= usual) & (usual <= longest)
    for i in np.flatnonzero(even & ~known):
        own = slice(*np.searchsorted(owner, (i, i + 1)))
        even[i] = _chance(off[own] / room) <= options.max_chance
    return np.where(even, usual, np.nan)


def _medians(
    values: npt.NDArray[np.float64], owner: npt.NDArray[np.int64], count: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The median of each owner's values, NaN of none."""
    ordered = np.r_[values[np.lexsort((values, owner))], np.nan]
    begin = np.cumsum(count) - count
    middle = 0.5 * (ordered[begin + np.maximum(count - 1, 0) // 2] + ordered[begin + count // 2])
    return np.where(count > 0, middle, np.nan)


def _chance(off: npt.NDArray[np.float64]) -> float:
    """How likely random intervals are to be as near to multiples of the usual one (Chernoff's bound).

    ``off`` is how far they are, from 0 to 1, all equally likely. The nearest may have made the usual one.
    """
    others = np.clip(np.sort(off)[1:], 0.1, 1.0 - 1e-6)
    share = np.arange(1, len(others) + 1) / len(others)  # of those as near as each
    far = 1.0 - share
    bound = share * np.log(others / share) + far * np.log((1.0 - others) / np.maximum(far, 1e-6))
    return float(np.exp(len(others) * bound[others < share].min(initial=0.0)))


def _seconds(
    times: npt.NDArray[np.float64], owner: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Intervals of the first changes in each second, and the tile that each is of.

    Encoders short of bits refine what ticked soon after. None of a tile that changes at other times too, as
    where a bar fills. ``times`` of changes ascend tile by tile, ``owner`` is the tile that each is of.
    """
    count = np.bincount(owner)
    begin = np.repeat(np.cumsum(count) - count, count)
    second = np.floor(times - times[begin] + 0.1)
    opens = np.ones(len(times), dtype=bool)
    opens[1:] = (owner[1:] != owner[:-1]) | (second[1:] != second[:-1])
    first = times[opens]
    soon = times - first[np.cumsum(opens) - 1] <= _REFINED_S
    clean = np.bincount(owner, soon) / np.maximum(count, 1) >= 0.9
    whose = owner[opens]
    kept = (whose[1:] == whose[:-1]) & clean[whose[1:]]
    return np.diff(first)[kept], whose[1:][kept]


def _digits(
    clock: npt.NDArray[np.int64], segment: Segment, frame_of: npt.NDArray[np.int64], columns: int
) -> npt.NDArray[np.int32]:
    """Tiles beside a clock's seconds that change only with them: minutes and hours."""
    x, y = clock % columns, clock // columns
    sx, sy = segment.tiles % columns, segment.tiles // columns
    reach = 5 * (int(np.ptp(y)) + 1)
    beside = (sy >= y.min()) & (sy <= y.max()) & (sx >= x.min() - reach) & (sx <= x.max() + reach)
    ticks = distinct(frame_of[np.isin(segment.tiles, clock)])
    with_it = np.isin(frame_of, np.r_[ticks - 1, ticks, ticks + 1])
    ticking = distinct(segment.tiles[beside & with_it])
    return ticking[~np.isin(ticking, segment.tiles[beside & ~with_it])]


def _persistent_tiles(segment: Segment, options: MovingOptions) -> npt.NDArray[np.int64]:
    """Tiles that change in most half seconds of some window."""
    times, offsets = segment.times, segment.offsets
    if len(times) < 2 or times[-1] - times[0] < 0.5 * options.window_s:
        return np.zeros(0, dtype=np.int64)
    bins = ((times - times[0]) / _BIN_S).astype(np.int64)
    count = int(bins[-1]) + 1
    window = min(round(options.window_s / _BIN_S), count)
    least = max(1, math.ceil(options.min_active * window))
    # Each tile's half seconds with a change, in order: as many as needed lie within one window.
    changed = distinct(segment.tiles.astype(np.int64) * count + np.repeat(bins, np.diff(offsets)))
    tile, half_second = np.divmod(changed, count)
    first, last = slice(max(0, len(changed) - least + 1)), slice(least - 1, None)
    close = (tile[first] == tile[last]) & (half_second[last] - half_second[first] < window)
    return distinct(tile[first][close])


def _extents(
    frames: npt.NDArray[np.int64], tiles: npt.NDArray[np.int32], columns: int
) -> npt.NDArray[np.int64]:
    """Longer side, in pixels, of the box of changed tiles of each frame; ``frames`` ascend."""
    start = np.flatnonzero(np.r_[True, frames[1:] != frames[:-1]])
    sides = [
        np.maximum.reduceat(v, start) - np.minimum.reduceat(v, start)
        for v in (tiles % columns, tiles // columns)
    ]
    extents: npt.NDArray[np.int64] = (np.maximum(*sides).astype(np.int64) + 1) * 16
    return extents


def _running_share(times: npt.NDArray[np.float64], chosen: Bool, options: MovingOptions) -> float:
    """Share of half seconds, from the first of ``times`` to the last, with one that is chosen.

    Without those in which what mostly runs is halted: a loop whose picture somebody explains meanwhile.
    """
    bins = ((times - times[0]) / _BIN_S).astype(np.int64)
    running, count = distinct(bins[chosen]), int(bins[-1]) + 1
    if len(running) < options.min_running * count:
        return len(running) / count
    pauses = np.diff(np.r_[-1, running, count]) - 1
    return len(running) / (count - int(pauses[pauses >= options.window_s / _BIN_S].sum()))


def _clipped(epochs: npt.NDArray[Any], segment: Segment, there: tuple[int, int]) -> npt.NDArray[Any]:
    """What of the epochs was seen while an area is there."""
    begin, end = there
    if (begin, end) == (0, len(segment.times)):
        return epochs
    times = np.r_[segment.times, segment.times[-1]]
    first, last = np.maximum(epochs["first"], begin), np.minimum(epochs["last"], end)
    clipped: npt.NDArray[Any] = epochs.copy()
    clipped["seen"] = np.clip(times[last] - times[first], 0.0, epochs["seen"])
    return clipped


def _background_share(tiles: npt.NDArray[np.int64], epochs: npt.NDArray[Any], span: Span) -> float:
    """Median over tiles of the share of the span in which their main version was on the screen."""
    seen = np.zeros(int(max(tiles.max(), epochs["tile"].max(initial=0))) + 1)
    np.maximum.at(seen, epochs["tile"], epochs["seen"])
    return median(np.minimum(1.0, seen[tiles] / max(span.duration, _BIN_S)))
