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

import numpy as np
from msgspec.structs import replace

from narratrace.analyse.glyph_book import TOLERANCE, Entry
from narratrace.analyse.glyphs import RIM, Look, contrast
from narratrace.analyse.hot_spots import Bool2, pointing_part
from narratrace.analyse.tiles import components

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
    own = _largest_apart(look)
    if not _LEAST <= own.sum() <= _MOST * look.shape.sum() or look.steady[own].mean() < _STEADY:
        return None
    ys, xs = np.nonzero(own)
    inner = replace(look, opaque=own).cut(slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1))
    if inner.size > _EXTENT * look.size:
        return None
    part = pointing_part(inner.shape, min_symmetry)
    x, y = look.hot_spot(entry.points_with)
    return replace(
        entry,
        pointer=replace(entry.pointer, look=inner, size=inner.size, points_with=part),
        votes=Counter({part: entry.samples}),
        glyph=inner.glyph_at(x - int(xs.min()) + RIM, y - int(ys.min()) + RIM),
        disc=entry,
    )


def _largest_apart(look: Look) -> Bool2:
    """The largest piece of what keeps its colours while the disc has others, shape of the look's maps."""
    apart: Bool2 = look.opaque
    if apart.sum() > _MOST * look.shape.sum():  # before one picture, the disc had colours of its own
        color = look.color.astype(np.int16)
        apart = apart & (contrast(color, np.median(color[look.opaque], axis=0)) > TOLERANCE)
    places = np.flatnonzero(apart)
    own = np.zeros_like(apart)
    if len(places):
        own.flat[places[max(components(places, apart.shape[1], reach=1), key=len)]] = True
    return own
