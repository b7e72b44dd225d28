"""Finding the pointer in a still: doubts settled, plate cleaned, candidates joined to a track.

Note [Finding the pointer]
~~~~~~~~~~~~~~~~~~~~~~~~~~
Within a still, whatever differs from the clean plate is in front of it. Blobs that move and keep their size
teach how the pointer looks. That settles the doubts about the plate (did a pointer rest here, or did the
content change?), and the glyph, searched at every blob, gives candidates with a hot spot. One trajectory
through all candidates of the still is chosen at once (csrc/tracker.hpp). A pointer that never moves in a
still is part of its plate and leaves no blob; :mod:`narratrace.analyse.resting` looks for it at the end,
when all glyphs and the track before and after are known.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated

import numpy as np
import numpy.typing as npt

from narratrace.analyse.breaks import Point, joined
from narratrace.analyse.cleaning import cleaner_blocks
from narratrace.analyse.cores import core
from narratrace.analyse.doubts import DoubtOptions, Settler
from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyph_pool import SamplePool
from narratrace.analyse.glyphs import GlyphOptions, LearnedPointer, learn, moving_blobs
from narratrace.analyse.inside import InsideFinder, InsideOptions
from narratrace.analyse.resting import RestFinder, RestOptions, shown
from narratrace.analyse.staying import Seen
from narratrace.analyse.stills import Background, SegmentView, StillOptions, background
from narratrace.analyse.tiles import TileBox
from narratrace.analyse.trace import TrackOptions, track
from narratrace.analyse.worth import WorthOptions, reward, worth
from narratrace.data.trace import Trace
from narratrace.ops.sparse import (
    Blobs,
    Candidates,
    EpochOptions,
    Planes,
    compose,
    find_blobs,
    find_candidates,
)
from narratrace.options import option

F32 = npt.NDArray[np.float32]
_NONE = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerOptions:
    """How candidates become a trace."""

    min_fit: Annotated[
        float, option("worth of a candidate that speaks as much for a pointer as against it", ge=0, le=1)
    ] = 0.5
    clear_gain: Annotated[
        float, option("worth above what is needed with which a place is clearly a pointer's", ge=0, le=1)
    ] = 0.1
    explained: Annotated[
        float,
        option(
            "share of a still's frames with such a place from which on cores and outlines are not looked for",
            ge=0,
            le=1,
        ),
    ] = 0.97
    hold_s: Annotated[
        float, option("longest time without a trace point while a frame stays on the screen", unit="s", gt=0)
    ] = 0.1
    worth: WorthOptions = field(default_factory=WorthOptions)
    inside: InsideOptions = field(default_factory=InsideOptions)
    rest: RestOptions = field(default_factory=RestOptions)
    doubts: DoubtOptions = field(default_factory=DoubtOptions)
    search_s: Annotated[
        float,
        option(
            "shortest still that is searched all over for a pointer that never moves",
            unit="s",
            ge=0,
            source="as the shortest stable span; what is shorter is joined from its neighbours",
        ),
    ] = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A still with its settled plate and the pointer's track.

    Attributes:
        begin, end: Frames of the segment, half-open.
        plate: Clean picture.
        picture: The same as it looks best.
        against: The picture that the pointer was compared with.
        trace: Track of the pointer, empty where none was found.
        blobs: Differences from it.
    """

    view: SegmentView
    begin: int
    end: int
    plate: Planes
    picture: Planes
    against: Planes
    trace: Trace
    blobs: Blobs

    @property
    def open_from(self) -> int:
        """The frame, counted from ``begin``, from which on there is no trace."""
        times = self.view.times[self.begin : self.end]
        return int(np.searchsorted(times, self.trace.t[-1], side="right")) if len(self.trace) else 0

    @property
    def open_s(self) -> float:
        """Seconds at its end without a trace."""
        end = float(self.view.times[self.end - 1])
        return end - float(self.trace.t[-1] if len(self.trace) else self.view.times[self.begin])


