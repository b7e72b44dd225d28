"""Transcription with Whisper, batched over recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice

from narratrace.data.media import VideoInput
from narratrace.data.transcript import Transcript, Utterance
from narratrace.errors import OptionError
from narratrace.timebase import Span
from narratrace.understand.hallucination import fault
from narratrace.understand.transcriber import AudioReader, Heard, TranscribeOptions
from narratrace.understand.voice import Window, split_at_pauses, windows
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

    Recordings are read one after the other while batches are decoded, so no more than one recording's sound
    and one batch of windows are in memory at a time.

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
        model = load_model(
            folder, device=self._device, compute_type=options.compute_type, cpu_threads=options.cpu_threads
        )
        if options.language and options.language not in model.supported_languages:
            raise OptionError(
                f"the model does not know language {options.language!r}",
                station="transcribe",
                input="language",
                expected=", ".join(model.supported_languages),
            )
        self._decoder = WhisperDecoder(model, options.decoding, options.rejection)

    def transcribe(self, videos: Sequence[VideoInput]) -> list[Heard]:
        """See :meth:`Transcriber.transcribe`; text that is not believed is left out with a warning."""
        drafts = [_Draft(language=self._options.language) for _ in videos]
        stream = self._windows(videos, drafts)
        while batch := list(islice(stream, self._options.batch_windows)):
            for window, reading in self._read(batch, drafts):
                self._write(drafts[window.recording], window, reading)
        return [self._transcript(draft) for draft in drafts]

    def close(self) -> None:
        """Let go of the model."""
        self._decoder = None

    def _windows(self, videos: Sequence[VideoInput], drafts: Sequence[_Draft]) -> Iterator[Window]:
        """All windows of all recordings, in order; what goes wrong with a recording ends up in its draft."""
        for i, (video, draft) in enumerate(zip(videos, drafts, strict=True)):
            try:
                audio = self._read_audio(video.uri)
                if audio is None:
                    draft.warnings.append("no audio stream")
                    continue
                stream = windows(i, audio, self._options.voice)
                first = next(stream, None)
            except Exception as error:
                draft.error = error
                continue
            if first is None:
                draft.warnings.append(f"no voice in {audio.duration:.1f} s of sound")
                continue
            draft.language = draft.language or self._open_decoder.detect_language(first.samples)
            yield first
            yield from stream

    def _read(self, batch: Sequence[Window], drafts: Sequence[_Draft]) -> Iterator[tuple[Window, Reading]]:
        """Readings of a batch; windows of one language are decoded together."""

        def language(window: Window) -> str:
            return drafts[window.recording].language

        for code, group in groupby(sorted(batch, key=language), key=language):
            same = list(group)
            readings = self._open_decoder.read([window.samples for window in same], code)
            yield from zip(same, readings, strict=True)

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
            utterances=tuple(draft.utterances),
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
