"""CUDA side of :mod:`narratrace.ops.sparse`: frames are compared where they are, changed tiles come out.

Note [Working ahead]
~~~~~~~~~~~~~~~~~~~~
What a tile does depends on its own past, except in one point: still tiles are only taken again at a frame
whose changes are kept, and whether they are kept depends on the number of changes of the whole picture. So
the frames of a batch are compared in one launch up to and including the first at which still tiles are due,
which the host knows beforehand. Should a frame in between have too many changes to be kept, the batch is cut
short behind it, and what follows goes frame by frame until one is kept again, which then is the screen as a
whole. Both are rare, and both are exact: segments are those of the CPU, bit for bit.

The host keeps a copy of the screen, brought up to date by the tiles that it gets anyway. It lapses with a
frame that is not kept, whose tiles do not cross, and the whole screen crosses with the next one that is.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from numba import cuda

from narratrace.data.frames import row_pitch
from narratrace.errors import DeviceGaveUp
from narratrace.kernels.recorder import Limits, TileEngine
from narratrace.kernels.surfaces import SurfacePool, Surfaces, map_surfaces
from narratrace.kernels.tiles import TILE
from narratrace.ops.sparse import ChangeOptions
from narratrace.ops.sparse_cpu import ChangeJudge, Segment, SegmentBuilder

U8 = npt.NDArray[np.uint8]
Changes = tuple[npt.NDArray[np.int32], U8]
TimedPlanes = tuple[float, Any, Any, Any]
"""A frame: its time in seconds, and its planes on the device."""

MOST_FRAMES = 32
"""Most frames that are looked at in one launch; a decoder hands over fewer."""


class _Judged(Struct, frozen=True, eq=False):
    """A frame that the device has looked at.

    Attributes:
        t: Its time in seconds.
        count: Its changed tiles.
        changes: Those tiles, None for a frame that is not kept.
        screen: The whole screen after it, where the host's copy had lapsed.
        again: Tiles that were taken again with it.
    """

    t: float
    count: int
    changes: Changes | None
    screen: tuple[U8, U8, U8] | None = None
    again: Changes | None = None


class CudaRecorder:
    """A :class:`narratrace.ops.sparse.Recorder` for frames in device memory; used by one thread.

    Args:
        width, height: Luma pixels.
        options: When a tile counts as changed.
        index: Number of the card.

    Raises:
        DeviceGaveUp: the card has no memory to spare, or fails; from most methods as well.
    """

    def __init__(self, width: int, height: int, options: ChangeOptions, index: int = 0) -> None:
        self._index = index
        self._size = (width, height)
        self._refresh_s = options.refresh_s
        tiles = -(-width // TILE) * -(-height // TILE)
        # Of the frames that the device has seen.
        self._change_judge = ChangeJudge(tiles, options.max_stored, options.sudden, options.sudden_s)
        # More tiles than that are never kept.
        most = int(options.max_stored * tiles)
        limits = Limits(options.luma, options.chroma, options.min_luma, options.min_chroma, most)
        with self._device():
            cuda.select_device(index)  # type: ignore[no-untyped-call]
            self._engine = TileEngine(width, height, limits, MOST_FRAMES)
        self._builder = SegmentBuilder(width, height)
        self._pool: SurfacePool | None = None
        self._own: SurfacePool | None = None  # of the frame that lasts
        self._pictures: Surfaces | None = None
        self._ahead: deque[tuple[int, float]] = deque()  # place in the pictures, time
        self._judged: deque[_Judged] = deque()
        self._waiting: deque[TimedPlanes] = deque()
        self._started = self._stored = False
        self._lapsed = False  # the device has seen a frame that is not kept, and none since that is
        self._stale = False  # the same of what was handed to the host's half
        self._last_refresh = 0.0

    def ahead(self, frames: Sequence[TimedPlanes]) -> None:
        """See :meth:`narratrace.ops.sparse.Recorder.ahead`."""
        if self._waiting or self._ahead or self._judged:
            raise RuntimeError("the frames announced before have not all been pushed")
        for _, y, _, _ in frames:
            if (y.shape[1], y.shape[0]) != self._size:
                raise ValueError("frame size differs from the recorder's")
        self._waiting.extend(frames)

    def push(self, t: float, y: Any, u: Any, v: Any) -> int:
        """See :meth:`narratrace.ops.sparse.Recorder.push`."""
        if not self._judged:
            if not (self._waiting or self._ahead):
                self.ahead([(t, y, u, v)])
            with self._device():
                self._judge()
        frame = self._judged.popleft()
        if frame.t != t:
            raise RuntimeError(f"the frame announced next is that of {frame.t} s, not of {t} s")
        self._stored = frame.changes is not None
        self._keep(frame)
        return frame.count

    def push_packed(self, t: float, packed: Any) -> int:  # noqa: ARG002
        """Nothing is packed in device memory, see :meth:`narratrace.ops.sparse.Recorder.push_packed`."""
        raise TypeError("packed frames are in host memory")

    def lasting(self, y: Any, u: Any, v: Any) -> tuple[Any, Any, Any]:
        """See :meth:`narratrace.ops.sparse.Recorder.lasting`."""
        with self._device():
            self._own = self._own or self._surfaces(1)
            self._own.copy([(y, u, v)], self._engine.stream)
            self._engine.stream.synchronize()  # the decoder overwrites its own
            planes: tuple[Any, Any, Any] = self._own.planes(0)
            return planes

    def take(self) -> Segment:
        """See :meth:`narratrace.ops.sparse.Recorder.take`."""
        return self._builder.take()

    def thumbnail(self, step: int) -> U8:
        """See :meth:`narratrace.ops.sparse.Recorder.thumbnail`."""
        if not self._stale:
            return self._builder.thumbnail(step)
        with self._device():
            shrunk: U8 = self._engine.thumbnail(step)
            return shrunk

    def close(self) -> None:
        """See :meth:`narratrace.ops.sparse.Recorder.close`."""
        self._pool = self._own = self._pictures = None
        for planes in (self._ahead, self._judged, self._waiting):
            planes.clear()
        with contextlib.suppress(DeviceGaveUp), self._device():
            self._engine.close()

    @property
    def stored(self) -> bool:
        """See :attr:`narratrace.ops.sparse.Recorder.stored`."""
        return self._stored

    @property
    def frames(self) -> int:
        """See :attr:`narratrace.ops.sparse.Recorder.frames`."""
        return self._builder.frames

    @property
    def bytes(self) -> int:
        """See :attr:`narratrace.ops.sparse.Recorder.bytes`."""
        return self._builder.bytes

    @contextlib.contextmanager
    def _device(self) -> Iterator[None]:
        """Around all work on the card: whatever it raises, the CPU can do the recording."""
        try:
            yield
        except Exception as error:  # Numba's errors have no common base
            raise DeviceGaveUp(
                f"the CUDA kernels cannot go on: {error}", station="ops", input=f"cuda:{self._index}"
            ) from error

    def _map_waiting(self) -> None:
        """Makes the next announced frames a batch."""
        frames = [self._waiting.popleft() for _ in range(min(MOST_FRAMES, len(self._waiting)))]
        planes = [(y, u, v) for _, y, u, v in frames]
        self._pictures = map_surfaces(planes) or self._copied(planes)
        self._ahead.extend((i, t) for i, (t, _, _, _) in enumerate(frames))

    def _copied(self, planes: list[tuple[Any, Any, Any]]) -> Surfaces:
        if self._pool is None or self._pool.frames < len(planes):
            self._engine.stream.synchronize()  # the surfaces that go may still be read
            self._pool = self._pictures = None  # before there is another
            self._pool = self._surfaces(len(planes))
        return self._pool.copy(planes, self._engine.stream)

    def _surfaces(self, frames: int) -> SurfacePool:
        return SurfacePool(*self._size, frames, row_pitch(self._size[0]))

    def _keep(self, frame: _Judged) -> None:
        """Hands a frame to the host's half."""
        builder = self._builder
        if frame.changes is None:
            builder.interrupt()
            self._stale = True
            return
        if frame.screen is not None:
            self._stale = False
            builder.show(*frame.screen)
        builder.append(frame.t, *frame.changes)
        if frame.again is not None:
            builder.refresh(*frame.again)

    def _judge(self) -> None:
        """Looks at the next frames on the device: as many as Note [Working ahead] allows, at least one."""
        if not self._ahead:
            self._map_waiting()
        assert self._pictures is not None
        if not self._started:
            self._judge_first(self._pictures, 0)
            self._last_refresh = self._judged[-1].t
            return
        first, times = self._ahead[0][0], self._next_times()
        found = self._engine.compare(self._pictures, first, len(times))
        counts = found.counts.tolist()
        kept = self._count_kept(times, counts)
        if self._lapsed and kept:
            self._judge_first(self._pictures, counts[0])
            return
        judged = times[: kept + 1]  # the first that is not kept, too
        self._engine.commit(self._pictures, first, judged, len(times))
        for i, t in enumerate(judged):
            self._judged.append(_Judged(t, counts[i], found.of(i) if i < kept else None))
            self._ahead.popleft()
        self._finish(self._pictures, first + len(judged) - 1)

    def _count_kept(self, times: list[float], counts: list[int]) -> int:
        """How many of the frames are kept before one that is not; what comes after that is not looked at."""
        for i, (t, count) in enumerate(zip(times, counts, strict=True)):
            if not self._change_judge.keeps(t, count):
                return i
        return len(counts)

    def _judge_first(self, pictures: Surfaces, changes: int) -> None:
        """A frame that becomes the screen as it is: the first, and the first kept one after others."""
        place, t = self._ahead.popleft()
        self._engine.start(pictures, place, t)
        self._judged.append(_Judged(t, changes, _no_changes(), self._engine.screen()))
        self._started, self._lapsed = True, False
        if self._is_due(t):  # no tile is that old
            self._last_refresh = t

    def _next_times(self) -> list[float]:
        """Times of the frames to compare in one launch."""
        if self._lapsed:
            return [self._ahead[0][1]]
        times = [t for _, t in self._ahead]
        due = next((i for i, t in enumerate(times) if self._is_due(t)), len(times) - 1)
        return times[: due + 1]

    def _is_due(self, t: float) -> bool:
        """Whether still tiles are taken again at a frame that is kept."""
        return t - self._last_refresh >= 0.25 * self._refresh_s

    def _finish(self, pictures: Surfaces, place: int) -> None:
        """Takes still tiles again with the last of the judged frames, if they are due."""
        last = self._judged[-1]
        if last.changes is None:
            self._lapsed = True
        elif self._is_due(last.t):
            self._last_refresh = last.t
            again = self._engine.refresh(pictures, place, last.t, self._refresh_s)
            self._judged[-1] = _Judged(last.t, last.count, last.changes, again=again)


