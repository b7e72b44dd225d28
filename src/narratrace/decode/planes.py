"""FFmpeg pictures as planar 8-bit 4:2:0 in display orientation, without a copy wherever possible."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, VideoReformatter
from msgspec import Struct, field

U8 = npt.NDArray[np.uint8]
Planes = tuple[U8, U8, U8]

_PLANAR = frozenset({"yuv420p", "yuvj420p"})
_GRAY = "gray"
_NEUTRAL = 128


class PictureSizes(Struct):
    """Widths and heights of a recording's pictures, before they are turned.

    Attributes:
        first: That of the first picture, None before it; later ones of another size are rescaled to it.
        others: Those.
    """

    first: tuple[int, int] | None = None
    others: set[tuple[int, int]] = field(default_factory=set)


class PlaneReader:
    """Turns decoded pictures into the three planes of the decoder contract; used by one thread.

    Args:
        rotation: Clockwise degrees to turn pictures for display: 0, 90, 180 or 270.
        full_range: Whether the source's samples span 0..255; kept as they are either way.
        sizes: Those met so far, by other readers of the same recording as well.
    """

    def __init__(self, rotation: int, full_range: bool, sizes: PictureSizes | None = None) -> None:
        self._turns = rotation // 90
        self._range = ColorRange.JPEG if full_range else ColorRange.MPEG
        self._sizes = sizes or PictureSizes()
        self._swscale = VideoReformatter()

    def __call__(self, picture: av.VideoFrame) -> Planes:
        """The planes of one picture: views of its memory, or of a converted copy; read-only."""
        size = (picture.width, picture.height)
        if size != self._sizes.first:
            self._note(size)
        planes = self._upright(picture, size)
        if self._turns:
            planes = tuple(np.ascontiguousarray(np.rot90(plane, -self._turns)) for plane in planes)  # type: ignore[assignment]
        for plane in planes:
            plane.flags.writeable = False
        return planes

    def _note(self, size: tuple[int, int]) -> None:
        if self._sizes.first is None:
            self._sizes.first = size
        else:
            self._sizes.others.add(size)

    def _upright(self, picture: av.VideoFrame, size: tuple[int, int]) -> Planes:
        name = picture.format.name
        planes = picture.planes
        if size == self._sizes.first and all(plane.line_size > 0 for plane in planes):
            if name in _PLANAR:
                return view(planes[0]), view(planes[1]), view(planes[2])
            if name == "nv12":
                both = view(planes[1], columns=2 * planes[1].width)
                return view(planes[0]), both[:, 0::2], both[:, 1::2]
            if name == _GRAY:
                return self._gray(view(planes[0]))
        return self._converted(picture, name)

    def _converted(self, picture: av.VideoFrame, name: str) -> Planes:
        assert self._sizes.first is not None
        is_rgb = picture.format.is_rgb or picture.format.has_palette
        spread: dict[str, Any] = (
            {} if is_rgb else {"src_color_range": self._range, "dst_color_range": self._range}
        )
        planes = self._swscale.reformat(
            picture,
            *self._sizes.first,
            "gray" if name == _GRAY else "yuv420p",
            interpolation="BILINEAR",
            **spread,
        ).planes
        if name == _GRAY:
            return self._gray(view(planes[0]))
        return view(planes[0]), view(planes[1]), view(planes[2])

    @staticmethod
    def _gray(luma: U8) -> Planes:
        height, width = luma.shape
        chroma = np.full(((height + 1) // 2, (width + 1) // 2), _NEUTRAL, np.uint8)
        return luma, chroma, chroma


def view(plane: Any, columns: int = 0) -> U8:
    """An FFmpeg plane as an array over the same memory, shape (height, width), rows ``line_size`` apart."""
    array: U8 = np.ndarray((plane.height, columns or plane.width), np.uint8, plane, 0, (plane.line_size, 1))
    return array
