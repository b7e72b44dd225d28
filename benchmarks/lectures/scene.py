"""What one shot shows: a background, things painted on it over time, and regions that keep moving."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from .model import Change, Image8, Rect, Zone

FOREVER = 1e9
"""A time (s) after the end of every recording."""


class Painter(Protocol):
    """Something that changes the screen over time, as a pure function of time."""

    def key(self, t: float) -> Hashable:
        """Equal keys at two times mean equal pixels."""

    def paint(self, canvas: Image8, t: float) -> None:
        """Draw the state at time t (s) onto the canvas."""

    def changes(self) -> list[Change]:
        """The changes that this makes."""


@dataclass
class Mover:
    """A painter confined to `rect` that never rests: it does not break stability.

    `start` and `end` (s) are when it is on the screen.
    """

    rect: Rect
    painter: Painter
    start: float = -FOREVER
    end: float = FOREVER

    def active(self, t: float) -> bool:
        """Whether it is on the screen at time t (s)."""
        return self.start <= t < self.end


@dataclass
class Hover:
    """A region whose look changes while the pointer is in it, `delay` s after it came to rest there.

    `what` is "hover" (button highlight) or "tooltip"; `image` is painted at `place`.
    """

    zone: Rect
    place: Rect
    image: Image8
    what: str
    delay: float


@dataclass
class Scene:
    """The content of one shot, in desktop pixels."""

    background: Image8
    painters: list[Painter] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    hovers: list[Hover] = field(default_factory=list)

    def key(self, t: float) -> Hashable:
        """Identity of the still part at time t (s)."""
        return tuple(p.key(t) for p in self.painters)

    def still(self, t: float) -> Image8:
        """A fresh picture without the moving regions."""
        canvas: Image8 = self.background.copy()
        for painter in self.painters:
            painter.paint(canvas, t)
        return canvas

    def whole(self, t: float) -> Image8:
        """A fresh picture with the moving regions, as a transition needs it."""
        canvas = self.still(t)
        for mover in self.movers:
            if mover.active(t):
                mover.painter.paint(canvas, t)
        return canvas
