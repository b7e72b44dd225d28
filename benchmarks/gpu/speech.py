"""Throughput of speech recognition on full windows, all of which come out equally long."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.gpu.child import Row, Step
from benchmarks.gpu.models import rate
from benchmarks.gpu.whisper import TURBO, random_whisper

from narratrace.data.audio import SAMPLE_RATE
from narratrace.threads import map_ahead, usable_cores
from narratrace.understand.hallucination import RejectionOptions
from narratrace.understand.transcriber import DecodingOptions
from narratrace.understand.voice import WINDOW_S
from narratrace.understand.whisper_decoder import WhisperDecoder
from narratrace.understand.whisper_model import load_model

TOKENS = 96
"""Tokens decoded of a window, about what 30 s of lecturing takes."""

MAX_LENGTH = 2 * TOKENS
"""What CTranslate2 has to be told: of Whisper it decodes half of ``max_length``, as OpenAI's code does."""

PROMPT = ["<|startoftranscript|>", "<|en|>", "<|transcribe|>"]

ENGINE, GREEDY = "engine", "greedy"
"""The engine's own decoder (beam search, alignment, spectrograms), and CTranslate2's greedy search alone."""

SIZES = {ENGINE: (8, 16, 32), GREEDY: (1, 8, 32)}

BELIEVING = RejectionOptions(
    max_compression_ratio=1e9, max_repeats=1_000_000, min_avg_logprob=-1e9, max_no_speech_prob=1.0
)
"""Nothing is searched a second time: random weights would be each time, speech seldom is."""


def asr_steps(
    _: Row,
    shape: dict[str, int] | None = None,
    device: str = "cuda:0",
    sizes: dict[str, tuple[int, ...]] | None = None,
) -> Iterator[Step]:
    """Times real time, by windows a batch."""
    kind, sizes = device.partition(":")[0], sizes or SIZES
    with tempfile.TemporaryDirectory() as folder:
        quantization = "float16" if kind == "cuda" else "float32"
        path = random_whisper(Path(folder), shape or TURBO, kind, quantization)
        model = load_model(path, device=device, compute_type=quantization, workers=1)
        for size in sizes[ENGINE]:
            yield {"how": ENGINE, "windows": size, "tokens": TOKENS}, partial(engine_rate, model, size)
        for size in sizes[GREEDY]:
            yield {"how": GREEDY, "windows": size, "tokens": TOKENS}, partial(greedy_rate, model, size)


def engine_rate(model: Any, size: int) -> Row:
    """The engine's own decoder, with spectrograms made in threads meanwhile, as it makes them.

    Raises:
        RuntimeError: a window came out longer or shorter than it should.
    """
    decoder = WhisperDecoder(FixedLength(model), DecodingOptions(), BELIEVING)
    sound = np.random.default_rng(0).normal(0, 0.1, int(WINDOW_S * SAMPLE_RATE)).astype(np.float32)
    threads = min(8, max(1, usable_cores() // 4))
    with ThreadPoolExecutor(threads) as pool:
        windows = map_ahead(pool, decoder.features, repeat(sound), size + threads)

        def work() -> int:
            return len(decoder.read(list(islice(windows, size)), [WINDOW_S] * size, "en"))

        work()
        found = rate(work)
        windows.close()  # type: ignore[attr-defined]  # a generator, and endless
    return {"x_real_time": found * WINDOW_S, "spectrogram_threads": threads}


def greedy_rate(model: Any, size: int) -> Row:
    """Encoder and greedy search, on spectrograms that are there.

    Raises:
        RuntimeError: a window came out longer or shorter than it should.
    """
    features = np.zeros((size, model.feature_extractor.mel_filters.shape[0], 3000), np.float32)
    whisper = FixedLength(model).model

    def work() -> int:
        return len(whisper.generate(model.encode(features), [PROMPT] * size, beam_size=1))

    work()
    return {"x_real_time": rate(work) * WINDOW_S}


class FixedLength:
    """A ``faster_whisper.WhisperModel`` that reads :data:`TOKENS` tokens in every window.

    Random weights know no end: they would go on to the longest text there may be, or stop anywhere.
    """

    def __init__(self, model: Any) -> None:
        self._loaded = model
        self.model = _FixedSearch(model.model, model.hf_tokenizer.token_to_id("<|endoftext|>"))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded, name)


class _FixedSearch:
    """The CTranslate2 model behind it."""

    def __init__(self, whisper: Any, end: int) -> None:
        self._whisper = whisper
        self._end = end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whisper, name)

    def generate(self, encoded: Any, prompts: Any, *, suppress_tokens: Sequence[int] = (), **how: Any) -> Any:
        """Searches that do not end early, checked."""
        found = self._whisper.generate(
            encoded,
            prompts,
            max_length=MAX_LENGTH,
            suppress_tokens=[*suppress_tokens, self._end],
            suppress_blank=False,
            **how,
        )
        lengths = {len(result.sequences_ids[0]) for result in found}
        if lengths != {TOKENS}:
            raise RuntimeError(f"windows of {sorted(lengths)} tokens instead of {TOKENS}")
        return found
