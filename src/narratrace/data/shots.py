"""What the picture does over time: shots, changes within them, stable spans, moving regions."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from narratrace.data.frames import Image
from narratrace.timebase import Span

Transition = Literal["none", "cut", "fade", "wipe"]
ChangeKind = Literal["zoom", "pan", "scroll", "build", "motion", "popup", "other"]


class Shot(Struct, frozen=True, kw_only=True):
    """One slide, view or scene.

    Attributes:
        span: From the first frame of the picture to the start of the next shot.
        transition: How the shot begins; ``none`` for the first.
        settled: When its picture is complete, seconds: later than ``span.start`` for fades.
    """

    span: Span
    transition: Transition
    settled: float


class Box(Struct, frozen=True, kw_only=True):
    """Axis-aligned rectangle, half-open, in pixels of the displayed picture."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self) -> float:
        """Square pixels."""
        return max(0.0, self.x1 - self.x0) * max(0.0, self.y1 - self.y0)

    def contains(self, x: float, y: float) -> bool:
        """Whether the point lies inside."""
        return self.x0 <= x < self.x1 and self.y0 <= y < self.y1

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 when both are empty."""
        w = min(self.x1, other.x1) - max(self.x0, other.x0)
        h = min(self.y1, other.y1) - max(self.y0, other.y0)
        shared = max(0.0, w) * max(0.0, h)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0


class ChangeEvent(Struct, frozen=True, kw_only=True):
    """A change of content within a shot (a bullet, a zoom, a scrolled stack), not a shot boundary.

    Attributes:
        span: From the last unchanged to the first settled frame.
        kind: What kind of change it is believed to be.
        box: Where the picture changed.
        changed: Share of the picture's area that changed, 0..1.
    """

    span: Span
    kind: ChangeKind
    box: Box
    changed: float


class MovingRegion(Struct, frozen=True, kw_only=True):
    """An area that keeps moving while the rest is still: webcam inset, cine loop, clock."""

    box: Box
    span: Span


class StableSpan(Struct, frozen=True, kw_only=True):
    """An interval in which nothing changes but the pointer and declared moving regions.

    Attributes:
        span: The interval.
        keyframe_t: Presentation time the clean keyframe stands for, inside the span.
        keyframe: The picture without the pointer, None when pictures were not asked for.
        phash: 64-bit perceptual hash of the keyframe.
        group: Spans with the same number show nearly the same picture; the number is the index of the
            first of them.
    """

    span: Span
    keyframe_t: float
    keyframe: Image | None
    phash: int
    group: int
