"""Real words through the engine's own stage, with the small model of tests/fixtures/whisper."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from benchmarks.speech.score import Score, timed
from benchmarks.speech.sounds import KINDS, sound

from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.outcome import Kept
from narratrace.device import why_not_ctranslate2
from narratrace.source.captions import load_captions
from narratrace.understand.transcribe import Transcribe
from narratrace.understand.transcriber import TranscribeOptions
from tests.support.cuda import require_card
from tests.understand.media import read_audio, recording, write_wav

pytest.importorskip("faster_whisper")

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "fixtures" / "whisper"
MOST_ERRORS = {"clips": 0.10, "demo": 0.16}
"""Word error rates; measured 0.072 and 0.123, and a word or two may go either way on another processor."""
TRUTH = json.loads((MODEL / "clips" / "truth.json").read_text())
DEMO = ROOT / "examples" / "v01.mp4"


def opened(device):
    options = TranscribeOptions(asr=f"whisper:{MODEL}", cpu_threads=1)
    transcribe = Transcribe(options, captions_reader=lambda _: None, audio_reader=read_audio, device=device)
    transcribe.open()
    return transcribe


@pytest.fixture(scope="module")
def stage():
    transcribe = opened("cpu")
    yield transcribe
    transcribe.close()


def transcripts(stage, *files):
    outcomes = stage.run([recording(Path(file).stem, str(file)) for file in files])
    assert all(isinstance(outcome, Kept) for outcome in outcomes), outcomes
    return [outcome.value.transcript for outcome in outcomes]


def starts(transcript):
    return [(word.text, word.span.start) for word in transcript.words]


def clips():
    return [MODEL / "clips" / name for name in TRUTH]


@pytest.fixture(scope="module")
def heard(stage):
    return transcripts(stage, *clips())


def test_held_out_sentences_in_held_out_voices(heard):
    score = Score()
    for name, transcript in zip(TRUTH, heard, strict=True):
        score.add(timed(TRUTH[name]["words"]), starts(transcript))
    assert score.words > 100
    assert score.error_rate <= MOST_ERRORS["clips"], str(score)
    assert score.median_start_error <= 0.1, str(score)


@pytest.mark.cuda
def test_a_card_hears_the_same_sentences():
    require_card(library=why_not_ctranslate2)
    transcribe, score = opened("cuda:0"), Score()
    for name, transcript in zip(TRUTH, transcripts(transcribe, *clips()), strict=True):
        score.add(timed(TRUTH[name]["words"]), starts(transcript))
    transcribe.close()
    assert score.words > 100
    assert score.error_rate <= MOST_ERRORS["clips"], str(score)
    assert score.median_start_error <= 0.1, str(score)


def test_a_recording_reads_the_same_alone_and_among_others(stage, heard):
    for clip, together in list(zip(clips(), heard, strict=True))[:3]:
        (alone,) = transcripts(stage, clip)
        assert [word.text for word in alone.words] == [word.text for word in together.words]
        assert starts(alone) == starts(together)


def test_words_are_in_order_and_inside_their_recording(heard):
    for clip, transcript in zip(clips(), heard, strict=True):
        spans = [word.span for word in transcript.words]
        assert spans == sorted(spans, key=lambda span: span.start)
        assert all(0 <= span.start < span.end <= read_audio(str(clip)).duration for span in spans)


@pytest.mark.parametrize("kind", ["silence", *KINDS])
def test_no_words_where_nobody_speaks(stage, tmp_path, kind):
    rng = np.random.default_rng(11)
    samples = np.zeros(60 * SAMPLE_RATE, np.float32) if kind == "silence" else sound(kind, 60, rng)
    (transcript,) = transcripts(stage, write_wav(tmp_path / "sound.wav", samples))
    assert starts(transcript) == []


def test_the_bundled_recording_faster_than_it_is_spoken(stage):
    begun = time.perf_counter()
    (transcript,) = transcripts(stage, DEMO)
    seconds = time.perf_counter() - begun
    script = load_captions(DEMO.with_suffix(".vtt"))
    score = Score()
    score.add([(word.text, word.span.start) for word in script.words], starts(transcript))
    assert score.error_rate <= MOST_ERRORS["demo"], (str(score), starts(transcript))
    assert seconds < read_audio(str(DEMO)).duration


def test_the_card_says_what_it_is_for():
    card = (MODEL / "MODEL_CARD.md").read_text()
    assert "only its own vocabulary" in card
    assert sum(file.stat().st_size for file in MODEL.iterdir() if file.is_file()) <= 8_000_000
