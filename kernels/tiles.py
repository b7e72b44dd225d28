"""The device half of a recorder: compare frames with the screen, list and collect changed tiles.

Each kernel does one step for a batch of frames in one launch. A tile's fate depends on its own past alone,
so a block of threads takes a strip of tiles through all frames of the batch, with their screen in registers.
``pictures`` and ``screen`` are as in Note [Surfaces]; counts and rules are those of csrc/sparse_video.cpp,
and so are the results, bit for bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, int32

from narratrace.kernels.words import (
    SIMULATED,
    device,
    differing,
    even_bytes,
    first_bytes,
    load16,
    store16,
)

TILE, CHROMA = 16, 8
"""Side of a tile in luma and in chroma samples; a row of either is 16 bytes of NV12."""

ROWS = TILE + CHROMA
"""Rows of 16 bytes of a tile."""

STRIP = 2 if SIMULATED else 8
"""Tiles that a block of threads compares; in the simulator, threads are what takes time."""

LISTERS = 8 if SIMULATED else 128
"""Threads that list the changed tiles of a frame."""

COLLECTED = 1 if SIMULATED else 8
"""Tiles that a block of threads collects at a time."""

BLOCK_WORDS = ROWS * TILE // 8
"""Words of a tile's pixels as csrc/planes.hpp lays them out: 256 bytes of luma, 64 of blue, 64 of red."""

_NOTHING = np.uint64(0)


@device
def _picture_row(part_row: Any, tile_row: Any, chroma_row: Any) -> Any:
    """The surface's row for row 0..23 of a tile: luma first, then chroma."""
    if part_row < TILE:
        return tile_row * TILE + part_row
    return chroma_row + tile_row * CHROMA + part_row - TILE


@device
def _inside(part_row: Any, tile_row: Any, height: Any) -> Any:
    """Whether row 0..23 of a tile lies within a picture of ``height`` luma rows."""
    if part_row < TILE:
        return tile_row * TILE + part_row < height
    return tile_row * CHROMA + part_row - TILE < (height + 1) // 2


@cuda.jit
def compare(
    pictures: Any, first: int, count: int, chroma_row: int, before: Any, after: Any, width: int, height: int,
    luma: Any, chroma: Any, min_luma: int, min_chroma: int, flags: Any,
) -> None:  # fmt: skip
    """Which tiles of frames ``first`` .. ``first + count`` change the screen, and the screen after them.

    Launch: blocks (tiles a row / STRIP, tile rows), threads (STRIP, ROWS), one vector of 16 bytes a thread.
    Moves 1.5 bytes a pixel for each frame, 3 for the screen before and after, and a byte a tile and frame.

    Args:
        pictures: uint64 (frames, rows, words), see Note [Surfaces].
        first, count: Frames of ``pictures``.
        chroma_row: First chroma row of ``pictures``.
        before, after: uint64 (1, rows, words): the screen, whole tiles, chroma behind 16 rows a tile row.
        width, height: Luma pixels.
        luma, chroma: Thresholds, as :func:`narratrace.kernels.words.slack` gives them.
        min_luma, min_chroma: Differing samples that change a tile.
        flags: uint8 (frames, tiles): 1 where the tile changed, written for ``count`` rows from row 0.
    """
    tallies = cuda.shared.array((STRIP, 2), int32)
    place, part_row = cuda.threadIdx.x, cuda.threadIdx.y
    tile_column, tile_row = cuda.blockIdx.x * STRIP + place, cuda.blockIdx.y
    columns, tile_rows = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    is_chroma = 1 if part_row >= TILE else 0
    threshold = chroma if is_chroma else luma
    there = tile_column < columns
    active = there and _inside(part_row, tile_row, height)
    row = _picture_row(part_row, tile_row, chroma_row)
    screen_row = _picture_row(part_row, tile_row, tile_rows * TILE)
    row_bytes = (width + 1) // 2 * 2 if is_chroma else width
    valid_low = first_bytes(row_bytes - tile_column * TILE)
    valid_high = first_bytes(row_bytes - tile_column * TILE - 8)
    shown_low, shown_high, next_low, next_high = _NOTHING, _NOTHING, _NOTHING, _NOTHING
    if active:
        shown_low, shown_high = load16(before, 0, screen_row, tile_column)
        next_low, next_high = load16(pictures, first, row, tile_column)
    if part_row < 2:
        tallies[place, part_row] = 0
    cuda.syncthreads()
    for i in range(count):
        low, high = next_low, next_high
        if active and i + 1 < count:  # in flight while this frame is judged
            next_low, next_high = load16(pictures, first + i + 1, row, tile_column)
        found = 0
        if ((low ^ shown_low) & valid_low) | ((high ^ shown_high) & valid_high):
            found += differing(low & valid_low, shown_low & valid_low, threshold)
            found += differing(high & valid_high, shown_high & valid_high, threshold)
        changed = False
        if cuda.syncthreads_or(found):
            if found:
                cuda.atomic.add(tallies, (place, is_chroma), found)
            cuda.syncthreads()
            changed = tallies[place, 0] >= min_luma or tallies[place, 1] >= min_chroma
            if changed:
                shown_low, shown_high = low, high
            cuda.syncthreads()
            if part_row < 2:
                tallies[place, part_row] = 0
        if there and part_row == 0:
            flags[i, tile_row * columns + tile_column] = 1 if changed else 0
    if active:
        store16(after, 0, screen_row, tile_column, shown_low, shown_high)


