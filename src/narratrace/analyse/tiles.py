"""Small geometry on sets of tiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.shots import Box
from narratrace.ops.sparse import TILE, Planes, connected_components

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class TileBox(Struct, frozen=True):
    """Bounding box of tiles in luma pixels, half-open (not cut at the picture's edge)."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def size(self) -> int:
        """The longer side."""
        return max(self.x1 - self.x0, self.y1 - self.y0)

    def within(self, width: int, height: int) -> Box:
        """The part of it on a picture of that size."""
        return Box(x0=self.x0, y0=self.y0, x1=min(self.x1, width), y1=min(self.y1, height))

    def distance(self, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Distance of points to the box, 0 inside."""
        dx = np.maximum(np.maximum(self.x0 - x, x - self.x1), 0.0)
        dy = np.maximum(np.maximum(self.y0 - y, y - self.y1), 0.0)
        return np.hypot(dx, dy)


def tile_box(tiles: npt.NDArray[np.integer], columns: int) -> TileBox:
    """Bounding box of tile numbers."""
    x, y = tiles % columns, tiles // columns
    return TileBox(
        int(x.min()) * TILE, int(y.min()) * TILE, int(x.max()) * TILE + TILE, int(y.max()) * TILE + TILE
    )


def components(tiles: npt.NDArray[np.integer], columns: int, reach: int) -> Iterator[I64]:
    """Indices into ``tiles`` of each connected component, in order of its first member.

    Args:
        tiles: Tile numbers; the same tile may occur more than once.
        columns: Tiles in a row.
        reach: Tiles at most this many columns and rows apart are connected.
    """
    label = connected_components(tiles.astype(np.int32), columns, reach)
    order = np.argsort(label, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else ()


def grow(mask: Bool, rows: int, columns: int) -> Bool:
    """The mask with every neighbour of a set tile set too (8-neighbourhood); shape (rows * columns,)."""
    m = mask.reshape(rows, columns)
    wide = m.copy()
    wide[1:] |= m[:-1]
    wide[:-1] |= m[1:]
    out = wide.copy()
    out[:, 1:] |= wide[:, :-1]
    out[:, :-1] |= wide[:, 1:]
    flat: Bool = out.ravel()
    return flat


def tiles_within(tiles: npt.NDArray[np.integer], columns: int, box: Box | TileBox) -> Bool:
    """Which of the tiles begin in a box, shape (n,)."""
    x, y = tiles % columns * TILE, tiles // columns * TILE
    inside: Bool = (x >= box.x0) & (x < box.x1) & (y >= box.y0) & (y < box.y1)
    return inside


def cut(picture: Planes, box: TileBox) -> Planes:
    """The part of a picture in a box of whole tiles (cut at the picture's edge)."""
    y, u, v = (
        np.ascontiguousarray(plane[box.y0 // n : -(-box.y1 // n), box.x0 // n : -(-box.x1 // n)])
        for plane, n in zip(picture, (1, 2, 2), strict=True)
    )
    return y, u, v
