"""The speech benchmark on a small model: every window has the length that its figures are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("faster_whisper")
pytest.importorskip("transformers")

from benchmarks.gpu import speech
from benchmarks.gpu.whisper import TIMES, WORDS, random_whisper

from narratrace.understand.transcriber import DecodingOptions
from narratrace.understand.whisper_decoder import WhisperDecoder
from narratrace.understand.whisper_model import load_model

SMALL = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "heads": 2, "ffn": 64, "mels": 80}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = random_whisper(tmp_path_factory.mktemp("whisper"), SMALL, "cpu", "float32")
    return load_model(path, device="cpu", compute_type="float32", workers=1)


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "rate", lambda work: float(work()))


def test_its_tokens_are_laid_out_as_those_of_large_v3(model: Any):
    ident = model.hf_tokenizer.token_to_id
    assert (ident("<|endoftext|>"), ident("<|notimestamps|>")) == (50_257, 50_364)
    assert model.hf_tokenizer.get_vocab_size() == WORDS + 2 + 100 + 6 + TIMES == 51_866


def test_every_window_is_read_as_long_as_it_says(model: Any):
    lengths: list[int] = []
    searched = speech.FixedLength(model)
    generate = searched.model.generate

    def note(*args: Any, **how: Any) -> Any:
        found = generate(*args, **how)
        lengths.extend(len(result.sequences_ids[0]) for result in found)
        return found

    searched.model.generate = note  # type: ignore[method-assign]
    decoder = WhisperDecoder(searched, DecodingOptions(), speech.BELIEVING)
    rng = np.random.default_rng(0)
    windows = [decoder.features(rng.normal(0, 0.1, 480_000).astype(np.float32)) for _ in range(2)]
    readings = decoder.read(windows, [30.0, 30.0], "en")
    assert lengths == [speech.TOKENS] * 2, "and no window is searched twice"
    for reading in readings:  # nearly all tokens are words, which are aligned
        assert sum(map(len, reading.segments)) > speech.TOKENS / 2


def test_rows_of_another_length_are_refused(model: Any, monkeypatch: pytest.MonkeyPatch, hurry: None):
    """Half of max_length is what CTranslate2 decodes: told the number itself, it is twice as fast."""
    monkeypatch.setattr(speech, "MAX_LENGTH", speech.TOKENS)
    for measure in (speech.greedy_rate, speech.engine_rate):
        with pytest.raises(RuntimeError, match=r"windows of \[48\] tokens instead of 96"):
            measure(model, 1)


def test_all_rows_come_about(tmp_path: Path, hurry: None):
    sizes = {speech.ENGINE: (2,), speech.GREEDY: (1,)}
    rows = [{**what, **measure()} for what, measure in speech.asr_steps({}, SMALL, "cpu", sizes)]
    assert [(row["how"], row["windows"], row["tokens"]) for row in rows] == [
        ("engine", 2, 96),
        ("greedy", 1, 96),
    ]
    assert [row["x_real_time"] for row in rows] == [60.0, 30.0]
