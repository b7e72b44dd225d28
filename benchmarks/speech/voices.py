"""Who says it: espeak-ng's English voices, and what a recording does to their sound."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from benchmarks.lectures.narration import Speaker
from numpy.typing import NDArray
from scipy.signal import butter as design
from scipy.signal import fftconvolve, resample_poly, sosfilt

Samples = NDArray[np.float32]
RATE = 16000

ACCENTS = (
    "en-us", "en-us", "en-us", "en-gb", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029", "en-gb-x-gbclan",
    "en-us-nyc",
)  # fmt: skip
"""Accents of the training voices; the common ones more than once."""

VARIANTS = (
    *4 * ("",),
    *2 * ("+m1", "+m2", "+m3", "+m4", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4"),
    "+Alicia", "+Andrea", "+Andy", "+Annie", "+Denis", "+Gene", "+Jacky", "+Lee", "+Marco", "+Michael",
    "+Mike", "+Storm", "+adam", "+anika", "+aunty", "+boris", "+caleb", "+david", "+ed", "+edward",
    "+grandma", "+grandpa", "+john", "+linda", "+max", "+michel", "+norbert", "+paul", "+quincy",
    "+rob", "+robert", "+steph", "+steph2", "+steph3", "+travis", "+victor", "+zac",
)  # fmt: skip
"""Their variants; the plain voice and the numbered ones more than once."""

HELD_OUT = ("en-us+f5", "en-gb+m8", "en-gb-x-gbcwmd", "en-029+belinda", "en-us+Alex", "en-gb-x-rp+m5")
"""Voices that are only tested on."""

RATES = tuple(rate for rate in range(125, 196) if rate % 7)
HELD_OUT_RATES = (140, 147, 154, 161, 168, 175, 182)


@dataclass(frozen=True)
class Voice:
    """A way to speak: espeak-ng's name, words per minute, pitch 0 to 100."""

    name: str
    rate: int
    pitch: int


@dataclass(frozen=True)
class Word:
    """A word with its punctuation; `start` and the `end` of its sound in s."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Spoken:
    """A spoken sentence at 16 kHz, its words, and its phonemes in espeak-ng's spelling."""

    text: str
    samples: Samples
    words: tuple[Word, ...]
    phonemes: tuple[str, ...]


def training_voice(rng: np.random.Generator) -> Voice:
    """Any of the voices to train on."""
    name = str(rng.choice(ACCENTS)) + str(rng.choice(VARIANTS))
    return Voice(name, int(rng.choice(RATES)), int(np.clip(rng.normal(50, 12), 20, 80)))


def held_out_voice(rng: np.random.Generator) -> Voice:
    """Any of the voices, at any of the rates, that are not trained on."""
    return Voice(str(rng.choice(HELD_OUT)), int(rng.choice(HELD_OUT_RATES)), int(rng.integers(35, 66)))


