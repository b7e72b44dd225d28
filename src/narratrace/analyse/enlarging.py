"""Whether one picture is a part of another, enlarged: what a zoom begins and ends with.

Note [Enlarged parts]
~~~~~~~~~~~~~~~~~~~~~
Slides that grow into the picture, or push each other out, can be followed from frame to frame as a zoom can,
but what they end with is nowhere in what they began with. So the picture with the more detail is shrunk step
by step and looked for in the other one by normalised cross-correlation (Lewis, Fast Normalized
Cross-Correlation, 1995), which neither brightness nor contrast changes. Below a quarter of its size a picture
is too small to tell: it would be found anywhere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

F64 = npt.NDArray[np.float64]
_SCALES = np.arange(0.08, 1.4, 0.06)
"""Natural logarithms of the enlargements that are tried."""
_MIN_SIDE = 6
_NOISE = 1e-6


def likeness_of_part(whole: F64, part: F64) -> float:
    """Highest correlation, -1..1, of the enlarged ``part`` with what it may show of ``whole``.

    Args:
        whole, part: Pictures of one shape (h, w), in levels.
    """
    best = -1.0
    for scale in _SCALES:
        height, width = (round(side * np.exp(-scale)) for side in part.shape)
        if min(height, width) < _MIN_SIDE:
            break
        best = max(best, float(_correlation(whole, _resized(part, height, width)).max()))
    return best


def _resized(picture: F64, height: int, width: int) -> F64:
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float64)


def _correlation(whole: F64, part: F64) -> F64:
    """Normalised correlation at every place of ``part`` within ``whole``, shape (H - h + 1, W - w + 1)."""
    height, width = part.shape
    own = part - part.mean()
    padded = (whole.shape[0] + height, whole.shape[1] + width)
    spectrum = np.fft.rfft2(whole, padded) * np.conj(np.fft.rfft2(own, padded))
    places = np.s_[: whole.shape[0] - height + 1, : whole.shape[1] - width + 1]
    product = np.fft.irfft2(spectrum, padded)[places]
    sums, squares = _sums(whole, height, width), _sums(whole**2, height, width)
    spread = np.sqrt(np.maximum(squares - sums**2 / part.size, _NOISE) * max(float((own**2).sum()), _NOISE))
    correlation: F64 = product / spread
    return correlation


def _sums(picture: F64, height: int, width: int) -> F64:
    """Sum of every window of that size."""
    total = np.pad(picture.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    above, below = total[:-height], total[height:]
    sums: F64 = below[:, width:] - below[:, :-width] - above[:, width:] + above[:, :-width]
    return sums
