"""Frames of a decoder as the kernels want them, copied only where their memory does not fit."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import cuda

from narratrace.kernels.tiles import interleave
from narratrace.kernels.words import SIMULATED

DevicePlanes = tuple[Any, Any, Any]
"""Y, U and V of one frame: objects with ``__cuda_array_interface__``, uint8, two-dimensional."""


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Frames of one size in device memory, see Note [Surfaces].

    Attributes:
        words: uint64 (frames, rows, pitch / 8), on the device.
        chroma_row: Row at which the interleaved chroma begins.
    """

    words: Any
    chroma_row: int


@dataclass(frozen=True, slots=True)
class _Plane:
    """Where a plane lies: address, shape, and bytes from row to row and sample to sample."""

    address: int
    shape: tuple[int, int]
    pitch: int
    step: int


def map_surfaces(frames: Sequence[DevicePlanes]) -> Surfaces | None:
    """The frames where they are, None if their memory does not fit.

    It fits if they are NV12 of one pitch, a multiple of 16 bytes like their addresses, and equally far apart
    by a whole number of rows: pictures of one decoder's batch.
    """
    planes = [tuple(_describe(plane) for plane in frame) for frame in frames]
    y, u, _ = planes[0]
    if not all(_is_nv12(*frame) for frame in planes) or y.pitch % 16 or u.address <= y.address:
        return None
    apart = planes[1][0].address - y.address if len(planes) > 1 else y.pitch * _rows(y, u)
    for i, (yi, ui, _) in enumerate(planes):
        moved = (yi.address - i * apart, ui.address - i * apart, yi.pitch, yi.shape)
        if moved != (y.address, u.address, y.pitch, y.shape):
            return None
    if (
        apart < y.pitch * _rows(y, u)
        or apart % y.pitch
        or y.address % 16
        or (u.address - y.address) % y.pitch
    ):
        return None
    shape = (len(planes), apart // y.pitch, y.pitch // 8)
    # The last picture may end before a whole distance: no kernel looks behind its chroma.
    return Surfaces(_words_at(y.address, shape, frames), (u.address - y.address) // y.pitch)


class SurfacePool:
    """Own surfaces for frames that cannot be used where they are.

    Args:
        width, height: Luma pixels.
        frames: Most frames at a time.
        pitch: Bytes from row to row, a multiple of 16.
    """

    def __init__(self, width: int, height: int, frames: int, pitch: int) -> None:
        self._size = (width, height)
        self.frames = frames
        self._chroma_row = height
        rows = height + (height + 1) // 2
        self._bytes = cuda.device_array((frames, rows, pitch), np.uint8)

    def copy(self, frames: Sequence[DevicePlanes], stream: Any) -> Surfaces:
        """Copies the frames into the pool; those of the call before are overwritten."""
        for i, frame in enumerate(frames):
            planes = [_device_view(plane) for plane in frame]
            height, width = planes[0].shape
            grid = (-(-width // 32), -(-height // 8))
            interleave[grid, (32, 8), stream](*planes, self._chroma_row, self._bytes[i])
        return Surfaces(self._bytes.view(np.uint64), self._chroma_row)

    def planes(self, i: int) -> DevicePlanes:
        """Y, U and V of the pool's ``i``-th frame, as views."""
        width, height = self._size
        pairs = self._bytes[i][height:, : (width + 1) // 2 * 2]
        return self._bytes[i][:height, :width], pairs[:, 0::2], pairs[:, 1::2]


def _describe(plane: Any) -> _Plane:
    facts = plane.__array_interface__ if SIMULATED else plane.__cuda_array_interface__
    height, width = facts["shape"]
    pitch, step = facts.get("strides") or (width, 1)
    return _Plane(facts["data"][0], (height, width), pitch, step)


def _is_nv12(y: _Plane, u: _Plane, v: _Plane) -> bool:
    chroma = ((y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2)
    return (
        (y.step, u.step, v.step) == (1, 2, 2)
        and y.pitch == u.pitch == v.pitch
        and u.shape == v.shape == chroma
        and v.address == u.address + 1
    )


def _rows(y: _Plane, u: _Plane) -> int:
    """Rows of a picture, up to its last row of chroma."""
    return (u.address - y.address) // y.pitch + u.shape[0]


def _words_at(address: int, shape: tuple[int, int, int], owner: Any) -> Any:
    """An array over memory that ``owner`` keeps alive."""
    if SIMULATED:
        size = int(np.prod(shape))
        return np.frombuffer((ctypes.c_uint64 * size).from_address(address), np.uint64).reshape(shape)
    facts = {"shape": shape, "strides": None, "typestr": "<u8", "data": (address, False), "version": 3}
    return cuda.from_cuda_array_interface(facts, owner=owner, sync=False)


def _device_view(plane: Any) -> Any:
    if SIMULATED:
        return cuda.to_device(np.ascontiguousarray(plane))
    return cuda.as_cuda_array(plane, sync=False)
