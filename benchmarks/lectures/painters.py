"""Things that come, go and grow on a slide: revealed pictures, ink, typed text."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from .model import Change, Image8, Point, Rect
from .scene import FOREVER


@dataclass
class Reveal:
    """Shows `image` at `rect` from `start` to `end`, fading over `fade` s at both ends (0: at once)."""

    rect: Rect
    image: Image8
    what: str
    start: float
    fade: float = 0.0
    end: float = FOREVER

    def share(self, t: float) -> float:
        """Opacity 0..1 at time t."""
        if not self.start <= t < self.end + self.fade:
            return 0.0
        if self.fade <= 0:
            return 1.0
        return float(np.clip(min((t - self.start) / self.fade, 1 - (t - self.end) / self.fade), 0, 1))

    def key(self, t: float) -> Hashable:
        return round(self.share(t), 4)

    def paint(self, canvas: Image8, t: float) -> None:
        share = self.share(t)
        place = self.rect.of(canvas)
        if share >= 1:
            place[:] = self.image
        elif share > 0:
            place[:] = (place * np.float32(1 - share) + self.image * np.float32(share) + 0.5).astype(np.uint8)

    def changes(self) -> list[Change]:
        found = [Change(self.what, self.start, self.start + self.fade)]
        if self.end < FOREVER:
            found.append(Change(self.what, self.end, self.end + self.fade))
        return found


@dataclass
class Fixed:
    """A picture that always lies over everything at `rect`: a task bar, a logo."""

    rect: Rect
    image: Image8

    def key(self, _t: float) -> Hashable:
        return None

    def paint(self, canvas: Image8, _t: float) -> None:
        self.rect.of(canvas)[:] = self.image

    def changes(self) -> list[Change]:
        return []


def difference_reveal(after: Image8, rect: Rect, what: str, start: float, fade: float = 0.0) -> Reveal:
    """Reveals the part of another picture of the same slide that lies in `rect`."""
    box = rect.clipped(after.shape[1], after.shape[0])
    return Reveal(box, box.of(after).copy(), what, start, fade)


def ease(share: float) -> float:
    """Smooth start and stop: minimum-jerk progress for 0..1."""
    s = min(max(share, 0.0), 1.0)
    return s * s * s * (10 - 15 * s + 6 * s * s)


@dataclass
class Ink:
    """A stroke that grows along `path` from `start` to `end`, as drawn by a pen.

    `width` in px; `alpha` 0..1 is below 1 for a highlighter.
    """

    path: Sequence[Point]
    colour: tuple[int, int, int]
    width: float
    start: float
    end: float
    alpha: float = 1.0
    what: str = "ink"

    def reached(self, t: float) -> int:
        """How many points of the path are drawn at time t."""
        return round(ease((t - self.start) / max(self.end - self.start, 1e-6)) * len(self.path))

    def key(self, t: float) -> Hashable:
        return self.reached(t)

    def paint(self, canvas: Image8, t: float) -> None:
        points = list(self.path[: self.reached(t)])
        if len(points) < 2:
            return
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        margin = int(self.width) + 2
        box = Rect(int(min(xs)), int(min(ys)), int(max(xs)) + 1, int(max(ys)) + 1).grown(margin)
        box = box.clipped(canvas.shape[1], canvas.shape[0])
        # Drawn three times as large and shrunk: Pillow's own lines are not smooth.
        mask = Image.new("L", (box.width * 3, box.height * 3))
        line = [((x - box.x0 + 0.5) * 3, (y - box.y0 + 0.5) * 3) for x, y in points]
        ImageDraw.Draw(mask).line(line, fill=255, width=max(round(self.width * 3), 1), joint="curve")
        small = mask.resize((box.width, box.height), Image.Resampling.BOX)
        share = np.asarray(small, np.float32)[..., None] / 255 * np.float32(self.alpha)
        place = box.of(canvas)
        place[:] = (place * (1 - share) + np.asarray(self.colour, np.float32) * share + 0.5).astype(np.uint8)

    def changes(self) -> list[Change]:
        return [Change(self.what, self.start, self.end)]


@dataclass
class Typing:
    """Text that appears letter by letter: `image` is the full line at `rect`, `stops` the letters' right
    edges in px from its left, `start` when the first letter comes, `step` s a letter.
    """

    rect: Rect
    image: Image8
    stops: Sequence[int]
    start: float
    step: float

    def count(self, t: float) -> int:
        """Letters shown at time t."""
        return int(np.clip((t - self.start) / self.step + 1, 0, len(self.stops))) if t >= self.start else 0

    def key(self, t: float) -> Hashable:
        return self.count(t)

    def paint(self, canvas: Image8, t: float) -> None:
        if n := self.count(t):
            self.rect.of(canvas)[:, : self.stops[n - 1]] = self.image[:, : self.stops[n - 1]]

    def changes(self) -> list[Change]:
        return [Change("typing", self.start, self.start + self.step * (len(self.stops) - 1))]


def outline(rect: Rect, step: float = 2.0) -> list[Point]:
    """The border of a box as a path, `step` px a point."""
    x0, y0, x1, y1 = rect
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    path: list[Point] = []
    for (ax, ay), (bx, by) in pairwise(corners):
        n = max(int(np.hypot(bx - ax, by - ay) / step), 1)
        path += [(ax + (bx - ax) * k / n, ay + (by - ay) * k / n) for k in range(n + 1)]
    return path


def oval(rect: Rect, turns: float = 1.06, count: int = 90) -> list[Point]:
    """A hand-drawn looking ellipse around a box."""
    cx, cy = rect.centre
    out: list[Point] = []
    for k in range(count + 1):
        a = -2.2 + 2 * np.pi * turns * k / count
        r = 1 + 0.05 * np.sin(2 * a + 0.4) + 0.04 * k / count
        out.append((float(cx + r * rect.width / 2 * np.cos(a)), float(cy + r * rect.height / 2 * np.sin(a))))
    return out


def arrow_path(tip: Point, length: float, angle: float) -> list[Point]:
    """An arrow drawn in one stroke: shaft towards `tip`, then both barbs. Angle in radians."""
    dx, dy = np.cos(angle), np.sin(angle)
    tail = (tip[0] - length * dx, tip[1] - length * dy)
    stops = [tail, tip]
    for turn in (2.6, -2.6):
        stops += [
            (tip[0] + 0.3 * length * np.cos(angle + turn), tip[1] + 0.3 * length * np.sin(angle + turn)),
            tip,
        ]
    path: list[Point] = []
    for (ax, ay), (bx, by) in pairwise(stops):
        path += [(float(ax + (bx - ax) * k / 16), float(ay + (by - ay) * k / 16)) for k in range(17)]
    return path