@cuda.jit
def list_tiles(flags: Any, tiles: int, most: int, counts: Any, lists: Any) -> None:
    """The flagged tiles of every frame, ascending, as far as the list reaches.

    Launch: a block of LISTERS threads a frame. Reads a byte a tile twice, writes 4 bytes a listed tile.

    Args:
        flags: uint8 (frames, tiles).
        tiles: Tiles of a picture.
        most: Tiles a list holds.
        counts: int32 (frames,): flagged tiles, all of them; more than ``most`` means the list is cut off.
        lists: int32 (frames, at least ``most``).
    """
    tallies = cuda.shared.array(LISTERS, int32)
    me, frame = cuda.threadIdx.x, cuda.blockIdx.x
    share = (tiles + LISTERS - 1) // LISTERS
    begin, end = min(me * share, tiles), min((me + 1) * share, tiles)
    found = 0
    for tile in range(begin, end):
        found += flags[frame, tile]
    tallies[me] = found
    cuda.syncthreads()
    at = 0
    for other in range(me):
        at += tallies[other]
    if me == LISTERS - 1:
        counts[frame] = at + found
    for tile in range(begin, end):
        if flags[frame, tile]:
            if at < most:
                lists[frame, at] = tile
            at += 1


@cuda.jit
def collect(
    pictures: Any, first: int, chroma_row: int, width: int, height: int, most: int, counts: Any, lists: Any,
    tiles: Any, blocks: Any,
) -> None:  # fmt: skip
    """The listed tiles of all frames and their pixels, one behind the other; nothing of a cut-off list.

    Launch: blocks (any number, frames), threads (ROWS, COLLECTED), a row of a tile each. Moves 768 bytes a
    listed tile.

    Args:
        pictures, first, chroma_row, width, height: See :func:`compare`.
        most, counts, lists: See :func:`list_tiles`.
        tiles: int32 (sum of counts,): tile numbers.
        blocks: uint64 (sum of counts, BLOCK_WORDS): pixels, zero beyond the picture's edge.
    """
    part_row, frame = cuda.threadIdx.x, cuda.blockIdx.y
    count = counts[frame]
    if count > most:
        return
    offset = 0
    for earlier in range(frame):
        if counts[earlier] <= most:
            offset += counts[earlier]
    columns = (width + TILE - 1) // TILE
    row_bytes = width if part_row < TILE else (width + 1) // 2 * 2
    begin = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    for at in range(begin, count, cuda.gridDim.x * cuda.blockDim.y):
        tile = lists[frame, at]
        tile_row, tile_column = tile // columns, tile % columns
        low, high = _NOTHING, _NOTHING
        if _inside(part_row, tile_row, height):
            row = _picture_row(part_row, tile_row, chroma_row)
            low, high = load16(pictures, first + frame, row, tile_column)
            low &= first_bytes(row_bytes - tile_column * TILE)
            high &= first_bytes(row_bytes - tile_column * TILE - 8)
        if part_row < TILE:
            blocks[offset + at, 2 * part_row] = low
            blocks[offset + at, 2 * part_row + 1] = high
        else:
            blocks[offset + at, TILE + part_row] = even_bytes(low, high)
            blocks[offset + at, TILE + CHROMA + part_row] = even_bytes(
                low >> np.uint64(8), high >> np.uint64(8)
            )
        if part_row == 0:
            tiles[offset + at] = tile


