"""All pointers a recording has shown so far, the same look learned again and again as one.

Note [Parts]
~~~~~~~~~~~~
Of a black arrow with a grey rim a black slide shows but the rim, and of one with a bright lower half but
that. Such a still teaches a look whose tip is not the pointer's. But elsewhere the whole was seen, more often
than not, and the part is found in it, in one place: so it points where the whole does. What points with its
centre is no part: a dot and its trail look like one and a whole.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.analyse.glyphs import GlyphOptions, LearnedPointer, Look, contrast, is_thin
from narratrace.analyse.hot_spots import Bool2, thickness
from narratrace.ops.sparse import Glyph

Places = TypeVar("Places", float, npt.NDArray[np.float32])
_SHIFT = 2
_FILLED, _ROUND = 0.6, 0.75  # share of its box that a disc covers, and ratio of its sides, at least
_LONGER = 1.2  # area of a dot with its trail, as a multiple of its own, at least
_IS_PART = 0.6  # likeness of a part to a place in the whole, at least
_ONE_PLACE = 0.25  # by which it is less like other places
TOLERANCE = 48  # contrast at which colours of one pixel are no longer alike


class Entry(Struct, eq=False):
    """One look.

    Attributes:
        pointer: The best learned one.
        samples: Places that showed it, over all stills.
        votes: Those places by what the shape learned there points with; the majority decides, because blur
            and backgrounds spoil single shapes.
        glyph: For the native search, with the hot spot of the majority.
        travel: Farthest that it was seen to move, as a multiple of its size.
        colours: Whether its colours are part of it.
        disc: The halo or ring that it is the core of, see Note [Cores].
        origin: Pixel (x, y) of its maps that points, told by a look that it is a part of, see Note [Parts].
    """

    pointer: LearnedPointer
    samples: int
    votes: Counter[str]
    glyph: Glyph
    travel: float = 0.0
    colours: bool = True
    disc: Entry | None = None
    origin: tuple[int, int] | None = None

    @property
    def hot_spot(self) -> tuple[int, int]:
        """Pixel (x, y) of its maps that points."""
        return self.origin or self.pointer.look.hot_spot(self.points_with)

    @property
    def size(self) -> int:
        """Longer side in pixels."""
        return self.pointer.size

    @property
    def area(self) -> int:
        """Pixels of its shape."""
        return int(self.pointer.look.shape.sum())

    @property
    def gone(self) -> int:
        """Pixels that differ when it has gone: its own, or those of the halo around it."""
        return (self.disc or self).area

    def on_screen(self, x: Places, y: Places, shape: tuple[int, ...]) -> Places:
        """Its share on a picture of that shape, by hot spot: what the edge leaves may be alike by chance."""
        x0, y0, x1, y1 = self.glyph.box
        width = np.minimum(shape[1], x + x1) - np.maximum(0, x + x0)
        height = np.minimum(shape[0], y + y1) - np.maximum(0, y + y0)
        share: Places = np.maximum(0, width) * np.maximum(0, height) / ((x1 - x0) * (y1 - y0))
        return share

    @property
    def distinct(self) -> bool:
        """Whether its shape is its own: dots, rings and halos are not, arrows, hands and I-beams are."""
        return self.points_with != "centre" or self.is_thin

    @property
    def is_thin(self) -> bool:
        """Whether it is made of lines that cross or end about its centre."""
        return is_thin(self.pointer.look.shape, self.points_with)

    @property
    def is_disc(self) -> bool:
        """Whether it is round and filled, as dots and halos are."""
        shape = self.pointer.look.shape
        return (
            self.points_with == "centre"
            and bool(shape.mean() >= _FILLED)
            and min(shape.shape) >= _ROUND * max(shape.shape)
        )

    @property
    def points_with(self) -> str:
        """Majority of :attr:`votes`."""
        return max(sorted(self.votes), key=lambda part: self.votes[part])

    def silhouette(self, min_size: float) -> Entry | None:
        """This entry without colours where they may be others: of a halo over a photograph, of thin lines.

        Lines thinner than a pixel of the recording show half of what is behind them.

        Args:
            min_size: Longer side of the smallest halo, pixels.
        """
        if not self.is_thin and (self.distinct or self.size < min_size):
            return None
        return replace(self, glyph=self.pointer.look.silhouette(self.points_with), colours=False)

    def filled(self) -> Entry | None:
        """An outline as a pointer whose inside has the page's colour: a white one was seen on paper alone."""
        look = self.pointer.look.filled() if self.disc is None else None
        if look is None:
            return None
        return replace(
            self,
            pointer=replace(self.pointer, look=look),
            glyph=look.silhouette(self.points_with),
            colours=False,
        )

    def as_in(self, pointer: LearnedPointer, least: float) -> Entry:
        """This entry as one still shows it, where that still taught a look of its own.

        A pointer is translucent, or thinner than a pixel, or lit by its halo: on another background it has
        other colours, and the best look of all may hardly be found there.

        Args:
            pointer: What the still taught, entered here.
            least: Likeness of the two looks from which on the best one serves.
        """
        if pointer is self.pointer:
            return self
        likeness, dx, dy = _likeness(self.pointer.look, pointer.look)
        if likeness >= least:
            return self
        x, y = self.hot_spot
        return replace(self, pointer=pointer, glyph=pointer.look.glyph_at(x + dx, y + dy))

    def aim(self, origin: tuple[int, int] | None) -> None:
        """Lets it point with that pixel of its maps, or with what its own shape tells."""
        if origin != self.origin:
            # In this order: other threads take the glyph for aimed as soon as they see the origin.
            self.glyph = self.pointer.look.glyph_at(*(origin or self.pointer.look.hot_spot(self.points_with)))
            self.origin = origin


