"""Whisper's log-mel spectrogram, before and after it is scaled."""

from __future__ import annotations

from functools import cache

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

Log = NDArray[np.float32]
"""Base-10 logarithm of mel powers, shape (frames, 80), 100 frames a second."""

FLOOR = -10.0
FRAMES_S = 100


@cache
def _extractor() -> FeatureExtractor:
    return FeatureExtractor()


def log_mel(samples: NDArray[np.float32]) -> Log:
    """The spectrogram of 16 kHz samples as faster-whisper computes it, not yet scaled."""
    extractor = _extractor()
    window = np.hanning(extractor.n_fft + 1)[:-1].astype(np.float32)
    # Whisper pads by one hop; its last column is dropped.
    padded = np.pad(samples, (0, max(extractor.hop_length, 2 * extractor.n_fft - len(samples))))
    n, hop = extractor.n_fft, extractor.hop_length
    columns = extractor.stft(padded, n, hop, window=window, return_complex=True)
    power = extractor.mel_filters @ (abs(columns[..., :-1]).astype(np.float32) ** 2)
    return np.log10(np.maximum(power, 10**FLOOR)).T.astype(np.float32)


def scaled(log: Log) -> Log:
    """What the network sees: nothing is more than 80 dB below the loudest."""
    return (np.maximum(log, log.max() - 8) + 4) / 4


def mixed(one: Log, other: Log) -> Log:
    """The spectrogram of two sounds together, as if their phases had nothing to do with each other."""
    return np.log10(10**one + 10**other)
