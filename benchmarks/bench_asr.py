"""Speech recognition of many short recordings: windows of all of them batched together, against one by one.

    python -m benchmarks.bench_asr [--model FOLDER] [--files 64] [--device cpu|cuda:0]

The other side is faster-whisper's BatchedInferencePipeline, which batches within one recording. Both get the
same model, voice detection, search, batch size and word times. Texts are compared twice: with windows each
cuts for itself, and with the windows that narratrace cuts given to both. The first differ where a model is
unsure: narratrace fills a window with silence, as in training, faster-whisper with zeros in the spectrogram,
which is not what silence looks like. The second must be equal, and shows that batching changes nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tests.understand.media import SPEECH_FILE, read_audio, video, write_wav

from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.threads import usable_cores
from narratrace.understand.hallucination import RejectionOptions
from narratrace.understand.transcriber import DecodingOptions, TranscribeOptions
from narratrace.understand.voice import WINDOW_S, VoiceOptions, windows
from narratrace.understand.whisper import WhisperTranscriber
from narratrace.understand.whisper_model import cpu_arithmetic

Samples = npt.NDArray[np.float32]

FIXTURE = Path(__file__).parents[1] / "tests" / "fixtures" / "whisper"
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
        language="en", batch_windows=BATCH, rejection=BELIEVE,
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


def theirs(model: str, names: list[str], device: str, given: bool) -> tuple[list[str], float]:
    """Texts and seconds, recording by recording.

    Args:
        model: Folder of the model.
        names: The recordings.
        device: ``cpu`` or ``cuda:N``.
        given: The windows are narratrace's, whose cutting is not in the time.
    """
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    kind, _, number = device.partition(":")
    loaded = WhisperModel(
        model,
        kind,
        device_index=int(number or 0),
        compute_type=cpu_arithmetic() if kind == "cpu" else "float16",
        cpu_threads=usable_cores(),
    )
    pipeline = BatchedInferencePipeline(loaded)
    own = {"vad_parameters": {"min_silence_duration_ms": 160, "min_speech_duration_ms": 100}}
    cut = {name: _cut(_sound(name)) for name in names} if given else {}

    def read(name: str) -> str:
        samples, cutting = cut[name] if given else (_sound(name), own)
        segments, _ = pipeline.transcribe(
            samples, language="en", beam_size=BEAM, batch_size=BATCH, word_timestamps=True,
            temperature=0.0, without_timestamps=False, **cutting,
        )  # fmt: skip
        return " ".join(word.word.strip() for segment in segments for word in segment.words or ())

    read(names[0])
    begun = time.perf_counter()
    texts = [read(name) for name in names]
    return texts, time.perf_counter() - begun


def _sound(name: str) -> Samples:
    audio = read_audio(name)
    assert audio is not None
    return audio.samples


def _cut(samples: Samples) -> tuple[Samples, dict[str, Any]]:
    """The windows of a recording, each filled up with silence, one after another, and where they are."""
    length = round(WINDOW_S * SAMPLE_RATE)
    found = windows(0, Audio(samples, 0.0), VoiceOptions(min_silence_s=SILENCE_S))
    filled = [np.pad(window.samples, (0, length - len(window.samples))) for window in found]
    clips = [{"start": i * WINDOW_S, "end": (i + 1) * WINDOW_S} for i in range(len(filled))]
    return np.concatenate(filled), {"vad_filter": False, "clip_timestamps": clips}


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(FIXTURE), help="folder of a CTranslate2 Whisper")
    parser.add_argument("--files", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        names, seconds = make_files(Path(folder), arguments.files)
        many, ours_s = ours(arguments.model, names, arguments.device)
        own, own_s = theirs(arguments.model, names, arguments.device, given=False)
        given, given_s = theirs(arguments.model, names, arguments.device, given=True)
    row = {
        "files": len(names),
        "audio_s": seconds,
        "ours_x": seconds / ours_s,
        "theirs_x": seconds / own_s,
        "ratio": own_s / ours_s,
        "same_text": _same(many, own),
        "theirs_given_windows_x": seconds / given_s,
        "same_text_given_windows": _same(many, given),
    }
    print(json.dumps(row, indent=1))


def _same(ours: list[str], theirs: list[str]) -> int:
    return sum(a == b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()
