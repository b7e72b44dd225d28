"""Still pictures by name: "skimage:retina", "dicom:CT_small", or procedural "synth:histology:7"."""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pydicom
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.pixels.processing import apply_color_lut

from . import synth


def stretch(values: NDArray[np.float64], low: float = 1.0, high: float = 99.5) -> NDArray[np.uint8]:
    """Grey values 0..255 between two percentiles."""
    lo, hi = np.percentile(values, [low, high])
    grey: NDArray[np.uint8] = (np.clip((values - lo) / (hi - lo + 1e-9), 0, 1) * 255).astype(np.uint8)
    return grey


def _skimage(name: str) -> Image.Image:
    folder = Path(str(skimage.data.__file__)).parent
    path = next(p for p in (folder / f"{name}.png", folder / f"{name}.jpg") if p.exists())
    with Image.open(path) as file:
        shown = file.convert("RGBA")
    white = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(white, shown).convert("RGB")


def dicom_frames(name: str) -> NDArray[np.uint8]:
    """All frames of a DICOM file that ships with pydicom, shape (n, height, width, 3)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = get_testdata_file(f"{name}.dcm", download=False)
        data = pydicom.dcmread(str(path))
        values = data.pixel_array
    if values.ndim == 2 and "PaletteColorLookup" in str(data.dir("PaletteColor")):
        values = apply_color_lut(values, data) >> 8
    if values.ndim == 2 or values.shape[-1] != 3:
        grey = stretch(values.astype(np.float64).reshape(-1, *values.shape[-2:]))
        return np.repeat(grey[..., None], 3, axis=-1)
    frames: NDArray[np.uint8] = values.reshape(-1, *values.shape[-3:]).astype(np.uint8)
    return frames


@lru_cache(maxsize=24)
def picture(name: str) -> Image.Image:
    """The picture of that name, RGB, in its own size. Raises KeyError for an unknown source."""
    source, _, rest = name.partition(":")
    if source == "skimage":
        return _skimage(rest)
    if source == "dicom":
        frames = dicom_frames(rest)
        return Image.fromarray(np.ascontiguousarray(frames[len(frames) // 2]))
    if source == "synth":
        kind, _, seed = rest.partition(":")
        return synth.MAKERS[kind](int(seed or 0))
    raise KeyError(name)


def fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled to lie inside width x height, aspect kept."""
    scale = min(width / image.width, height / image.height)
    size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    return image.resize(size, Image.Resampling.LANCZOS)


def fill(image: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled and cropped in the middle to cover width x height."""
    scale = max(width / image.width, height / image.height)
    w, h = width / scale, height / scale
    x, y = max((image.width - w) / 2, 0), max((image.height - h) / 2, 0)
    box = (x, y, min(x + w, image.width), min(y + h, image.height))
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)
