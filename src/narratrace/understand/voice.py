"""Where somebody speaks, and the windows of up to 30 s cut from those places.

Note [Windows]
~~~~~~~~~~~~~~
Whisper looks at 30 s at a time. The voice regions of a recording, each with a little of the silence around
it, are put end to end until the next would not fit: pauses cost nothing, and no word is cut unless somebody
speaks for half a minute without a breath. A window remembers which piece of the recording each of its
seconds came from, so a word goes back to its place, and is confined to the voice region of its piece: word
times that a recogniser puts into a pause are wrong, by up to tens of seconds in the wild.

Windows are independent of each other and know their recording. Any number of them, of any recordings, may be
decoded in one batch, in any order, with the same result.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.data.transcript import Word
from narratrace.errors import MissingDependency
from narratrace.options import option
from narratrace.timebase import Span

WINDOW_S = 30.0
"""Seconds of sound that Whisper sees at once; fixed by its architecture."""

SHORTEST_WORD_S = 0.02
"""Time resolution of Whisper's alignment in seconds; no word is given less."""


class VoiceOptions(Struct, frozen=True, kw_only=True):
    """Voice detection (Silero VAD) and what is kept around the voice."""

    threshold: Annotated[
        float, option("speech probability that opens a voice region", source="Silero VAD", gt=0, le=1)
    ] = 0.5
    min_silence_s: Annotated[
        float, option("shortest pause that ends a region", unit="s", source="faster-whisper: 0.16", ge=0)
    ] = 0.25
    min_speech_s: Annotated[
        float, option("shorter regions are dropped", unit="s", source="Silero VAD", ge=0)
    ] = 0.1
    pad_s: Annotated[
        float,
        option("silence kept on either side of a region", unit="s", source="faster-whisper", ge=0, le=5),
    ] = 0.4
    slack_s: Annotated[
        float,
        option(
            "how far words may reach out of their region: soft first and last sounds",
            unit="s",
            source="ours: Silero decides in steps of 0.032 s",
            ge=0,
        ),
    ] = 0.1
    utterance_pause_s: Annotated[
        float, option("a pause between words that ends an utterance", unit="s", source="ours", gt=0)
    ] = 1.0


class Piece(Struct, frozen=True):
    """A stretch of a recording inside a window, in seconds from the first sample of the recording's audio.

    Attributes:
        kept: What the window contains.
        voice: The voice region in it, to which its words are confined.
    """

    kept: Span
    voice: Span


class Window(Struct, frozen=True, eq=False):
    """Up to 30 s of one recording's speech, see Note [Windows].

    Attributes:
        recording: Position of the recording in the batch it came with.
        samples: float32, shape (n,), n <= 480,000, at 16 kHz.
        pieces: Where the samples come from, in order.
        origin: Presentation time of the audio's first sample in seconds.
    """

    recording: int
    samples: npt.NDArray[np.float32]
    pieces: tuple[Piece, ...]
    origin: float

    @property
    def span(self) -> Span:
        """From the first to the last voice in it, on the video's clock."""
        return Span(self.origin + self.pieces[0].voice.start, self.origin + self.pieces[-1].voice.end)

    def place(self, word: Word) -> Word:
        """The word, given in seconds from the window's start, at its place on the video's clock.

        The middle of the word decides which piece it belongs to; its ends are confined to that voice.
        """
        starts = np.cumsum([0.0, *(piece.kept.duration for piece in self.pieces[:-1])])
        i = max(0, bisect_right(starts.tolist(), word.span.middle) - 1)
        kept, voice = self.pieces[i].kept, self.pieces[i].voice
        shift = kept.start - float(starts[i])
        start = min(voice.clamp(word.span.start + shift), voice.end - SHORTEST_WORD_S)
        end = max(voice.clamp(word.span.end + shift), start + SHORTEST_WORD_S)
        return replace(word, span=Span(self.origin + start, self.origin + end))


def voice_regions(samples: npt.NDArray[np.float32], options: VoiceOptions) -> list[Span]:
    """Stretches with speech in seconds from the first sample: in order, apart, each shorter than a window.

    Args:
        samples: Mono waveform at 16 kHz, shape (n,).
        options: Thresholds of the detector.

    Raises:
        MissingDependency: faster-whisper, whose bundled Silero VAD is used, is not installed.
    """
    try:
        from faster_whisper.vad import VadOptions, get_speech_timestamps
    except ImportError as error:
        raise missing_asr(error) from error
    if len(samples) == 0:
        return []
    found = get_speech_timestamps(
        samples,
        VadOptions(
            threshold=options.threshold,
            min_speech_duration_ms=round(1000 * options.min_speech_s),
            max_speech_duration_s=WINDOW_S - 2 * options.pad_s,
            min_silence_duration_ms=round(1000 * options.min_silence_s),
            speech_pad_ms=0,
        ),
        sampling_rate=SAMPLE_RATE,
    )
    return [Span(region["start"] / SAMPLE_RATE, region["end"] / SAMPLE_RATE) for region in found]


def windows(recording: int, audio: Audio, options: VoiceOptions) -> Iterator[Window]:
    """The windows of one recording in time order, none when nobody speaks; see :func:`voice_regions`."""
    pieces = pad_regions(voice_regions(audio.samples, options), audio.duration, options)
    for group in pack(pieces):
        parts = [audio.samples[_sample(p.kept.start) : _sample(p.kept.end)] for p in group]
        yield Window(recording, np.concatenate(parts), tuple(group), audio.start)


def pad_regions(regions: Sequence[Span], duration: float, options: VoiceOptions) -> list[Piece]:
    """Each region with up to ``pad_s`` of silence around it, at most half of the pause to its neighbour."""
    pieces = []
    for i, region in enumerate(regions):
        before = (region.start - regions[i - 1].end) / 2 if i else region.start
        after = (regions[i + 1].start - region.end) / 2 if i + 1 < len(regions) else duration - region.end
        kept = region.pad(min(options.pad_s, before), min(options.pad_s, after))
        voice = region.pad(options.slack_s, options.slack_s)
        pieces.append(Piece(kept, Span(max(kept.start, voice.start), min(kept.end, voice.end))))
    return pieces


def pack(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Runs of consecutive pieces that together last at most :data:`WINDOW_S`."""
    group: list[Piece] = []
    for piece in pieces:
        if group and sum(p.kept.duration for p in group) + piece.kept.duration > WINDOW_S:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def split_at_pauses(words: Sequence[Word], pause_s: float) -> Iterator[tuple[Word, ...]]:
    """Runs of words with less than ``pause_s`` seconds between them."""
    run: list[Word] = []
    for word in words:
        if run and word.span.start - run[-1].span.end >= pause_s:
            yield tuple(run)
            run = []
        run.append(word)
    if run:
        yield tuple(run)


def missing_asr(error: ImportError) -> MissingDependency:
    """The error for an installation without the speech libraries."""
    return MissingDependency(
        f"speech recognition needs {error.name or 'faster-whisper'}",
        station="transcribe",
        expected="pip install 'narratrace[asr]'",
    )


def _sample(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
