"""Insets that open and close: a webcam that is switched on while a slide stays.

Note [Insets]
~~~~~~~~~~~~~
An area that moves by itself does not count as content. But where it appears or disappears while the rest
stays, what it covered goes or comes back. That changes most of its box at once, and much, with rest before or
after; a loop that starts to play or is halted goes on from the picture it shows.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from narratrace.analyse.tiles import Bool, TileBox, tile_box, tiles_within
from narratrace.ops.sparse import TILE, Segment, compose
from narratrace.options import option

_NONE = np.zeros(0, dtype=np.int32)


class InsetOptions(Struct, frozen=True, kw_only=True):
    """When an area that moves by itself appears or disappears."""

    min_whole: Annotated[
        float,
        option(
            "share of the tiles of an area's box that change in the frame in which it comes or goes",
            ge=0,
            le=1,
            source="a round webcam fills 0.79 of its box",
        ),
    ] = 0.6
    min_strong: Annotated[
        float,
        option(
            "share of its pixels that change strongly",
            ge=0,
            le=1,
            source="talking heads change up to 0.2 from frame to frame",
        ),
    ] = 0.35
    quiet_s: Annotated[float, option("rest before it comes or after it has gone", unit="s", gt=0)] = 1.0


class Area(Struct, frozen=True, eq=False):
    """An area that moves by itself.

    Attributes:
        mask: Its tiles and their neighbours, shape (rows * columns,).
        begin, end: Frames in which it is there, half-open; all of a stretch unless it came or went.
    """

    mask: Bool
    begin: int
    end: int


class Areas(Struct, frozen=True, eq=False):
    """The areas of a stretch that move by themselves."""

    areas: list[Area] = field(default_factory=list)

    def during(self, begin: int, end: int, count: int) -> Bool:
        """Tiles of ``count`` that move in some of the frames [begin, end)."""
        mask = np.zeros(count, dtype=bool)
        for area in self.areas:
            if area.begin < end and area.end > begin:
                mask |= area.mask
        return mask

    def edges(self, frames: int) -> dict[int, Bool]:
        """Tiles where an area appears or disappears, by the first frame after, of ``frames`` in all."""
        found: dict[int, Bool] = {}
        for area in self.areas:
            for frame in (area.begin, area.end):
                if 0 < frame < frames:
                    found[frame] = found.get(frame, np.zeros_like(area.mask)) | area.mask
        return found


def presence(
    tiles: npt.NDArray[np.integer],
    segment: Segment,
    frame_of: npt.NDArray[np.int64],
    columns: int,
    options: InsetOptions,
) -> tuple[int, int]:
    """Frames [begin, end) in which the area of some moving tiles is there.

    Args:
        tiles: That move.
        segment: The stretch.
        frame_of: Frame of each of its changes.
        columns: Tiles in a row.
        options: Thresholds.
    """
    times, box = segment.times, tile_box(tiles, columns)
    inside = tiles_within(segment.tiles, columns, box)
    count = (box.x1 - box.x0) * (box.y1 - box.y0) // TILE**2
    share = np.bincount(frame_of[inside], minlength=len(times)) / count
    whole = np.flatnonzero(share >= options.min_whole)
    begin, end = 0, len(times)
    if len(whole) == 0:
        return begin, end
    frames = np.arange(len(times))
    first, last = int(whole[0]), int(whole[-1])
    rest = share[(times >= times[first] - options.quiet_s) & (frames < first)].sum()
    if rest < 0.2 and times[first] - times[0] >= 0.5 * options.quiet_s:
        begin = first if _strong(segment, first, box) >= options.min_strong else 0
    rest = share[(times <= times[last] + options.quiet_s) & (frames > last)].sum()
    if rest < 0.2 and times[-1] - times[last] >= 0.5 * options.quiet_s and last > begin:
        end = last if _strong(segment, last, box) >= options.min_strong else len(times)
    return begin, end


def _strong(segment: Segment, frame: int, box: TileBox) -> float:
    """Share of a box's pixels that change strongly from the frame before to this one."""
    a, b = (
        compose(segment, at, _NONE, _NONE)[0][box.y0 : box.y1, box.x0 : box.x1].astype(np.int16)
        for at in (frame - 1, frame)
    )
    return float((np.abs(a - b) > 40).mean())
