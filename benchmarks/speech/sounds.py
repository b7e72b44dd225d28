"""What is not speech: silence, noise, the hum of machines, something like music."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 16000
KINDS = ("white", "pink", "brown", "mains", "fan", "music", "clicks")


def sound(kind: str, seconds: float, rng: np.random.Generator) -> Samples:
    """`seconds` of a sound at 16 kHz with a root mean square of 0.05."""
    n = int(seconds * RATE)
    wave = _MAKERS[kind](n, rng)
    return (wave * (0.05 / (np.sqrt(np.mean(wave**2)) + 1e-9))).astype(np.float32)


def _coloured(exponent: float):
    def make(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(rng.normal(0, 1, n))
        spectrum /= np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20) ** exponent
        return np.fft.irfft(spectrum, n)

    return make


def _tone(n: int, pitch: float, overtones: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(n) / RATE
    parts = [
        rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * pitch * k * t + rng.uniform(0, 6.28))
        for k in range(1, overtones + 1)
        if pitch * k < RATE / 2
    ]
    return np.sum(parts, axis=0)


def _mains(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    hum = _tone(n, float(rng.choice((50, 60, 100, 120))), 12, rng)
    return hum + 0.05 * rng.normal(0, 1, n)


def _fan(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    blades = 1 + 0.3 * np.sin(2 * np.pi * rng.uniform(5, 30) * np.arange(n) / RATE)
    air = _coloured(rng.uniform(0.3, 0.9))(n, rng)
    return blades * air / air.std() + 0.3 * _tone(n, rng.uniform(80, 400), 4, rng)


def _music(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Chords that change about every second, each note with its attack and decay."""
    wave, at = np.zeros(n), 0
    while at < n:
        length = min(n - at, int(rng.uniform(0.3, 2) * RATE))
        place = np.arange(length)
        envelope = np.exp(-place / RATE / rng.uniform(0.3, 3)) * np.minimum(1, place / 400)
        root = 110 * 2 ** (rng.integers(0, 24) / 12)
        for step in (0, rng.choice((3, 4)), 7, 12)[: int(rng.integers(1, 5))]:
            note = _tone(length, root * 2 ** (step / 12), int(rng.integers(2, 8)), rng)
            wave[at : at + length] += envelope * note
        at += length
    return wave


def _clicks(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Mouse and keyboard over a faint room."""
    wave = 0.003 * rng.normal(0, 1, n)
    for at in rng.integers(0, max(1, n - 800), int(n / RATE * rng.uniform(0.5, 6))):
        length = int(rng.integers(100, 800))
        wave[at : at + length] += rng.normal(0, 1, length) * np.exp(-np.arange(length) / rng.uniform(20, 150))
    return wave


_MAKERS = {
    "white": _coloured(0),
    "pink": _coloured(0.5),
    "brown": _coloured(1),
    "mains": _mains,
    "fan": _fan,
    "music": _music,
    "clicks": _clicks,
}
