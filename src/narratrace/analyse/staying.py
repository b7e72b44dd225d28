"""A pointer that stays where it is while the recording goes from one still to the next.

Note [Staying pointers]
~~~~~~~~~~~~~~~~~~~~~~~
A still ends when something changes, and nearly always somewhere else than at the pointer. Where the screen
was seen with the pointer on it, and the plate of the next still shows the very same, the pointer is in that
plate. Looking for it there by its look alone may fail: a thin cross on a nucleus of its own colour is hardly
like itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from narratrace.analyse.breaks import Point
from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.resting import Find
from narratrace.data.trace import Trace
from narratrace.ops.sparse import U8, Planes, find_places

_REACH = 2
"""Pixels by which a smoothed position may be off."""
_CHANGED = 0.15
"""Largest share of the pointer's area that may look different; encoders refresh what rests."""
_LEAST_ALIKE = 0.2
"""Least likeness on the screen that shows it: with less, the last point was but joined to others."""
_AS_ALIKE = 0.85
"""Least likeness, of that on the screen before: most of a translucent halo differs from nothing."""


class Seen(NamedTuple):
    """Where the pointer was at the end of a still.

    Attributes:
        place: Hot spot.
        score: Belief in it.
        entry: Its look.
        likeness: How much the screen looked like it there, 0..1.
        luma: What the screen showed there, uint8, cut to the box of the look and to the screen.
    """

    place: Point
    score: float
    entry: Entry
    likeness: float
    luma: U8

    @classmethod
    def at(cls, screen: Planes, trace: Trace, known: Sequence[Entry], tolerance: int) -> Seen:
        """The last point of a trace, on the screen that shows it.

        Args:
            screen: The last frame of the still.
            trace: At least one point, the last one at that frame.
            known: Looks that the pointer may have, at least one.
            tolerance: Contrast at which a pixel no longer resembles the pointer's.
        """
        place = float(trace.x[-1]), float(trace.y[-1])
        likeness, entry = max(
            ((_likeness(screen, entry, place, tolerance), entry) for entry in known), key=lambda pair: pair[0]
        )
        return cls(place, float(trace.score[-1]), entry, likeness, _cut(screen, place, entry).copy())

    def stays(self, plate: Planes, contrast: int, tolerance: int) -> Find | None:
        """The pointer in the plate of the next still, None when the place has changed.

        Args:
            plate: Clean plate of the next still.
            contrast: Difference from which on a pixel has changed.
            tolerance: See :meth:`at`.
        """
        now = _cut(plate, self.place, self.entry)
        if now.shape != self.luma.shape or self.likeness < _LEAST_ALIKE:
            return None
        changed = np.abs(now.astype(np.int16) - self.luma) > contrast
        if changed.sum() > _CHANGED * self.entry.area:
            return None
        if _likeness(plate, self.entry, self.place, tolerance) < _AS_ALIKE * self.likeness:
            return None
        return Find(*self.place, self.score, self.entry.glyph.box, self.entry.gone)


def _likeness(picture: Planes, entry: Entry, place: Point, tolerance: int) -> float:
    x, y = int(place[0]), int(place[1])
    window = (x - _REACH, y - _REACH, x + _REACH + 1, y + _REACH + 1)
    return max((found[2] for found in find_places(picture, entry.glyph, window, tolerance)), default=0.0)


def _cut(picture: Planes, place: Point, entry: Entry) -> U8:
    x0, y0, x1, y1 = entry.glyph.box
    x, y = int(place[0]), int(place[1])
    return picture[0][max(0, y + y0) : max(0, y + y1), max(0, x + x0) : max(0, x + x1)]
