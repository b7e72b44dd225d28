"""Sound on the video's clock."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

SAMPLE_RATE = 16_000
"""Samples per second of every waveform in the engine (Whisper's and Silero VAD's rate)."""


class Audio(Struct, frozen=True, eq=False):
    """Mono waveform.

    Attributes:
        samples: float32 in [-1, 1], shape (n,), at :data:`SAMPLE_RATE`.
        start: Presentation time of the first sample in seconds, see Note [One clock].
        warnings: Recoverable damage met while reading, one line each.
    """

    samples: npt.NDArray[np.float32]
    start: float
    warnings: tuple[str, ...] = ()

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE
