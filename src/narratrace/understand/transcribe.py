"""The transcription stage: who transcribes a recording, and what becomes of a recording that cannot be."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from msgspec.structs import replace

from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.data.transcript import Transcript
from narratrace.errors import NarratraceError, WorkerLost
from narratrace.models import OWN_MODELS, Models
from narratrace.understand.during import during
from narratrace.understand.transcriber import (
    AudioReader,
    CaptionsReader,
    Heard,
    TranscribeOptions,
    Transcriber,
    parse_transcriber,
)
from narratrace.understand.whisper import WhisperTranscriber

log = logging.getLogger(__name__)

_HELP = (
    "Put captions beside them, NAME.vtt or NAME.srt for NAME.mp4; or name a model on disk, "
    "--asr whisper:FOLDER; or let it be fetched, --set transcribe.allow_download=true"
)
"""What to do about recordings without words."""


class NoTranscriber:
    """The :class:`Transcriber` that hears nothing."""

    def open(self) -> None:
        """Nothing to load."""

    def transcribe(self, videos: Sequence[VideoInput]) -> list[Heard]:
        """An empty transcript per video."""
        return [Transcript() for _ in videos]

    def close(self) -> None:
        """Nothing to give back."""


class CaptionsTranscriber:
    """The :class:`Transcriber` that reads captions; without a sidecar, an empty transcript and a warning."""

    def __init__(self, captions_reader: CaptionsReader) -> None:
        self._read = captions_reader

    def open(self) -> None:
        """Nothing to load."""

    def transcribe(self, videos: Sequence[VideoInput]) -> list[Heard]:
        """The captions of each video."""
        return [
            Transcript(source="captions", warnings=("no captions sidecar",)) if heard is None else heard
            for heard in map(self.read, videos)
        ]

    def close(self) -> None:
        """Nothing to give back."""

    def read(self, video: VideoInput) -> Heard | None:
        """The captions of one video, None when it has none."""
        try:
            return self._read(video)
        except Exception as error:
            return error


class AutoTranscriber:
    """Captions where there are some; speech recognition for the others, if its model is on disk.

    The recogniser is loaded when the first recording without captions comes by. If that is not possible,
    such recordings get an empty transcript whose warning says why, and one line of the log says what helps:
    with ``auto``, nobody insisted.
    """

    def __init__(self, captions: CaptionsTranscriber, recogniser: Transcriber) -> None:
        self._captions = captions
        self._recogniser = recogniser
        self._usable: bool | None = None
        self._why_not = ""

    def open(self) -> None:
        """Nothing to load yet."""

    def transcribe(self, videos: Sequence[VideoInput]) -> list[Heard]:
        """See :meth:`Transcriber.transcribe`."""
        heard = [self._captions.read(video) for video in videos]
        without = [video for video, found in zip(videos, heard, strict=True) if found is None]
        recognised = iter(self._recognise(without)) if without else iter(())
        return [next(recognised) if found is None else found for found in heard]

    def close(self) -> None:
        """Let go of the recogniser."""
        if self._usable:
            self._recogniser.close()
        self._usable = None

    def _recognise(self, videos: Sequence[VideoInput]) -> list[Heard]:
        if self._usable is None:
            self._usable = self._try_open()
        if self._usable:
            return self._recogniser.transcribe(videos)
        warning = f"no captions sidecar, no speech recognition: {self._why_not}"
        return [Transcript(warnings=(warning,)) for _ in videos]

    def _try_open(self) -> bool:
        try:
            self._recogniser.open()
        except WorkerLost:  # it shares the model with others: whether it can be loaded is still open
            raise
        except NarratraceError as error:
            self._why_not = error.message
            # Not said of the recording in hand: a run says once what all of its workers say.
            log.warning(
                "recordings without captions get no words: %s. %s", error, _HELP, extra={"video_id": ""}
            )
            return False
        return True


class Transcribe:
    """Stage that fills in :attr:`Recording.transcript` with the words spoken while there is a picture.

    Args:
        options: Who transcribes, and how.
        captions_reader: Finds and reads captions sidecars.
        audio_reader: Decodes the sound of a media file.
        device: ``cpu`` or ``cuda:N``.
        models: Where the recogniser's model is.

    Raises:
        OptionError: ``options.asr`` names no transcriber.
    """

    name = "transcribe"

    def __init__(
        self,
        options: TranscribeOptions,
        *,
        captions_reader: CaptionsReader,
        audio_reader: AudioReader,
        device: str = "cpu",
        models: Models = OWN_MODELS,
    ) -> None:
        spec = parse_transcriber(options.asr)
        captions = CaptionsTranscriber(captions_reader)
        whisper = WhisperTranscriber(
            spec.model or options.auto_model,
            options,
            audio_reader=audio_reader,
            device=device,
            models=models,
        )
        transcribers: dict[str, Transcriber] = {
            "none": NoTranscriber(),
            "captions": captions,
            "whisper": whisper,
            "auto": AutoTranscriber(captions, whisper),
        }
        self._transcriber = transcribers[spec.kind]

    def open(self) -> None:
        """Load what the transcriber needs; raises what :meth:`Transcriber.open` raises."""
        self._transcriber.open()

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """One outcome per recording in the same order; the batch's time is shared out evenly."""
        begun = time.perf_counter()
        heard = self._transcriber.transcribe([recording.input for recording in batch])
        seconds = (time.perf_counter() - begun) / max(1, len(batch))
        return [self._outcome(recording, h, seconds) for recording, h in zip(batch, heard, strict=True)]

    def close(self) -> None:
        """Give the model back."""
        self._transcriber.close()

    def _outcome(self, recording: Recording, heard: Heard, seconds: float) -> Outcome[Recording]:
        if isinstance(heard, Exception):
            return Failed.from_exception(
                heard, video_id=recording.video_id, uri=recording.input.uri, station=self.name
            )
        transcript = during(heard, recording.visual.shown) if recording.visual else heard
        # Captions seldom say in which language they are; what they or a recogniser say is nearer the words.
        transcript = replace(transcript, language=transcript.language or recording.input.language)
        return Kept(recording.with_(self.name, seconds, transcript=transcript))
