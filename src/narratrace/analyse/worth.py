"""What candidates are worth: how much speaks for a pointer at a place.

Note [Worth]
~~~~~~~~~~~~
A look that fits explains all that differs from the plate. But a look is learned somewhere, and elsewhere more
of the pointer shows: a black arrow's white rim on a dark picture is "beside the pointer" to a look from white
paper. So the pointer's own colours count by themselves, less what the plate has of them, where not much more
differs than the pointer is large. A place with none of them is no pointer, whatever differs there. Where the
plate has more of them than the screen, a pointer in the plate has left; where it has as many and but a speck
differs, nothing came: a dark look learned from a film fits all of a dark picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.analyse.glyph_book import Entry
from narratrace.ops.sparse import Blobs, Candidates
from narratrace.options import option

_SIDES = 0.15
"""Difference of the sides of what differs and of a look, as a share, at most."""
GONE = -1.0
"""Worth of the place that a pointer in the plate has left."""


class WorthOptions(Struct, frozen=True, kw_only=True):
    """How the evidence for a pointer is weighed."""

    colours: Annotated[
        float, option("worth of a place with all of the pointer's colours, whatever else differs", ge=0, le=1)
    ] = 0.85
    area: Annotated[
        float, option("largest differing area in which they count, as a multiple of the pointer's", ge=1)
    ] = 3.5
    min_similarity: Annotated[
        float,
        option(
            "share of the pointer's colours without which a place is worth nothing",
            ge=0,
            le=1,
            source="bars and lines at the edge of the picture have its shape there, but none of its colours",
        ),
    ] = 0.02
    speck: Annotated[
        float,
        option(
            "share of the pointer's area that differs, and of its colours that the plate lacks: with less of "
            "both, nothing came into the picture",
            ge=0,
            le=1,
        ),
    ] = 0.05
    clear: Annotated[
        float,
        option(
            "likeness of a look's own samples from which on `min_fit` counts in full, in proportion below",
            gt=0,
            le=1,
            source="opaque pointers have 0.9 or more, glowing or blurred ones 0.7 to 0.8",
        ),
    ] = 0.9
    silhouette: Annotated[
        float,
        option(
            "worth of a place that has all of a halo's outline, and whatever colours",
            ge=0,
            le=1,
            source="of 111 recordings 0.75 placed one pointer less exactly, and found 1 % more of another",
        ),
    ] = 0.65
    outline: Annotated[
        float,
        option("the same of an arrow or a hand, whose outline is its own", ge=0, le=1),
    ] = 0.8
    sized: Annotated[
        float,
        option(
            "added worth of a place where what differs has the width and the height of the pointer",
            ge=0,
            le=1,
        ),
    ] = 0.1
    least: Annotated[
        float,
        option(
            "worth below which a place between two believed ones gives no point",
            ge=0,
            le=1,
            source="of such places 7 in 8 were wrong on twelve recordings, of better ones 1 in 13",
        ),
    ] = 0.3


def _counts(entry: Entry, options: WorthOptions) -> float:
    """How much of what speaks for a look counts: a shape without colours may be another's."""
    if entry.colours:
        return 1.0
    return options.silhouette if entry.is_thin or not entry.distinct else options.outline


def reward(
    value: npt.NDArray[np.float32],
    found: Candidates,
    known: Sequence[Entry],
    min_fit: float,
    options: WorthOptions,
) -> npt.NDArray[np.float32]:
    """What choosing each row of ``found`` brings: its worth over what even the look's own samples may lack.

    Args:
        value: Worth of every row.
        found: Candidates of looks ``known``.
        known: The looks.
        min_fit: Worth of a clear look that speaks as much for a pointer as against it.
        options: How the evidence is weighed.
    """
    needed = [min_fit * min(1.0, entry.pointer.similarity / options.clear) for entry in known]
    gain: npt.NDArray[np.float32] = value - np.array(needed, np.float32)[found.table["glyph"]]
    return gain


def worth(
    found: Candidates, blobs: Blobs, known: Sequence[Entry], options: WorthOptions
) -> npt.NDArray[np.float32]:
    """The worth of every row of ``found``, at most 1, see Note [Worth].

    Args:
        found: Candidates of looks ``known`` at ``blobs``.
    """
    table = found.table
    own = np.array([entry.gone for entry in known])[table["glyph"]]
    alone = blobs.table["area"][table["blob"]] <= options.area * own
    colours = options.colours * table["similarity"] - table["background"]
    gone = table["background"] > table["similarity"]
    is_core = np.array([entry.disc is not None for entry in known])[table["glyph"]]
    # A core says nothing about what differs around it: only its colours tell.
    fit = np.where(is_core, GONE, table["fit"])
    value = np.where(gone, GONE, np.maximum(fit, np.where(alone, colours, GONE)))
    value = value + np.where((value > 0) & _as_large(found, blobs, known), options.sized, 0.0)
    colours_tell = np.array([entry.colours for entry in known])[table["glyph"]]
    value *= np.array([_counts(entry, options) for entry in known], np.float32)[table["glyph"]]
    bare = colours_tell & (table["similarity"] < options.min_similarity)
    speck = blobs.table["area"][table["blob"]] < options.speck * own
    bare |= speck & (table["similarity"] - table["background"] < options.speck)
    return np.where(bare, np.minimum(value, 0.0), value).astype(np.float32)


def _as_large(found: Candidates, blobs: Blobs, known: Sequence[Entry]) -> npt.NDArray[np.bool_]:
    """Which rows are at a blob with the sides of their look."""
    boxes = np.array([entry.glyph.box for entry in known]).reshape(-1, 4)[found.table["glyph"]]
    rows = blobs.table[found.table["blob"]]
    alike = np.ones(len(rows), dtype=np.bool_)
    for low, high, side in (("x0", "x1", boxes[:, 2] - boxes[:, 0]), ("y0", "y1", boxes[:, 3] - boxes[:, 1])):
        alike &= np.abs(rows[high] - rows[low] - side) <= _SIDES * side + 1
    return alike
