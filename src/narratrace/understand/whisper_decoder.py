"""Windows of speech in, timed words out: Whisper's search and alignment on CTranslate2.

Note [Reproducible decoding]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~
OpenAI's Whisper answers a failed window (Note [Hallucinations]) by sampling at rising temperatures.
CTranslate2 seeds its random numbers once per worker thread, so sampled text depends on everything that thread
sampled before, and no two runs need agree. A failed window is therefore first searched again with repeated
n-grams forbidden, which breaks the loops that most failures are and gives the same text every time. Sampling
follows only if temperatures were asked for. Every window is decoded on its own, without the text before it:
a loop cannot spread to its neighbours, and windows of many recordings share a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.spacing import assemble
from narratrace.data.transcript import Word
from narratrace.timebase import Span
from narratrace.understand.hallucination import RejectionOptions, fault
from narratrace.understand.transcriber import DecodingOptions
from narratrace.understand.voice import WINDOW_S

Samples = npt.NDArray[np.float32]
Features = npt.NDArray[np.float32]

HOP = 160
"""Samples per column of the log-mel spectrogram."""

PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001
"""Punctuation that belongs to the word after it, and to the word before it (openai/whisper)."""


class Reading(Struct, frozen=True):
    """What the recogniser reads from one window.

    Attributes:
        segments: Words by the recogniser's own segments, in seconds from the window's start.
        text: The whole text.
        avg_logprob: Mean natural log probability per token.
        no_speech_prob: Probability that the window holds no speech.
    """

    segments: tuple[tuple[Word, ...], ...]
    text: str
    avg_logprob: float
    no_speech_prob: float


class _Hypothesis(Struct, frozen=True):
    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float


class WhisperDecoder:
    """Reads batches of windows with one loaded model, of any number of threads at a time.

    Args:
        model: A ``faster_whisper.WhisperModel``.
        options: How to search.
        limits: What counts as a failed window.
    """

    def __init__(self, model: Any, options: DecodingOptions, limits: RejectionOptions) -> None:
        self._model = model
        self._options = options
        self._limits = limits

    def features(self, samples: Samples) -> Features:
        """The window's :func:`spectrogram`."""
        return spectrogram(self._model.feature_extractor, samples)

    def detect_languages(self, windows: Sequence[Features]) -> list[str]:
        """ISO 639-1 code of the likeliest language of each window, given as spectrograms."""
        if not self._model.model.is_multilingual:
            return ["en"] * len(windows)
        found = self._model.model.detect_language(self._model.encode(np.stack(windows)))
        return [best[0][0][2:-2] for best in found]  # "<|en|>"

    def read(self, windows: Sequence[Features], seconds: Sequence[float], language: str) -> list[Reading]:
        """One reading per window, in the same order.

        On the CPU, what a window gives does not depend on the others; on a card it may, within rounding.

        Args:
            windows: Their spectrograms, see :func:`spectrogram`.
            seconds: How long each of them is.
            language: The language all of them are in.
        """
        from faster_whisper.tokenizer import Tokenizer

        tokenizer = Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
        )
        features = np.stack(windows)
        encoded = self._model.encode(features)
        hypotheses = self._search(tokenizer, features, encoded)
        # Whole seconds, as in faster-whisper: the alignment breaks down on a few columns.
        columns = [max(1, math.ceil(min(s, WINDOW_S))) * SAMPLE_RATE // HOP for s in seconds]
        timed = self._align(tokenizer, encoded, [h.tokens for h in hypotheses], columns)
        return [
            Reading(segments(tokenizer, h.tokens, words), h.text, h.avg_logprob, h.no_speech_prob)
            for h, words in zip(hypotheses, timed, strict=True)
        ]

    def _search(self, tokenizer: Any, features: npt.NDArray[np.float32], encoded: Any) -> list[_Hypothesis]:
        """The first believable hypothesis of each window, else the first of all."""
        chosen: dict[int, _Hypothesis] = {}
        pending = list(range(len(features)))
        for attempt in self._attempts():
            sub = encoded if len(pending) == len(features) else self._model.encode(features[pending])
            found = dict(zip(pending, self._generate(tokenizer, sub, len(pending), attempt), strict=True))
            failed = [i for i, hypothesis in found.items() if self._fault(hypothesis)]
            chosen.update((i, h) for i, h in found.items() if i not in chosen or i not in failed)
            pending = failed
            if not pending:
                break
        return [chosen[i] for i in range(len(features))]

    def _fault(self, hypothesis: _Hypothesis) -> str | None:
        return fault(hypothesis.text, hypothesis.avg_logprob, hypothesis.no_speech_prob, self._limits)

    def _attempts(self) -> Iterator[dict[str, Any]]:
        """Search parameters in the order they are tried, see Note [Reproducible decoding]."""
        search = {"beam_size": self._options.beam_size, "patience": self._options.patience}
        yield search
        if self._options.retry_ngram:
            yield {**search, "no_repeat_ngram_size": self._options.retry_ngram}
        for temperature in self._options.temperatures:
            yield {
                "beam_size": 1,
                "num_hypotheses": self._options.best_of,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }

    def _generate(self, tokenizer: Any, encoded: Any, n: int, attempt: dict[str, Any]) -> list[_Hypothesis]:
        from faster_whisper.transcribe import get_suppressed_tokens

        results = self._model.model.generate(
            encoded,
            [tokenizer.sot_sequence] * n,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),  # speaker tags, notes, special tokens
            **attempt,
        )
        hypotheses = []
        for result in results:
            tokens = result.sequences_ids[0]
            # The score is the mean over the tokens; Whisper's own figure counts the end token as well.
            avg_logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)
            text = tokenizer.decode(tokens).strip()
            hypotheses.append(_Hypothesis(tokens, text, avg_logprob, result.no_speech_prob))
        return hypotheses

    def _align(
        self, tokenizer: Any, encoded: Any, tokens: Sequence[list[int]], columns: list[int]
    ) -> list[list[dict[str, Any]]]:
        """Per window its words with their tokens, start, end and probability, punctuation attached."""
        from faster_whisper.transcribe import merge_punctuations

        spoken = [[token for token in row if token < tokenizer.eot] for row in tokens]
        timed: list[list[dict[str, Any]]] = self._model.find_alignment(tokenizer, spoken, encoded, columns)
        for words in timed:
            merge_punctuations(words, PREPENDED, APPENDED)
        return timed


