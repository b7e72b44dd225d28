"""Recordings to test on: sentences, voices and rates that training never met."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from .phrases import NARRATIONS, jumble, teaching
from .score import Timed
from .sounds import KINDS, sound
from .voices import RATE, Reader, Voice, held_out_voice, recorded

SEED = 20_000
"""Far from the seeds of training."""

MICROPHONE = 16.0
"""Quietest signal-to-noise ratio of a test recording in dB; half of them have no noise at all."""


@dataclass(frozen=True)
class Recording:
    """A test recording at 16 kHz and its words."""

    samples: NDArray[np.float32]
    words: list[Timed]
    voice: Voice


def recordings(count: int, jumbled: bool = False) -> Iterator[Recording]:
    """One to four sentences each.

    Args:
        count: How many.
        jumbled: Words in any order, the harder test, instead of the recorded lectures' scripts and new
            sentences of the grammar.
    """
    rng = np.random.default_rng(SEED + jumbled)
    for _ in range(count):
        texts = [jumble(rng) if jumbled else _prose(rng) for _ in range(int(rng.integers(1, 5)))]
        yield spoken(texts, held_out_voice(rng), rng)


def _prose(rng: np.random.Generator) -> str:
    scripts = [text for script in NARRATIONS.values() for text in script]
    return str(rng.choice(scripts)) if rng.random() < 0.7 else teaching(rng)


def spoken(texts: list[str], voice: Voice, rng: np.random.Generator) -> Recording:
    """The sentences with pauses between them, as a microphone and a codec leave them."""
    reader, words = Reader(voice), list[Timed]()
    parts = [np.zeros(int(rng.uniform(0.2, 1.5) * RATE), np.float32)]
    for text in texts:
        at = sum(map(len, parts)) / RATE
        read = reader.read(text)
        words += [(word.text, round(at + word.start, 3)) for word in read.words]
        parts += [read.samples, np.zeros(int(rng.uniform(0.2, 1.8) * RATE), np.float32)]
    samples = recorded(np.concatenate(parts), rng)
    if rng.random() < 0.5:
        noise = sound(str(rng.choice(KINDS)), len(samples) / RATE, rng)
        loud = np.sqrt(np.mean(samples[abs(samples) > 0.01] ** 2)) / 0.05
        samples[: len(noise)] += noise * loud * 10 ** (-rng.uniform(MICROPHONE, 40) / 20)
    return Recording(samples.astype(np.float32), words, voice)


def write_clips(folder: Path, count: int) -> None:
    """The first test recordings as Opus files, with their words, for tests without a synthesiser."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for k, recording in enumerate(recordings(count)):
        name = f"clip{k + 1}.ogg"
        _write_opus(folder / name, recording.samples)
        words = [{"text": text, "start": start} for text, start in recording.words]
        truth[name] = {"voice": vars(recording.voice), "words": words}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")


def _write_opus(path: Path, samples: NDArray[np.float32]) -> None:
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as out:
        stream = out.add_stream("libopus", rate=48000, layout="mono")
        stream.bit_rate = 24000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "flt", "mono")
        frame.sample_rate = RATE
        for part in av.AudioResampler("flt", "mono", 48000, frame_size=960).resample(frame):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