@cuda.jit
def settle(
    pictures: Any, first: int, count: int, chroma_row: int, width: int, height: int, flags: Any, times: Any,
    due: bool, refresh_s: float, screen: Any, changed_at: Any, fresh: Any, again: Any,
) -> None:  # fmt: skip
    """Keeps each tile's time of its last change; takes tiles again that have long been still.

    Launch: a thread a tile. Reads a byte a tile and frame; 768 bytes more for every tile that is taken again.

    Args:
        pictures, first, count, chroma_row, width, height: See :func:`compare`.
        flags: uint8 (frames, tiles): what changed in the ``count`` frames.
        times: float64 (frames,): their times in seconds.
        due: Whether still tiles are to be taken again, out of the last of the frames.
        refresh_s: How long a tile must have been still, in seconds.
        screen: uint64 (1, rows, words): the screen after the frames.
        changed_at: float64 (tiles,): time of each tile's last change.
        fresh: uint8 (tiles,): 1 once the tile has been taken again since.
        again: uint8 (1, tiles): 1 where this call takes it again, only written if due.
    """
    tile = cuda.grid(1)
    columns, tile_rows = (width + TILE - 1) // TILE, (height + TILE - 1) // TILE
    if tile >= columns * tile_rows:
        return
    for i in range(count):
        if flags[i, tile]:
            changed_at[tile] = times[i]
            fresh[tile] = 0
    if not due:
        return
    last = first + count - 1
    taken = fresh[tile] == 0 and times[count - 1] - changed_at[tile] >= refresh_s
    again[0, tile] = 1 if taken else 0
    if taken:
        fresh[tile] = 1
        tile_row, tile_column = tile // columns, tile % columns
        for part_row in range(ROWS):
            if _inside(part_row, tile_row, height):
                low, high = load16(pictures, last, _picture_row(part_row, tile_row, chroma_row), tile_column)
                screen_row = _picture_row(part_row, tile_row, tile_rows * TILE)
                store16(screen, 0, screen_row, tile_column, low, high)


@cuda.jit
def shrink(screen: Any, step: int, shrunk: Any) -> None:
    """Luma of the screen, ``step`` times smaller: means of squares of pixels, rounded down.

    Launch: a thread a pixel of ``shrunk``. Reads a byte a pixel of the screen.

    Args:
        screen: uint64 (1, rows, words), see :func:`compare`.
        step: Side of the squares.
        shrunk: uint8 (height // step, width // step).
    """
    column, row = cuda.grid(2)
    if row >= shrunk.shape[0] or column >= shrunk.shape[1]:
        return
    total = 0
    for y in range(row * step, (row + 1) * step):
        for x in range(column * step, (column + 1) * step):
            word = screen[0, y, x // 8] >> np.uint64(x % 8 * 8)
            total += np.int32(word & np.uint64(0xFF))
    shrunk[row, column] = total // (step * step)


@cuda.jit
def interleave(y: Any, u: Any, v: Any, chroma_row: int, picture: Any) -> None:
    """Any device planes as one picture of a surface.

    Launch: a thread a luma sample. Moves 3 bytes a pixel.

    Args:
        y, u, v: uint8 planes, shapes (h, w) and twice ((h + 1) // 2, (w + 1) // 2), any strides.
        chroma_row: First chroma row of ``picture``.
        picture: uint8 (rows, bytes a row).
    """
    x, row = cuda.grid(2)
    if row >= y.shape[0] or x >= y.shape[1]:
        return
    picture[row, x] = y[row, x]
    if row < u.shape[0] and x < u.shape[1]:
        picture[chroma_row + row, 2 * x] = u[row, x]
        picture[chroma_row + row, 2 * x + 1] = v[row, x]