def make_recorder(width: int, height: int, options: ChangeOptions, index: int) -> CudaRecorder:
    """A recorder on card ``index``.

    Raises:
        DeviceGaveUp: Numba cannot use the card.
    """
    return CudaRecorder(width, height, options, index)


def why_not_recorder(index: int) -> str:
    """Why card ``index`` compares no pictures, or not rightly, empty when it does; compiles the kernels."""
    side, options = 2 * TILE, ChangeOptions(max_stored=1.0, sudden=1.0)
    try:
        with contextlib.closing(CudaRecorder(side, side, options, index)) as recorder:
            chroma = cuda.to_device(np.full((TILE, TILE), 128, np.uint8))
            for i in range(2):  # a corner changes
                luma = np.zeros((side, side), np.uint8)
                luma[:TILE, :TILE] = 255 * i
                changed = recorder.push(float(i), cuda.to_device(luma), chroma, chroma)
            segment = recorder.take()
    except Exception as error:  # of whatever kind, it would be that of every recording
        return f"the CUDA kernels cannot be used: {error}"
    if changed != 1 or segment.tiles.tolist() != [0]:
        return f"the CUDA kernels found {changed} changed tiles where there is one"
    return ""


def _no_changes() -> Changes:
    return np.zeros(0, np.int32), np.zeros((0, 384), np.uint8)
