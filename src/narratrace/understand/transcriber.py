"""What every transcriber promises, and the options and spec strings that choose one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal, Protocol, cast

from msgspec import Struct, field

from narratrace.data.audio import Audio
from narratrace.data.media import VideoInput
from narratrace.data.transcript import Transcript
from narratrace.errors import OptionError
from narratrace.options import option
from narratrace.understand.hallucination import RejectionOptions
from narratrace.understand.voice import VoiceOptions

CaptionsReader = Callable[[VideoInput], Transcript | None]
"""Reads the captions sidecar of a recording, None when there is none. Must pickle."""

AudioReader = Callable[[str], Audio | None]
"""Decodes the sound of a media file by its URI, None when it has no audio stream. Must pickle."""

Heard = Transcript | Exception
"""Outcome for one recording: a fault of one recording is a value, not an exception that stops the others."""


class Transcriber(Protocol):
    """Turns the speech of recordings into words on the video's clock (Note [One clock]).

    A transcriber is cheap to make and to pickle until :meth:`open`. It may serve the recordings of a batch
    in any order and share work between them, as long as the results come back in the order of the batch and
    do not depend on which recordings were put into it together.
    """

    def open(self) -> None:
        """Load what is needed.

        Raises:
            NarratraceError: what was asked for is not to be had here.
        """

    def transcribe(self, videos: Sequence[VideoInput]) -> list[Heard]:
        """One transcript, or the exception that prevented it, per video in the same order."""

    def close(self) -> None:
        """Give everything back."""


class TranscriberSpec(Struct, frozen=True):
    """A parsed choice of transcriber.

    Attributes:
        kind: Which implementation.
        model: Whisper model: a name, a ``owner/name`` of the hub, or a folder. Empty for the other kinds.
    """

    kind: Literal["auto", "none", "captions", "whisper"]
    model: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.model}" if self.model else self.kind


def parse_transcriber(text: str) -> TranscriberSpec:
    """The choice behind ``auto``, ``none``, ``captions`` or ``whisper:MODEL_OR_PATH``.

    Raises:
        OptionError: anything else; the message tells what is accepted.
    """
    kind, colon, model = text.strip().partition(":")
    if kind in ("auto", "none", "captions") and not colon:
        return TranscriberSpec(cast(Literal["auto", "none", "captions"], kind))
    if kind == "whisper" and model:
        return TranscriberSpec("whisper", model)
    hint = ""
    if kind == "captions":
        hint = "a captions file belongs to one recording: name it in the manifest, or beside the video"
    raise OptionError(
        f"{text!r} is no transcriber",
        station="transcribe",
        input="asr",
        expected="auto, none, captions, or whisper:NAME_OR_FOLDER",
        cause=hint,
    )


class DecodingOptions(Struct, frozen=True, kw_only=True):
    """How Whisper searches for the text of one window, see Note [Reproducible decoding]."""

    beam_size: Annotated[
        int, option("hypotheses kept by the beam search, 1 is greedy", source="Whisper paper", ge=1)
    ] = 5
    patience: Annotated[float, option("beam search patience factor", source="openai/whisper", gt=0)] = 1.0
    retry_ngram: Annotated[
        int,
        option(
            "a window that fails the checks is searched again with no n-gram of this length occurring twice; "
            "0: no second search",
            unit="tokens",
            source="ours, in place of sampling",
            ge=0,
        ),
    ] = 3
    temperatures: Annotated[
        tuple[float, ...],
        option(
            "sampling temperatures tried after that, in turn; sampled text is not the same on every run",
            source="openai/whisper tries 0.2 to 1.0",
        ),
    ] = ()
    best_of: Annotated[int, option("samples drawn at each temperature", source="openai/whisper", ge=1)] = 5


class TranscribeOptions(Struct, frozen=True, kw_only=True):
    """Who transcribes, with which model, on how much of the machine."""

    asr: Annotated[str, option("auto, none, captions, or whisper:NAME_OR_FOLDER")] = "auto"
    auto_model: Annotated[
        str,
        option(
            "Whisper model that `auto` uses for recordings without captions, if it is on disk",
            source="published pipeline: large-v2; turbo is about as good and several times faster",
        ),
    ] = "large-v3-turbo"
    allow_download: Annotated[bool, option("fetch a named model that is not on disk")] = False
    language: Annotated[str, option("ISO 639-1 code of the speech, empty to detect it")] = ""
    compute_type: Annotated[
        str,
        option(
            "CTranslate2 compute type; auto: float16 on CUDA, int8 on CPUs where that is exact, else float32"
        ),
    ] = "auto"
    cpu_threads: Annotated[
        int,
        option("threads that recognise, a window each, 0 for one per core; on CUDA one reads a batch", ge=0),
    ] = 0
    prepare_threads: Annotated[
        int,
        option(
            "threads that read sound, find voices and make spectrograms ahead of the recogniser, "
            "0 for one per four cores (at most 8)",
            source="measured: one core prepares about 160 x real time, a data centre card recognises 400 x",
            ge=0,
        ),
    ] = 0
    batch_windows: Annotated[
        int, option("windows of up to 30 s read together, from as many recordings as it takes", ge=1)
    ] = 8
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    voice: VoiceOptions = field(default_factory=VoiceOptions)
    rejection: RejectionOptions = field(default_factory=RejectionOptions)
