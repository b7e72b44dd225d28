"""The training material on disk: spectrograms of spoken sentences and of sounds that are not speech."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .features import Log, log_mel
from .phrases import sentence
from .sounds import KINDS, sound
from .voices import Reader, Voice, recorded, training_voice

SENTENCES_A_VOICE = 12
MELS = 80


@dataclass(frozen=True)
class Clip:
    """A spoken sentence: `words` are (text, start, end) in s, `frames` its place in the array."""

    text: str
    voice: str
    words: list[tuple[str, float, float]]
    phonemes: list[str]
    frames: tuple[int, int]

    @property
    def accent(self) -> str:
        """The voice without its variant."""
        return self.voice.split("+")[0]

    @property
    def seconds(self) -> float:
        return (self.frames[1] - self.frames[0]) / 100


class Corpus:
    """What :func:`build` wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        lines = (folder / "clips.jsonl").read_text().splitlines()
        self.clips = [Clip(**json.loads(line)) for line in lines]

    @cached_property
    def _mels(self) -> NDArray[np.float16]:
        return np.memmap(self._folder / "mels.f16", np.float16, "r").reshape(-1, MELS)

    @cached_property
    def noises(self) -> NDArray[np.float16]:
        """Thirty seconds each, shape (n, 3000, 80)."""
        return np.load(self._folder / "noises.npy", mmap_mode="r")

    @cached_property
    def phonemes(self) -> list[str]:
        """All that occur, in order of their spelling."""
        spoken = {phoneme for clip in self.clips for phoneme in clip.phonemes}
        return sorted(spoken.union(*(sounds for words in self.sounds.values() for sounds in words.values())))

    @cached_property
    def sounds(self) -> dict[str, dict[str, list[str]]]:
        """Phonemes of every word on its own, by accent and word."""
        return json.loads((self._folder / "sounds.json").read_text())

    def mel(self, clip: Clip) -> Log:
        """The spectrogram of a sentence."""
        return np.asarray(self._mels[slice(*clip.frames)], np.float32)


def build(folder: Path, hours: float, seed: int) -> None:
    """Speaks sentences until there are `hours` of them."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    np.save(folder / "noises.npy", _noises(rng))
    done, at = 0.0, 0
    with (folder / "mels.f16").open("wb") as mels, (folder / "clips.jsonl").open("w") as lines:
        while done < hours * 3600:
            voice = training_voice(rng)
            reader = Reader(voice)
            for _ in range(SENTENCES_A_VOICE):
                spoken = reader.read(sentence(rng))
                log = log_mel(recorded(spoken.samples, rng)).astype(np.float16)
                mels.write(log.tobytes())
                words = [(w.text, round(w.start, 3), round(w.end, 3)) for w in spoken.words]
                clip = Clip(spoken.text, voice.name, words, list(spoken.phonemes), (at, at + len(log)))
                lines.write(json.dumps(vars(clip)) + "\n")
                at += len(log)
                done += clip.seconds
    (folder / "sounds.json").write_text(json.dumps(_sounds(Corpus(folder).clips)))


def _sounds(clips: list[Clip]) -> dict[str, dict[str, list[str]]]:
    sounds: dict[str, dict[str, list[str]]] = {}
    for accent in sorted({clip.accent for clip in clips}):
        reader = Reader(Voice(accent, 160, 50))
        spoken = sorted({text for clip in clips if clip.accent == accent for text, _, _ in clip.words})
        sounds[accent] = {word: reader.phonemes(word) for word in spoken}
    return sounds


def _noises(rng: np.random.Generator, each: int = 20) -> NDArray[np.float16]:
    made = [log_mel(sound(kind, 30, rng))[:3000] for kind in KINDS for _ in range(each)]
    return np.stack(made).astype(np.float16)
