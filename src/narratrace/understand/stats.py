"""Shares and rates of a recording that tell whether it is worth keeping.

Note [Narrative style]
~~~~~~~~~~~~~~~~~~~~~~
The published curation keeps a video when, of 20 random keyframes, at least 10 % are nearly identical to a
neighbour (cosine of their embeddings of 0.9 or more): a lecturer stays on a picture and explains it. Here the
keyframes are those of the stable spans. The embedding is the keyframe's 64-bit perceptual hash taken as 64
numbers of +1 and -1, whose cosine is 1 - distance / 32: 0.9 admits three differing bits. The neighbours are
the keyframes before and after in time. The sample depends on the seed and the number of keyframes only:
positions are ranked by a hash, so every machine and library version draws the same.

A stable span lasts as long as its picture does, where the published scene filter may give several keyframes
of it, so the share is on the low side of the published one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated

import numpy as np
from msgspec import Struct

from narratrace.data.analysis import FrameLabel, VideoStats, VisualAnalysis
from narratrace.data.shots import StableSpan
from narratrace.data.trace import Trace
from narratrace.data.transcript import Transcript
from narratrace.options import option
from narratrace.timebase import Span, merge_spans

PHASH_BITS = 64


class StatsOptions(Struct, frozen=True, kw_only=True):
    """How the figures are taken."""

    pointer_gap_s: Annotated[
        float,
        option(
            "longest gap in the trace during which the pointer counts as visible",
            unit="s",
            source="ours: ten samples at the default analysis rate",
            gt=0,
        ),
    ] = 1.0
    narrative_keyframes: Annotated[
        int, option("keyframes sampled for the narrative-style score", source="published: 20", ge=2)
    ] = 20
    narrative_cosine: Annotated[
        float, option("similarity of nearly identical keyframes", source="published: 0.9", ge=-1, le=1)
    ] = 0.9
    seed: Annotated[int, option("chooses the sampled keyframes", ge=0)] = 0


def video_stats(
    visual: VisualAnalysis,
    transcript: Transcript,
    labels: Sequence[FrameLabel] | None,
    options: StatsOptions | None = None,
) -> VideoStats:
    """The figures of one recording.

    Args:
        visual: Its visual analysis.
        transcript: Its words.
        labels: A label per stable span, None without a classifier.
        options: How to take the figures, by default as in :class:`StatsOptions`.

    Returns:
        Shares of the interval from the first frame to the end of the last, each 0..1. Of the labels, those of
        spans without a picture are not counted.
    """
    options = options or StatsOptions()
    shown = visual.shown
    speech = [utterance.span for utterance in transcript.utterances]
    spans = visual.stable_spans
    judged = [
        label.medical for label, span in zip(labels or (), spans, strict=labels is not None) if span.keyframe
    ]
    return VideoStats(
        duration=shown.duration,
        speech_share=_share(speech, shown),
        stable_share=_share([span.span for span in spans], shown),
        pointer_share=_share(pointer_spans(visual.trace, options.pointer_gap_s), shown),
        narrative_score=narrative_score(spans, options),
        medical_share=sum(judged) / len(judged) if judged else None,
        spw=transcript.seconds_per_word,
        words=len(transcript.words),
    )


def narrative_score(spans: Sequence[StableSpan], options: StatsOptions) -> float | None:
    """Share of sampled keyframes that nearly repeat a neighbour, None for fewer than two.

    See Note [Narrative style].
    """
    hashes = [span.phash for span in spans]
    if len(hashes) < 2:
        return None
    sampled = sorted(range(len(hashes)), key=lambda i: _rank(options.seed, i))[: options.narrative_keyframes]
    repeats = sum(
        any(
            phash_cosine(hashes[i], hashes[j]) >= options.narrative_cosine
            for j in (i - 1, i + 1)
            if 0 <= j < len(hashes)
        )
        for i in sampled
    )
    return repeats / len(sampled)


def phash_cosine(a: int, b: int) -> float:
    """Cosine between two perceptual hashes as vectors of +1 and -1: 1 when equal, -1 when inverse."""
    return 1 - 2 * (a ^ b).bit_count() / PHASH_BITS


def pointer_spans(trace: Trace, max_gap: float) -> list[Span]:
    """When the pointer is visible: from each point to the next, if that is within ``max_gap`` seconds."""
    close = np.flatnonzero(np.diff(trace.t) <= max_gap)
    return merge_spans(Span(float(trace.t[i]), float(trace.t[i + 1])) for i in close)


def _rank(seed: int, i: int) -> bytes:
    return blake2b(f"{seed}:{i}".encode(), digest_size=8).digest()


def _length(spans: Sequence[Span]) -> float:
    return sum(span.duration for span in merge_spans(spans))


def _share(spans: Sequence[Span], whole: Span) -> float:
    inside = [part for part in (span.intersect(whole) for span in spans) if part]
    return min(1.0, _length(inside) / whole.duration) if whole.duration > 0 else 0.0
