"""A decoded picture on its way through the single decode pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

U8 = npt.NDArray[np.uint8]

_ROW = 128
"""Bytes that a row of NV12 in device memory is a multiple of: a cache line."""


class Frame(Struct, frozen=True, eq=False):
    """One decoded picture as planar 8-bit 4:2:0 YUV, valid until the next batch is asked for.

    The planes are read-only views of decoder memory with their own row stride; on the host they last as long
    as somebody refers to them. They are already in display orientation and 4:2:0: a source with other
    sampling, more bits or a rotation is converted by the decoder, all others pass through untouched. A frame
    is equal to itself alone.

    Attributes:
        t: Presentation time in seconds, see Note [One clock].
        pts: The same in units of the stream's time base.
        y: Luma, shape (height, width), uint8.
        u: Blue difference, shape ((height + 1) // 2, (width + 1) // 2), uint8.
        v: Red difference, same shape as ``u``.
        key: Whether the picture is a random access point.
    """

    t: float
    pts: int
    y: Any
    u: Any
    v: Any
    key: bool = False

    @property
    def width(self) -> int:
        """Luma width in pixels."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Luma height in pixels."""
        return int(self.y.shape[0])


class PackedFrame(Struct, frozen=True, eq=False):
    """A decoded picture as what differs from the frame before; it lasts. See Note [Packed pictures] in csrc.

    Attributes:
        t: Presentation time in seconds, see Note [One clock].
        pts: The same in units of the stream's time base.
        packed: What differs, bit for bit (``PackedPicture`` of ``narratrace.ops.packed``).
        key: Whether the picture is a random access point.
    """

    t: float
    pts: int
    packed: Any
    key: bool = False

    @property
    def width(self) -> int:
        """Luma width in pixels."""
        return int(self.packed.width)

    @property
    def height(self) -> int:
        """Luma height in pixels."""
        return int(self.packed.height)


AnyFrame = Frame | PackedFrame


def row_pitch(width: int) -> int:
    """Bytes from row to row of our own NV12 pictures in device memory, for ``width`` luma pixels.

    Room for the last pair of chroma where the width is odd, and aligned for loads of 16 bytes.
    """
    return -(-(width + 1) // _ROW) * _ROW


class Image(Struct, frozen=True):
    """A picture that leaves the engine: an encoded JPEG and its size.

    Attributes:
        jpeg: Baseline JPEG bytes, sRGB.
        width, height: Pixels of the encoded picture.
        scale: Encoded width divided by the video's displayed width; multiply pixel positions of the
            trace by it to draw on the picture.
    """

    jpeg: bytes
    width: int
    height: int
    scale: float = 1.0

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.width} x {self.height}, {len(self.jpeg)} B)"
