"""A loaded Whisper as a :class:`Model`: windows of speech in, their language or their words out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any

from msgspec import Struct

from narratrace.errors import OptionError
from narratrace.threads import usable_cores
from narratrace.understand.transcriber import TranscribeOptions
from narratrace.understand.whisper_decoder import Features, Reading, WhisperDecoder
from narratrace.understand.whisper_model import find_model, load_model


class Spoken(Struct, frozen=True, eq=False):
    """A window to be read, or to be asked for its language.

    Attributes:
        features: Its spectrogram, see :func:`narratrace.understand.whisper_decoder.spectrogram`.
        seconds: How long it is.
        language: ISO 639-1 code to read it in; empty to be told the likeliest.
    """

    features: Features
    seconds: float
    language: str = ""


Answer = Reading | str
"""What is read from a window, or its language."""


class Recogniser:
    """Answers a :class:`Spoken` with a :class:`Reading`, or with a code where it has no language.

    On CUDA windows of one language are read together. On the CPU they are read one by one in threads: a CPU
    is no slower at that, and how a sum is rounded cannot depend on what else is read.

    Args:
        decoder: Reads windows.
        extractor: Makes spectrograms, see :func:`narratrace.understand.whisper_decoder.spectrogram`.
        most: Windows read together at best.
        device: ``cpu`` or ``cuda:N``.
        threads: Windows read at the same time on the CPU.
    """

    def __init__(
        self, decoder: WhisperDecoder, extractor: Any, *, most: int, device: str, threads: int
    ) -> None:
        self.facts = extractor
        self.most = most
        self._decoder = decoder
        self._is_together = device != "cpu"
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="narratrace-words")

    def answer(self, items: Sequence[Spoken]) -> Iterator[tuple[int, Answer]]:
        """See :meth:`narratrace.models.Model.answer`."""
        shares = self._shares(items)
        done = self._pool.map(self._answer_share, [[items[i] for i in share] for share in shares])
        for share, found in zip(shares, done, strict=True):
            yield from zip(share, found, strict=True)

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _shares(self, items: Sequence[Spoken]) -> list[list[int]]:
        """Positions of the items that go through the model together."""

        def language(i: int) -> str:
            return items[i].language

        if not self._is_together:
            return [[i] for i in range(len(items))]
        return [list(group) for _, group in groupby(sorted(range(len(items)), key=language), key=language)]

    def _answer_share(self, share: Sequence[Spoken]) -> Sequence[Answer]:
        features, language = [item.features for item in share], share[0].language
        if not language:
            return self._decoder.detect_languages(features)
        return self._decoder.read(features, [item.seconds for item in share], language)


def load_recogniser(name: str, options: TranscribeOptions, device: str) -> Recogniser:
    """Find and load a model.

    Args:
        name: Name or folder, see :func:`find_model`.
        options: How to transcribe.
        device: ``cpu`` or ``cuda:N``.

    Raises:
        ModelError: it is not on disk, or damaged.
        OptionError: an option does not fit the model or the device.
        DeviceError: the device cannot be used.
        MissingDependency: faster-whisper is not installed.
    """
    folder = find_model(name, allow_download=options.allow_download)
    threads = (options.cpu_threads or usable_cores()) if device == "cpu" else 1
    model = load_model(folder, device=device, compute_type=options.compute_type, workers=threads)
    if options.language and options.language not in model.supported_languages:
        raise OptionError(
            f"the model does not know language {options.language!r}",
            station="transcribe",
            input="language",
            expected=", ".join(model.supported_languages),
        )
    decoder = WhisperDecoder(model, options.decoding, options.rejection)
    return Recogniser(
        decoder, model.feature_extractor, most=options.batch_windows, device=device, threads=threads
    )
