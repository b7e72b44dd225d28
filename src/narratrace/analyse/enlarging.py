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
    ground = _Ground(whole)
    best = -1.0
    for scale in _SCALES:
        height, width = (round(side * np.exp(-scale)) for side in part.shape)
        if min(height, width) < _MIN_SIDE:
            break
        best = max(best, float(ground.correlation(_resized(part, height, width)).max()))
    return best


class _Ground:
    """A picture in which smaller ones are looked for."""

    def __init__(self, picture: F64) -> None:
        self._shape = picture.shape
        self._spectrum = np.fft.rfft2(picture)
        self._totals = _totals(picture), _totals(picture**2)

    def correlation(self, part: F64) -> F64:
        """Normalised correlation at every place of ``part``, shape (H - h + 1, W - w + 1)."""
        (rows, columns), (height, width) = self._shape, part.shape
        own = part - part.mean()
        product = np.fft.irfft2(self._spectrum * np.conj(np.fft.rfft2(own, self._shape)), self._shape)
        sums, squares = (_windows(total, height, width) for total in self._totals)
        energy = max(float((own**2).sum()), _NOISE)
        spread = np.sqrt(np.maximum(squares - sums**2 / part.size, _NOISE) * energy)
        # Places where the part does not wrap around the picture's edges.
        correlation: F64 = product[: rows - height + 1, : columns - width + 1] / spread
        return correlation


def _resized(picture: F64, height: int, width: int) -> F64:
    image = Image.fromarray(picture.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float64)


def _totals(picture: F64) -> F64:
    """Sum of what is above and to the left of every pixel, shape (H + 1, W + 1)."""
    return np.pad(picture.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))


def _windows(totals: F64, height: int, width: int) -> F64:
    """Sum of every window of that size."""
    above, below = totals[:-height], totals[height:]
    sums: F64 = below[:, width:] - below[:, :-width] - above[:, width:] + above[:, :-width]
    return sums
