"""What lies over every slide: webcam, clock, timer, progress bar, subtitles, caret, notifications."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .cameras import Loop
from .fonts import font
from .model import Change, Image8, Rect, Sentence
from .painters import Reveal
from .scene import FOREVER, Mover
from .templates import Colour
from .volumes import talking


def text_box(
    width: int, height: int, text: str, family: str, points: float, ink: Colour, ground: Colour
) -> Image8:
    """A box of that colour with text in its middle."""
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    draw.text((width / 2, height / 2), text, font=font(family, points), fill=ink, anchor="mm")
    return np.asarray(image)


@dataclass
class Caption:
    """A box whose text depends on the time: clock, timer, slice counter, subtitle. Empty text: no box."""

    rect: Rect
    text: Callable[[float], str]
    points: float
    ink: Colour = (255, 255, 255)
    ground: Colour = (0, 0, 0)
    family: str = "dejavu"

    def key(self, t: float) -> Hashable:
        return self.text(t)

    def paint(self, canvas: Image8, t: float) -> None:
        if text := self.text(t):
            box = text_box(
                self.rect.width, self.rect.height, text, self.family, self.points, self.ink, self.ground
            )
            self.rect.of(canvas)[:] = box

    def changes(self) -> list[Change]:
        return []


@dataclass
class Blink:
    """A caret: a bar that is on and off for half of `period` s each."""

    rect: Rect
    colour: tuple[int, int, int]
    period: float = 1.06

    def key(self, t: float) -> Hashable:
        return int(2 * t / self.period) % 2

    def paint(self, canvas: Image8, t: float) -> None:
        if int(2 * t / self.period) % 2:
            self.rect.of(canvas)[:] = self.colour

    def changes(self) -> list[Change]:
        return []


@dataclass
class Progress:
    """A player's bar that fills from left to right until `total` s."""

    rect: Rect
    total: float
    colour: tuple[int, int, int] = (230, 40, 40)

    def key(self, t: float) -> Hashable:
        return int(self.rect.width * min(t / self.total, 1.0))

    def paint(self, canvas: Image8, t: float) -> None:
        place = self.rect.of(canvas)
        place[:] = 90
        place[:, : int(self.rect.width * min(t / self.total, 1.0))] = self.colour

    def changes(self) -> list[Change]:
        return []


def corner_box(size: tuple[int, int], width: int, height: int, corner: str, margin: int) -> Rect:
    """A box in a corner: "tl", "tr", "bl" or "br", `margin` px from the edges."""
    x = margin if corner[1] == "l" else size[0] - margin - width
    y = margin if corner[0] == "t" else size[1] - margin - height
    return Rect(x, y, x + width, y + height)


def webcam(rect: Rect, source: str, seed: int, rate: float, round_: bool, span: tuple[float, float]) -> Mover:
    """A lecturer's camera at `rate` frames per s during `span` (s)."""
    frames = talking(source, seed, rect.width, rect.height)
    mask = None
    if round_:
        yy, xx = np.mgrid[0 : rect.height, 0 : rect.width]
        r = np.hypot((xx + 0.5) / rect.width - 0.5, (yy + 0.5) / rect.height - 0.5)
        mask = np.clip((0.5 - r) * min(rect.width, rect.height) + 0.5, 0, 1)
    return Mover(rect, Loop(rect, frames, rate, mask), *span)


def clock(rect: Rect, begin: int, seconds: bool, dark: bool) -> Mover:
    """A wall clock; `begin` is its time of day in s at video time 0."""

    def text(t: float) -> str:
        s = begin + int(t)
        face = f"{s // 3600 % 24:02d}:{s // 60 % 60:02d}"
        return f"{face}:{s % 60:02d}" if seconds else face

    ink, ground = ((255, 255, 255), (24, 28, 36)) if dark else ((0, 0, 0), (232, 234, 238))
    return Mover(rect, Caption(rect, text, rect.height * 0.6, ink, ground, "roboto"))


def timer(rect: Rect) -> Mover:
    """A recorder's counter."""
    return Mover(
        rect,
        Caption(
            rect,
            lambda t: f"REC {int(t) // 60:02d}:{int(t) % 60:02d}",
            rect.height * 0.6,
            (255, 80, 80),
            (20, 20, 20),
        ),
    )


def subtitles(rect: Rect, sentences: Sequence[Sentence]) -> Mover:
    """The sentences burnt into the lower edge while they are spoken."""

    def text(t: float) -> str:
        return next((s.text for s in sentences if s.start <= t < s.end + 0.3), "")

    return Mover(rect, Caption(rect, text, rect.height * 0.55, (255, 255, 255), (10, 10, 10), "arial"))


def notification(
    size: tuple[int, int], title: str, body: str, start: float, end: float, fade: float
) -> Reveal:
    """A message box in the upper right corner."""
    u = size[1] / 720
    rect = Rect(size[0] - int(330 * u), int(24 * u), size[0] - int(18 * u), int(112 * u))
    image = Image.new("RGB", (rect.width, rect.height), (44, 48, 56))
    draw = ImageDraw.Draw(image)
    draw.ellipse((14 * u, 24 * u, 54 * u, 64 * u), fill=(90, 160, 250))
    draw.text((68 * u, 16 * u), title, font=font("roboto", 19 * u, True), fill="white")
    draw.text((68 * u, 46 * u), body, font=font("roboto", 16 * u), fill=(210, 214, 220))
    return Reveal(rect, np.asarray(image), "popup", start, fade, end if end else FOREVER)
