"""One gesture of the pointer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from narratrace.data.shots import Box
from narratrace.data.trace import F64
from narratrace.timebase import Span

GestureKind = Literal["circle", "underline", "dwell"]

_SAME_S, _SAME_IOU = 0.5, 0.5
"""Gestures are one when no further apart in time (s), and their boxes no less alike (choices of ours)."""

_HALF_PX = 0.5  # points lie in the middle of pixels, and boxes are half-open


class Gesture(Struct, frozen=True, kw_only=True):
    """The pointer points something out.

    Attributes:
        kind: ``circle`` goes round a region, ``underline`` runs along a line of text, ``dwell`` rests on
            a spot.
        span: From the first to the last instant of it, travel not included.
        box: The region meant, in pixels of the displayed picture.
    """

    kind: GestureKind
    span: Span
    box: Box


def joined(gestures: Iterable[Gesture]) -> list[Gesture]:
    """The gestures in time order; one that goes on where the last of its kind ended becomes part of it."""
    found: list[Gesture] = []
    for new in sorted(gestures, key=lambda gesture: gesture.span):
        last = found[-1] if found else None
        if (
            last is not None
            and last.kind == new.kind
            and new.span.start - last.span.end <= _SAME_S
            and last.box.iou(new.box) >= _SAME_IOU
        ):
            span = Span(last.span.start, max(last.span.end, new.span.end))
            found[-1] = Gesture(kind=new.kind, span=span, box=enclosing(last.box, new.box))
        else:
            found.append(new)
    return found


def extent(x: F64, y: F64) -> Box:
    """The smallest box around the pixels that points, at least one, lie on: all of them are inside."""
    return Box(
        x0=float(x.min()) - _HALF_PX,
        y0=float(y.min()) - _HALF_PX,
        x1=float(x.max()) + _HALF_PX,
        y1=float(y.max()) + _HALF_PX,
    )


def enclosing(a: Box, b: Box) -> Box:
    """The smallest box around both."""
    return Box(x0=min(a.x0, b.x0), y0=min(a.y0, b.y0), x1=max(a.x1, b.x1), y1=max(a.y1, b.y1))
