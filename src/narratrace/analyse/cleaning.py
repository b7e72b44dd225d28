"""Taking the last of the pointer out of a plate, once it is known where the pointer was.

Note [Cleaning a plate]
~~~~~~~~~~~~~~~~~~~~~~~
The plate was chosen before the pointer was found: what a tile showed longest may have been the pointer
resting on it. Now every version of a tile can be asked whether it was ever seen without the pointer on the
tile. A version that was not is replaced by the one that was seen so for longest, if there is one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from narratrace.analyse.orders import distinct
from narratrace.analyse.stills import SegmentView
from narratrace.data.trace import Trace
from narratrace.ops.sparse import TILE

_MARGIN = 4  # pixels of soft rim and compression noise around a pointer
_MIN_SEEN_S = 0.04
_LINGERS_S = 0.2  # for which an encoder may leave something of a pointer where it was
_TOGETHER = 64  # tiles worked on at once: all of a long still's, in every frame, would fill the memory


def cleaner_blocks(
    view: SegmentView,
    begin: int,
    end: int,
    trace: Trace,
    box: tuple[int, int, int, int],
    chosen: dict[int, int],
) -> dict[int, int]:
    """Blocks to put into the plate of frames [begin, end) instead of the chosen ones, by tile.

    Args:
        trace: Where the pointer was.
        box: Its extent (x0, y0, x1, y1) relative to its hot spot, pixels.
        chosen: The plate's blocks by tile, -1 for the base; tiles that never change are not in it.
    """
    times = view.times[begin:end]
    tiles, frames, blocks = _changes(view, begin, end)
    if len(trace) == 0 or len(tiles) == 0:
        return {}
    at = np.searchsorted(times, trace.t, side="right") - 1
    order, first = np.unique(tiles, return_index=True)
    last = np.r_[first[1:], len(tiles)]
    until = np.r_[frames[1:], 0]
    until[last - 1] = len(times)
    clear = np.empty(len(tiles), np.float32)
    for i in range(0, len(order), _TOGETHER):
        some = slice(i, i + _TOGETHER)
        rows = slice(first[i], last[some][-1])
        seen = _uncovered(times, at, trace, box, order[some], view.columns)
        shown = np.repeat(np.arange(seen.shape[1]), (last - first)[some])
        clear[rows] = seen[until[rows], shown] - seen[frames[rows], shown]
    own = np.full(view.rows * view.columns, -1, dtype=np.int64)
    own[list(chosen.keys())] = list(chosen.values())
    best = np.maximum.reduceat(clear, first)
    kept = np.add.reduceat(np.where(blocks == own[tiles], clear, 0.0), first)
    dirty = np.flatnonzero((best >= _MIN_SEEN_S) & (kept < _MIN_SEEN_S))
    return {int(order[i]): int(blocks[first[i] + int(np.argmax(clear[first[i] : last[i]]))]) for i in dirty}


def clear_moment(
    view: SegmentView, begin: int, end: int, trace: Trace, box: tuple[int, int, int, int]
) -> int:
    """The frame of [begin, end) nearest to their middle in which no pointer is before what moves by itself.

    Moving tiles have no plate; a picture shows them at one moment. The middle if there is no such frame.

    Args:
        trace: Where the pointer was.
        box: Its extent (x0, y0, x1, y1) relative to its hot spot, pixels.
    """
    times, moving = view.times[begin:end], np.flatnonzero(view.moving)
    before = np.zeros(len(trace), dtype=bool)
    for i in range(0, len(moving), _TOGETHER):
        before |= _touched(trace, box, moving[i : i + _TOGETHER], view.columns).any(axis=1)
    # Beside each frame, the latest such point and the next one; not every frame has a point.
    at = np.r_[-np.inf, trace.t[before], np.inf]
    after = np.searchsorted(at, times)
    clear = np.minimum(times - at[after - 1], at[after] - times) > _LINGERS_S
    off = np.abs(np.arange(end - begin) - (end - begin) // 2)
    return begin + int(np.argmin(np.where(clear, off, off + end - begin)))


def _touched(
    trace: Trace, box: tuple[int, int, int, int], tiles: npt.NDArray[np.int64], columns: int
) -> npt.NDArray[np.bool_]:
    """Which tiles the pointer is on, or beside, at each point of its trace; shape (points, tiles)."""
    x0, y0 = tiles % columns * TILE, tiles // columns * TILE
    left, right = trace.x + box[0] - _MARGIN, trace.x + box[2] + _MARGIN
    top, bottom = trace.y + box[1] - _MARGIN, trace.y + box[3] + _MARGIN
    across = (right[:, None] > x0) & (left[:, None] < x0 + TILE)
    touched: npt.NDArray[np.bool_] = across & (bottom[:, None] > y0) & (top[:, None] < y0 + TILE)
    return touched


def _changes(
    view: SegmentView, begin: int, end: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """What tiles that change in [begin, end) show from when on: tile, frame counted from ``begin``, block."""
    offsets, all_tiles = view.segment.offsets, view.segment.tiles
    inside = np.arange(offsets[begin + 1], offsets[end])
    tiles = all_tiles[inside].astype(np.int64)
    frames = np.repeat(np.arange(1, end - begin), np.diff(offsets[begin + 1 : end + 1]))
    changing = distinct(tiles)
    shown = np.full(view.rows * view.columns, -1, dtype=np.int64)
    shown[all_tiles[: offsets[begin + 1]]] = np.arange(offsets[begin + 1])  # the latest assignment stays
    tiles = np.r_[changing, tiles]
    frames = np.r_[np.zeros(len(changing), np.int64), frames]
    blocks = np.r_[shown[changing], inside]
    order = np.lexsort((frames, tiles))
    return tiles[order], frames[order], blocks[order]


def _uncovered(
    times: npt.NDArray[np.float64],
    at: npt.NDArray[np.int64],
    trace: Trace,
    box: tuple[int, int, int, int],
    tiles: npt.NDArray[np.int64],
    columns: int,
) -> npt.NDArray[np.float32]:
    """Seconds, up to each frame, in which each tile was seen without the pointer.

    Shape (frames + 1, tiles).
    """
    clear = np.ones((len(times), len(tiles)), dtype=bool)
    rows, which = np.nonzero(_touched(trace, box, tiles, columns))
    clear[at[rows], which] = False
    # Where the pointer is not known to be, it may be anywhere.
    unknown = np.ones(len(times), dtype=bool)
    unknown[at] = False
    clear[unknown] = False
    shown = np.diff(np.r_[times, times[-1] + 0.04]).astype(np.float32)
    total = np.zeros((len(times) + 1, len(tiles)), dtype=np.float32)
    np.cumsum(clear * shown[:, None], axis=0, out=total[1:])
    return total
