"""Where the picture changes for good, and which of these places are no shots after all.

What moves by itself, a face in a webcam picture or a video on a slide, is known for what it is only by what
comes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from narratrace.analyse.shots import Verdict
from narratrace.analyse.tiles import I64
from narratrace.data.shots import Box, ChangeKind, MovingRegion
from narratrace.ops.sparse import TILE, tile_grid

_SMALL = 0.1
"""Share of the picture up to which what moves by itself is beside the content: subtitles, webcams."""
_BESIDE = 0.9
"""Share of what was replaced that lies where something moves by itself, if nothing else happened there."""
_NEAR_S = 2.0
"""Time from a change within which it may be seen to move, in seconds."""
_FEW_CUTS = 2
"""Cuts of a video, at least, before and after which no picture stays."""
_PART = 0.75
"""Share of the picture that such a video takes up, at most; what is larger is the content."""
_ONE_PLACE = 0.5
"""Share of the video's place that each of its pictures changes, at least."""


class Boundary(Struct, frozen=True):
    """Between scene i and i + 1.

    Attributes:
        before, after: Times in seconds.
        verdict: What changed.
        place: Where, but for places as small as a pointer if there are others.
        begins: When the picture begins to change for good.
    """

    before: float
    after: float
    verdict: Verdict
    place: Box
    begins: float

    def no_shot(self, kind: ChangeKind) -> Boundary:
        """The same as a change within a shot."""
        return replace(self, verdict=replace(self.verdict, shot=False, kind=kind))


def without_moving(
    boundaries: Sequence[Boundary], regions: Sequence[MovingRegion], size: tuple[int, int]
) -> list[Boundary]:
    """No shot is what was replaced only where something moves by itself, beside the content.

    A subtitle, or a face in a webcam picture, may change together with something else.

    Args:
        boundaries: All of a recording.
        regions: What moves by itself.
        size: Width and height of the picture.
    """
    _, columns = tile_grid(*size)
    small = _SMALL * size[0] * size[1]
    beside = [region for region in regions if region.box.area <= small]
    out = []
    for b in boundaries:
        replaced = b.verdict.replaced
        if replaced is not None and len(replaced) * TILE**2 <= small:
            begin, end = b.before - _NEAR_S, b.after + _NEAR_S
            near = [r.box for r in beside if r.span.start <= end and begin <= r.span.end]
            if _covered(replaced, columns, near) >= _BESIDE:
                b = b.no_shot("build")
        out.append(b)
    return out


def without_played(
    boundaries: Sequence[Boundary], stays: Sequence[bool], size: tuple[int, int]
) -> list[Boundary]:
    """No shots are the cuts of a video that plays in a part of the picture.

    There, one picture gives way to another again and again, and none stays.

    Args:
        boundaries: All of a recording.
        stays: Whether each scene lasts long enough to be looked at; one more than boundaries.
        size: Width and height of the picture.
    """
    out = list(boundaries)
    for first, last in _runs(boundaries, stays):
        boxes = [b.place for b in out[first:last]]
        place = _around(boxes)
        if last - first < _FEW_CUTS or place.area > _PART * size[0] * size[1]:
            continue
        if min(box.area for box in boxes) < _ONE_PLACE * place.area:
            continue
        # A picture may stay for a while in the video, too.
        begin = first - 1 if first and _within(out[first - 1].place, place) else first
        end = last + 1 if last < len(out) and _within(out[last].place, place) else last
        out[begin:end] = [b.no_shot("motion") for b in out[begin:end]]
    return out


def _runs(boundaries: Sequence[Boundary], stays: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Shots [first, last) before and after which no picture stays."""
    passes = [b.verdict.shot and not (stays[i] or stays[i + 1]) for i, b in enumerate(boundaries)]
    edges = np.flatnonzero(np.diff([False, *passes, False]))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _within(box: Box, place: Box) -> bool:
    """Whether a box lies in a place, but for the tiles in which both may end."""
    return (
        box.x0 >= place.x0 - TILE
        and box.y0 >= place.y0 - TILE
        and box.x1 <= place.x1 + TILE
        and box.y1 <= place.y1 + TILE
    )


def _around(boxes: Sequence[Box]) -> Box:
    """The box around all of them."""
    return Box(
        x0=min(b.x0 for b in boxes),
        y0=min(b.y0 for b in boxes),
        x1=max(b.x1 for b in boxes),
        y1=max(b.y1 for b in boxes),
    )


def _covered(tiles: I64, columns: int, regions: Sequence[Box]) -> float:
    """Share of tiles that lie in some of the regions or right beside them."""
    x, y = tiles % columns * TILE, tiles // columns * TILE
    inside = np.zeros(len(tiles), dtype=bool)
    for region in regions:
        across = (x >= region.x0 - TILE) & (x < region.x1 + TILE)
        inside |= across & (y >= region.y0 - TILE) & (y < region.y1 + TILE)
    return float(inside.mean()) if len(tiles) else 0.0