def spectrogram(extractor: Callable[[Samples], Features], samples: Samples) -> Features:
    """Log-mel spectrogram of one window, shape (mels, 3000); may be called from any thread.

    Args:
        extractor: The ``feature_extractor`` of a ``faster_whisper.WhisperModel``.
        samples: Mono waveform at 16 kHz, up to 30 s; silence fills the rest, as in training.
    """
    length = round(WINDOW_S * SAMPLE_RATE)
    padded = np.pad(samples[:length], (0, max(0, length - len(samples))))
    return extractor(padded)[..., : length // HOP]


def segments(
    tokenizer: Any, tokens: Sequence[int], words: Sequence[dict[str, Any]]
) -> tuple[tuple[Word, ...], ...]:
    """The words of a window, divided where the recogniser put its time stamps.

    What its tokens are words of: Note [Words without spaces].

    Args:
        tokenizer: Knows which tokens are text (below ``eot``) and time stamps (from ``timestamp_begin``).
        tokens: What was generated.
        words: The aligned words of its text tokens, in order.
    """
    ends, seen = [], 0  # text tokens before each time stamp
    for token in tokens:
        if token < tokenizer.eot:
            seen += 1
        elif token >= tokenizer.timestamp_begin:
            ends.append(seen)
    firsts = accumulate((len(word["tokens"]) for word in words), initial=0)
    divided: dict[int, list[tuple[Word, bool]]] = {}
    for word, first in zip(words, firsts, strict=False):
        text = word["word"].strip()
        if text:
            segment = sum(end <= first for end in ends)
            span = Span(float(word["start"]), max(float(word["start"]), float(word["end"])))
            part = Word(span, text, float(word["probability"]))
            divided.setdefault(segment, []).append((part, word["word"][0].isspace()))
    return tuple(tuple(assemble(divided[key])) for key in sorted(divided))