class Reader:
    """Speaks sentences in one voice."""

    def __init__(self, voice: Voice) -> None:
        self._speaker = Speaker(voice.name, voice.rate, voice.pitch)
        if self._speaker._lib is None:
            raise RuntimeError("espeak-ng is not installed (apt-get install espeak-ng)")
        self._library = self._speaker._lib
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def read(self, text: str) -> Spoken:
        """The sentence in this voice."""
        wave, starts = self._speaker.speak(text)
        rate = self._speaker.sample_rate
        common = np.gcd(rate, RATE)
        samples = resample_poly(wave / 32768, RATE // common, rate // common).astype(np.float32)
        ends = [*starts[1:], len(samples) / RATE]
        words = tuple(
            Word(word, start, max(start + 0.04, _last_sound(samples, start, end)))
            for word, start, end in zip(text.split(), starts, ends, strict=True)
        )
        return Spoken(text, samples, words, tuple(self._phonemes(text)))

    def phonemes(self, word: str) -> list[str]:
        """How a word sounds when it stands alone."""
        return list(self._phonemes(word))

    def _phonemes(self, text: str) -> Iterator[str]:
        buffer = ctypes.c_char_p(text.encode())
        place = ctypes.c_void_p(ctypes.cast(buffer, ctypes.c_void_p).value)
        while place.value:
            # 1: the text is UTF-8; the separator of phonemes stands in bits 8 to 23.
            clause = self._library.espeak_TextToPhonemes(ctypes.byref(place), 1, ord("_") << 8).decode()
            for phoneme in clause.replace(" ", "_").split("_"):
                plain = phoneme.strip("',%=|;:-!?")
                if plain and "(" not in plain:
                    yield plain


def _last_sound(samples: Samples, start: float, end: float) -> float:
    """When the sound of a word dies away: the pause of a comma belongs to the comma."""
    part = abs(samples[int(start * RATE) : int(end * RATE)])
    loud = np.flatnonzero(part > 0.01)
    return start + (int(loud[-1]) + 1) / RATE if len(loud) else end


CODECS = (
    ("aac", "mp4", 44100, 96000), ("aac", "mp4", 44100, 48000), ("aac", "mp4", 22050, 32000),
    ("libopus", "ogg", 48000, 48000), ("libopus", "ogg", 48000, 24000), ("libmp3lame", "mp3", 44100, 64000),
)  # fmt: skip
"""Codec, container, samples a second and bits a second, as video sites use them."""


def through_codec(samples: Samples, codec: tuple[str, str, int, int]) -> Samples:
    """The samples encoded and decoded again, of the same length and in the same place."""
    name, container, rate, bits = codec
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(name, rate=rate, layout="mono")
        stream.bit_rate = bits
        fifo = av.AudioFifo()
        for frame in _resampled([_frame(samples)], stream.codec_context.format.name, rate):
            fifo.write(frame)
        size = stream.codec_context.frame_size or 1024
        pts = 0
        while (frame := fifo.read(size, partial=True)) is not None:
            frame.pts, frame.time_base = pts, Fraction(1, rate)
            pts += frame.samples
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as back:
        parts = [f.to_ndarray().ravel() for f in _resampled(back.decode(audio=0), "flt", RATE)]
    heard = np.concatenate(parts) if parts else samples
    return _in_place(heard.astype(np.float32), samples)


def _frame(samples: Samples) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "flt", "mono")
    frame.sample_rate = RATE
    return frame


def _resampled(frames, form: str, rate: int) -> Iterator[av.AudioFrame]:
    resampler = av.AudioResampler(format=form, layout="mono", rate=rate)
    for frame in frames:
        frame.pts = None
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _in_place(heard: Samples, samples: Samples) -> Samples:
    """Without the codec's delay, which is found where the two fit best."""
    n = min(len(heard), len(samples), 4 * RATE)
    fit = fftconvolve(heard[:n], samples[:n][::-1])
    delay = int(np.argmax(abs(fit))) - (n - 1)
    if not -4000 < delay < 4000:
        delay = 0
    moved = heard[delay:] if delay >= 0 else np.pad(heard, (-delay, 0))
    return np.pad(moved, (0, max(0, len(samples) - len(moved))))[: len(samples)]


def recorded(samples: Samples, rng: np.random.Generator) -> Samples:
    """What a microphone, a room and a codec may do to a voice."""
    if rng.random() < 0.15:  # a small room: a decaying tail of noise, a tenth to a third as loud as the voice
        tail = rng.normal(0, 1, RATE // 8) * np.exp(-np.arange(RATE // 8) / RATE / rng.uniform(0.01, 0.04))
        tail *= rng.uniform(0.1, 0.35) / np.sqrt(np.sum(tail**2))
        samples = (samples + fftconvolve(samples, tail)[: len(samples)]).astype(np.float32)
    if rng.random() < 0.15:
        edge = design(2, rng.uniform(3500, 7000), "low", fs=RATE, output="sos")
        samples = sosfilt(edge, samples).astype(np.float32)
    if rng.random() < 0.15:
        edge = design(1, rng.uniform(80, 300), "high", fs=RATE, output="sos")
        samples = sosfilt(edge, samples).astype(np.float32)
    if rng.random() < 0.4:
        samples = through_codec(samples, CODECS[int(rng.integers(len(CODECS)))])
    return samples
