"""Whether somebody stepped through a stack of pictures, such as the slices of a scan.

Note [Slices]
~~~~~~~~~~~~~
Two slices that are some way apart have little in common, and a viewer with several panes shows only one of
them in another place of the stack: that looks like another picture on a slide. But what lies between them
leads from one to the other in small steps, each with content of its own, unlike a dissolve or a wipe, and
all in the same place, unlike slides that push each other out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.analyse.aligning import align
from narratrace.options import option

F64 = npt.NDArray[np.float64]
_DIFFERS = 16  # levels
_LOOKS = 3  # at pictures in between
_PLACE = 2.0  # pixels of a thumbnail by which what stays in its place may seem to move


class SliceOptions(Struct, frozen=True, kw_only=True):
    """When a change is a walk through a stack."""

    max_changed: Annotated[
        float,
        option(
            "share of the picture's pixels that change, at most; what changes more is judged as a whole",
            ge=0,
            le=1,
        ),
    ] = 0.25
    min_steps: Annotated[int, option("fewest steps from the first picture to the last", ge=2)] = 3
    min_step: Annotated[
        float, option("least difference of two steps, as a share of that of the ends", gt=0, le=1)
    ] = 0.1
    max_step: Annotated[
        float,
        option(
            "largest difference of two neighbours, as a share of that of the ends",
            gt=0,
            source="eight walks through stacks 0.21 to 0.75",
        ),
    ] = 0.8
    foreign: Annotated[
        float,
        option(
            "pixels of a step that are neither as before nor as after nor between, as a share of those that "
            "change",
            ge=0,
            le=1,
            source="eight walks 0.17 to 0.46; dissolves 0.001 or less",
        ),
    ] = 0.15
    min_alike: Annotated[
        float, option("correlation of a step with the first picture in its place, at least", ge=0, le=1)
    ] = 0.5


def are_slices(pictures: Sequence[F64], options: SliceOptions) -> bool:
    """Whether pictures lead from the first to the last one through a stack.

    Args:
        pictures: The part that changes, in levels, of one shape, in time order.
        options: Thresholds.
    """
    first, *between, last = pictures
    if first.size == 0:
        return False
    ends = float(np.abs(last - first).mean())
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(pictures)]
    if sum(step >= options.min_step * ends for step in steps) < options.min_steps:
        return False
    if max(steps) > options.max_step * ends:
        return False
    low, high = np.minimum(first, last) - _DIFFERS, np.maximum(first, last) + _DIFFERS
    changed = max(1, int((np.abs(last - first) > _DIFFERS).sum()))
    foreign = max(int(((picture < low) | (picture > high)).sum()) for picture in between)
    if foreign < options.foreign * changed:
        return False
    for picture in between[:: max(1, len(between) // _LOOKS)]:
        found = align(first, picture, (0.0,))
        if found.likeness < options.min_alike or max(abs(found.dx), abs(found.dy)) > _PLACE:
            return False
    return True
