"""The still pictures of a recording, near-identical ones of a chunk as one.

Note [One picture per group]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~
Stable spans of the same ``group`` show nearly the same picture: a slide on both sides of an animation, a
view the lecturer comes back to. Within a chunk they are one picture, shown at several times, and give one
pair. Its image is the keyframe of the longest of them, the cleanest median. In different chunks they stay
apart: there the same picture has other words, minutes later.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from narratrace.align.chunker import Chunk
from narratrace.data.analysis import FrameLabel
from narratrace.data.shots import StableSpan
from narratrace.timebase import Span


class Picture(Struct, frozen=True, kw_only=True):
    """One still picture.

    Attributes:
        spans: The stable spans that show it, in time order, never empty.
        best: The one whose keyframe stands for it.
        label: The classifier's verdict on that keyframe, None without a classifier.
        chunk: Index of the chunk it is in, None for one that is not medical.
    """

    spans: tuple[StableSpan, ...]
    best: StableSpan
    label: FrameLabel | None
    chunk: int | None

    @property
    def times(self) -> tuple[Span, ...]:
        """When it is on the screen."""
        return tuple(stable.span for stable in self.spans)

    def during(self, span: Span) -> list[Span]:
        """When it is on the screen within ``span``."""
        return [shared for time in self.times if (shared := time.intersect(span)) is not None]


def is_medical(stable: Sequence[StableSpan], labels: Sequence[FrameLabel] | None) -> list[bool]:
    """Whether each stable span is medical; without a classifier all are."""
    return [label.medical for label in labels] if labels is not None else [True] * len(stable)


def find_pictures(
    stable: Sequence[StableSpan], labels: Sequence[FrameLabel] | None, chunks: Sequence[Chunk]
) -> list[Picture]:
    """The pictures of a recording by first appearance; see Note [One picture per group].

    Args:
        stable: Stable spans in time order.
        labels: Verdict per stable span, None without a classifier.
        chunks: Over the indices of ``stable``; a span in none of them is not medical.
    """
    home = {index: number for number, chunk in enumerate(chunks) for index in chunk.keyframes}
    alike: dict[tuple[int | None, int], list[int]] = {}
    for index, span in enumerate(stable):
        alike.setdefault((home.get(index), span.group), []).append(index)
    pictures = []
    for (chunk, _), members in alike.items():
        best = max(members, key=lambda i: (stable[i].keyframe is not None, stable[i].span.duration, -i))
        label = labels[best] if labels is not None else None
        spans = tuple(stable[i] for i in members)
        pictures.append(Picture(spans=spans, best=stable[best], label=label, chunk=chunk))
    return pictures
