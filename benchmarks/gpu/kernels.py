"""How fast the card copies, and how close to that the kernels come.

Note [Timing kernels]
~~~~~~~~~~~~~~~~~~~~~
A launch from Python takes longer than some kernels, and a batch as the engine has it fits the cache of a
large card. So calls are about many frames, far more than a cache holds; the card's own events take the time;
and the card is kept busy while calls queue up, so that it never waits for the next one in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from benchmarks.gpu.child import Row, Step

FRAMES = 256
"""Frames a call: 0.8 GB of 1080p."""

CACHED = 200_000_000
"""Bytes a call below which a cache may hold them: such kernels are no share of what the memory gives."""

REPEAT, ROUNDS = 10, 3
"""Calls a round, and rounds."""


def event_seconds(stream: Any, work: Callable[[], Any], ahead: Callable[[], Any]) -> float:
    """Seconds a call on the device, the best of a few rounds, see Note [Timing kernels].

    Args:
        stream: What everything is launched in.
        work: Launches what is timed.
        ahead: Launches what keeps the card busy meanwhile.
    """
    from numba import cuda

    work()
    stream.synchronize()
    best = float("inf")
    for _ in range(ROUNDS):
        begin, end = cuda.event(), cuda.event()
        ahead()
        begin.record(stream)
        for _ in range(REPEAT):
            work()
        end.record(stream)
        end.synchronize()
        best = min(best, begin.elapsed_time(end) / 1e3 / REPEAT)
    return best


def copy_ceiling(size: int = 1 << 30) -> float:
    """GB/s of a copy within the card's memory, bytes read and bytes written."""
    from numba import cuda

    stream = cuda.stream()
    source, target = (cuda.device_array(size, np.uint8) for _ in range(2))

    def copy() -> None:
        target.copy_to_device(source, stream=stream)

    return 2 * size / event_seconds(stream, copy, copy) / 1e9


def copy_steps(_: Row) -> Iterator[Step]:
    """The ceiling."""
    yield {}, lambda: {"gb_s": copy_ceiling()}


def kernel_steps(context: Row, size: tuple[int, int] = (1920, 1080), frames: int = FRAMES) -> Iterator[Step]:
    """Every kernel of the recorder: seconds a call, bytes it must move, GB/s, and as a share of the ceiling.

    ``still`` frames are all alike, ``moving`` ones differ everywhere: the two ends of what recordings hold.
    """
    ceiling = next((row["gb_s"] for row in context.get("copy", []) if "gb_s" in row), None)
    for content in ("still", "moving"):
        launches = Launches(*size, frames, moving=content == "moving")
        for name, work, moved in launches.all():
            what = {"kernel": name, "content": content, "frames": frames}
            yield what, partial(_measure, launches, work, moved, ceiling)


def _measure(launches: Launches, work: Callable[[], None], moved: int, ceiling: float | None) -> Row:
    took = event_seconds(launches.engine.stream, work, launches.ahead)
    row = {"us": took * 1e6, "bytes": moved, "gb_s": moved / took / 1e9}
    return {**row, "of_ceiling": row["gb_s"] / ceiling} if ceiling and moved >= CACHED else row


class Launches:
    """The kernels of the recorder on a batch of frames in device memory, each after those it builds on.

    Args:
        width, height: Luma pixels.
        frames: Of a call.
        moving: Whether every frame differs everywhere from the one before.
    """

    def __init__(self, width: int, height: int, frames: int, *, moving: bool) -> None:
        from numba import cuda

        from narratrace.kernels import recorder, surfaces, tiles

        self._size, self._frames = (width, height), frames
        self._pictures = surfaces.Surfaces(_frames(width, height, frames, moving), height)
        # The engine's own lists and pinned memory are for small batches; the lists here are made below.
        self.engine = recorder.TileEngine(width, height, recorder.Limits(16, 12, 3, 3, 1), frames)
        self.engine.start(self._pictures, 0, 0.0)
        count = self._count = self.engine.count
        self._changed = count * (frames - 1) if moving else 0
        self._counts = cuda.device_array(frames, np.int32)
        self._lists = cuda.device_array((frames, count), np.int32)
        self._tiles = cuda.device_array(max(1, self._changed), np.int32)
        self._blocks = cuda.device_array((max(1, self._changed), tiles.BLOCK_WORDS), np.uint64)
        self.engine._times.copy_to_device(np.zeros(frames), stream=self.engine.stream)

    def all(self) -> Iterator[tuple[str, Callable[[], None], int]]:
        """Name, launch, and bytes that it must move."""
        width, height = self._size
        picture, flags = width * height * 3 // 2, self._frames * self._count
        yield "compare", self.compare, (self._frames + 2) * picture + flags
        yield "list_tiles", self.list_tiles, 2 * flags + 4 * self._changed
        yield "collect", self.collect, 2 * 384 * self._changed
        yield "settle", self.settle, flags

    def ahead(self) -> None:
        """Keeps the card busy for about a millisecond."""
        for _ in range(4):
            self.compare()

    def compare(self) -> None:
        """Launch it."""
        self.engine._compare(self._pictures, 0, self._frames)

    def list_tiles(self) -> None:
        """Launch it."""
        from narratrace.kernels import tiles

        tiles.list_tiles[self._frames, tiles.LISTERS, self.engine.stream](
            self.engine._flags, self._count, self._count, self._counts, self._lists
        )

    def collect(self) -> None:
        """Launch it."""
        from narratrace.kernels import tiles

        pictures = self._pictures
        tiles.collect[(32, self._frames), (tiles.ROWS, tiles.COLLECTED), self.engine.stream](
            pictures.words, 0, pictures.chroma_row, *self._size, self._count, self._counts, self._lists,
            self._tiles, self._blocks,
        )  # fmt: skip

    def settle(self) -> None:
        """Launch it, without the engine's copy of the times from the host."""
        from narratrace.kernels import tiles

        engine, pictures = self.engine, self._pictures
        tiles.settle[-(-self._count // 64), 64, engine.stream](
            pictures.words, 0, self._frames, pictures.chroma_row, *self._size, engine._flags, engine._times,
            False, 0.0, engine._before, engine._changed_at, engine._fresh, engine._again,
        )  # fmt: skip


def _frames(width: int, height: int, frames: int, moving: bool) -> Any:
    """Frames on the device, shape (frames, rows, words); two are made, and copied there in turn."""
    from numba import cuda

    pitch, rows = -(-width // 128) * 128, height + (height + 1) // 2
    first = np.random.default_rng(0).integers(0, 256, (rows, pitch), dtype=np.uint8)
    turns = [cuda.to_device(page.view(np.uint64)) for page in (first, 255 - first if moving else first)]
    batch = cuda.device_array((frames, rows, pitch // 8), np.uint64)
    for i in range(frames):
        batch[i].copy_to_device(turns[i % 2])
    return batch
