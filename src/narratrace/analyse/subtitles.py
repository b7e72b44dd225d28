"""Subtitles burnt into the picture: a strip whose text changes every few seconds while all else stays.

Note [Subtitles]
~~~~~~~~~~~~~~~~
A line of text that comes is a change of content, and the first subtitle cannot be told from a footnote. But
content that is built up takes a place of its own each time; subtitles come back to the same strip again and
again, alone. So changes are looked at together at the end of a recording, and those that are subtitles divide
neither stable spans nor shots: the strip is a region that moves by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from msgspec import Struct

from narratrace.data.shots import Box
from narratrace.ops.sparse import TILE
from narratrace.options import option

_FEW = 0.2  # share of a strip's changes whose boxes may reach beyond it


class SubtitleOptions(Struct, frozen=True, kw_only=True):
    """When changes of a strip are subtitles."""

    max_height: Annotated[
        float,
        option(
            "highest strip, as a share of the picture's height",
            gt=0,
            le=1,
            source="two lines of the usual 5 to 6 % each",
        ),
    ] = 0.15
    min_width: Annotated[float, option("narrowest strip, as a share of the picture's width", gt=0, le=1)] = (
        0.25
    )
    max_off_centre: Annotated[
        float,
        option(
            "farthest that a strip's middle is from the picture's, as a share of its width",
            ge=0,
            le=0.5,
            source="subtitles are centred; tooltips and menus hang where the pointer is",
        ),
    ] = 0.1
    min_changes: Annotated[int, option("fewest changes of the same strip, and of nothing else", ge=2)] = 6
    every_s: Annotated[
        float,
        option(
            "longest time between changes, on average",
            unit="s",
            gt=0,
            source="subtitles stay for 1 to 7 s (common style guides)",
        ),
    ] = 10.0


class Strip(Struct, frozen=True):
    """Where subtitles are.

    Attributes:
        box: The strip.
        changes: Indices of the changes that are subtitles, ascending.
    """

    box: Box
    changes: tuple[int, ...]


def is_strip(box: Box, size: tuple[int, int], options: SubtitleOptions) -> bool:
    """Whether a change could be one of subtitles, by its height."""
    return 0 < box.y1 - box.y0 <= options.max_height * size[1] + 2 * TILE


def find_strip(
    changes: Sequence[tuple[float, Box]], size: tuple[int, int], options: SubtitleOptions
) -> Strip | None:
    """The strip that changes most often, None if none does often enough.

    Args:
        changes: Time in seconds and place of every change, ascending.
        size: Width and height of the picture.
        options: Thresholds.
    """
    best: tuple[int, ...] = ()
    for _, strip in changes:
        off_centre = abs(strip.x0 + strip.x1 - size[0]) / 2
        wide = strip.x1 - strip.x0 >= options.min_width * size[0]
        if not (wide and is_strip(strip, size, options) and off_centre <= options.max_off_centre * size[0]):
            continue
        inside = tuple(i for i, (_, box) in enumerate(changes) if _lies_in(box, strip))
        took = changes[inside[-1]][0] - changes[inside[0]][0]
        if len(inside) > max(len(best), options.min_changes - 1) and took <= options.every_s * len(inside):
            best = inside
    if not best:
        return None
    boxes = [changes[i][1] for i in best]
    # A face beside the text that changes with it makes some boxes taller.
    top, bottom = np.quantile([b.y0 for b in boxes], _FEW), np.quantile([b.y1 for b in boxes], 1 - _FEW)
    left, right = min(b.x0 for b in boxes), max(b.x1 for b in boxes)
    return Strip(Box(x0=left, y0=float(top), x1=right, y1=float(bottom)), best)


def _lies_in(box: Box, strip: Box) -> bool:
    """Whether a change is within a strip's lines, and not beside it."""
    return (
        box.y0 >= strip.y0 - TILE
        and box.y1 <= strip.y1 + TILE
        and min(box.x1, strip.x1) - max(box.x0, strip.x0) >= 0.5 * (box.x1 - box.x0)
    )
