"""Bars that fill slowly: the progress of a player or of a recorder, along an edge of the picture.

Note [Bars]
~~~~~~~~~~~
A bar changes each tile of its row only once, for good, as new content does. But it does so tile after tile
at one speed, slower than a hand draws or letters are typed, and leaves whole lines of one colour behind. The
line through place and time is fitted to all tiles of a row that ever changed so (Theil 1950, Sen 1968:
median slope), over the whole recording; from it follows which tiles the bar's end passes in a stretch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from narratrace.analyse.orders import distinct, median
from narratrace.ops.sparse import TILE, Planes, Segment, compose, tile_grid
from narratrace.options import option

I64 = npt.NDArray[np.integer]
_NONE = np.zeros(0, dtype=np.int32)
_FLAT = 24  # levels, as in EpochOptions.threshold


class BarOptions(Struct, frozen=True, kw_only=True):
    """When places that change one after the other are a bar that fills."""

    min_tiles: Annotated[int, option("fewest tiles that show a bar's speed", ge=3)] = 5
    min_even: Annotated[
        float, option("share of a row's tiles that changed when the bar's end passed them", ge=0, le=1)
    ] = 0.6
    max_speed: Annotated[
        float,
        option(
            "fastest bar, as a share of the picture's width",
            unit="1/s",
            gt=0,
            source="recordings last longer than 20 s; hands draw at 0.1 or more",
        ),
    ] = 0.05


class BarFinder(Struct):
    """Finds bars stretch by stretch; remembers when each tile was passed."""

    options: BarOptions
    _passed: dict[int, dict[int, float]] = field(default_factory=dict)  # by row, then column
    _bars: dict[int, tuple[float, float]] = field(default_factory=dict)  # by row

    def find(self, segment: Segment, epochs: npt.NDArray[Any]) -> Iterator[npt.NDArray[np.int64]]:
        """Tiles that a bar's end passes in a stretch, bar by bar, of those that change."""
        _, columns = tile_grid(segment.width, segment.height)
        for row in self._look(segment, epochs, columns):
            line = _line(self._passed[row], self.options, self.options.max_speed * segment.width / TILE)
            if line:
                self._bars[row] = line
        for row, (start, step) in self._bars.items():
            low, high = sorted((t - start) / step for t in (segment.times[0], segment.times[-1]))
            place = row * columns + np.arange(max(0, int(low) - 1), min(columns, int(high) + 3))
            tiles = place[np.isin(place, segment.tiles)]
            if len(tiles):
                yield tiles

    def _look(self, segment: Segment, epochs: npt.NDArray[Any], columns: int) -> list[int]:
        """Notes tiles that changed to whole lines of one colour; returns their rows."""
        turns = np.flatnonzero(epochs["tile"][1:] == epochs["tile"][:-1]) + 1
        if len(turns) == 0:
            return []
        first, last = (compose(segment, frame, _NONE, _NONE) for frame in (0, len(segment.times) - 1))
        changed = epochs[turns]
        tiles = distinct(changed["tile"])
        filled = tiles[_are_filled(first, last, tiles % columns * TILE, tiles // columns * TILE)]
        changed = changed[np.isin(changed["tile"], filled)]
        for tile, frame in zip(changed["tile"].tolist(), changed["first"].tolist(), strict=True):
            self._passed.setdefault(tile // columns, {})[tile % columns] = float(segment.times[frame])
        return sorted(set((filled // columns).tolist()))


def _are_filled(before: Planes, after: Planes, x: I64, y: I64) -> npt.NDArray[np.bool_]:
    """Which tiles had some lines change over their whole length, to one colour each, and no others.

    Args:
        x, y: Their top left corners, pixels, shape (n,).
    """
    height, width = before[0].shape
    columns, rows = x[:, None] + np.arange(TILE), y[:, None] + np.arange(TILE)
    seen = (rows < height)[:, :, None] & (columns < width)[:, None, :]
    changed, flat = np.zeros_like(seen), np.ones(rows.shape, dtype=bool)
    for a, b, step in zip(before, after, (1, 2, 2), strict=True):
        # Beyond the picture is what is at its edge.
        at = (
            (np.minimum(rows, height - 1) // step)[:, :, None],
            (np.minimum(columns, width - 1) // step)[:, None],
        )
        old, new = a[at].astype(np.int16), b[at].astype(np.int16)
        changed |= np.abs(new - old) > _FLAT
        flat &= np.ptp(new, axis=2) <= _FLAT
    lines = (changed & seen).mean(axis=2)
    full = lines >= 0.9
    filled: npt.NDArray[np.bool_] = full.any(axis=1) & (np.where(full, flat, lines <= 0.1)).all(axis=1)
    return filled


def _line(passed: dict[int, float], options: BarOptions, speed: float) -> tuple[float, float] | None:
    """Time at column 0 and time a column of the bar that passed a row's tiles, None if there is none."""
    if len(passed) < options.min_tiles:
        return None
    column, time = np.array(list(passed.keys())), np.array(list(passed.values()))
    i, j = np.triu_indices(len(column), 1)
    step = median((time[j] - time[i]) / (column[j] - column[i]))
    if abs(step) * speed < 1.0:
        return None
    start = median(time - step * column)
    near = np.abs(time - start - step * column) <= 0.5 * abs(step)
    if near.sum() < max(options.min_tiles, options.min_even * len(near)):
        return None
    return start, step
