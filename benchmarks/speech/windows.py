"""Training windows: sentences with pauses between them, over noise, and what should be written of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .corpus import Clip, Corpus
from .features import FLOOR, FRAMES_S, Log, mixed, scaled
from .tokenizer import Vocabulary

POSITIONS = 1500
"""Of the encoder, 50 a second."""

IGNORED = -100
MISREAD = 0.05
"""Share of the words before the next one that are replaced: listening has to help where memory misleads."""
LONGEST_PAUSE_S = 1.5
WIDEST_WARP = 0.14
"""Share by which a vocal tract is made longer or shorter."""


@dataclass
class Target:
    """Token ids, and for each the span of sound (s) that the attention should rest on, or None."""

    ids: list[int] = field(default_factory=list)
    spans: list[tuple[float, float] | None] = field(default_factory=list)

    def add(self, ids: Sequence[int], span: tuple[float, float] | None = None) -> None:
        self.ids += ids
        self.spans += [span] * len(ids)


@dataclass
class Window:
    """One example: log-mel before scaling, decoder input and what to predict after each of its tokens."""

    log: Log
    offset: int
    inputs: list[int]
    labels: list[int]
    spans: list[tuple[float, float] | None]
    phonemes: list[int]
    sounds: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Windows of one length; `spans` in positions of the encoder, -1 where there is none.

    `heard` tells for each position the token that is spoken there, the end token where there is none;
    `sounds` the phoneme, roughly: those of a word are taken to be equally long.
    """

    mel: Tensor
    offset: int
    inputs: Tensor
    labels: Tensor
    spans: Tensor
    heard: Tensor
    sounds: Tensor
    phonemes: Tensor
    phoneme_lengths: Tensor


