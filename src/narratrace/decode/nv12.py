"""A bounded pool of NV12 pictures in device memory, into which a decoder's surfaces are copied.

A decoder's own surfaces are overwritten by its next call, so the pictures of a batch are copied: 3 bytes a
pixel to move, some microseconds on a data centre card, against milliseconds for decoding them. The copy also
gives rows an aligned pitch, which lets kernels take 16 bytes at a time.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.frames import row_pitch


class Surface(Struct, frozen=True):
    """A picture in a decoder's memory: addresses of luma and interleaved chroma, and their pitch in bytes."""

    luma: int
    chroma: int
    pitch: int


class Batch:
    """Room for the pictures of one batch.

    Args:
        width, height: Luma pixels.
        pictures: Most pictures.
    """

    def __init__(self, width: int, height: int, pictures: int) -> None:
        import cupy

        self._size = (width, height)
        self._pitch = row_pitch(width)
        self._memory = cupy.empty((pictures, height + (height + 1) // 2, self._pitch), cupy.uint8)

    def copy(self, place: int, surface: Surface, stream: Any) -> tuple[Any, Any, Any]:
        """Copies a surface to a place of the batch, in the stream's order.

        Returns:
            Y, U and V as they will be: views with rows of one pitch, chroma columns two bytes apart.
        """
        from cupy.cuda import runtime

        width, height = self._size
        high, wide = (height + 1) // 2, (width + 1) // 2 * 2
        memory = self._memory[place]
        kind = runtime.memcpyDeviceToDevice
        for begin, address, columns, rows in (
            (0, surface.luma, width, height),
            (height, surface.chroma, wide, high),
        ):
            target = memory.data.ptr + begin * self._pitch
            runtime.memcpy2DAsync(
                target, self._pitch, address, surface.pitch, columns, rows, kind, stream.ptr
            )
        pairs = memory[height : height + high, :wide]
        return memory[:height, :width], pairs[:, 0::2], pairs[:, 1::2]


def to_host(plane: Any) -> npt.NDArray[np.uint8]:
    """A plane of a batch as a numpy array.

    Row by row, with every byte in between: CuPy's own copy of such a view compiles a kernel for it, which
    needs a compiler and headers that CuPy's wheels do not bring.
    """
    from cupy.cuda import runtime

    (rows, columns), (pitch, step) = plane.shape, plane.strides
    wide = (columns - 1) * step + 1
    host = np.empty((rows, wide), np.uint8)
    runtime.memcpy2D(host.ctypes.data, wide, plane.data.ptr, pitch, wide, rows, runtime.memcpyDeviceToHost)
    return host[:, ::step]


class BatchPool:
    """A fixed number of batches that go round between producer and consumer.

    Args:
        make: Makes one batch.
        count: How many.
    """

    def __init__(self, make: Callable[[], Any], count: int) -> None:
        self._free: queue.Queue[Any] = queue.Queue()
        for _ in range(count):
            self._free.put(make())

    def take(self, poll: Callable[[], None], every_s: float = 0.25) -> Any:
        """A free batch; blocks until there is one.

        Args:
            poll: Called now and then while waiting; may raise to give up.
            every_s: How often, in seconds.
        """
        while True:
            poll()
            try:
                return self._free.get(timeout=every_s)
            except queue.Empty:
                continue

    def give(self, batch: Any) -> None:
        """Gives a batch back."""
        self._free.put(batch)
