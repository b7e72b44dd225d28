"""The fields of a sample that describe its video and its chunk."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from narratrace.align.chunker import Chunk
from narratrace.align.gesture import Gesture
from narratrace.data.media import VideoInput
from narratrace.data.shots import StableSpan
from narratrace.data.transcript import Transcript
from narratrace.timebase import Span


def chunk_meta(
    source: VideoInput,
    transcript: Transcript,
    spw: float,
    pair_chunk_time: float,
    chunks: Sequence[Chunk],
    stable: Sequence[StableSpan],
    gestures: Sequence[Gesture],
) -> dict[int, dict[str, Any]]:
    """By chunk index, the ``meta`` of its samples: JSON values only.

    ``title``, ``channel``, ``link``, ``licence`` and the further manifest columns, which never displace a
    field of ours; ``spw`` and ``pair_chunk_time`` (s); ``word_times`` (``exact`` or ``interpolated``); and
    ``chunk``: its ``index``, ``start`` and ``end`` (s), its stable intervals ``stable_times`` and the
    gestures during it ``pointing_times``, both as ``[[start, end]]`` (s).

    What the dataset card derives from several samples (``sample_count``, ``domains``, ``chunk_times`` of the
    whole recording ...) is left to whoever has them all.
    """
    video = {
        "title": source.title,
        "channel": source.channel,
        "link": source.link,
        "licence": source.licence,
        "spw": spw,
        "pair_chunk_time": pair_chunk_time,
        "word_times": transcript.word_times,
    }
    metas = {}
    for index, chunk in enumerate(chunks):
        ours = {**video, "chunk": _facts(index, chunk, stable, gestures)}
        metas[index] = {**{k: _plain(v) for k, v in source.extra.items() if k not in ours}, **ours}
    return metas


def _facts(
    index: int, chunk: Chunk, stable: Sequence[StableSpan], gestures: Sequence[Gesture]
) -> dict[str, Any]:
    return {
        "index": index,
        "start": chunk.span.start,
        "end": chunk.span.end,
        "stable_times": _times(stable[i].span for i in chunk.keyframes),
        "pointing_times": _times(g.span for g in gestures if chunk.span.contains(g.span.middle)),
    }


def _times(spans: Iterable[Span]) -> list[list[float]]:
    return [[span.start, span.end] for span in spans]


def _plain(value: Any) -> Any:
    """A manifest value as JSON has it; what JSON does not know becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
