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
from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyph_pool import SamplePool
from narratrace.analyse.glyphs import GlyphOptions, learn, moving_blobs
from narratrace.analyse.inside import InsideFinder, InsideOptions
from narratrace.analyse.resting import RestFinder, RestOptions, shown
from narratrace.analyse.stills import Background, Doubt, SegmentView, StillOptions, background, visits
from narratrace.analyse.tiles import TileBox
from narratrace.analyse.trace import TrackOptions, track
from narratrace.analyse.worth import WorthOptions, reward, worth
from narratrace.data.trace import Trace
from narratrace.ops.sparse import (
    TILE,
    Blobs,
    EpochOptions,
    Planes,
    compose,
    find_blobs,
    find_candidates,
    fit_glyph,
    overlay,
)
from narratrace.options import option

_NONE = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerOptions:
    """How candidates become a trace."""

    min_fit: Annotated[
        float, option("worth of a candidate that speaks as much for a pointer as against it", ge=0, le=1)
    ] = 0.5
    doubt_margin: Annotated[
        float, option("difference in fit that tells on which side of a doubt the pointer was", ge=0, le=1)
    ] = 0.12
    hold_s: Annotated[
        float, option("longest time without a trace point while a frame stays on the screen", unit="s", gt=0)
    ] = 0.1
    worth: WorthOptions = field(default_factory=WorthOptions)
    inside: InsideOptions = field(default_factory=InsideOptions)
    rest: RestOptions = field(default_factory=RestOptions)
    blur: Annotated[
        float,
        option(
            "correlation above which a place shows the same, sharper or softer",
            ge=-1,
            le=1,
            source="encoders that refresh lines of text reach 0.97, new strokes stay below 0.94",
        ),
    ] = 0.95
    blurred: Annotated[
        float, option("share of pixels that change strongly when a place turns sharper or softer", ge=0, le=1)
    ] = 0.1
    search_s: Annotated[
        float,
        option(
            "shortest still that is searched all over for a pointer that never moves",
            unit="s",
            ge=0,
            source="as the shortest stable span; what is shorter is joined from its neighbours",
        ),
    ] = 2.0
    settle_s: Annotated[
        float, option("time after which a pointer that arrives somewhere rests", unit="s", ge=0)
    ] = 0.2
    reach_s: Annotated[
        float, option("time in which a pointer that leaves a place is seen near it", unit="s", gt=0)
    ] = 0.5


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
    """

    view: SegmentView
    begin: int
    end: int
    ground: Background
    blobs: Blobs
    entry: Entry | None


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
    _last: Point | None = None

    def __post_init__(self) -> None:
        self.book = GlyphBook(self.glyph_options)
        self._pool = SamplePool(self.glyph_options)
        tolerance = self.glyph_options.tolerance
        self._rests = RestFinder(self.options.rest, tolerance)
        self._inside = InsideFinder(self.options.inside, self.track_options, tolerance)

    def draft(self, view: SegmentView, begin: int, end: int) -> Draft:
        """Learns what frames [begin, end) tell about the pointer's look."""
        ground, plate, blobs = self._before_doubts(view, begin, end)
        samples = moving_blobs(blobs, begin, view.max_pointer)
        pointer = learn(view.segment, plate, samples, self.glyph_options)
        entry = self.book.add(pointer) if pointer else None
        if other := self._pool.add(view.segment, plate, samples, self.book.entries):
            self.book.add(other)
        return Draft(view, begin, end, ground, blobs, entry)

    def seek(self, draft: Draft, threads: int = 1) -> list[Sought]:
        """The stills of a draft: one, or several when a doubt turns out to be a change of content.

        Drafts can be sought at the same time, once nothing more is to be learned.
        """
        view, begin, end, ground, blobs = draft.view, draft.begin, draft.end, draft.ground, draft.blobs
        known = self.book.best(draft.entry)
        changes = self._settle(view, ground, blobs, known) if ground.doubts else []
        changes = sorted([*changes, *self._visits(view, ground, known)])
        if changes:
            sought = []
            for start, stop in _parts(changes, begin, end):
                ground, _, blobs = self._before_doubts(view, start, stop)
                sought += self.seek(Draft(view, start, stop, ground, blobs, draft.entry), threads)
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
        trace = self._rests.fill(times, trace, plate, known, self._last, view, blobs)
        lasts = times[-1] - times[0] >= self.options.search_s
        if lasts and len(trace) == 0 and (found := self._rests.anywhere(plate, known)):
            trace = shown(times, 0, len(times), found, blobs)
        trace = held(trace, times, self.options.hold_s)
        if len(trace):
            self._last = (float(trace.x[-1]), float(trace.y[-1]))
        better = cleaner_blocks(view, begin, end, trace, known[0].glyph.box, ground.blocks) if known else {}
        if better:
            ground.blocks.update(better)
        clean = ground.plate(view.segment) if better else plate
        picture = ground.plate(view.segment, view.moment((begin + end) // 2), refined=True)
        return Still(view, begin, end, clean, picture, plate, trace, blobs)

    def revisit(self, still: Still, after: Point) -> Still:
        """A still with no trace at its end once more, now that it is known where the pointer was after it."""
        found = self._rests.near(still.against, self.book.best(), after, self.options.rest.near)
        if found is None or still.view.is_moving(found.x, found.y):
            return still
        times = still.view.times[still.begin : still.end]
        rest = shown(times, still.open_from, len(times), found, still.blobs)
        return replace(still, trace=joined([still.trace, held(rest, times, self.options.hold_s)]))

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

    def _settle(
        self, view: SegmentView, ground: Background, blobs: Blobs, known: list[Entry]
    ) -> list[tuple[int, int]]:
        """Puts the pointer-free side of every doubt into the plate.

        Returns those that are changes of content.
        """
        changes = []
        segment = view.segment
        a, b = ground.plate(segment), ground.plate(segment)  # both sides of the doubt that is looked at
        for doubt in ground.doubts:
            overlay(segment, a, doubt.tiles, doubt.before)
            overlay(segment, b, doubt.tiles, doubt.after)
            side = self._pointer_side(view, ground, doubt, a, b, blobs, known)
            if side == "content":
                changes.append(doubt.window)
            elif side != "nothing":
                clean = doubt.after if side == "before" else doubt.before
                ground.blocks.update(zip(doubt.tiles.tolist(), clean.tolist(), strict=True))
            settled = np.array([ground.blocks[tile] for tile in doubt.tiles.tolist()], np.int32)
            for plate in (a, b):
                overlay(segment, plate, doubt.tiles, settled)
        return changes

    def _visits(self, view: SegmentView, ground: Background, known: list[Entry]) -> list[tuple[int, int]]:
        """Changes of content that were undone later, in places that no known pointer covers."""
        changes = []
        for doubt in visits(view, ground, self.epoch_options, self.still_options) if known else ():
            box = doubt.box(view.columns)
            if any(_covers(q, box) for q in known):
                continue
            before, after = ground.plate(view.segment), ground.plate(view.segment)
            overlay(view.segment, before, doubt.tiles, doubt.before)
            overlay(view.segment, after, doubt.tiles, doubt.after)
            shown = self._clearest(box, before, after, known) is not None
            if not shown and self._differs(box, before, after):
                changes.append(doubt.window)
        return changes

    def _pointer_side(
        self,
        view: SegmentView,
        ground: Background,
        doubt: Doubt,
        a: Planes,
        b: Planes,
        blobs: Blobs,
        known: list[Entry],
    ) -> str:
        """Where the pointer was: ``before`` or ``after``; else ``content`` changed or ``nothing`` of note.

        Args:
            a, b: The picture before the doubt and after it.
        """
        box = doubt.box(view.columns)
        content = "content" if self._differs(box, a, b) else "nothing"
        sized = [q for q in known if _covers(q, box)]
        if (
            known
            and not sized
            and not any(min(self._fits(box, a, b, q)) >= self.options.min_fit for q in known)
        ):
            return content  # more than a pointer, or than one that moved a little
        sized = sized or known
        best = self._clearest(box, a, b, sized)
        unclear = best is None or abs(best[0] - best[1]) < self.options.doubt_margin
        if unclear and content == "content":
            # Of a pointer that lies on several tiles, only some may be in doubt: look at the whole screen.
            best = self._clearest(box, *self._screens(view, ground, doubt), sized) or best
        if best and abs(best[0] - best[1]) >= self.options.doubt_margin:
            return "before" if best[0] > best[1] else "after"
        near = self._seen_near(view, ground, doubt, blobs)
        if max(near) > max(3 * min(near), 2) or best:
            # A pointer that rested before is seen leaving after; one that rests after was seen arriving.
            return "before" if near[1] >= near[0] else "after"
        # A pointer of a look that was not learned is all that moves: while it rests, nothing else does.
        if near[0] >= 2 and not self._elsewhere(view, ground, box, blobs, doubt.begin, doubt.until):
            return "after"
        if near[1] >= 2 and not self._elsewhere(view, ground, box, blobs, doubt.since, doubt.end + 1):
            return "before"
        return content

    def _elsewhere(
        self, view: SegmentView, ground: Background, box: TileBox, blobs: Blobs, begin: int, end: int
    ) -> bool:
        """Whether something moves far from a place in some frames."""
        first, last = blobs.first[begin - ground.begin], blobs.last[begin - ground.begin : end - ground.begin]
        rows = blobs.table[first : last.max(initial=first)]
        far = (box.distance(rows["cx"], rows["cy"]) >= view.max_pointer) & (rows["area"] >= 12)
        return int(far.sum()) > 2

    def _clearest(self, box: TileBox, a: Planes, b: Planes, known: list[Entry]) -> tuple[float, float] | None:
        """Fits of a pointer on ``a`` and on ``b``, for the one that tells best; None if none is on either.

        A translucent halo fits both ways round.
        """
        fits = [self._fits(box, a, b, q) for q in known]
        return max(
            (f for f in fits if max(f) >= self.options.min_fit), key=lambda f: abs(f[0] - f[1]), default=None
        )

    def _screens(self, view: SegmentView, ground: Background, doubt: Doubt) -> tuple[Planes, Planes]:
        """What was on the screen shortly before a doubt and shortly after it, when a pointer rests."""
        last = int(np.searchsorted(view.times, view.times[doubt.end] - self.options.settle_s))
        first = int(np.searchsorted(view.times, view.times[doubt.begin] + self.options.settle_s))
        frames = max(last, ground.begin), min(first, ground.end - 1)
        before, after = (compose(view.segment, frame, _NONE, _NONE) for frame in frames)
        return before, after

    def _differs(self, box: TileBox, a: Planes, b: Planes) -> bool:
        """Whether two pictures show different things in a place; a line that blurs or clears is the same."""
        window = (slice(box.y0, box.y1), slice(box.x0, box.x1))
        p, q = a[0][window].astype(np.float64), b[0][window].astype(np.float64)
        strong = np.abs(p - q) > 40
        if strong.sum() < self.still_options.min_pixels:
            return False
        spread = float(p.std() * q.std())
        alike = spread > 1.0 and ((p - p.mean()) * (q - q.mean())).mean() > self.options.blur * spread
        return not (alike and strong.mean() < self.options.blurred)

    def is_pointer(self, a: Planes, b: Planes, place: TileBox) -> bool:
        """Whether what differs between two plates at a place is a known pointer on either of them."""
        known = [q for q in self.book.best() if _covers(q, place)]
        fits = (self._fit(place, s, p, q) for q in known for s, p in ((a, b), (b, a)))
        return max(fits, default=0.0) >= self.options.min_fit

    def _fits(self, box: TileBox, a: Planes, b: Planes, pointer: Entry) -> tuple[float, float]:
        """Fits of the pointer standing on ``a`` before ``b``, and on ``b`` before ``a``."""
        return self._fit(box, a, b, pointer), self._fit(box, b, a, pointer)

    def _fit(self, box: TileBox, screen: Planes, plate: Planes, pointer: Entry) -> float:
        """Fit of the pointer standing on ``screen`` before ``plate``, at the place in doubt."""
        x0, y0, x1, y1 = pointer.glyph.box
        xa, xb = sorted((box.x0 - x0, box.x1 - x1))
        ya, yb = sorted((box.y0 - y0, box.y1 - y1))
        window = (xa - 2, ya - 2, xb + 3, yb + 3)
        return fit_glyph(
            screen, plate, pointer.glyph, window, self.glyph_options.tolerance, self.glyph_options.contrast
        )[2]

    def _seen_near(
        self, view: SegmentView, ground: Background, doubt: Doubt, blobs: Blobs
    ) -> tuple[int, int]:
        """Frames with something moving near the doubt shortly before and shortly after it."""
        box, times = doubt.box(view.columns), view.times

        def count(begin: int, end: int) -> int:
            rows = (blobs.at(i - ground.begin) for i in range(max(begin, ground.begin), min(end, ground.end)))
            return sum(
                bool(((box.distance(r["cx"], r["cy"]) < view.max_pointer) & (r["area"] >= 12)).any())
                for r in rows
            )

        first = int(np.searchsorted(times, times[doubt.end] - self.options.reach_s))
        last = int(np.searchsorted(times, times[doubt.begin] + self.options.reach_s))
        return count(first, doubt.end + 1), count(doubt.begin, last)

    def _track(
        self, view: SegmentView, begin: int, plate: Planes, blobs: Blobs, known: list[Entry], threads: int
    ) -> Trace:
        if not known or len(blobs.table) == 0:
            return Trace.empty()
        found = find_candidates(
            view.segment,
            begin,
            plate,
            blobs,
            [p.glyph for p in known],
            tolerance=self.glyph_options.tolerance,
            threshold=self.glyph_options.contrast,
            max_size=int(1.5 * view.max_pointer),
            threads=threads,
        )
        table = found.table
        value = worth(found, blobs, known, self.options.worth)
        gain = reward(value, found, known, self.options.min_fit, self.options.worth)
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


def _covers(pointer: Entry, place: TileBox) -> bool:
    """Whether a pointer is large enough to change all of a place."""
    x0, y0, x1, y1 = pointer.glyph.box
    return place.x1 - place.x0 < x1 - x0 + 2 * TILE and place.y1 - place.y0 < y1 - y0 + 2 * TILE


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
