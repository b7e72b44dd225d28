"""The whole screen over time: shots, transitions between them, and overlays that outlive shots."""

from __future__ import annotations

import bisect
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from .model import Change, Image8
from .scene import Mover, Painter, Scene

HALF = 0.5
"""Share of the frame above which a moving region is a playing video."""


@dataclass(frozen=True)
class Transition:
    """How a shot comes in: "cut", or a gradual style that takes `duration` s."""

    style: str = "cut"
    duration: float = 0.0


@dataclass
class Shot:
    """A scene that comes in at `start` (s)."""

    scene: Scene
    start: float
    transition: Transition

    @property
    def settled(self) -> float:
        """Time (s) from which only this shot is seen."""
        return self.start + self.transition.duration


def blend(old: Image8, new: Image8, style: str, progress: float) -> Image8:
    """Mixture of two pictures; progress 0 is the old one, 1 the new one."""
    width = old.shape[1]
    if style in ("wipe", "push", "cover"):
        edge = round(width * progress)
        out: Image8 = old.copy()
        if style == "wipe":
            out[:, :edge] = new[:, :edge]
        else:
            out[:, width - edge :] = new[:, :edge]
            if style == "push":
                out[:, : width - edge] = old[:, edge:]
        return out
    if style in ("black", "white"):
        level = 0.0 if style == "black" else 255.0
        picture, share = (old, 1 - 2 * progress) if progress < 0.5 else (new, 2 * progress - 1)
        dipped: Image8 = (picture * np.float32(share) + np.float32(level * (1 - share) + 0.5)).astype(
            np.uint8
        )
        return dipped
    weight = round(progress * 256)
    mixed = (old.astype(np.uint16) * (256 - weight) + new.astype(np.uint16) * weight) >> 8
    out = mixed.astype(np.uint8)
    return out


@dataclass
class Desk:
    """Everything on the screen but the pointer. Times in s, pixels of the desktop."""

    width: int
    height: int
    shots: list[Shot] = field(default_factory=list)
    overlays: list[Painter] = field(default_factory=list)
    movers: list[Mover] = field(default_factory=list)

    def index(self, t: float) -> int:
        """Number of the shot that is on, or coming in, at time t."""
        return max(bisect.bisect_right([s.start for s in self.shots], t) - 1, 0)

    def fading(self, t: float) -> bool:
        """Whether two shots are mixed at time t."""
        shot = self.shots[self.index(t)]
        return self.index(t) > 0 and shot.start < t < shot.settled

    def shown(self, t: float) -> int:
        """Number of the shot seen at time t; -1 inside a mixture."""
        index = self.index(t)
        shot = self.shots[index]
        if index and shot.transition.duration and t <= shot.start:
            return index - 1
        return -1 if self.fading(t) else index

    def on(self, t: float) -> tuple[int, ...]:
        """Which overlay movers are on the screen."""
        return tuple(i for i, m in enumerate(self.movers) if m.active(t))

    def key(self, t: float) -> tuple[int, Hashable, tuple[int, ...], Hashable]:
        """Identity of the still part of the screen: shot (-1: mixture), scene, insets, overlays."""
        scene: Hashable = t if self.fading(t) else self.shots[self.shown(t)].scene.key(t)
        return self.shown(t), scene, self.on(t), tuple(p.key(t) for p in self.overlays)

    def still(self, t: float) -> Image8:
        """A fresh picture of the screen without pointer and moving regions."""
        if self.fading(t):
            i = self.index(t)
            shot = self.shots[i]
            progress = (t - shot.start) / shot.transition.duration
            old, new = self.shots[i - 1].scene.whole(t), shot.scene.whole(t)
            canvas = blend(old, new, shot.transition.style, progress)
        else:
            canvas = self.shots[self.shown(t)].scene.still(t)
        for overlay in self.overlays:
            overlay.paint(canvas, t)
        return canvas

    def moving(self, t: float) -> list[Mover]:
        """The moving regions on the screen at time t, in painting order."""
        scene = [] if self.fading(t) else self.shots[self.shown(t)].scene.movers
        return [m for m in [*scene, *self.movers] if m.active(t)]

    def video(self, t: float) -> bool:
        """Whether a moving region covers so much that nothing is stable."""
        limit = HALF * self.width * self.height
        return any(m.rect.width * m.rect.height > limit for m in self.moving(t))

    def changes(self) -> list[Change]:
        """All changes other than shots, by time."""
        found = [c for p in self.overlays for c in p.changes()]
        for shot in self.shots:
            found += [c for p in shot.scene.painters for c in p.changes()]
        for mover in self.movers:
            found += [Change("inset", t, t) for t in (mover.start, mover.end) if abs(t) < 1e8]
        return sorted(found, key=lambda c: c.start)
