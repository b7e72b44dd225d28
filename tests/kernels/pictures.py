"""Recordings in host memory, and their frames as a decoder would leave them on a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.cuda import SIMULATED

U8 = npt.NDArray[np.uint8]
Planes = tuple[U8, U8, U8]

LAYOUTS = ("nv12", "nv12 padded", "planar")
"""How the frames of a batch may lie in memory."""


def chroma_shape(height: int, width: int) -> tuple[int, int]:
    return (height + 1) // 2, (width + 1) // 2


def noise(rng: np.random.Generator, height: int, width: int) -> Planes:
    small = chroma_shape(height, width)
    y, u, v = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((height, width), small, small))
    return y, u, v


def flat(height: int, width: int, luma: int, blue: int = 128, red: int = 128) -> Planes:
    small = chroma_shape(height, width)
    return (
        np.full((height, width), luma, np.uint8),
        np.full(small, blue, np.uint8),
        np.full(small, red, np.uint8),
    )


def copied(planes: Planes) -> Planes:
    return planes[0].copy(), planes[1].copy(), planes[2].copy()


def place(frames: list[Planes], layout: str) -> list[tuple[Any, Any, Any]]:
    """The frames on the card, or where the simulator expects them."""
    if layout == "planar":
        return [tuple(_device(plane) for plane in frame) for frame in frames]  # type: ignore[misc]
    height, width = frames[0][0].shape
    high, wide = chroma_shape(height, width)
    pitch = -(-2 * wide // 16) * 16 + (64 if layout == "nv12 padded" else 0)
    gap = 3 if layout == "nv12 padded" else 0
    batch = np.full(
        (len(frames), height + gap + high + gap, pitch), 77, np.uint8
    )  # padding that must not count
    for surface, (y, u, v) in zip(batch, frames, strict=True):
        surface[:height, :width] = y
        surface[height + gap : height + gap + high, : 2 * wide : 2] = u
        surface[height + gap : height + gap + high, 1 : 2 * wide : 2] = v
    surfaces = _device(_aligned(batch))
    planes = []
    for i in range(len(frames)):
        pairs = surfaces[i][height + gap : height + gap + high, : 2 * wide]
        planes.append((surfaces[i][:height, :width], pairs[:, 0::2], pairs[:, 1::2]))
    return planes


def _device(array: U8) -> Any:
    if SIMULATED:
        return array
    from numba import cuda

    return cuda.to_device(array)


def _aligned(array: U8) -> U8:
    """The array at an address that is a multiple of 128, as device memory is."""
    raw = np.empty(array.nbytes + 128, np.uint8)
    start = -raw.ctypes.data % 128
    out = raw[start : start + array.nbytes].reshape(array.shape)
    out[...] = array
    return out