class GlyphBook(Struct, eq=False):
    """Collects learned pointers; entries are in order of first appearance."""

    options: GlyphOptions
    entries: list[Entry] = field(default_factory=list)
    _parts: dict[tuple[Look, Look], tuple[int, int] | None] = field(default_factory=dict)

    def add(self, pointer: LearnedPointer) -> Entry:
        """Enters a pointer learned in one still; returns its entry."""
        entry = next((e for e in self.entries if alike(e.pointer.look, pointer.look)), None)
        if entry is None:
            entry = Entry(pointer, 0, Counter(), pointer.glyph)
            self.entries.append(entry)
        elif pointer.samples * pointer.similarity > entry.pointer.samples * entry.pointer.similarity:
            entry.pointer = pointer
        entry.samples += pointer.samples
        entry.travel = max(entry.travel, pointer.travel)
        entry.votes[pointer.points_with] += pointer.samples
        entry.glyph, entry.origin = entry.pointer.look.glyph(entry.points_with), None
        return entry

    def best(self, first: Entry | None = None) -> list[Entry]:
        """Entries to search for: ``first``, then the most seen, without those that hardly ever were.

        None as long as nothing has travelled: a face in a webcam picture moves too, but stays where it is.
        A round look with the trail behind it is left out where the look is known alone, and what compression
        leaves of a large one.
        """
        if all(e.travel < self.options.min_travel for e in self.entries):
            return []
        usual = max(self.entries, key=lambda e: e.samples)
        parts = {
            id(e)
            for e in self.entries
            if self._is_crumb(e, usual)
            or any(self._is_trail(e, other) or self._is_torn(e, other) for other in self.entries)
        }
        first = None if id(first) in parts else first
        entries = [e for e in self.entries if id(e) not in parts]
        ranked = sorted(entries, key=lambda e: -e.samples)[: self.options.searched]
        least = self.options.min_share * ranked[0].samples if ranked else 0
        others = [e for e in ranked if e is not first and e.samples >= least]
        best = ([first] if first else []) + others[: self.options.searched - (first is not None)]
        for entry in best:
            entry.aim(self._origin(entry))
        return best

    def _origin(self, entry: Entry) -> tuple[int, int] | None:
        """Pixel of an entry's maps that points, if it is a part of a look seen more often."""
        look = entry.pointer.look
        if entry.points_with == "centre":
            return None  # and with its trail it would be a whole
        for other in sorted(self.entries, key=lambda e: -e.samples):
            if other.samples < self.options.part_share * entry.samples:
                break
            whole = other.pointer.look
            if entry.size > self.options.part_size * other.size or other.points_with == "centre":
                continue
            if (look, whole) not in self._parts:
                self._parts[look, whole] = place_in(look, whole)
            if (place := self._parts[look, whole]) is not None:
                x, y = whole.hot_spot(other.points_with)
                return x - place[0], y - place[1]
        return None

    def _is_crumb(self, entry: Entry, usual: Entry) -> bool:
        """Whether a look is but what compression left now and then of a much larger one."""
        small = entry.size < self.options.crumb_size * usual.size
        return small and entry.samples < self.options.crumb_share * usual.samples

    def _is_torn(self, entry: Entry, other: Entry) -> bool:
        """Whether a look is what a few samples show of a disc, ``other``, over as dark a picture."""
        seldom = entry.samples < self.options.crumb_share * other.samples
        torn = entry.points_with != "centre" and entry.size >= self.options.torn_size * other.size
        return seldom and torn and other.is_disc and entry.size <= 1.1 * other.size

    def _is_trail(self, entry: Entry, other: Entry) -> bool:
        """Whether a look is a round one, ``other``, with the trail that a presenter tool draws behind it."""
        short, long = sorted(entry.pointer.look.shape.shape)
        width, length = sorted(other.pointer.look.shape.shape)
        as_wide = width >= self.options.trail_width * short and length * self.options.trail_width <= short
        is_round = other.points_with == "centre" and length * self.options.trail_width <= width
        straight = long >= self.options.trail_length * short and as_wide
        return is_round and (straight or (other.is_disc and self._is_bent_trail(entry, other)))

    def _is_bent_trail(self, entry: Entry, disc: Entry) -> bool:
        """Whether a look is as thick as a disc and has its colour, whatever way it goes."""
        if entry.points_with == "centre" or entry.area < _LONGER * disc.area:
            return False
        looks = entry.pointer.look, disc.pointer.look
        thick, wide = (thickness(look.shape) for look in looks)
        if not self.options.trail_width <= thick / wide <= 1 / self.options.trail_width:
            return False
        own, its = (np.median(look.color[look.opaque], axis=0) for look in looks)
        return bool(contrast(own, its) <= TOLERANCE)


