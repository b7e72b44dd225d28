"""Transcription with Whisper, batched over recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby, islice

from narratrace.data.media import VideoInput
from narratrace.data.spacing import run_on
from narratrace.data.transcript import Transcript, Utterance
from narratrace.errors import OptionError
from narratrace.threads import usable_cores
from narratrace.timebase import Span
from narratrace.understand.hallucination import fault
from narratrace.understand.prepare import Preparer, Ready
from narratrace.understand.transcriber import AudioReader, Heard, TranscribeOptions
from narratrace.understand.voice import Window, split_at_pauses
from narratrace.understand.whisper_decoder import Reading, WhisperDecoder
from narratrace.understand.whisper_model import find_model, load_model


@dataclass(slots=True)
class _Draft:
    """A transcript in the making."""

    language: str = ""
    utterances: list[Utterance] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: Exception | None = None


class WhisperTranscriber:
    """A :class:`Transcriber` that fills its batches with the windows of as many recordings as it takes.

    Sound is prepared in threads while batches are decoded, a recording a thread, so no more than that many
    recordings and one batch of windows are in memory at a time.

    Args:
        model: Name or folder of the model, see :func:`find_model`.
        options: How to transcribe.
        audio_reader: Decodes the sound of a recording.
        device: ``cpu`` or ``cuda:N``.
    """

    def __init__(
        self, model: str, options: TranscribeOptions, *, audio_reader: AudioReader, device: str = "cpu"
    ) -> None:
        self._name = model
        self._options = options
        self._read_audio = audio_reader
        self._device = device
        self._decoder: WhisperDecoder | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._preparer: Preparer | None = None

    def open(self) -> None:
        """Find and load the model.

        Raises:
            ModelError: it is not on disk, or damaged.
            OptionError: an option does not fit the model or the device.
            DeviceError: the device cannot be used.
            MissingDependency: faster-whisper is not installed.
        """
        options = self._options
        folder = find_model(self._name, allow_download=options.allow_download)
        workers = (options.cpu_threads or usable_cores()) if self._device == "cpu" else 1
        model = load_model(folder, device=self._device, compute_type=options.compute_type, workers=workers)
        if options.language and options.language not in model.supported_languages:
            raise OptionError(
                f"the model does not know language {options.language!r}",
                station="transcribe",
                input="language",
                expected=", ".join(model.supported_languages),
            )
        self._decoder = WhisperDecoder(model, options.decoding, options.rejection)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="narratrace-words")
        self._preparer = Preparer(
            self._read_audio, self._decoder.features, options.voice, options.prepare_threads
        )

    def transcribe(self, videos: Sequence[VideoInput]) -> list[Heard]:
        """See :meth:`Transcriber.transcribe`; text that is not believed is left out with a warning."""
        drafts = [_Draft(language=self._options.language) for _ in videos]
        stream = self._windows(videos, drafts)
        while batch := list(islice(stream, self._options.batch_windows)):
            self._detect(batch, drafts)
            for window, reading in self._read(batch, drafts):
                self._write(drafts[window.recording], window, reading)
        return [self._transcript(draft) for draft in drafts]

    def close(self) -> None:
        """Let go of the model."""
        if self._preparer is not None:
            self._preparer.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._decoder = self._preparer = self._pool = None

    def _windows(self, videos: Sequence[VideoInput], drafts: Sequence[_Draft]) -> Iterator[Ready]:
        """All windows of all recordings, in order; what goes wrong with a recording ends up in its draft."""
        if self._preparer is None:
            raise RuntimeError("open() was not called")
        sounds = self._preparer.prepare([video.uri for video in videos])
        for sound, draft in zip(sounds, drafts, strict=True):
            draft.error = sound.error
            if sound.problem:
                draft.warnings.append(sound.problem)
            yield from sound.windows

    def _detect(self, batch: Sequence[Ready], drafts: Sequence[_Draft]) -> None:
        """Finds the language of recordings that begin in this batch, from their first window."""
        first: dict[int, Ready] = {}
        for ready in batch:
            if not drafts[ready.window.recording].language:
                first.setdefault(ready.window.recording, ready)
        if first:
            codes = self._open_decoder.detect_languages([ready.features for ready in first.values()])
            for recording, code in zip(first, codes, strict=True):
                drafts[recording].language = code

    def _read(self, batch: Sequence[Ready], drafts: Sequence[_Draft]) -> Iterator[tuple[Window, Reading]]:
        """Readings of a batch: on CUDA windows of one language together, on the CPU one by one in threads.

        A CPU is no slower at that, and how a sum is rounded cannot depend on what else is read.
        """

        def language(ready: Ready) -> str:
            return drafts[ready.window.recording].language

        if self._pool is None:
            raise RuntimeError("open() was not called")
        shares = [
            (code, share)
            for code, group in groupby(sorted(batch, key=language), key=language)
            for share in ([[w] for w in group] if self._device == "cpu" else [list(group)])
        ]
        for (_, share), readings in zip(shares, self._pool.map(self._read_share, shares), strict=True):
            yield from zip((ready.window for ready in share), readings, strict=True)

    def _read_share(self, share: tuple[str, list[Ready]]) -> list[Reading]:
        code, windows = share
        return self._open_decoder.read([w.features for w in windows], [w.seconds for w in windows], code)

    def _write(self, draft: _Draft, window: Window, reading: Reading) -> None:
        """Add what is believed of a reading to the transcript, and a warning for what is not."""
        reason = self._fault(reading.text, reading)
        if reason:
            draft.warnings.append(_rejection(window.span, reading.text, reason))
            return
        pause = self._options.voice.utterance_pause_s
        for segment in reading.segments:
            for words in split_at_pauses([window.place(word) for word in segment], pause):
                utterance = Utterance(Span(words[0].span.start, words[-1].span.end), words)
                reason = self._fault(utterance.text, reading)
                if reason:
                    draft.warnings.append(_rejection(utterance.span, utterance.text, reason))
                else:
                    draft.utterances.append(utterance)

    def _fault(self, text: str, reading: Reading) -> str | None:
        return fault(text, reading.avg_logprob, reading.no_speech_prob, self._options.rejection)

    def _transcript(self, draft: _Draft) -> Heard:
        if draft.error is not None:
            return draft.error
        return Transcript(
            utterances=run_on(draft.utterances),
            language=draft.language,
            source=f"whisper:{self._name}",
            word_times="exact",
            warnings=tuple(draft.warnings),
        )

    @property
    def _open_decoder(self) -> WhisperDecoder:
        if self._decoder is None:
            raise RuntimeError("open() was not called")
        return self._decoder


def _rejection(span: Span, text: str, reason: str) -> str:
    excerpt = text if len(text) <= 60 else text[:57] + "..."
    return f"not believed at {span.start:.1f}-{span.end:.1f} s ({reason}): {excerpt!r}"