class WindowMaker:
    """Draws windows from a corpus."""

    def __init__(self, corpus: Corpus, vocabulary: Vocabulary, rng: np.random.Generator) -> None:
        self._corpus, self._vocabulary, self._rng = corpus, vocabulary, rng
        self._phonemes = {name: i + 1 for i, name in enumerate(corpus.phonemes)}

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return bool(self._rng.random() < share)

    def between(self, low: float, high: float) -> float:
        """Any number between the two."""
        return float(self._rng.uniform(low, high))

    def short(self, count: int, seconds: float) -> Batch:
        """Windows of about `seconds` at a random place of the 30 s."""
        frames = 2 * int(seconds * FRAMES_S / 2)
        offset = int(self._rng.integers(0, POSITIONS - frames // 2 + 1)) if self._rng.random() < 0.7 else 0
        return self._batch([self._window(frames, frames, offset) for _ in range(count)], offset)

    def full(self, count: int) -> Batch:
        """Windows of 30 s, some of them mostly silence."""
        filled = self._rng.integers(150, 2950, (count, 2)).max(1)
        return self._batch([self._window(2 * POSITIONS, int(n), 0) for n in filled], 0)

    def _window(self, frames: int, filled: int, offset: int) -> Window:
        """A window in whose first `filled` frames somebody speaks."""
        rng = self._rng
        log = np.full((frames, 80), FLOOR, np.float32)
        placed: list[tuple[float, Clip]] = []
        if rng.random() > 0.07:
            self._speak(log, filled, placed)
        self._disturb(log, filled, bool(placed))
        return self._example(log, offset, placed)

    def _speak(self, log: Log, filled: int, placed: list[tuple[float, Clip]]) -> None:
        rng = self._rng
        at = int(rng.uniform(0, 0.95) * FRAMES_S)
        gain = rng.normal(-0.2, 0.4)
        tract = _warp(rng.uniform(-WIDEST_WARP, WIDEST_WARP)) if rng.random() < 0.6 else None
        clips = self._corpus.clips
        near = int(rng.integers(len(clips)))
        left = [clips[(near + k) % len(clips)] for k in range(18)]  # of one voice or two
        while fitting := _fitting(left, filled - at):
            # Any of those that fit, or the longest: windows should be full.
            pick = int(rng.integers(len(fitting))) if rng.random() < 0.4 else -1
            clip = fitting[pick]
            left.remove(clip)
            mel = self._corpus.mel(clip)
            if tract is not None:
                mel = mel @ tract
            log[at : at + len(mel)] = np.maximum(mel + gain, FLOOR)
            placed.append((at / FRAMES_S, clip))
            at += len(mel) + int(FRAMES_S * min(LONGEST_PAUSE_S, rng.exponential(0.45) + 0.08))

    def _disturb(self, log: Log, filled: int, spoken: bool) -> None:
        """Noise under it, sometimes only as long as somebody speaks, as when silence pads the window."""
        rng = self._rng
        until = filled if rng.random() < 0.7 else len(log)
        if rng.random() < (0.5 if spoken else 0.85):
            noise = self._corpus.noises[int(rng.integers(len(self._corpus.noises)))]
            start = int(rng.integers(0, len(noise) - until + 1))
            # Decibels to the noise's level, which is about 6 dB below that of the voices.
            level = rng.uniform(-45, 4) if spoken else rng.uniform(-70, 10)
            part = noise[start : start + until].astype(np.float32) + level / 10
            log[:until] = mixed(log[:until], np.maximum(part, FLOOR))
        if rng.random() < 0.3:  # a gentle tilt of the spectrum
            log += np.linspace(-1, 1, 80, dtype=np.float32) * rng.uniform(-0.7, 0.7)
        if spoken and rng.random() < 0.2:
            low = int(rng.integers(0, 74))
            log[:, low : low + int(rng.integers(1, 7))] = FLOOR

    def _example(self, log: Log, offset: int, placed: list[tuple[float, Clip]]) -> Window:
        shift = offset / 50
        target = self._target(placed, shift)
        inputs = [self._vocabulary.start, *target.ids]
        labels = [*target.ids, self._vocabulary.end]
        spans = [*target.spans, None]
        if not placed:
            labels[0] = self._vocabulary.no_speech
        elif target.ids[0] == self._vocabulary.no_times:
            labels[0] = IGNORED
        if placed and self._rng.random() < 0.1:
            before = [self._vocabulary.previous, *self._earlier()]
            inputs, labels = before + inputs, [IGNORED] * len(before) + labels
            spans = [None] * len(before) + spans
        phonemes = [self._phonemes[p] for _, clip in placed for p in clip.phonemes]
        moved = [None if span is None else (span[0] - shift, span[1] - shift) for span in spans]
        return Window(log, offset, inputs, labels, moved, phonemes, self._sounds(len(log) // 2, placed))

    def _sounds(self, positions: int, placed: list[tuple[float, Clip]]) -> NDArray[np.int64]:
        sounds = np.zeros(positions, np.int64)
        for at, clip in placed:
            for text, start, end in clip.words:
                known = self._corpus.sounds[clip.accent][text]
                begin, until = round(50 * (at + start)), round(50 * (at + end))
                share = np.arange(until - begin) * len(known) // max(1, until - begin)
                part = sounds[begin:until]
                part[:] = np.array([self._phonemes[p] for p in known])[share[: len(part)]]
        return sounds

    def _earlier(self) -> list[int]:
        """The text of a sentence, as if it had been read before."""
        clips = self._corpus.clips
        words = clips[int(self._rng.integers(len(clips)))].words
        return [i for text, _, _ in words for part in self._vocabulary.word(text) for i in part]

    def _target(self, placed: list[tuple[float, Clip]], shift: float) -> Target:
        timed = not placed or self._rng.random() < 0.6
        v, target = self._vocabulary, Target()
        if not timed:
            target.add([v.no_times])
        elif not placed:
            target.add([v.time(0)])
        for k, (at, clip) in enumerate(placed):
            until = placed[k + 1][0] if k + 1 < len(placed) else at + clip.seconds + 0.6
            begin, end = at + shift, at + shift + clip.words[-1][2]
            if timed:
                # Whisper's search lets the first time be at most 1 s.
                target.add([v.time(min(begin, 1.0) if not (k or shift) else begin)], (begin, begin + 0.1))
            self._words(target, clip, at + shift, until + shift)
            if timed:
                target.add([v.time(end)], (end - 0.05, end + 0.05))
        return target

    def _words(self, target: Target, clip: Clip, at: float, until: float) -> None:
        starts = [at + start for _, start, _ in clip.words[1:]] + [until]
        for (text, start, end), following in zip(clip.words, starts, strict=True):
            word, stop = self._vocabulary.word(text)
            pause = max(following, at + end + 0.06)
            # Without punctuation to take it, a short silence belongs to the word before it.
            target.add(word, (at + start, at + end if stop else max(following, at + end)))
            target.add(stop, (at + end, min(pause, at + end + 0.6)))

    def _batch(self, windows: list[Window], offset: int) -> Batch:
        mel = np.stack([scaled(w.log).T for w in windows]).astype(np.float32)
        end = self._vocabulary.end
        nowhere = (-1.0, -1.0)
        positions = [[nowhere if s is None else (50 * s[0], 50 * s[1]) for s in w.spans] for w in windows]
        return Batch(
            torch.from_numpy(mel),
            offset,
            _padded([self._misread(w.inputs) for w in windows], end),
            _padded([w.labels for w in windows], IGNORED),
            _padded(positions, nowhere).float(),
            torch.from_numpy(np.stack([self._heard(w, p) for w, p in zip(windows, positions, strict=True)])),
            torch.from_numpy(np.stack([w.sounds for w in windows])),
            torch.tensor([p for w in windows for p in w.phonemes], dtype=torch.long),
            torch.tensor([len(w.phonemes) for w in windows]),
        )

    def _misread(self, ids: list[int]) -> list[int]:
        rng, end = self._rng, self._vocabulary.end
        return [int(rng.integers(256, end)) if i < end and rng.random() < MISREAD else i for i in ids]

    def _heard(self, window: Window, positions: list[tuple[float, float]]) -> NDArray[np.int64]:
        end = self._vocabulary.end
        heard = np.full(len(window.log) // 2, end)
        for label, (begin, until) in zip(window.labels, positions, strict=True):
            if 0 <= label < end and until > 0:
                heard[max(0, round(begin)) : round(until)] = label
        return heard


def _warp(share: float) -> Log:
    """Maps a spectrogram, frames x bands, to that of a shorter (or, below 0, longer) vocal tract."""
    # Slaney's scale, which is Whisper's: even below 1 kHz, logarithmic above.
    bands = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), 80)
    hertz = np.where(bands < 15, bands * 200 / 3, 1000 * 6.4 ** ((bands - 15) / 27))
    source = np.interp(hertz / (1 + share), hertz, np.arange(80.0))
    below = np.minimum(source.astype(int), 78)
    matrix = np.zeros((80, 80), np.float32)
    matrix[below, np.arange(80)] = 1 - (source - below)
    matrix[below + 1, np.arange(80)] += source - below
    return matrix


def _fitting(clips: list[Clip], frames: int) -> list[Clip]:
    """Those of at most this length, the longest last."""
    fitting = [clip for clip in clips if clip.frames[1] - clip.frames[0] <= frames]
    return sorted(fitting, key=lambda clip: clip.seconds)


def _padded(rows: list[list], value: object) -> Tensor:
    length = max(map(len, rows))
    return torch.from_numpy(np.array([[*row, *[value] * (length - len(row))] for row in rows]))
