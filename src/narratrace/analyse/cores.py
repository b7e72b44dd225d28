"""The opaque pointer within a translucent halo.

Note [Cores]
~~~~~~~~~~~~
Highlighters draw a large translucent disc around the pointer. Its colours are half those of what is behind,
so a look learned on one slide is not found on the next, and a disc is too common a shape to be searched for
all over a picture. The arrow in it hides what is behind and has a shape of its own: all that kept its colours
before several pictures, or what stands apart in colour from most of the disc. The disc tells where it points.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.glyphs import RIM, Look
from narratrace.analyse.hot_spots import Bool2, pointing_part
from narratrace.analyse.tiles import components

_APART = 48
"""Contrast to the disc from which on a pixel is something else."""
_LEAST = 30
"""Pixels of the smallest core."""
_MOST = 0.3
"""Pixels of the largest, as a share of all."""
_EXTENT = 0.75
"""Longest side of a core, as a share of the disc's."""
_STEADY = 0.85
"""Share of samples in which its pixels keep their colour, on average."""


def core(entry: Entry, min_size: float, min_symmetry: float) -> Entry | None:
    """The look of what is within a halo, which points with the centre of the halo; None if there is none.

    Args:
        entry: What may be a halo.
        min_size: Longer side of the smallest halo, pixels.
        min_symmetry: See :func:`narratrace.analyse.hot_spots.pointing_part`.
    """
    if entry.distinct or entry.size < min_size:
        return None
    look = entry.pointer.look
    own = _own(look)
    if own is None:
        return None
    inner = replace(look, opaque=own, shape=own[RIM:-RIM, RIM:-RIM])
    ys, xs = np.nonzero(own)
    shape = own[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    part = pointing_part(shape, min_symmetry)
    return replace(
        entry,
        pointer=replace(entry.pointer, look=inner, size=int(max(shape.shape)), points_with=part),
        votes=Counter({part: entry.samples}),
        glyph=inner.glyph_at(*look.hot_spot(entry.points_with)),
        disc=entry,
    )


def _own(look: Look) -> Bool2 | None:
    """The pixels of the core, shape of the look's maps."""
    color = look.color.astype(np.int16)
    apart: Bool2 = look.opaque
    if apart.sum() > _MOST * look.shape.sum():  # before one picture, the disc had colours of its own
        difference = np.abs(color - np.median(color[look.opaque], axis=0))
        contrast = np.maximum(difference[..., 0], 2 * difference[..., 1:].max(axis=-1))
        apart = apart & (contrast > _APART)
    within = np.zeros_like(apart)
    within[RIM:-RIM, RIM:-RIM] = look.shape
    columns = apart.shape[1]
    places = np.flatnonzero(apart & within)
    if len(places) == 0:
        return None
    largest = max(components(places, columns, reach=1), key=len)
    own = np.zeros_like(apart)
    own.flat[places[largest]] = True
    ys, xs = np.nonzero(own)
    is_part = _LEAST <= own.sum() <= _MOST * look.shape.sum()
    is_inside = max(np.ptp(xs), np.ptp(ys)) + 1 <= _EXTENT * look.size
    return own if is_part and is_inside and look.steady[own].mean() >= _STEADY else None
