"""Settling doubts about a plate: did a pointer rest at a place, or did the content change?

Note [Settling doubts]
~~~~~~~~~~~~~~~~~~~~~~
A plate is in doubt where a still showed one thing for some time and then another. If a known pointer fits
before one of the two, it rested there, and the other is the plate. If none fits, what moves near the place
just before and just after tells: a pointer that rested is seen leaving, and one that rests was seen arriving.
Else the content changed, and the still is two.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

import numpy as np
from msgspec import Struct

from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyphs import GlyphOptions
from narratrace.analyse.stills import Background, Doubt, SegmentView, StillOptions, visits
from narratrace.analyse.tiles import TileBox
from narratrace.ops.sparse import TILE, Blobs, EpochOptions, Planes, compose, fit_glyph, overlay
from narratrace.options import option

_TWITCH = 1.0  # pixels from frame to frame up to which something rests
_RESTS = 3  # frames from which on something that does not move rests
_HALO = 1500  # pixels of a large halo
_NONE = np.zeros(0, dtype=np.int32)


class DoubtOptions(Struct, frozen=True, kw_only=True):
    """When a change within a plate was a pointer's."""

    margin: Annotated[
        float, option("difference in fit that tells on which side of a doubt the pointer was", ge=0, le=1)
    ] = 0.12
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
    halo_fit: Annotated[
        float,
        option(
            "fit from which on a large halo stands at a place, as a share of that of other looks",
            ge=0,
            le=1,
            source="a halo of 94 pixels before drawings and tissue 0.42 and 0.49, nowhere else above 0.12",
        ),
    ] = 0.75
    settle_s: Annotated[
        float, option("time after which a pointer that arrives somewhere rests", unit="s", ge=0)
    ] = 0.2
    reach_s: Annotated[
        float, option("time in which a pointer that leaves a place is seen near it", unit="s", gt=0)
    ] = 0.5


class Settler(Struct, frozen=True):
    """Tells pointers that rested from changes of content, see Note [Settling doubts].

    Attributes:
        glyph_options: How a look is recognised.
        options: Thresholds.
        min_fit: Fit from which on a pointer stands at a place.
        still_options: When a difference is content.
        epoch_options: When two versions of a tile are the same.
    """

    glyph_options: GlyphOptions
    options: DoubtOptions
    min_fit: float
    still_options: StillOptions
    epoch_options: EpochOptions

    def settle(
        self, view: SegmentView, ground: Background, blobs: Blobs, known: list[Entry]
    ) -> list[tuple[int, int]]:
        """Puts the pointer-free side of every doubt into the plate.

        Args:
            view: The stretch.
            ground: The plate of a still, changed in place.
            blobs: What differs from it outside the doubts.
            known: Looks the pointer may have.

        Returns:
            Frames (before, after) of those that are changes of content.
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

    def visits(self, view: SegmentView, ground: Background, known: list[Entry]) -> list[tuple[int, int]]:
        """Frames of changes of content that were undone later, in places that no known pointer covers."""
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
        if known and not sized and not any(min(self._fits(box, a, b, q)) >= self.min_fit for q in known):
            return content  # more than a pointer, or than one that moved a little
        sized = sized or known
        best = self._clearest(box, a, b, sized)
        unclear = best is None or abs(best[0] - best[1]) < self.options.margin
        if unclear and content == "content":
            # Of a pointer that lies on several tiles, only some may be in doubt: look at the whole screen.
            best = self._clearest(box, *self._screens(view, ground, doubt), sized) or best
        if best and abs(best[0] - best[1]) >= self.options.margin:
            return "before" if best[0] > best[1] else "after"
        over = self._rests_over(view, ground, doubt, blobs)
        if max(over) >= _RESTS and min(over) == 0:
            return "before" if over[0] > over[1] else "after"
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
        fits = ((self._fits(box, a, b, q), self._least(q)) for q in known)
        return max(
            (fit for fit, least in fits if max(fit) >= least), key=lambda f: abs(f[0] - f[1]), default=None
        )

    def _least(self, pointer: Entry) -> float:
        """Fit from which on it stands at a place: a large halo that lets the picture through fits less."""
        halo = pointer.is_disc and pointer.area >= _HALO
        return self.min_fit * (self.options.halo_fit if halo else 1.0)

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

    def is_pointer(self, book: GlyphBook, a: Planes, b: Planes, place: TileBox) -> bool:
        """Whether what differs between two plates at a place is a known pointer on either of them."""
        known = [q for q in book.best() if _covers(q, place)]
        return any(max(self._fits(place, a, b, q)) >= self._least(q) for q in known)

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

    def _rests_over(
        self, view: SegmentView, ground: Background, doubt: Doubt, blobs: Blobs
    ) -> tuple[int, int]:
        """Frames shortly before and shortly after the doubt in which something rests over all of the place.

        Of a large halo that rests for a moment, hardly a tile is in doubt; the rest differs from the plate.
        """
        box = doubt.box(view.columns)

        def count(begin: int, end: int) -> int:
            places: list[tuple[float, float] | None] = []
            for i in range(max(begin, ground.begin), min(end, ground.end)):
                rows = blobs.at(i - ground.begin)
                over = (rows["x0"] <= box.x0) & (rows["x1"] >= box.x1)
                over &= (rows["y0"] <= box.y0) & (rows["y1"] >= box.y1)
                row = rows[over][:1]
                places.append((float(row["cx"][0]), float(row["cy"][0])) if len(row) else None)
            return sum(
                a is not None and b is not None and math.dist(a, b) <= 1.0 for a, b in pairwise(places)
            )

        first, last = self._around(view, doubt)
        return count(first, doubt.end + 1), count(doubt.begin, last)

    def _around(self, view: SegmentView, doubt: Doubt) -> tuple[int, int]:
        """Frames from which on, and up to which, what is near a doubt is looked at."""
        times = view.times
        first = int(np.searchsorted(times, times[doubt.end] - self.options.reach_s))
        return first, int(np.searchsorted(times, times[doubt.begin] + self.options.reach_s))

    def _seen_near(
        self, view: SegmentView, ground: Background, doubt: Doubt, blobs: Blobs
    ) -> tuple[int, int]:
        """Frames with something moving near the doubt shortly before and shortly after it."""
        box = doubt.box(view.columns)

        def count(begin: int, end: int) -> int:
            rows = (blobs.at(i - ground.begin) for i in range(max(begin, ground.begin), min(end, ground.end)))
            return sum(
                bool(((box.distance(r["cx"], r["cy"]) < view.max_pointer) & (r["area"] >= 12)).any())
                for r in rows
            )

        first, last = self._around(view, doubt)
        return count(first, doubt.end + 1), count(doubt.begin, last)


def _covers(pointer: Entry, place: TileBox) -> bool:
    """Whether a pointer is large enough to change all of a place."""
    x0, y0, x1, y1 = pointer.glyph.box
    rim = 2 * TILE + max(x1 - x0, y1 - y0) // 16  # a large one at rest moves a little too
    return place.x1 - place.x0 < x1 - x0 + rim and place.y1 - place.y0 < y1 - y0 + rim
