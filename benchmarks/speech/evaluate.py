"""How well a converted model reads, through the engine's own transcription stage."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from narratrace.data.audio import Audio
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.understand.transcribe import Transcribe
from narratrace.understand.transcriber import TranscribeOptions

from .heldout import RATE, recordings
from .score import Score, Timed, timed
from .sounds import KINDS, sound


class Engine:
    """The transcription stage with one model, on one thread."""

    def __init__(self, model: Path) -> None:
        options = TranscribeOptions(asr=f"whisper:{model.resolve()}", cpu_threads=1)
        self._sounds: dict[str, Audio] = {}
        self._stage = Transcribe(options, captions_reader=lambda _: None, audio_reader=self._sounds.get)
        self._stage.open()

    def words(self, samples: NDArray[np.float32]) -> list[Timed]:
        """What is read from 16 kHz samples."""
        self._sounds["sound"] = Audio(samples, 0.0)
        recording = Recording(input=VideoInput(video_id="sound", uri="sound"), sequence=0)
        (outcome,) = self._stage.run([recording])
        assert isinstance(outcome, Kept), outcome
        assert outcome.value.transcript is not None
        return [(word.text, word.span.start) for word in outcome.value.transcript.words]


def report(model: Path, count: int, files: Sequence[Path]) -> None:
    """Prints the figures of the model card.

    Args:
        model: Folder of the converted model.
        count: Test recordings to speak and read.
        files: Media files to read besides; NAME.truth.json beside each holds its words.
    """
    engine = Engine(model)
    _heldout(engine, count, jumbled=False)
    _heldout(engine, count // 2, jumbled=True)
    _no_speech(engine, model)
    for file in files:
        _file(engine, file)


def _heldout(engine: Engine, count: int, jumbled: bool) -> None:
    total, voices = Score(), dict[str, Score]()
    for recording in recordings(count, jumbled):
        heard = engine.words(recording.samples)
        for score in (total, voices.setdefault(recording.voice.name, Score())):
            score.add(recording.words, heard)
    print(f"held out, {'words in any order' if jumbled else 'sentences'}: {total}")
    for name, score in sorted(voices.items()):
        print(f"  {name}: {score}")


def _no_speech(engine: Engine, model: Path) -> None:
    """Sixty seconds of each sound, with the engine's voice detection and, harder, without any."""
    from faster_whisper import WhisperModel

    bare = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)
    rng = np.random.default_rng(3)
    for kind in ("silence", *KINDS):
        samples = np.zeros(60 * RATE, np.float32) if kind == "silence" else sound(kind, 60, rng)
        segments, _ = bare.transcribe(samples, language="en", vad_filter=False)
        unaided = sum(len(segment.text.split()) for segment in segments)
        print(f"60 s of {kind}: {len(engine.words(samples))} words, {unaided} without voice detection")


def _file(engine: Engine, file: Path) -> None:
    from faster_whisper import decode_audio

    samples = decode_audio(str(file))
    begun = time.perf_counter()
    heard = engine.words(samples)
    seconds = time.perf_counter() - begun
    sentences = json.loads(file.with_suffix(".truth.json").read_text())["sentences"]
    score = Score()
    score.add(timed(word for s in sentences for word in s["words"]), heard)
    print(f"{file.name}: {score}, {len(samples) / RATE / seconds:.0f} x real time")
    print("  " + " ".join(text for text, _ in heard))
