"""Whether one picture faded into another: what lies between the two is a blend of them.

Note [Dissolves]
~~~~~~~~~~~~~~~~
Two stills of one ultrasound loop differ as little on two slides as from step to step of the loop; what is
dark and soft tells no more. But nobody steps through a scan in dissolves. In a dissolve, every picture in
between has come equally far everywhere on the way from the old picture to the new one. Slices that pass by
may seem to be on that way too, because each is much like its neighbours, but each has content of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.floating]
_FAR = 6.0  # levels; pixels that differ less between the ends tell little
_UNDER_WAY = 0.15, 0.85  # shares of the way; beyond them a picture is much like one of the ends
_MIN_WAY = 0.2  # share of the way between the first and the last picture that is under way


def dissolves(old: Luma, new: Luma, between: Sequence[npt.NDArray[np.generic]], max_left: float) -> bool:
    """Whether pictures lead from ``old`` to ``new`` as a dissolve does.

    Args:
        old, new: Luma of a place in the two stills.
        between: The same of the pictures in between, in time order.
        max_left: Share of the difference of the two that may be left when a picture is taken for a blend.
    """
    way = []
    for share, left in blends(old, new, between):
        if not _UNDER_WAY[0] <= share <= _UNDER_WAY[1]:
            continue
        if left > max_left:
            return False
        way.append(share)
    return bool(way) and way[-1] - way[0] >= _MIN_WAY


def blends(old: Luma, new: Luma, between: Sequence[npt.NDArray[np.generic]]) -> Iterator[tuple[float, float]]:
    """How far each picture is on the way from ``old`` to ``new``, and what is left of their difference.

    Both as shares of it; (0, 0) where the two are the same.
    """
    far = np.abs(new - old) > _FAR
    change = (new - old)[far]
    for picture in between:
        if change.size == 0:
            yield 0.0, 0.0
            continue
        gone = picture.astype(np.float32)[far] - old[far]
        share = float(gone @ change / (change @ change))
        yield share, float(np.abs(gone - share * change).sum() / np.abs(change).sum())
