"""Transcription with Whisper, batched over recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

from msgspec import Struct, field

from narratrace.data.media import VideoInput
from narratrace.data.spacing import run_on
from narratrace.data.transcript import Transcript, Utterance
from narratrace.models import OWN_MODELS, Model, Models, answers
from narratrace.timebase import Span
from narratrace.understand.hallucination import fault
from narratrace.understand.prepare import Preparer, Ready
from narratrace.understand.recogniser import Spoken, load_recogniser
from narratrace.understand.transcriber import AudioReader, Heard, TranscribeOptions
from narratrace.understand.voice import Window, split_at_pauses
from narratrace.understand.whisper_decoder import Reading, spectrogram


class _Draft(Struct):
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
        model: Name or folder of the model, see :func:`narratrace.understand.whisper_model.find_model`.
        options: How to transcribe.
        audio_reader: Decodes the sound of a recording.
        device: ``cpu`` or ``cuda:N``.
        models: Where the model is.
    """

    def __init__(
        self,
        model: str,
        options: TranscribeOptions,
        *,
        audio_reader: AudioReader,
        device: str = "cpu",
        models: Models = OWN_MODELS,
    ) -> None:
        self._name = model
        self._options = options
        self._read_audio = audio_reader
        self._device = device
        self._models = models
        self._recogniser: Model | None = None
        self._preparer: Preparer | None = None

    def open(self) -> None:
        """Find and load the model; raises what :func:`load_recogniser` raises."""
        options = self._options
        make = partial(load_recogniser, self._name, options, self._device)
        self._recogniser = self._models.open("transcribe", make)
        features = partial(spectrogram, self._recogniser.facts)
        self._preparer = Preparer(self._read_audio, features, options.voice, options.prepare_threads)

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
        if self._recogniser is not None:
            self._recogniser.close()
        self._recogniser = self._preparer = None

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
        codes = self._ask([Spoken(ready.features, ready.seconds) for ready in first.values()])
        for recording, code in zip(first, codes, strict=True):
            drafts[recording].language = code

    def _read(self, batch: Sequence[Ready], drafts: Sequence[_Draft]) -> Iterator[tuple[Window, Reading]]:
        """The readings of a batch, each window in its recording's language."""
        spoken = [Spoken(w.features, w.seconds, drafts[w.window.recording].language) for w in batch]
        return zip((ready.window for ready in batch), self._ask(spoken), strict=True)

    def _ask(self, spoken: Sequence[Spoken]) -> list[Any]:
        if self._recogniser is None:
            raise RuntimeError("open() was not called")
        return answers(self._recogniser, spoken) if spoken else []

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


def _rejection(span: Span, text: str, reason: str) -> str:
    excerpt = text if len(text) <= 60 else text[:57] + "..."
    return f"not believed at {span.start:.1f}-{span.end:.1f} s ({reason}): {excerpt!r}"
