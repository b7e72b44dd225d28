"""Batches are filled from many recordings at once; what each one gets is what it would get alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.outcome import Failed, Kept
from narratrace.pipeline import Pipeline, Runner, Station
from narratrace.understand.classifier import ClassifyOptions
from narratrace.understand.classify import Classify
from narratrace.understand.hallucination import RejectionOptions
from narratrace.understand.transcribe import Transcribe
from narratrace.understand.transcriber import DecodingOptions, TranscribeOptions
from tests.understand.media import keyframe, read_audio, recording, stable, visual, write_wav

pytest.importorskip("faster_whisper")
torch = pytest.importorskip("torch")

COUNT = 14


@pytest.fixture(scope="module")
def sounds(speech, tmp_path_factory):
    """Recordings of different lengths and words: one to five pieces of speech, and one that is no sound."""
    folder, files = tmp_path_factory.mktemp("sounds"), []
    rng = np.random.default_rng(2)
    sentences = [speech[SAMPLE_RATE // 2 : 4 * SAMPLE_RATE], speech[6 * SAMPLE_RATE : 10 * SAMPLE_RATE]]
    for i in range(COUNT):
        parts = [np.zeros(int(rng.integers(0, SAMPLE_RATE)), np.float32)]
        for _ in range(1 + i % 5):
            gain = np.float32(rng.uniform(0.3, 1.0))
            parts += [sentences[rng.integers(2)] * gain, np.zeros(SAMPLE_RATE, np.float32)]
        files.append(write_wav(folder / f"{i}.wav", np.concatenate(parts)))
    broken = folder / "broken.wav"
    broken.write_bytes(b"no sound at all")
    files[5] = str(broken)
    return files


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Untrained weights: their labels are nonsense, but another nonsense for every picture."""
    from narratrace.understand._torchvision import import_torchvision

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "shuffle.pt"
    model = import_torchvision().models.get_model("shufflenet_v2_x0_5", weights=None, num_classes=2)
    torch.save(model.state_dict(), path)
    return path


def transcribe(tiny_whisper, **options):
    decoding = DecodingOptions(beam_size=1, retry_ngram=0)
    believe = RejectionOptions(
        max_compression_ratio=1e9, max_repeats=10**6, min_avg_logprob=-1e9, no_speech_avg_logprob=-1e9
    )
    chosen = TranscribeOptions(
        asr=f"whisper:{tiny_whisper}", cpu_threads=1, decoding=decoding, rejection=believe, **options
    )
    return Transcribe(chosen, captions_reader=lambda _: None, audio_reader=read_audio)


def recordings(sounds, order):
    made = []
    for i in order:
        spans = tuple(stable(j, j + 1, keyframe(100 * i + j), group=j) for j in range(1 + i % 4))
        made.append(recording(f"video{i}", sounds[i]).with_("analyse", 0.0, visual=visual(spans)))
    return made


def result(outcome):
    if isinstance(outcome, Failed):
        return outcome.video_id, outcome.station
    value = outcome.value
    words = [(word.text, word.span, word.probability) for word in value.transcript.words]
    labels = [round(label.probability, 5) for label in value.labels]
    return value.video_id, value.transcript.language, words, labels


def test_shuffled_recordings_in_shared_batches_get_what_is_theirs(
    tiny_whisper, sounds, checkpoint, one_torch_thread
):
    spec = f"torchvision:shufflenet_v2_x0_5:{checkpoint}"

    def pipeline(batch, windows, pictures, threads):
        make = {
            "transcribe": lambda _hooks: transcribe(
                tiny_whisper, batch_windows=windows, prepare_threads=threads
            ),
            "classify": lambda _hooks: Classify(ClassifyOptions(classifier=spec, batch_size=pictures)),
        }
        stations = tuple(
            Station(name=name, make=made, batch=batch, queue=batch, linger_s=0.3 if batch > 1 else 0.0)
            for name, made in make.items()
        )
        return Runner(Pipeline(stations=stations, in_flight=2 * batch))

    alone = pipeline(1, 1, 1, 1)
    wanted = {r[0]: r for r in map(result, alone.run(recordings(sounds, range(COUNT))))}
    assert wanted["video5"] == ("video5", "transcribe")
    assert len({str(r[2]) for name, r in wanted.items() if name != "video5"}) > COUNT // 2
    for seed, (batch, windows, pictures, threads) in enumerate([(4, 8, 8, 2), (7, 3, 5, 3), (14, 16, 32, 1)]):
        order = random.Random(seed).sample(range(COUNT), COUNT)
        together = pipeline(batch, windows, pictures, threads)
        outcomes = list(together.run(recordings(sounds, order)))
        got = [result(outcome) for outcome in outcomes]
        assert [r[0] for r in got] == [f"video{i}" for i in order]
        assert got == [wanted[f"video{i}"] for i in order]
        assert sum(isinstance(outcome, Kept) for outcome in outcomes) == COUNT - 1
