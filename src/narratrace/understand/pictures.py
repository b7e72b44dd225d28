"""From a keyframe's JPEG to the numbers a model was trained on."""

from __future__ import annotations

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from PIL import Image

from narratrace.errors import MediaError

Fit = Literal["crop", "squash", "pad"]
Interpolation = Literal["bilinear", "bicubic"]


class PictureInput(Struct, frozen=True, kw_only=True):
    """How a model wants its pictures.

    Attributes:
        size: Side of the square input in pixels.
        resize: Shorter side before the central square is cut out, for ``fit="crop"``.
        fit: ``crop`` keeps the centre, ``squash`` ignores the aspect ratio, ``pad`` adds black bars.
        mean, std: Normalisation of red, green and blue in 0..1.
        interpolation: Resampling filter, antialiased.
    """

    size: int
    resize: int
    fit: Fit = "crop"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bilinear"

    def prepare(self, picture: Image.Image) -> npt.NDArray[np.float32]:
        """Normalised pixels, shape (3, size, size), float32.

        Args:
            picture: RGB, any size.
        """
        pixels = np.asarray(self._fitted(picture), np.float32) / np.float32(255)
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        normalised: npt.NDArray[np.float32] = ((pixels - mean) / std).transpose(2, 0, 1)
        return normalised

    def _fitted(self, picture: Image.Image) -> Image.Image:
        filter_ = Image.Resampling[self.interpolation.upper()]
        width, height = picture.size
        if self.fit == "squash":
            return picture.resize((self.size, self.size), filter_)
        if self.fit == "crop":
            short = min(width, height)  # rounding as in torchvision, which trained most checkpoints
            width, height = self.resize * width // short, self.resize * height // short
            left, top = round((width - self.size) / 2), round((height - self.size) / 2)
            return picture.resize((width, height), filter_).crop(
                (left, top, left + self.size, top + self.size)
            )
        longest = max(width, height)
        width, height = (max(1, round(self.size * side / longest)) for side in (width, height))
        square = Image.new("RGB", (self.size, self.size))
        square.paste(
            picture.resize((width, height), filter_), ((self.size - width) // 2, (self.size - height) // 2)
        )
        return square


def decode_jpeg(jpeg: bytes) -> Image.Image:
    """The RGB picture in a JPEG.

    Raises:
        MediaError: the bytes are no picture, or a damaged one.
    """
    try:
        return Image.open(io.BytesIO(jpeg)).convert("RGB")
    except OSError as error:
        raise MediaError(f"a keyframe cannot be decoded: {error}", station="classify") from error
