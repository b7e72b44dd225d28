"""The pointer's look: which sprite is drawn when, with halo, ring, trail and click ripples."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from . import pointer_art as art
from .model import Image8, Point
from .xcursor import Sprite, theme_sprite

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class PointerSpec:
    """What the pointer looks like. Sizes are px at a desktop height of 720.

    kind: "theme" (an X cursor theme, `theme`), "arrow", "dot", "glow", "cross", "gapcross", "thin",
    "hand", "pen" or "none". `adaptive`: hand over links, I-beam over text, as zones tell.
    `halo` is (radius, colour, opacity); `ring` is (radius, colour, line width).
    """

    kind: str = "theme"
    theme: str = "DMZ-Black"
    shape: str = "arrow"
    size: float = 24
    colour: Colour = (0, 0, 0)
    soft: float = 0.0
    shadow: bool = False
    adaptive: bool = False
    halo: tuple[float, Colour, float] | None = None
    ring: tuple[float, Colour, float] | None = None
    ripple: Colour | None = None
    trail: int = 0
    """Number of fading copies at the places of the last frames, as a laser tool leaves them."""


@dataclass
class PointerState:
    """What there is to draw in one frame; positions are hot pixels of the desktop."""

    x: int
    y: int
    shown: bool
    shape: str
    ripples: tuple[tuple[int, int, float], ...] = ()
    """(x, y, age in s) of clicks that still spread."""
    trail: tuple[Point, ...] = ()

    def key(self) -> Hashable:
        """Equal keys mean equal pixels."""
        return (self.x, self.y, self.shape, self.ripples, self.trail) if self.shown else (False, self.ripples)


def stamp(canvas: Image8, sprite: Sprite, x: int, y: int, opacity: float = 1.0) -> None:
    """Blends a sprite onto the canvas with its hot pixel at (x, y), cut at the canvas' edges."""
    h, w = sprite.rgba.shape[:2]
    x0, y0 = x - sprite.hot[0], y - sprite.hot[1]
    a, b = max(x0, 0), max(y0, 0)
    c, d = min(x0 + w, canvas.shape[1]), min(y0 + h, canvas.shape[0])
    if a >= c or b >= d:
        return
    piece = sprite.rgba[b - y0 : d - y0, a - x0 : c - x0] * np.float32(opacity)
    place = canvas[b:d, a:c]
    place[:] = np.clip(piece[..., :3] + place * (1 - piece[..., 3:] / 255) + 0.5, 0, 255).astype(np.uint8)


@dataclass
class Pointer:
    """Draws a PointerSpec on a desktop `unit` times 720 px high."""

    spec: PointerSpec
    folders: Sequence[Path]
    unit: float
    _sprites: dict[str, Sprite] = field(default_factory=dict)

    def sprite(self, shape: str) -> Sprite:
        """The picture of one pointer shape."""
        if shape not in self._sprites:
            sprite = self._make(shape)
            self._sprites[shape] = (
                art.shadowed(sprite, max(round(2 * self.unit), 1), 1.5) if self.spec.shadow else sprite
            )
        return self._sprites[shape]

    def _make(self, shape: str) -> Sprite:
        s, size = self.spec, self.spec.size * self.unit
        if s.kind == "theme" and (found := theme_sprite(self.folders, s.theme, shape, size)):
            return found
        ink = s.colour
        drawn = {
            "dot": lambda: art.dot(size, ink, s.soft),
            "glow": lambda: art.glow(size, ink),
            "cross": lambda: art.cross(size, ink, 3 * self.unit),
            "gapcross": lambda: art.cross(size, ink, 2 * self.unit, 0.3),
            "thin": lambda: art.thin_cross(size, ink),
            "hand": lambda: art.hand(size, (255, 255, 255)),
            "text": lambda: art.bar(size, ink),
            "pen": lambda: art.pen(size, ink),
            "pencil": lambda: art.pen(size, ink),
        }
        return drawn.get(s.kind if s.kind in drawn else shape, lambda: art.arrow(size, ink))()

    @cached_property
    def under(self) -> Sprite | None:
        """Halo and ring, drawn below the pointer."""
        parts = []
        if self.spec.halo:
            radius, colour, opacity = self.spec.halo
            parts.append(art.disc(radius * self.unit, colour, opacity))
        if self.spec.ring:
            radius, colour, width = self.spec.ring
            parts.append(art.ring(radius * self.unit, colour, width * self.unit))
        return (parts[0] if len(parts) == 1 else art.over(*parts)) if parts else None

    def draw(self, canvas: Image8, state: PointerState) -> None:
        """Draws the pointer in that state."""
        if self.spec.ripple:
            for x, y, age in state.ripples:
                wave = art.ring(
                    (6 + 70 * age) * self.unit, self.spec.ripple, 4 * self.unit, max(1 - age / 0.5, 0.0)
                )
                stamp(canvas, wave, x, y)
        if not state.shown:
            return
        sprite = self.sprite(state.shape)
        for k, (px, py) in enumerate(state.trail):
            stamp(canvas, sprite, int(px), int(py), 0.6 * (k + 1) / (len(state.trail) + 1))
        if self.under:
            stamp(canvas, self.under, state.x, state.y)
        stamp(canvas, sprite, state.x, state.y)
