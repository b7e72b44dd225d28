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

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from narratrace.analyse.breaks import Point, joined
from narratrace.analyse.cleaning import cleaner_blocks, clear_moment
from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.glyphs import GlyphOptions
from narratrace.analyse.resting import always_there, shown
from narratrace.analyse.sight import Draft, PointerOptions, Sight, Sought
from narratrace.analyse.staying import Seen
from narratrace.analyse.stills import SegmentView, StillOptions
from narratrace.analyse.tiles import TileBox
from narratrace.analyse.trace import TrackOptions
from narratrace.data.trace import Trace
from narratrace.ops.sparse import Blobs, EpochOptions, Planes, compose

_NONE = np.zeros(0, dtype=np.int32)


class Still(Struct, frozen=True, eq=False):
    """A still with its settled plate and the pointer's track.

    Attributes:
        begin, end: Frames of the segment, half-open.
        plate: Clean picture, (Y, U, V) uint8, of each tile's cleanest version: what stills are compared by.
        picture: The same with moving regions as at one moment: what is shown of the still.
        against: The plate as it was when the pointer was looked for, which may be in it where it rested.
        trace: Track of the pointer, empty where none was found.
        blobs: Differences of the frames from ``against``.
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


class _Left(NamedTuple):
    """Where the pointer was at the end of a still.

    Attributes:
        stretch: Time of the first frame of the still's segment, in seconds.
        end: Frame of it after the still's last.
        place: Hot spot.
    """

    stretch: float
    end: int
    place: Point


class PointerFinder:
    """Finds the pointer in three steps, so that every still profits from what all of them have taught.

    :meth:`draft` learns, :meth:`seek` searches, :meth:`finish` fills in what the stills around tell.
    """

    def __init__(
        self,
        glyph_options: GlyphOptions,
        options: PointerOptions,
        still_options: StillOptions,
        epoch_options: EpochOptions,
        track_options: TrackOptions,
    ) -> None:
        self.options = options
        self.still_options = still_options
        self.track_options = track_options
        shared = options, still_options, epoch_options, track_options
        self._usual = Sight(glyph_options, *shared)
        self._keen = Sight(glyph_options.keen(), *shared)
        self._last: Point | None = None
        self._seen: Seen | None = None
        self._plate: Planes | None = None
        self._left: _Left | None = None

    def is_pointer(self, a: Planes, b: Planes, place: TileBox) -> bool:
        """Whether what differs between two plates at a place is a known pointer on either of them."""
        return self._usual.is_pointer(a, b, place) or self._keen.is_pointer(a, b, place)

    def draft(self, view: SegmentView, begin: int, end: int) -> Draft:
        """Learns what frames [begin, end) tell about the pointer's look."""
        draft, plate = self._usual.draft(view, begin, end)
        if not self._usual.learn(draft, plate):
            self._keen.learn_lines(*self._keen.draft(view, begin, end))
        return draft

    def seek(self, draft: Draft, threads: int = 1) -> list[Sought]:
        """The stills of a draft: one, or several when a doubt turns out to be a change of content.

        Drafts can be sought at the same time, once nothing more is to be learned.
        """
        sought = self._usual.seek(draft, threads)
        if self._keen.book.entries and _seen(sought) < self.options.keen_below:
            keen, _ = self._keen.draft(draft.view, draft.begin, draft.end)
            again = self._keen.seek(keen, threads)
            return max(sought, again, key=_seen)
        return sought

    def finish(self, sought: Sought) -> Still:
        """The still of what was sought; stills are finished in time order."""
        view, begin, end, ground, known = sought.view, sought.begin, sought.end, sought.ground, sought.known
        looks = sought.sight.with_cores(known, view.segment.height)
        trace = self._with_rests(sought, looks)
        since = self._since_last(sought, trace)
        self._remember(sought, trace, looks)
        box = known[0].glyph.box if known else (0, 0, 0, 0)
        better = cleaner_blocks(view, begin, end, trace, box, ground.blocks)
        ground.blocks.update(better)
        clean = ground.plate(view.segment) if better else sought.plate
        picture = ground.plate(view.segment, view.moment(clear_moment(view, begin, end, trace, box)))
        trace = joined([since, trace])
        return Still(view, begin, end, clean, picture, sought.plate, trace, sought.blobs)

    def _with_rests(self, sought: Sought, looks: list[Entry]) -> Trace:
        """The trace with what was before moving areas, and with what never moved."""
        view, plate, blobs, sight = sought.view, sought.plate, sought.blobs, sought.sight
        times = view.times[sought.begin : sought.end]
        trace = sight.inside.follow(
            view, sought.begin, sought.end, sought.trace, self._last, sought.known, blobs
        )
        lone = len(trace) == 0
        options = sight.options
        stays = self._seen.stays(plate, options.contrast, options.tolerance) if self._seen else None
        trace = sight.rests.fill(times, trace, plate, looks, stays or self._last, view, blobs)
        likeness = float(trace.score.max(initial=0.0))
        # A fair likeness near the last place is no more than that: the pointer may be far away.
        if lone and times[-1] - times[0] >= self.options.search_s and likeness < self.options.rest.similarity:
            found = sight.rests.anywhere(plate, looks)
            if found is None and len(trace) == 0 and self._plate is not None:
                found = sight.rests.appeared(plate, self._plate, looks)
            if found and found.similarity >= likeness + self.options.rest.near_margin:
                trace = shown(times, 0, len(times), found, blobs)
        return held(trace, times, self.options.hold_s)

    def _since_last(self, sought: Sought, trace: Trace) -> Trace:
        """The trace from the end of the still before, while content changes: somebody draws, or drags."""
        view, begin, left = sought.view, sought.begin, self._left
        if left is None or left.stretch != view.times[0] or len(trace) == 0:
            return Trace.empty()
        if trace.t[0] - view.times[begin] >= self.options.hold_s:
            return Trace.empty()
        ends = left.place, (float(trace.x[0]), float(trace.y[0]))
        return sought.sight.inside.between(view, left.end, begin, ends, sought.known)

    def _remember(self, sought: Sought, trace: Trace, looks: list[Entry]) -> None:
        """Keeps what the next still is compared with."""
        self._plate, self._seen, self._left = sought.plate, None, None
        if len(trace) == 0:
            return
        self._last = (float(trace.x[-1]), float(trace.y[-1]))
        there = sought.view.times[sought.end - 1] - trace.t[-1] < self.options.hold_s
        if there:
            self._left = _Left(float(sought.view.times[0]), sought.end, self._last)
        if there and looks and trace.score[-1] >= self.options.min_fit:
            screen = compose(sought.view.segment, sought.end - 1, _NONE, _NONE)
            self._seen = Seen.at(screen, trace, looks, sought.sight.options.tolerance)

    def revisit(self, still: Still, after: Point) -> Still:
        """A still with no trace at its end once more, now that it is known where the pointer was after it."""
        looks = self._usual.with_cores(self._usual.book.best(), still.view.segment.height)
        reach, lone = self.options.rest.near, len(still.trace) == 0
        found = self._usual.rests.near(still.against, looks, after, reach, lone=lone)
        if found is None or still.view.is_moving(found.x, found.y):
            return still
        times = still.view.times[still.begin : still.end]
        if always_there(found, times, still.trace, still.blobs):
            return still
        rest = shown(times, still.open_from, len(times), found, still.blobs)
        return replace(still, trace=joined([still.trace, held(rest, times, self.options.hold_s)]))


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


def _seen(sought: list[Sought]) -> float:
    """Share of frames with a trace point."""
    return sum(len(s.trace) for s in sought) / max(1, sum(s.end - s.begin for s in sought))
