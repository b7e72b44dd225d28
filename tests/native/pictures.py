"""Random pictures for the native module, rows padded or not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

U8 = npt.NDArray[np.uint8]
Planes = tuple[U8, U8, U8]


def padded(plane: U8, pad: int) -> U8:
    """The same pixels in rows that are ``pad`` bytes apart, as decoders deliver them."""
    height, width = plane.shape
    whole = np.full((height, width + pad), 77, np.uint8)
    whole[:, :width] = plane
    return whole[:, :width]


def random_planes(rng: np.random.Generator, width: int, height: int, pad: int = 0) -> Planes:
    """Noise; near values are frequent, so that thresholds decide."""
    shapes = [(height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2]
    y, u, v = (padded(rng.integers(90, 166, shape, dtype=np.uint8), pad) for shape in shapes)
    return y, u, v


def flat(width: int, height: int, luma: int) -> Planes:
    """One grey everywhere."""
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    return np.full((height, width), luma, np.uint8), chroma, chroma.copy()


def tile_sums(where: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.int64]:
    """True pixels of every tile of ``side`` pixels, cut-off tiles included."""
    height, width = where.shape
    whole = np.zeros((-(-height // side) * side, -(-width // side) * side), np.int64)
    whole[:height, :width] = where
    sums: npt.NDArray[np.int64] = whole.reshape(whole.shape[0] // side, side, -1, side).sum(axis=(1, 3))
    return sums


def absolute(a: U8, b: U8) -> npt.NDArray[np.int64]:
    """|a - b| without wrapping."""
    return np.abs(a.astype(np.int64) - b.astype(np.int64))


seeds = st.integers(0, 2**32 - 1)
widths = st.one_of(st.integers(1, 140), st.sampled_from([15, 16, 17, 31, 32, 33, 64, 853]))
heights = st.one_of(st.integers(1, 70), st.sampled_from([15, 16, 17, 479]))
pads = st.integers(0, 40)