def alike(a: Look, b: Look) -> bool:
    """Whether two looks are of the same pointer.

    Most opaque pixels of either have the same colour in the other.
    """
    if abs(a.shape.shape[0] - b.shape.shape[0]) > 0.2 * a.shape.shape[0] + 2:
        return False
    if abs(a.shape.shape[1] - b.shape.shape[1]) > 0.2 * a.shape.shape[1] + 2:
        return False
    return any(_agreement(a, b, dx, dy) > 0.5 for dx, dy in _SHIFTS)


def place_in(part: Look, whole: Look) -> tuple[int, int] | None:
    """Where one look is found in another, larger one: pixel (x, y) of its maps that has the part's first.

    None where it is not, or where it might be at several places: a dot is found all over a larger one.
    """
    ys, xs = np.nonzero(part.opaque)
    height, width = whole.opaque.shape
    own = part.color[ys, xs].astype(np.int16)
    rows, columns = np.arange(-ys.min(), height - ys.max()), np.arange(-xs.min(), width - xs.max())
    if len(rows) == 0 or len(columns) == 0:
        return None
    found = np.zeros((len(rows), len(columns)))
    for i, j in np.ndindex(found.shape):
        at = ys + rows[i], xs + columns[j]
        alike = np.maximum(0.0, 1.0 - contrast(whole.color[at].astype(np.int16), own) / TOLERANCE)
        found[i, j] = np.mean(alike * whole.opaque[at])
    i, j = np.unravel_index(np.argmax(found), found.shape)
    best, near = found[i, j], max(_SHIFT, part.size // 5)
    found[max(0, i - near) : i + near + 1, max(0, j - near) : j + near + 1] = 0.0
    if best < _IS_PART or found.max() > best - _ONE_PLACE:
        return None
    return int(columns[j]), int(rows[i])


_SHIFTS = sorted(product(range(-_SHIFT, _SHIFT + 1), repeat=2), key=lambda s: abs(s[0]) + abs(s[1]))
"""Nearest first, where nearly all looks that are alike agree."""


def _agreement(a: Look, b: Look, dx: int, dy: int) -> float:
    """Overlap of opaque pixels of similar colour with ``b`` shifted, as a share of their union."""
    pa, pb, contrast = _compared(a, b, dx, dy)
    union = a.opaque.sum() + b.opaque.sum() - (pa & pb).sum()
    return float((pa & pb & (contrast <= TOLERANCE)).sum() / max(1, union))


def _likeness(a: Look, b: Look) -> tuple[float, int, int]:
    """How much of ``a`` a search would find in ``b``, 0..1, at the shift (dx, dy) of most agreement."""
    dx, dy = max(_SHIFTS, key=lambda shift: _agreement(a, b, *shift))
    own, _, contrast = _compared(a, b, dx, dy)
    alike = np.maximum(0.0, 1.0 - contrast / TOLERANCE)
    return float(alike[own].sum() / max(1, a.opaque.sum())), dx, dy


def _compared(a: Look, b: Look, dx: int, dy: int) -> tuple[Bool2, Bool2, npt.NDArray[np.int16]]:
    """Opaque pixels of both looks and their contrast where they overlap, ``b`` shifted."""
    h = min(a.opaque.shape[0], b.opaque.shape[0] - abs(dy))
    w = min(a.opaque.shape[1], b.opaque.shape[1] - abs(dx))
    ay, ax, by, bx = max(0, -dy), max(0, -dx), max(0, dy), max(0, dx)
    h, w = min(h, a.opaque.shape[0] - ay), min(w, a.opaque.shape[1] - ax)
    pa, pb = a.opaque[ay : ay + h, ax : ax + w], b.opaque[by : by + h, bx : bx + w]
    ca, cb = a.color[ay : ay + h, ax : ax + w].astype(np.int16), b.color[by : by + h, bx : bx + w]
    return pa, pb, contrast(ca, cb)
