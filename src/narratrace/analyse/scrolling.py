"""Whether a page was scrolled: the same lines on the screen, higher or lower.

Note [Scrolling]
~~~~~~~~~~~~~~~~
What a scrolled page shows before and after is the same pixel by pixel, moved by whole rows, while lines of
text are too alike for motion to be followed from one small thumbnail to the next: a line is taken for its
neighbour, and the motion for a zoom. So the two pictures are compared at full size, as rows: the change of
luma from each row to the next but one, averaged over stripes of the page. Of two pages only the same lines
correlate there. Whether something moved at all is for the pictures in between to tell: a page that is
exchanged for a part of the same document is another page.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from narratrace.analyse.tiles import Bool
from narratrace.data.shots import Box
from narratrace.ops.sparse import TILE, U8, tile_grid

F32 = npt.NDArray[np.float32]
_STRIPES = 16  # so that a line of text has a pattern of its own
_MIN_SIDE = 100  # pixels of the part that is scrolled
_MOST = 0.75  # of its height: what is left on the screen must tell
_FLAT = 4.0  # mean square of the changes from row to row below which there is nothing to tell


def scroll(a: U8, b: U8, ignore: U8, box: Box, min_correlation: float) -> int:
    """Rows by which the part ``box`` of picture ``a`` has moved up in picture ``b``; 0 if it has not.

    Args:
        a, b: Luma.
        ignore: Nonzero for tiles that do not count.
        box: The part that changed.
        min_correlation: From which on the rows are the same.
    """
    if min(box.x1 - box.x0, box.y1 - box.y0) < _MIN_SIDE:
        return 0
    rows, columns = tile_grid(a.shape[1], a.shape[0])
    counts = (ignore.reshape(rows, columns) == 0).repeat(TILE, axis=0).repeat(TILE, axis=1)
    shown: Bool = np.asarray(_striped(counts, box).all(axis=2))
    told = shown[2:] & shown[1:-1] & shown[:-2]
    before, after = (np.where(told, _steps(picture, box), np.float32(0)) for picture in (a, b))
    height = len(told)
    reach = int(_MOST * height)

    def alike(shift: int) -> float:
        was = slice(max(0, shift), height + min(0, shift))
        now = slice(max(0, -shift), height - max(0, shift))
        return _correlation(before[was], after[now], told[was] & told[now])

    best, _, shift = max((alike(shift), -abs(shift), shift) for shift in range(-reach, reach + 1))
    return shift if best >= min_correlation else 0


def _striped(picture: npt.NDArray[Any], box: Box) -> npt.NDArray[Any]:
    """The part ``box``, its columns in stripes of equal width, shape (rows, stripes, width)."""
    part = picture[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)]
    width = part.shape[1] // _STRIPES
    return part[:, : _STRIPES * width].reshape(len(part), _STRIPES, width)


def _steps(picture: U8, box: Box) -> F32:
    """Change of each stripe from the row before to the row after."""
    rows = _striped(picture, box).mean(axis=2, dtype=np.float32)
    steps: F32 = rows[2:] - rows[:-2]
    return steps


def _correlation(a: F32, b: F32, told: Bool) -> float:
    """Of what both show; 0 where that is too flat to tell."""
    a, b = a * told, b * told
    energy = float((a * a).sum()), float((b * b).sum())
    if min(energy) < _FLAT * max(1, told.sum()):
        return 0.0
    return float((a * b).sum()) / float(np.sqrt(energy[0] * energy[1]))