@dataclass(slots=True, eq=False)
class Draft:
    """A still that waits for its pointer.

    Attributes:
        ground: Its plate, with doubts.
        blobs: Differences from the plate outside the doubts.
        entry: The look learned in this still, None when nothing could be learned.
        learned: The same as it looks here.
    """

    view: SegmentView
    begin: int
    end: int
    ground: Background
    blobs: Blobs
    entry: Entry | None
    learned: LearnedPointer | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """A still whose pointer was looked for before its clean plate.

    Attributes:
        ground: Its plate, settled.
        plate: The same as a picture.
        blobs: Differences from the plate.
        trace: Track of the pointer before the plate.
        known: Looks that were searched, likeliest first.
    """

    view: SegmentView
    begin: int
    end: int
    ground: Background
    plate: Planes
    blobs: Blobs
    trace: Trace
    known: list[Entry]


@dataclass(slots=True)
class PointerFinder:
    """Finds the pointer in three steps, so that every still profits from what all of them have taught.

    :meth:`draft` learns, :meth:`seek` searches, :meth:`finish` fills in what the stills around tell.
    """

    glyph_options: GlyphOptions
    options: PointerOptions
    still_options: StillOptions
    epoch_options: EpochOptions
    track_options: TrackOptions
    book: GlyphBook = field(init=False)
    _pool: SamplePool = field(init=False)
    _rests: RestFinder = field(init=False)
    _inside: InsideFinder = field(init=False)
    _settler: Settler = field(init=False)
    _last: Point | None = None
    _seen: Seen | None = None
    _plate: Planes | None = None

    def __post_init__(self) -> None:
        self.book = GlyphBook(self.glyph_options)
        self._pool = SamplePool(self.glyph_options)
        tolerance = self.glyph_options.tolerance
        self._rests = RestFinder(self.options.rest, tolerance)
        self._inside = InsideFinder(self.options.inside, self.track_options, tolerance)
        self._settler = Settler(
            self.glyph_options,
            self.options.doubts,
            self.options.min_fit,
            self.still_options,
            self.epoch_options,
        )

    def is_pointer(self, a: Planes, b: Planes, place: TileBox) -> bool:
        """Whether what differs between two plates at a place is a known pointer on either of them."""
        return self._settler.is_pointer(self.book, a, b, place)

    def draft(self, view: SegmentView, begin: int, end: int) -> Draft:
        """Learns what frames [begin, end) tell about the pointer's look."""
        ground, plate, blobs = self._before_doubts(view, begin, end)
        samples = moving_blobs(blobs, begin, view.max_pointer)
        pointer = learn(view.segment, plate, samples, self.glyph_options)
        entry = self.book.add(pointer) if pointer else None
        if other := self._pool.add(view.segment, plate, samples, self.book.entries):
            self.book.add(other)
        return Draft(view, begin, end, ground, blobs, entry, pointer)

    def seek(self, draft: Draft, threads: int = 1) -> list[Sought]:
        """The stills of a draft: one, or several when a doubt turns out to be a change of content.

        Drafts can be sought at the same time, once nothing more is to be learned.
        """
        view, begin, end, ground, blobs = draft.view, draft.begin, draft.end, draft.ground, draft.blobs
        known = self.book.best(draft.entry)
        if draft.entry in known and draft.learned:
            own = draft.entry.as_in(draft.learned, self.glyph_options.own_look)
            known = known if own is draft.entry else [own, *known]
        changes = self._settler.settle(view, ground, blobs, known) if ground.doubts else []
        changes = sorted([*changes, *self._settler.visits(view, ground, known)])
        if changes:
            sought = []
            for start, stop in _parts(changes, begin, end):
                ground, _, blobs = self._before_doubts(view, start, stop)
                part = replace(draft, begin=start, end=stop, ground=ground, blobs=blobs)
                sought += self.seek(part, threads)
            return sought
        plate = ground.plate(view.segment)
        if ground.doubts:
            blobs = self._blobs(view, begin, end, plate, view.ignore)
        trace = self._track(view, begin, plate, blobs, known, threads)
        return [Sought(view, begin, end, ground, plate, blobs, trace, known)]

    def finish(self, sought: Sought) -> Still:
        """The still of what was sought; stills are finished in time order."""
        view, begin, end, ground = sought.view, sought.begin, sought.end, sought.ground
        plate, blobs, trace, known = sought.plate, sought.blobs, sought.trace, sought.known
        times = view.times[begin:end]
        trace = self._inside.follow(view, begin, end, trace, self._last, known, blobs)
        looks = self._with_cores(known, plate)
        contrast, tolerance = self.glyph_options.contrast, self.glyph_options.tolerance
        stays = self._seen.stays(plate, contrast, tolerance) if self._seen else None
        lone = len(trace) == 0
        trace = self._rests.fill(times, trace, plate, looks, stays or self._last, view, blobs)
        likeness = float(trace.score.max(initial=0.0))
        # A fair likeness near the last place is no more than that: the pointer may be far away.
        if lone and times[-1] - times[0] >= self.options.search_s and likeness < self.options.rest.similarity:
            found = self._rests.anywhere(plate, looks)
            if found is None and len(trace) == 0 and self._plate is not None:
                found = self._rests.appeared(plate, self._plate, looks)
            if found and found.similarity >= likeness + self.options.rest.near_margin:
                trace = shown(times, 0, len(times), found, blobs)
        self._plate = plate
        trace = held(trace, times, self.options.hold_s)
        self._seen = None
        if len(trace):
            self._last = (float(trace.x[-1]), float(trace.y[-1]))
        there = len(trace) and times[-1] - trace.t[-1] < self.options.hold_s
        if there and known and trace.score[-1] >= self.options.min_fit:
            screen = compose(view.segment, end - 1, _NONE, _NONE)
            self._seen = Seen.at(screen, trace, looks, tolerance)
        better = cleaner_blocks(view, begin, end, trace, known[0].glyph.box, ground.blocks) if known else {}
        if better:
            ground.blocks.update(better)
        clean = ground.plate(view.segment) if better else plate
        picture = ground.plate(view.segment, view.moment((begin + end) // 2), refined=True)
        return Still(view, begin, end, clean, picture, plate, trace, blobs)

    def revisit(self, still: Still, after: Point) -> Still:
        """A still with no trace at its end once more, now that it is known where the pointer was after it."""
        looks = self._with_cores(self.book.best(), still.against)
        reach, lone = self.options.rest.near, len(still.trace) == 0
        found = self._rests.near(still.against, looks, after, reach, lone=lone)
        if found is None or still.view.is_moving(found.x, found.y):
            return still
        times = still.view.times[still.begin : still.end]
        rest = shown(times, still.open_from, len(times), found, still.blobs)
        return replace(still, trace=joined([still.trace, held(rest, times, self.options.hold_s)]))

    def _with_cores(self, known: list[Entry], plate: Planes) -> list[Entry]:
        """The looks, and after them what is within those of them that are halos."""
        options = self.glyph_options
        least = options.halo_size * plate[0].shape[0]
        cores = (core(entry, least, options.min_symmetry) for entry in known)
        return [*known, *(inner for inner in cores if inner)]

    def _before_doubts(self, view: SegmentView, begin: int, end: int) -> tuple[Background, Planes, Blobs]:
        """Background, plate, and what differs from it outside the places in doubt."""
        ground = background(view, begin, end, self.epoch_options)
        plate = ground.plate(view.segment)
        ignore = view.ignore
        for doubt in ground.doubts:
            ignore[doubt.tiles] = 1
        return ground, plate, self._blobs(view, begin, end, plate, ignore)

    def _blobs(
        self, view: SegmentView, begin: int, end: int, plate: Planes, ignore: npt.NDArray[np.uint8]
    ) -> Blobs:
        return find_blobs(view.segment, begin, end, plate, ignore, threshold=self.glyph_options.contrast)

    def _track(
        self, view: SegmentView, begin: int, plate: Planes, blobs: Blobs, known: list[Entry], threads: int
    ) -> Trace:
        if not known or len(blobs.table) == 0:
            return Trace.empty()
        found, value, gain = self._candidates(view, begin, plate, blobs, known, threads)
        if not self._explains(found, gain):
            least = self.glyph_options.halo_size * view.segment.height
            silhouettes = [bare for entry in known if (bare := entry.silhouette(least))]
            looks = [*self._with_cores(known, plate), *silhouettes]
            if len(looks) > len(known):
                found, value, gain = self._candidates(view, begin, plate, blobs, looks, threads)
        table = found.table
        times = view.times[begin : begin + len(found.first)]
        chosen = track(times, found.first, found.last, table["x"], table["y"], gain, self.track_options)
        seen = np.flatnonzero(chosen >= 0)
        rows = table[chosen[seen]]
        height, width = plate[0].shape
        # Beyond the edge a part of the pointer may be left to see, but it points at nothing.
        inside = (rows["x"] >= 0) & (rows["y"] >= 0) & (rows["x"] < width) & (rows["y"] < height)
        inside &= value[chosen[seen]] >= self.options.worth.least
        seen, rows = seen[inside], rows[inside]
        return Trace(
            times[seen].copy(),
            rows["x"].astype(np.float64),
            rows["y"].astype(np.float64),
            rows["fit"].astype(np.float64),
        )

    def _candidates(
        self, view: SegmentView, begin: int, plate: Planes, blobs: Blobs, known: list[Entry], threads: int
    ) -> tuple[Candidates, F32, F32]:
        """Where looks may be, the worth of each place, and what choosing it brings."""
        found = find_candidates(
            view.segment,
            begin,
            plate,
            blobs,
            [entry.glyph for entry in known],
            tolerance=self.glyph_options.tolerance,
            threshold=self.glyph_options.contrast,
            max_size=int(1.5 * view.max_pointer),
            threads=threads,
        )
        value = worth(found, blobs, known, self.options.worth)
        return found, value, reward(value, found, known, self.options.min_fit, self.options.worth)

    def _explains(self, found: Candidates, gain: F32) -> bool:
        """Whether nearly all frames in which something differs have a place that is clearly a pointer's."""
        clear = np.r_[0, np.cumsum(gain >= self.options.clear_gain)]
        differs = found.last > found.first
        explained = clear[found.last] > clear[found.first]
        return bool(explained.sum() >= self.options.explained * differs.sum())


def held(trace: Trace, times: npt.NDArray[np.float64], every: float) -> Trace:
    """The trace with points added while a frame stays on the screen for longer than ``every`` seconds.

    Recorders of still screens send a frame only when something changes; until then the pointer rests.

    Args:
        trace: Points at some of ``times``.
        times: When each frame appears, increasing.
        every: Time between added points, seconds.
    """
    if len(trace) == 0:
        return trace
    after = np.searchsorted(times, trace.t, side="right")
    until = times[np.minimum(after, len(times) - 1)]
    count = np.maximum(1, np.ceil((until - trace.t) / every - 1e-6)).astype(np.int64)
    index = np.repeat(np.arange(len(trace)), count)
    step = np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
    return Trace(trace.t[index] + step * every, trace.x[index], trace.y[index], trace.score[index])


def _parts(changes: list[tuple[int, int]], begin: int, end: int) -> list[tuple[int, int]]:
    """Frame ranges between changes."""
    parts, start = [], begin
    for before, after in changes:
        if before >= start:
            parts.append((start, before + 1))
        start = max(start, after)
    if start < end:
        parts.append((start, end))
    return parts
