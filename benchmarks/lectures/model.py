"""Small values shared by all parts: rectangles, targets, cues, words, gestures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]
"""RGB picture, shape (height, width, 3)."""
Point = tuple[float, float]
"""x, y in desktop pixels."""


class Rect(NamedTuple):
    """Half-open pixel box: columns x0..x1-1, rows y0..y1-1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """Columns covered."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Rows covered."""
        return self.y1 - self.y0

    @property
    def centre(self) -> Point:
        """Middle, in pixels."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def contains(self, x: float, y: float) -> bool:
        """Whether the pixel (x, y) lies inside."""
        return self.x0 <= x < self.x1 and self.y0 <= y < self.y1

    def grown(self, by: int) -> Rect:
        """The box with `by` pixels added on every side."""
        return Rect(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def clipped(self, width: int, height: int) -> Rect:
        """The part inside a picture of that size."""
        return Rect(max(self.x0, 0), max(self.y0, 0), min(self.x1, width), min(self.y1, height))

    def of(self, picture: Image8) -> Image8:
        """View of the picture's pixels under the box."""
        return picture[self.y0 : self.y1, self.x0 : self.x1]


@dataclass(frozen=True)
class Change:
    """Something on the screen changes between `start` and `end` (s)."""

    what: str
    start: float
    end: float


@dataclass(frozen=True)
class Target:
    """A thing worth pointing at: a "spot" of a picture, a "line" of text, or a "link"."""

    kind: str
    rect: Rect
    label: str | None = None


@dataclass(frozen=True)
class Zone:
    """Inside `rect`, from `start` to `end` (s), the system shows this pointer shape."""

    rect: Rect
    shape: str
    start: float
    end: float


@dataclass(frozen=True)
class Cue:
    """What the lecturer's hand is meant to do at a time.

    kind "point": show `target`; "follow": be on `path` from start to end, evenly in time (ink, dragging);
    "hold": keep still; "leave": go off the screen or to its edge; "click": press once on `target`.
    """

    kind: str
    start: float
    end: float
    target: Target | None = None
    path: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Word:
    """One spoken word with its time, s."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Sentence:
    """One spoken sentence with its words, s."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Gesture:
    """A movement of the pointer with a purpose; `fields` are positions in desktop pixels."""

    kind: str
    start: float
    end: float
    fields: dict[str, float] = field(default_factory=dict)
    label: str | None = None
