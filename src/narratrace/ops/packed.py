"""Decoded pictures as what differs from the one before, see Note [Packed pictures] in csrc/packed.hpp."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from narratrace.data.frames import Frame, PackedFrame
from narratrace.ops import sparse_cpu as cpu
from narratrace.ops.sparse import Planes

PackedPicture = cpu.PackedPicture


planar = cpu.planar


def pack(picture: Planes, before: Planes | None) -> PackedPicture:
    """A picture packed after the one ``before``; whole if there is none.

    Args:
        picture: Y (h, w), U and V ((h + 1) // 2, (w + 1) // 2), uint8, columns adjacent: see :func:`planar`.
        before: The same of the picture before.

    Raises:
        ValueError: they differ in size.
    """
    return cpu.pack(picture, before)


def merged(earlier: PackedPicture | None, later: PackedPicture) -> PackedPicture:
    """Two packed pictures as one, for when the first of them is not to be seen."""
    return later if earlier is None else cpu.merged(earlier, later)


def unpacked(frames: Iterable[PackedFrame]) -> Iterator[Frame]:
    """The frames with their pictures in full: copies, 1.5 bytes a pixel each."""
    planes: Planes | None = None
    for frame in frames:
        if planes is None:
            chroma = (frame.height + 1) // 2, (frame.width + 1) // 2
            planes = (
                np.empty((frame.height, frame.width), np.uint8),
                np.empty(chroma, np.uint8),
                np.empty(chroma, np.uint8),
            )
        frame.packed.unpack(*planes)
        y, u, v = (plane.copy() for plane in planes)
        yield Frame(t=frame.t, pts=frame.pts, y=y, u=u, v=v, key=frame.key)
