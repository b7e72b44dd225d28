"""Viewports whose content moves: zoom and pan over a picture, image stacks, scrolled pages, films."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from .model import Change, Image8, Rect
from .painters import ease

View = tuple[float, float, float]
"""Centre x and y in shares of the picture, and magnification (1: the picture fills the viewport)."""


@dataclass
class Viewer:
    """A picture in a viewport seen by a camera that zooms and pans."""

    rect: Rect
    image: Image.Image
    view: View = (0.5, 0.5, 1.0)
    moves: list[tuple[str, float, float, View]] = field(default_factory=list)
    """(what, start, end, new view), by time."""

    def move(self, what: str, start: float, duration: float, view: View) -> None:
        """Adds a camera move; duration 0 s is a jump. The centre is kept so far inside that no edge shows."""
        half = 0.5 / max(view[2], 1.0)
        cx, cy = min(max(view[0], half), 1 - half), min(max(view[1], half), 1 - half)
        self.moves.append((what, start, start + duration, (cx, cy, view[2])))

    def at(self, t: float) -> View:
        """The camera at time t."""
        now = self.view
        for _, start, end, goal in self.moves:
            if t >= end and t >= start:
                now = goal
            elif t > start:
                s = ease((t - start) / (end - start))
                # Zooming is even in the logarithm of the magnification, as viewers do it.
                zoom = float(np.exp(np.log(now[2]) * (1 - s) + np.log(goal[2]) * s))
                now = (now[0] + (goal[0] - now[0]) * s, now[1] + (goal[1] - now[1]) * s, zoom)
        return now

    def key(self, t: float) -> Hashable:
        return self.at(t)

    def paint(self, canvas: Image8, t: float) -> None:
        cx, cy, zoom = self.at(t)
        w, h = self.image.size
        scale = max(self.rect.width / w, self.rect.height / h) * zoom
        bw, bh = self.rect.width / scale, self.rect.height / scale
        x, y = min(max(cx * w - bw / 2, 0), w - bw), min(max(cy * h - bh / 2, 0), h - bh)
        box = (max(x, 0.0), max(y, 0.0), min(x + bw, w), min(y + bh, h))
        small = self.image.resize((self.rect.width, self.rect.height), Image.Resampling.BICUBIC, box=box)
        self.rect.of(canvas)[:] = np.asarray(small)

    def changes(self) -> list[Change]:
        return [Change(what, start, end) for what, start, end, _ in self.moves]


@dataclass
class Stack:
    """An image stack in a viewport; slices change at given times. `labels` is drawn by the caller."""

    rect: Rect
    slices: Sequence[Image8]
    times: list[float] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    bursts: list[tuple[float, float]] = field(default_factory=list)
    first: int = 0

    def scroll(self, start: float, rate: float, indices: Sequence[int]) -> float:
        """Goes through these slices at `rate` slices per s from `start` (s); returns when it stops."""
        self.times += [start + k / rate for k in range(len(indices))]
        self.order += indices
        self.bursts.append((start, self.times[-1]))
        return self.times[-1]

    def index(self, t: float) -> int:
        """The slice seen at time t."""
        k = int(np.searchsorted(self.times, t, side="right"))
        return self.order[k - 1] if k else self.first

    def key(self, t: float) -> Hashable:
        return self.index(t)

    def paint(self, canvas: Image8, t: float) -> None:
        self.rect.of(canvas)[:] = self.slices[self.index(t)]

    def changes(self) -> list[Change]:
        return [Change("slice", start, end) for start, end in self.bursts]


@dataclass
class Page:
    """A tall page scrolled in a viewport, smoothly or in jumps of the mouse wheel."""

    rect: Rect
    image: Image8
    moves: list[tuple[float, float, int]] = field(default_factory=list)
    """(start, end, new offset in px), by time; equal times are a jump."""

    def offset(self, t: float) -> int:
        """First row of the page that is seen."""
        now = 0
        for start, end, goal in self.moves:
            if t >= end and t >= start:
                now = goal
            elif t > start:
                now = round(now + (goal - now) * ease((t - start) / (end - start)))
        return now

    def key(self, t: float) -> Hashable:
        return self.offset(t)

    def paint(self, canvas: Image8, t: float) -> None:
        y = self.offset(t)
        self.rect.of(canvas)[:] = self.image[y : y + self.rect.height, : self.rect.width]

    def changes(self) -> list[Change]:
        return [Change("scroll", start, end) for start, end, _ in self.moves]


@dataclass
class Loop:
    """Frames shown over and over at `rate` frames per s; with a `mask` (0..1) they may be round."""

    rect: Rect
    frames: Sequence[Image8]
    rate: float
    mask: np.ndarray | None = None

    def key(self, t: float) -> Hashable:
        return int(t * self.rate) % len(self.frames)

    def paint(self, canvas: Image8, t: float) -> None:
        frame = self.frames[int(t * self.rate) % len(self.frames)]
        place = self.rect.of(canvas)
        if self.mask is None:
            place[:] = frame
        else:
            share = self.mask[..., None].astype(np.float32)
            place[:] = (place * (1 - share) + frame * share + 0.5).astype(np.uint8)

    def changes(self) -> list[Change]:
        return []


@dataclass
class Film:
    """A playing video over the viewport: a camera that drifts and shakes over a picture without rest."""

    rect: Rect
    image: Image.Image
    rate: float
    start: float
    end: float
    seed: int = 0

    def key(self, t: float) -> Hashable:
        return int((min(max(t, self.start), self.end) - self.start) * self.rate)

    def paint(self, canvas: Image8, t: float) -> None:
        s = int((min(max(t, self.start), self.end) - self.start) * self.rate) / self.rate
        w, h = self.image.size
        zoom = 1.7 + 0.35 * np.sin(0.5 * s + self.seed)
        scale = max(self.rect.width / w, self.rect.height / h) * zoom
        bw, bh = self.rect.width / scale, self.rect.height / scale
        x = (w - bw) * (0.5 + 0.38 * np.sin(0.7 * s + self.seed) + 0.02 * np.sin(9 * s))
        y = (h - bh) * (0.5 + 0.38 * np.cos(0.9 * s) + 0.02 * np.sin(11 * s))
        box = (x, y, x + bw, y + bh)
        small = self.image.resize((self.rect.width, self.rect.height), Image.Resampling.BILINEAR, box=box)
        self.rect.of(canvas)[:] = np.asarray(small)

    def changes(self) -> list[Change]:
        return [Change("video", self.start, self.end)]
