"""Aligned samples: what the engine exists to produce."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct, field

from narratrace.data.frames import Image
from narratrace.data.shots import Box
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Utterance, Word
from narratrace.timebase import Span


class SampleKind(str, Enum):
    """The three kinds of samples, and the names of their shards."""

    PAIR = "pairs"
    TRACE = "traces"
    CLIP = "clips"


class WordPosition(Struct, frozen=True, kw_only=True):
    """Where the pointer is while a word is spoken.

    Attributes:
        word: The word, on the video's clock.
        x, y: Pointer in pixels of the displayed picture, None while no pointer is visible.
    """

    word: Word
    x: float | None
    y: float | None


class RegionBox(Struct, frozen=True, kw_only=True):
    """A region the lecturer points out, and the words that go with it.

    Attributes:
        box: In pixels of the displayed picture.
        span: When it is pointed out.
        text: The words spoken meanwhile.
        method: ``cluster`` (the published clustering), or the gesture it comes from: ``circle``,
            ``underline`` or ``dwell``.
        score: Share of the trace points of the span that lie inside, 0..1.
    """

    box: Box
    span: Span
    text: str
    method: str
    score: float


class Clip(Struct, frozen=True, kw_only=True):
    """A short video around a trace event.

    Attributes:
        mp4: The encoded file, empty until it has been cut.
        span: Wanted interval on the source's clock.
        offset: Source time of the clip's first frame in seconds: later than ``span.start`` when the first
            frame comes after it, earlier for stream copies, which begin at a random access point.
        method: ``encode`` or ``copy``.
        frames: Video frames in the clip.
    """

    mp4: bytes
    span: Span
    offset: float
    method: str
    frames: int

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.span}, {self.method}, {len(self.mp4)} B)"


class AlignedSample(Struct, frozen=True, kw_only=True):
    """One training sample: a picture or clip, its text, and for traces where the pointer was.

    Samples are equal when all of their content is, and can be members of sets.

    Attributes:
        kind: Pair, trace or clip.
        key: ``{video_id}_{index}``, unique within its kind, the same on every run.
        video_id: Recording it was taken from.
        index: Number of the sample within its kind and recording, from 0.
        span: The interval of the recording it covers.
        text: The spoken text.
        utterances: The same text with times.
        image: Clean keyframe (pairs, traces; for clips the poster), None when there is none.
        image_t: Presentation time the image stands for, None without an image.
        stable_span: The stable span the image was taken from.
        trace: Pointer positions within ``span``; empty for pairs without a pointer.
        word_positions: Per word, where the pointer was.
        boxes: Regions pointed out.
        dwells: Fixations within ``span``.
        clip: The clip, for clips only.
        labels: Probability by imaging domain of the image, empty without a classifier.
        meta: Fields of the video and of the chunk (title, link, spw, pair_chunk_time, ...), JSON values.
    """

    kind: SampleKind
    key: str
    video_id: str
    index: int
    span: Span
    text: str
    utterances: tuple[Utterance, ...]
    image: Image | None
    image_t: float | None
    stable_span: Span | None
    trace: Trace
    word_positions: tuple[WordPosition, ...] = ()
    boxes: tuple[RegionBox, ...] = ()
    dwells: tuple[Dwell, ...] = ()
    clip: Clip | None = None
    labels: Mapping[str, float] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.kind, self.key))  # mappings have none
