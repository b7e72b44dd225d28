"""Speech with word times: espeak-ng's library through ctypes, or a tone where it is not installed."""

from __future__ import annotations

import ctypes
import ctypes.util
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.int16]
WORD_EVENT = 1
FALLBACK_RATE = 22050


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_void_p),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass
class Speaker:
    """One voice. `rate` in words per minute, `pitch` 0..100. `sample_rate` in Hz after construction."""

    voice: str = "en-us"
    rate: int = 160
    pitch: int = 50
    sample_rate: int = FALLBACK_RATE
    _lib: ctypes.CDLL | None = None
    _pieces: list[Wave] = field(default_factory=list)
    _words: list[tuple[int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1"
        try:
            lib = ctypes.CDLL(name)
        except OSError:
            return
        # 2: samples go to our callback, not to a sound card.
        self.sample_rate = lib.espeak_Initialize(2, 0, None, 0)
        self._callback = _CALLBACK(self._receive)
        lib.espeak_SetSynthCallback(self._callback)
        accent, plus, variant = self.voice.partition("+")
        # "en-gb" is also the language of an MBROLA voice, which comes first and hisses without its data.
        accent = {"en-gb": "gmw/en"}.get(accent, accent)
        lib.espeak_SetVoiceByName(f"{accent}{plus}{variant}".encode())
        lib.espeak_SetParameter(1, self.rate, 0)
        lib.espeak_SetParameter(3, self.pitch, 0)
        self._lib = lib

    def _receive(self, wave: Any, count: int, events: Any) -> int:
        if wave and count:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        k = 0
        while events[k].type:
            event = events[k]
            if event.type == WORD_EVENT:
                self._words.append((event.text_position - 1, event.audio_position / 1000))
            k += 1
        return 0

    def speak(self, text: str) -> tuple[Wave, list[float]]:
        """The sound of a sentence, and each word's start (s from its beginning)."""
        if self._lib is None:
            return self._hum(text)
        self._pieces, self._words = [], []
        data = text.encode()
        # Position counted in characters (1), text in UTF-8 (1).
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        self._lib.espeak_Synchronize()
        wave = np.concatenate(self._pieces) if self._pieces else np.zeros(1, np.int16)
        loud = np.flatnonzero(abs(wave) > 200)
        wave = wave[: int(loud[-1]) + self.sample_rate // 50] if len(loud) else wave
        return wave, self._align(text, len(wave) / self.sample_rate)

    def _align(self, text: str, duration: float) -> list[float]:
        """Start of every blank-separated word; words that espeak merged share their neighbour's time."""
        places, at = [], 0
        for word in text.split():
            at = text.index(word, at)
            places.append((at, at + len(word)))
            at += len(word)
        starts: list[float | None] = []
        for a, b in places:
            hits = [time for position, time in self._words if a <= position < b]
            starts.append(min(hits) if hits else None)
        known = [(p[0], s) for p, s in zip(places, starts, strict=True) if s is not None]
        xs, ys = [p for p, _ in known] + [len(text)], [s for _, s in known] + [duration]
        filled = [
            float(np.interp(p[0], xs, ys)) if s is None else s for p, s in zip(places, starts, strict=True)
        ]
        return [min(s, duration) for s in np.maximum.accumulate(filled).tolist()]

    def _hum(self, text: str) -> tuple[Wave, list[float]]:
        """A buzz a word, so that sound and times exist without espeak."""
        starts, pieces, t = [], [], 0.0
        for word in text.split():
            length = 60 / self.rate * (0.4 + 0.1 * len(word))
            s = np.arange(int(length * self.sample_rate)) / self.sample_rate
            envelope = np.sin(np.pi * np.clip(s / length, 0, 1)) ** 0.5
            pieces.append(6000 * envelope * np.sin(2 * np.pi * 140 * s + 2 * np.sin(2 * np.pi * 280 * s)))
            starts.append(t)
            t += len(s) / self.sample_rate
        return np.concatenate(pieces).astype(np.int16), starts
