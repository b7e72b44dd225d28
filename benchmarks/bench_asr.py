"""Speech recognition of many short recordings: windows of all of them batched together, against one by one.

    python -m benchmarks.bench_asr [--model FOLDER] [--files 64] [--device cpu|cuda:0]

The other side is faster-whisper's BatchedInferencePipeline, which batches within one recording. Both get the
same model, voice detection, search, batch size and word times. Without a model, one with random weights is
made: its texts depend on the last bit of the spectrogram, which the two pad differently, so only a trained
model tells whether they agree.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tests.understand.media import SPEECH_FILE, read_audio, video, write_wav
from tests.understand.tiny_whisper import build_tiny_whisper

from narratrace.data.audio import SAMPLE_RATE
from narratrace.understand.hallucination import RejectionOptions
from narratrace.understand.transcriber import DecodingOptions, TranscribeOptions
from narratrace.understand.voice import VoiceOptions
from narratrace.understand.whisper import WhisperTranscriber
from narratrace.understand.whisper_model import load_model

BATCH, BEAM, SILENCE_S = 8, 5, 0.16
BELIEVE = RejectionOptions(
    max_compression_ratio=1e9, max_repeats=10**6, min_avg_logprob=-1e9, no_speech_avg_logprob=-1e9
)


def make_files(folder: Path, count: int) -> tuple[list[str], float]:
    """Recordings of two to six sentences, and their seconds."""
    audio = read_audio(str(SPEECH_FILE))
    assert audio is not None
    sentences = [
        audio.samples[SAMPLE_RATE // 2 : 4 * SAMPLE_RATE],
        audio.samples[6 * SAMPLE_RATE : 10 * SAMPLE_RATE],
    ]
    rng, names, samples = np.random.default_rng(0), [], 0
    for i in range(count):
        parts = [np.zeros(SAMPLE_RATE // 2, np.float32)]
        for _ in range(2 + i % 5):
            parts += [
                sentences[rng.integers(2)] * np.float32(rng.uniform(0.4, 1)),
                np.zeros(SAMPLE_RATE, np.float32),
            ]
        joined = np.concatenate(parts)
        samples += len(joined)
        names.append(write_wav(folder / f"{i}.wav", joined))
    return names, samples / SAMPLE_RATE


def ours(model: str, names: list[str], device: str) -> tuple[list[str], float]:
    """Texts and seconds, windows of all recordings in shared batches."""
    options = TranscribeOptions(
        language="en", cpu_threads=2, batch_windows=BATCH, rejection=BELIEVE,
        voice=VoiceOptions(min_silence_s=SILENCE_S), decoding=DecodingOptions(beam_size=BEAM, retry_ngram=0),
    )  # fmt: skip
    transcriber = WhisperTranscriber(model, options, audio_reader=read_audio, device=device)
    transcriber.open()
    transcriber.transcribe([video("warm", names[0])])
    begun = time.perf_counter()
    heard: list[Any] = transcriber.transcribe([video(str(i), name) for i, name in enumerate(names)])
    took = time.perf_counter() - begun
    transcriber.close()
    return [" ".join(word.text for word in transcript.words) for transcript in heard], took


def theirs(model: str, names: list[str], device: str) -> tuple[list[str], float]:
    """Texts and seconds, recording by recording."""
    from faster_whisper import BatchedInferencePipeline

    loaded = load_model(Path(model), device=device, compute_type="auto", cpu_threads=2)
    pipeline = BatchedInferencePipeline(loaded)

    def read(name: str) -> str:
        audio = read_audio(name)
        assert audio is not None
        segments, _ = pipeline.transcribe(
            audio.samples, language="en", beam_size=BEAM, batch_size=BATCH, word_timestamps=True,
            temperature=0.0, without_timestamps=False,
            vad_parameters={"min_silence_duration_ms": 160, "min_speech_duration_ms": 100},
        )  # fmt: skip
        return " ".join(word.word.strip() for segment in segments for word in segment.words or ())

    read(names[0])
    begun = time.perf_counter()
    texts = [read(name) for name in names]
    return texts, time.perf_counter() - begun


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="folder of a CTranslate2 Whisper")
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or str(build_tiny_whisper(Path(folder) / "model", seed=1))
        names, seconds = make_files(Path(folder), arguments.files)
        one, theirs_s = theirs(model, names, arguments.device)
        many, ours_s = ours(model, names, arguments.device)
    same = sum(a == b for a, b in zip(one, many, strict=True))
    row = {"files": len(names), "audio_s": seconds, "same_text": same, "theirs_x": seconds / theirs_s}
    print(json.dumps({**row, "ours_x": seconds / ours_s, "ratio": theirs_s / ours_s}, indent=1))


if __name__ == "__main__":
    main()
