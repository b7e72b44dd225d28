"""How sharply stills are looked at: the looks learned with one contrast, and the search for them.

Note [Two sights]
~~~~~~~~~~~~~~~~~
A viewer's crosshair is thin, grey on grey, and encoders blur it: half of its pixels differ from the plate by
less than what elsewhere is noise. Whoever counts such contrast everywhere finds pointers in the noise of
recordings that have a clear one. So there are two sights. The usual one comes first. The keen one learns
where the usual one learned nothing, and only lines that cross, which noise does not draw; it is asked about
stills of which the usual one explains little.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from narratrace.analyse.cores import core
from narratrace.analyse.doubts import DoubtOptions, Settler
from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyph_pool import SamplePool
from narratrace.analyse.glyphs import GlyphOptions, LearnedPointer, Look, is_thin, learn, moving_blobs
from narratrace.analyse.inside import InsideFinder, InsideOptions
from narratrace.analyse.resting import RestFinder, RestOptions
from narratrace.analyse.stills import Background, SegmentView, StillOptions, background
from narratrace.analyse.tiles import TileBox
from narratrace.analyse.trace import TrackOptions, track
from narratrace.analyse.worth import WorthOptions, reward, worth
from narratrace.data.trace import Trace
from narratrace.ops.sparse import Blobs, Candidates, EpochOptions, Planes, find_blobs, find_candidates
from narratrace.options import option

F32 = npt.NDArray[np.float32]
_CORES = 32
"""Looks whose cores are kept."""


class PointerOptions(Struct, frozen=True, kw_only=True):
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
    keen_below: Annotated[
        float,
        option(
            "share of a still's frames with a pointer below which less contrast is looked for",
            ge=0,
            le=1,
            source="see Note [Two sights]; stills with a pointer show it in nearly all frames, or at rest",
        ),
    ] = 0.5
    search_s: Annotated[
        float,
        option(
            "shortest still that is searched all over for a pointer that never moves",
            unit="s",
            ge=0,
            source="as the shortest stable span; what is shorter is joined from its neighbours",
        ),
    ] = 2.0


class Draft(Struct, eq=False):
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
    entry: Entry | None = None
    learned: LearnedPointer | None = None


class Sought(Struct, frozen=True, eq=False):
    """A still whose pointer was looked for before its clean plate.

    Attributes:
        ground: Its plate, settled.
        plate: The same as a picture.
        blobs: Differences from the plate.
        trace: Track of the pointer before the plate.
        known: Looks that were searched, likeliest first.
        sight: What saw it.
    """

    view: SegmentView
    begin: int
    end: int
    ground: Background
    plate: Planes
    blobs: Blobs
    trace: Trace
    known: list[Entry]
    sight: Sight


class Sight:
    """Learns looks and searches for them.

    Attributes:
        options: Which contrast counts.
        book: The looks learned so far.
        rests: Finds them where they never move.
        inside: Follows them before what moves by itself.
    """

    def __init__(
        self,
        options: GlyphOptions,
        pointer_options: PointerOptions,
        still_options: StillOptions,
        epoch_options: EpochOptions,
        track_options: TrackOptions,
    ) -> None:
        self.options = options
        self.pointer_options = pointer_options
        self.still_options = still_options
        self.epoch_options = epoch_options
        self.track_options = track_options
        self.book = GlyphBook(options)
        self.rests = RestFinder(pointer_options.rest, options.tolerance)
        self.inside = InsideFinder(pointer_options.inside, track_options, options.tolerance)
        self._pool = SamplePool(options)
        self._settler = Settler(
            options, pointer_options.doubts, pointer_options.min_fit, still_options, epoch_options
        )
        self._cores: dict[tuple[Look, str], Entry | None] = {}  # by look, and where it points

    def is_pointer(self, a: Planes, b: Planes, place: TileBox) -> bool:
        """Whether what differs between two plates at a place is a known pointer on either of them."""
        return self._settler.is_pointer(self.book, a, b, place)

    def draft(self, view: SegmentView, begin: int, end: int) -> tuple[Draft, Planes]:
        """Frames [begin, end) with what differs from their plate, and the plate, which no draft keeps."""
        ground = background(view, begin, end, self.epoch_options, self.still_options)
        ignore = view.ignore
        for doubt in ground.doubts:
            ignore[doubt.tiles] = 1
        plate = ground.plate(view.segment)
        return Draft(view, begin, end, ground, self._blobs(view, begin, end, plate, ignore)), plate

    def learn(self, draft: Draft, plate: Planes) -> bool:
        """Enters what a draft shows moving into the book; whether it shows anything."""
        segment = draft.view.segment
        samples = moving_blobs(draft.blobs, draft.begin, draft.view.max_pointer)
        draft.learned = learn(segment, plate, samples, self.options)
        draft.entry = self.book.add(draft.learned) if draft.learned else None
        pooled = self._pool.add(segment, plate, samples, self.book.entries)
        if pooled:
            self.book.add(pooled)
        return bool(draft.learned or pooled)

    def learn_lines(self, draft: Draft, plate: Planes) -> None:
        """Enters lines that cross and move into the book."""
        samples = moving_blobs(draft.blobs, draft.begin, draft.view.max_pointer)
        pointer = learn(draft.view.segment, plate, samples, self.options)
        if pointer and is_thin(pointer.look.shape, pointer.points_with):
            self.book.add(pointer)

    def seek(self, draft: Draft, threads: int) -> list[Sought]:
        """The stills of a draft: one, or several when a doubt turns out to be a change of content."""
        view, begin, end, ground, blobs = draft.view, draft.begin, draft.end, draft.ground, draft.blobs
        known = self.book.best(draft.entry)
        if draft.entry in known and draft.learned:
            own = draft.entry.as_in(draft.learned, self.options.own_look)
            known = known if own is draft.entry else [own, *known]
        changes = self._settler.settle(view, ground, blobs, known) if ground.doubts else []
        changes = sorted([*changes, *self._settler.visits(view, ground, known)])
        if changes:
            sought = []
            for start, stop in _parts(changes, begin, end):
                part, _ = self.draft(view, start, stop)
                part.entry, part.learned = draft.entry, draft.learned
                sought += self.seek(part, threads)
            return sought
        plate = ground.plate(view.segment)
        if ground.doubts:
            blobs = self._blobs(view, begin, end, plate, view.ignore)
        trace = self._track(view, begin, plate, blobs, known, threads)
        return [Sought(view, begin, end, ground, plate, blobs, trace, known, self)]

    def with_cores(self, known: list[Entry], height: int) -> list[Entry]:
        """The looks, and after them what is within those of them that are halos.

        Args:
            height: Of the picture, pixels.
        """
        least = self.options.halo_size * height
        return [*known, *(inner for entry in known if (inner := self._core(entry, least)))]

    def _core(self, entry: Entry, least: float) -> Entry | None:
        """What is within a look; stills ask about the same ones again and again."""
        key = entry.pointer.look, entry.points_with
        if key in (cores := self._cores):
            return cores[key]
        inner = core(entry, least, self.options.min_symmetry)
        # Not emptied but replaced: other threads may be reading it.
        self._cores = {**(cores if len(cores) < _CORES else {}), key: inner}
        return inner

    def _blobs(
        self, view: SegmentView, begin: int, end: int, plate: Planes, ignore: npt.NDArray[np.uint8]
    ) -> Blobs:
        return find_blobs(view.segment, begin, end, plate, ignore, threshold=self.options.contrast)

    def _track(
        self, view: SegmentView, begin: int, plate: Planes, blobs: Blobs, known: list[Entry], threads: int
    ) -> Trace:
        if not known or len(blobs.table) == 0:
            return Trace.empty()
        found, value, gain = self._candidates(view, begin, plate, blobs, known, threads)
        if not self._explains(found, gain):
            least = self.options.halo_size * view.segment.height
            silhouettes = [bare for entry in known if (bare := entry.silhouette(least))]
            filled = [whole for entry in known if (whole := entry.filled())]
            looks = [*self.with_cores(known, view.segment.height), *silhouettes, *filled]
            if len(looks) > len(known):
                found, value, gain = self._candidates(
                    view, begin, plate, blobs, looks, threads, found, len(known)
                )
                known = looks
        table = found.table
        times = view.times[begin : begin + len(found.first)]
        chosen = track(times, found.first, found.last, table["x"], table["y"], gain, self.track_options)
        seen = np.flatnonzero(chosen >= 0)
        rows = table[chosen[seen]]
        height, width = plate[0].shape
        # Beyond the edge a part of the pointer may be left to see, but it points at nothing.
        inside = (rows["x"] >= 0) & (rows["y"] >= 0) & (rows["x"] < width) & (rows["y"] < height)
        inside &= value[chosen[seen]] >= self.pointer_options.worth.least
        seen, rows = seen[inside], rows[inside]
        # What differs around a core says nothing about it.
        is_core = np.array([entry.disc is not None for entry in known])[rows["glyph"]]
        score = np.where(is_core, value[chosen[seen]], rows["fit"]).clip(0.0, 1.0)
        return Trace(
            times[seen].copy(),
            rows["x"].astype(np.float64),
            rows["y"].astype(np.float64),
            score.astype(np.float64),
        )

    def _candidates(
        self,
        view: SegmentView,
        begin: int,
        plate: Planes,
        blobs: Blobs,
        known: list[Entry],
        threads: int,
        before: Candidates | None = None,
        searched: int = 0,
    ) -> tuple[Candidates, F32, F32]:
        """Where looks may be, the worth of each place, and what choosing it brings.

        Of the first ``searched`` looks, ``before`` tells.
        """
        found = find_candidates(
            view.segment,
            begin,
            plate,
            blobs,
            [entry.glyph for entry in known],
            tolerance=self.options.tolerance,
            threshold=self.options.contrast,
            max_size=int(1.5 * view.max_pointer),
            threads=threads,
            before=before,
            searched=searched,
        )
        options = self.pointer_options
        value = worth(found, blobs, known, options.worth)
        return found, value, reward(value, found, known, options.min_fit, options.worth)

    def _explains(self, found: Candidates, gain: F32) -> bool:
        """Whether nearly all frames in which something differs have a place that is clearly a pointer's."""
        clear = np.r_[0, np.cumsum(gain >= self.pointer_options.clear_gain)]
        differs = found.last > found.first
        explained = clear[found.last] > clear[found.first]
        return bool(explained.sum() >= self.pointer_options.explained * differs.sum())


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
