"""Cutting a recording into chunks: runs of medical keyframes and the speech that goes with them.

Note [The published chunker]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~
Quilt-1M and MedicalNarratives cut by keyframes, the instants at which a new picture appears. A chunk opens at
the first medical keyframe ``t`` of a run, reaching back to ``max(previous keyframe, t - pair_chunk_time)``,
and closes at the first non-medical keyframe, or at the keyframe at which the gap to the previous one, or
the sum of the gaps since the chunk's first, exceeds ``pair_chunk_time``. Gaps are positive, so the sum
decides: it exceeds the time no later than any single gap does.

Three things of the released code are done otherwise here:

- Its last run is lost when the recording ends on a medical keyframe. Here it closes at the recording's end.
- After a run has grown too long, the next chunk reaches back ``pair_chunk_time`` into it, so that both own
  the same speech. Here chunks are half-open and never overlap: the next opens where the last closed.
- The keyframe that closes a chunk for length belongs to it there, and the next chunk may have none. Here it
  is the first of the next chunk, so that every medical keyframe lies inside exactly one chunk.

``pair_chunk_time`` is the time in which this speaker says a budget of words: seconds per word times 20.

In the published method a chunk's text goes with all of its pictures. Here text goes to single pictures
(Note [Whose sentence it is]), and chunks only say which returns of a picture count as one
(Note [One picture per group]) and what ``meta`` has about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from narratrace.options import option
from narratrace.timebase import Span


class ChunkOptions(Struct, frozen=True, kw_only=True):
    """How long chunks are."""

    word_budget: Annotated[
        int,
        option(
            "words that a chunk's time is meant for; decides which returns of a picture are one picture, not "
            "which text goes with it",
            unit="words",
            source="Quilt-1M, about 20 (recalled)",
            ge=1,
        ),
    ] = 20


class Chunk(Struct, frozen=True, kw_only=True):
    """A run of medical keyframes.

    Attributes:
        span: The stretch of the recording it stands for.
        keyframes: Indices of its keyframes, rising, never empty.
    """

    span: Span
    keyframes: tuple[int, ...]


def pair_chunk_time(spw: float, options: ChunkOptions) -> float:
    """Seconds in which a speaker of ``spw`` seconds per word says the word budget."""
    return spw * options.word_budget


def chunk_keyframes(
    times: Sequence[float], medical: Sequence[bool], pair_chunk_time: float, recording: Span
) -> list[Chunk]:
    """Chunks of a recording in time order, apart from each other; see Note [The published chunker].

    Args:
        times: When each keyframe's picture appears, seconds, strictly rising.
        medical: Whether each is medical, same length.
        pair_chunk_time: Longest time from a chunk's first keyframe to its last, and the longest reach back
            before the first, seconds.
        recording: From start to end, all keyframes inside; the first chunk reaches back no further, the last
            run closes with it.
    """
    chunks: list[Chunk] = []
    members: list[int] = []
    opened = previous = recording.start
    for i, (t, wanted) in enumerate(zip(times, medical, strict=True)):
        if members and (not wanted or t - times[members[0]] > pair_chunk_time):
            chunks.append(Chunk(span=Span(opened, t), keyframes=tuple(members)))
            opened, members = t, []
        elif not members:
            opened = max(previous, t - pair_chunk_time)
        if wanted:
            members.append(i)
        previous = t
    if members:
        chunks.append(Chunk(span=Span(opened, recording.end), keyframes=tuple(members)))
    return chunks
