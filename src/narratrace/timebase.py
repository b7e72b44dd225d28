"""Time: exact pts with a rational time base at decode, float64 seconds everywhere else.

Note [One clock]
~~~~~~~~~~~~~~~~
Seconds in narratrace always mean the video's own presentation clock: ``pts * time_base`` of the video
stream, with the first frame's pts included and not subtracted. Audio, captions, trace, words and samples
are all placed on that clock; captions, which count from the beginning of playback, are moved there
(Note [Playback and presentation]). A frame's time is never ``index / fps``: screen recordings have a variable
frame rate, and a constant rate drifts by seconds over an hour.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import accumulate

from msgspec import Struct


def pts_to_seconds(pts: int, time_base: Fraction) -> float:
    """Seconds of a presentation time stamp, rounded once (the product is exact until then)."""
    return pts * time_base.numerator / time_base.denominator


def seconds_to_pts(seconds: float, time_base: Fraction) -> int:
    """The time stamp nearest to ``seconds``; inverse of :func:`pts_to_seconds` for every exact pts.

    Raises:
        ValueError: ``seconds`` is not finite or ``time_base`` is not positive.
    """
    if not math.isfinite(seconds):
        raise ValueError(f"seconds must be finite, got {seconds}")
    if time_base <= 0:
        raise ValueError(f"time_base must be positive, got {time_base}")
    return round(Fraction(seconds) / time_base)


class Span(Struct, frozen=True, order=True):
    """Half-open interval ``[start, end)`` in seconds: touching spans do not overlap.

    Raises:
        ValueError: an end before its start, or a bound that is not finite.
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError(f"span bounds must be finite, got [{self.start}, {self.end})")
        if self.end < self.start:
            raise ValueError(f"span ends before it starts: [{self.start}, {self.end})")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    @property
    def middle(self) -> float:
        """The instant half way."""
        return 0.5 * (self.start + self.end)

    def contains(self, t: float) -> bool:
        """Whether ``start <= t < end``."""
        return self.start <= t < self.end

    def overlap(self, other: Span) -> float:
        """Seconds the two spans share, 0 when they are apart."""
        return max(0.0, min(self.end, other.end) - max(self.start, other.start))

    def intersect(self, other: Span) -> Span | None:
        """The shared part, or None when it is empty."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def cut(self, outer: Span) -> Span:
        """The part within ``outer``; a point on its edge when the two are apart."""
        return Span(outer.clamp(self.start), outer.clamp(self.end))

    def pad(self, before: float, after: float) -> Span:
        """The span widened by ``before`` and ``after`` seconds; negative ones shrink it (to a point)."""
        start = self.start - before
        return Span(start, max(start, self.end + after))

    def clamp(self, t: float) -> float:
        """``t`` moved to the nearest point of the closed span."""
        return min(max(t, self.start), self.end)


def merge_spans(spans: Iterable[Span], gap: float = 0.0) -> list[Span]:
    """Sorted union of spans; neighbours at most ``gap`` seconds apart become one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start - merged[-1].end <= gap:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def irregular(intervals: Mapping[int, int], tolerance: float = 0.1) -> bool:
    """Whether frame intervals make a variable frame rate.

    Args:
        intervals: How often each interval between neighbouring frames occurs; intervals in pts units.
        tolerance: Largest deviation from the median that still counts as constant, relative. One unit
            never counts: containers round times to their time base.
    """
    total = sum(intervals.values())
    if total < 2:
        return False
    ordered = sorted(intervals.items())
    up_to = list(accumulate(count for _, count in ordered))
    median = ordered[bisect_left(up_to, total / 2)][0]
    allowed = max(1.0, tolerance * median)
    return any(abs(interval - median) > allowed for interval in intervals)
