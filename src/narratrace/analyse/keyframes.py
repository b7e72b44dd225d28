"""Clean keyframes as pictures: JPEG in colour, perceptual hash, and which of them show the same.

Note [Keyframes]
~~~~~~~~~~~~~~~~
The clean plate of a still is its temporal background in every tile, at full resolution and in the stream's
own YUV. It becomes RGB by the stream's matrix and range (swscale), once per still. The perceptual hash is the
usual 64-bit DCT hash: signs against the median of the 8 x 8 lowest frequencies of a 32 x 32 luma thumbnail.
Slides of one template have close hashes, so two stills are the same picture only if their thumbnails agree
too.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Annotated, Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace
from msgspec import Struct
from PIL import Image as Pillow

from narratrace.analyse.orders import median
from narratrace.data.frames import U8, Image
from narratrace.data.media import VideoStreamInfo
from narratrace.ops.sparse import Planes
from narratrace.options import option

_MATRIX = {"bt601": Colorspace.ITU601, "bt709": Colorspace.ITU709, "bt2020": Colorspace.ITU709}
_THUMB = (48, 32)


class KeyframeOptions(Struct, frozen=True, kw_only=True):
    """How keyframes leave the engine."""

    pictures: Annotated[bool, option("make keyframe pictures; without them there are no samples")] = True
    jpeg_quality: Annotated[
        int, option("JPEG quality", ge=1, le=100, source="visually lossless on slides")
    ] = 92
    max_side: Annotated[
        int, option("longest side of a picture, 0 keeps the video's size", unit="px", ge=0)
    ] = 0
    max_hash_distance: Annotated[
        int, option("differing hash bits of the same picture", unit="bits", ge=0, le=64)
    ] = 6
    max_thumb_difference: Annotated[
        float,
        option(
            "mean luma difference of the same picture's thumbnails",
            unit="levels",
            ge=0,
            source="a changed bullet or picture exceeds 1; compression stays below 0.5",
        ),
    ] = 0.8


class Keyframe(Struct, frozen=True, eq=False):
    """A still's picture.

    Attributes:
        image: As a JPEG, None when pictures were not asked for.
        phash: 64-bit perceptual hash.
        thumb: Luma, uint8, shape (32, 48).
    """

    image: Image | None
    phash: int
    thumb: U8


class PictureMaker:
    """Makes keyframes of clean plates.

    Args:
        video: Tells matrix and range of the planes.
        options: Quality and size.
    """

    def __init__(self, video: VideoStreamInfo, options: KeyframeOptions) -> None:
        self._matrix = _MATRIX.get(video.color_matrix, Colorspace.ITU709)
        self._range = ColorRange.JPEG if video.full_range else ColorRange.MPEG
        self._options = options

    def __call__(self, plate: Planes) -> Keyframe:
        """The keyframe of one plate."""
        luma = Pillow.fromarray(plate[0])
        thumb = np.asarray(luma.resize(_THUMB, Pillow.Resampling.BOX))
        small = np.asarray(luma.resize((32, 32), Pillow.Resampling.BOX), dtype=np.float64)
        return Keyframe(self._image(plate) if self._options.pictures else None, dct_hash(small), thumb)

    def same(self, a: Keyframe, b: Keyframe) -> bool:
        """Whether two keyframes show nearly the same picture."""
        if (a.phash ^ b.phash).bit_count() > self._options.max_hash_distance:
            return False
        apart = np.abs(a.thumb.astype(np.int16) - b.thumb)
        return float(apart.mean()) <= self._options.max_thumb_difference

    def _image(self, plate: Planes) -> Image:
        picture = Pillow.fromarray(self._rgb(plate))
        width, height = picture.size
        longest = self._options.max_side
        if longest and max(width, height) > longest:
            picture.thumbnail((longest, longest), Pillow.Resampling.LANCZOS)
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=self._options.jpeg_quality)
        return Image(
            jpeg=out.getvalue(), width=picture.width, height=picture.height, scale=picture.width / width
        )

    def _rgb(self, plate: Planes) -> Any:
        height, width = plate[0].shape
        frame = av.VideoFrame(width, height, "yuv420p")
        for target, source in zip(frame.planes, plate, strict=True):
            rows = np.frombuffer(target, np.uint8).reshape(-1, target.line_size)  # type: ignore[call-overload]
            rows[: source.shape[0], : source.shape[1]] = source
        return frame.reformat(
            format="rgb24",
            src_colorspace=self._matrix,
            src_color_range=self._range,
            dst_color_range=ColorRange.JPEG,
            interpolation="BICUBIC",
        ).to_ndarray()


def dct_hash(luma: npt.NDArray[np.float64]) -> int:
    """64-bit DCT hash of a square thumbnail, first frequency in the highest bit.

    Args:
        luma: Shape (n, n), n at least 8.
    """
    basis = _dct_basis(len(luma))
    low = (basis @ luma @ basis.T).ravel()
    bits = low > median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@lru_cache(maxsize=4)
def _dct_basis(n: int) -> npt.NDArray[np.float64]:
    k, x = np.arange(8)[:, None], np.arange(n)[None, :]
    return np.cos(np.pi * (2 * x + 1) * k / (2 * n))
