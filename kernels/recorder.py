"""Launches the tile kernels, and keeps what they need on the device: the screen and the age of its tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import cuda

from narratrace.kernels import tiles
from narratrace.kernels.surfaces import Surfaces
from narratrace.kernels.words import SIMULATED, slack

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]

_ROOM = 512
"""Changed tiles that there is room for at first: most batches have fewer."""

_COLLECTORS = 32
"""Most blocks of threads that collect the tiles of one frame."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a tile counts as changed, and how many tiles of a frame are listed."""

    luma: int
    chroma: int
    min_luma: int
    min_chroma: int
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Changed tiles of a batch of frames, on the host.

    Attributes:
        counts: Changed tiles of each frame, int32.
        offsets: Where each frame's tiles begin, one more at the end; a frame with more than
            :attr:`Limits.most` has none.
        tiles: int32 (n,), ascending within a frame.
        blocks: uint8 (n, 384).
    """

    counts: I32
    offsets: npt.NDArray[np.int64]
    tiles: I32
    blocks: U8

    def of(self, frame: int) -> tuple[I32, U8]:
        """Tiles and blocks of a frame."""
        chosen = slice(int(self.offsets[frame]), int(self.offsets[frame + 1]))
        return self.tiles[chosen], self.blocks[chosen]


class TileEngine:
    """The screen of one recording on the current device; used, and closed, by one thread.

    Batches are proposed by :meth:`compare` and made final by :meth:`commit`; in between the screen is both as
    it was before and as it would be after them, so that a caller may take fewer frames than it asked for.

    Args:
        width, height: Luma pixels.
        limits: When a tile has changed.
        frames: Most frames of a batch.
    """

    def __init__(self, width: int, height: int, limits: Limits, frames: int) -> None:
        self.width, self.height, self.limits = width, height, limits
        self.columns, self.rows = -(-width // tiles.TILE), -(-height // tiles.TILE)
        self.count = self.columns * self.rows
        self.stream = cuda.stream()
        pairs = self.columns
        self._before = cuda.device_array((1, self.rows * tiles.ROWS, 2 * pairs), np.uint64)
        self._after = cuda.device_array_like(self._before)
        self._flags = cuda.device_array((frames, self.count), np.uint8)
        no, yes = np.zeros((1, self.count), np.uint8), np.ones((1, self.count), np.uint8)
        self._still = cuda.to_device(no, stream=self.stream)
        self._everywhere = cuda.to_device(yes, stream=self.stream)
        self._again = cuda.device_array((1, self.count), np.uint8)
        self._times = cuda.device_array(frames, np.float64)
        self._changed_at = cuda.device_array(self.count, np.float64)
        self._fresh = cuda.device_array(self.count, np.uint8)
        self._lists = cuda.device_array((frames, max(1, limits.most)), np.int32)
        self._again_list = cuda.device_array((1, self.count), np.int32)
        self._outbox = _Outbox(frames)
        self.stream.synchronize()  # ``no`` and ``yes`` are kept until they have been read

    def close(self) -> None:
        """Frees its memory; the engine is of no more use.

        Numba frees memory whenever the last reference goes, in whatever thread that is: one without a context
        cannot, and the memory is lost. Even here it would wait for more to come.
        """
        self.__dict__.clear()
        if not SIMULATED:
            cuda.current_context().deallocations.clear()

    def start(self, pictures: Surfaces, frame: int, t: float) -> None:
        """Makes a frame the screen, all of whose tiles changed at ``t`` seconds."""
        self._settle(pictures, frame, [t], self._everywhere, due=True)
        self._fresh.copy_to_device(self._still[0], stream=self.stream)

    def compare(self, pictures: Surfaces, first: int, count: int) -> Found:
        """What ``count`` frames change, one after the other."""
        self._compare(pictures, first, count)
        return self._list(pictures, first, count, self._flags, self._lists, self.limits.most)

    def commit(self, pictures: Surfaces, first: int, times: list[float], compared: int) -> None:
        """Makes the first ``len(times)`` frames final, of the ``compared`` that were asked for last."""
        if len(times) < compared:
            self._compare(pictures, first, len(times))
        self._before, self._after = self._after, self._before
        self._settle(pictures, first, times, self._flags)

    def refresh(self, pictures: Surfaces, frame: int, t: float, refresh_s: float) -> tuple[I32, U8]:
        """Takes tiles again, out of a frame at ``t`` seconds, that have been still for ``refresh_s``.

        Returns:
            Which, and their pixels.
        """
        self._settle(pictures, frame, [t], self._still, due=True, refresh_s=refresh_s)
        return self._list(pictures, frame, 1, self._again, self._again_list, self.count).of(0)

    def screen(self) -> tuple[U8, U8, U8]:
        """The screen on the host: Y, U and V."""
        rows = self._before.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        pixels = rows.view(np.uint8).reshape(self.rows * tiles.ROWS, self.columns * tiles.TILE)
        high, wide = (self.height + 1) // 2, (self.width + 1) // 2
        pairs = pixels[self.rows * tiles.TILE :][:high, : 2 * wide]
        u, v = np.ascontiguousarray(pairs[:, 0::2]), np.ascontiguousarray(pairs[:, 1::2])
        return np.ascontiguousarray(pixels[: self.height, : self.width]), u, v

    def thumbnail(self, step: int) -> U8:
        """Luma of the screen, shrunk ``step`` times."""
        height, width = self.height // step, self.width // step
        if not height or not width:
            return np.zeros((height, width), np.uint8)
        shrunk = cuda.device_array((height, width), np.uint8)
        grid = (-(-width // 32), -(-height // 4))
        tiles.shrink[grid, (32, 4), self.stream](self._before, step, shrunk)
        host: U8 = shrunk.copy_to_host(stream=self.stream)
        self.stream.synchronize()
        return host

    def _compare(self, pictures: Surfaces, first: int, count: int) -> None:
        limits = self.limits
        grid = (-(-self.columns // tiles.STRIP), self.rows)
        tiles.compare[grid, (tiles.STRIP, tiles.ROWS), self.stream](
            pictures.words, first, count, pictures.chroma_row, self._before, self._after,
            self.width, self.height, slack(limits.luma), slack(limits.chroma),
            limits.min_luma, limits.min_chroma, self._flags,
        )  # fmt: skip

    def _list(self, pictures: Surfaces, first: int, count: int, flags: Any, lists: Any, most: int) -> Found:
        box = self._outbox
        tiles.list_tiles[count, tiles.LISTERS, self.stream](flags, self.count, most, box.counts, lists)
        counts, offsets = box.listed(count, most, self.stream)
        if not offsets[-1]:
            return Found(
                counts, offsets, np.zeros(0, np.int32), np.zeros((0, 8 * tiles.BLOCK_WORDS), np.uint8)
            )
        box.make_room(int(offsets[-1]))
        blocks = min(_COLLECTORS, -(-most // tiles.COLLECTED))
        tiles.collect[(max(1, blocks), count), (tiles.ROWS, tiles.COLLECTED), self.stream](
            pictures.words, first, pictures.chroma_row, self.width, self.height, most, box.counts, lists,
            box.tiles, box.blocks,
        )  # fmt: skip
        return Found(counts, offsets, *box.fetch(int(offsets[-1]), self.stream))

    def _settle(
        self,
        pictures: Surfaces,
        first: int,
        times: list[float],
        flags: Any,
        *,
        due: bool = False,
        refresh_s: float = 0.0,
    ) -> None:
        known = np.array(times)
        self._times[: len(times)].copy_to_device(known, stream=self.stream)
        self.stream.synchronize()  # ``known`` is kept until it has been read
        tiles.settle[-(-self.count // 64), 64, self.stream](
            pictures.words, first, len(times), pictures.chroma_row, self.width, self.height, flags,
            self._times, due, refresh_s, self._before, self._changed_at, self._fresh, self._again,
        )  # fmt: skip


class _Outbox:
    """Changed tiles on their way to the host: device buffers, and pinned ones that they are copied to.

    They are as large as what has crossed at once so far. The most that could cross, all frames of a batch
    full of changes, would take hundreds of megabytes for large pictures.
    """

    def __init__(self, frames: int) -> None:
        self.counts = cuda.device_array(frames, np.int32)
        self._counts = cuda.pinned_array(frames, np.int32)
        self.room = 0
        self.make_room(_ROOM)

    def listed(self, count: int, most: int, stream: Any) -> tuple[I32, npt.NDArray[np.int64]]:
        """Changed tiles of each frame, and where they will begin, once the stream has got that far."""
        self.counts.copy_to_host(self._counts, stream=stream)
        stream.synchronize()
        counts = self._counts[:count].copy()
        return counts, np.concatenate([[0], np.cumsum(np.where(counts <= most, counts, 0))])

    def make_room(self, total: int) -> None:
        """Has the buffers hold ``total`` tiles; nothing may be under way in the stream."""
        if total <= self.room:
            return
        self.room = room = max(total, self.room + self.room // 2)
        self.tiles = self.blocks = self._tiles = self._blocks = None  # before there are others
        self.tiles = cuda.device_array(room, np.int32)
        self.blocks = cuda.device_array((room, tiles.BLOCK_WORDS), np.uint64)
        self._tiles = cuda.pinned_array(room, np.int32)
        self._blocks = cuda.pinned_array((room, tiles.BLOCK_WORDS), np.uint64)

    def fetch(self, total: int, stream: Any) -> tuple[I32, U8]:
        """The tiles that were collected, and their pixels, once the stream has got that far."""
        self.tiles[:total].copy_to_host(self._tiles[:total], stream=stream)
        self.blocks[:total].copy_to_host(self._blocks[:total], stream=stream)
        stream.synchronize()
        return self._tiles[:total].copy(), self._blocks[:total].copy().view(np.uint8)
