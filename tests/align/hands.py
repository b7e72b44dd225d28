"""A hand with a mouse, drawn from random numbers: pointer paths whose gestures are known exactly.

    hand = Hand(seed=7)
    hand.reach(600, 300); hand.circle(600, 340, 80, 60, turns=1.5); hand.rest(1.0)
    hand.trace(rate=10, jitter=1.5)     # what a tracker would see
    hand.drawn                          # the gestures, with their true boxes

Reaches follow the minimum-jerk profile with a slight bow, loops start and stop smoothly and wobble in
radius, and everything carries an 8 Hz to 12 Hz tremor of about a pixel, as hands do.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from narratrace.data.shots import Box
from narratrace.data.trace import Trace
from narratrace.timebase import Span

F64 = npt.NDArray[np.float64]

RATE = 100
"""Samples per second of the drawn path."""

BLIND = 0.3
"""Seconds for which the tracker loses the pointer at a time."""


@dataclass(frozen=True)
class Drawn:
    """One gesture of the hand."""

    kind: str
    span: Span
    box: Box


class Hand:
    """Moves the pointer gesture by gesture over a 1280 x 720 picture."""

    width, height = 1280, 720

    def __init__(self, seed: int, x: float = 640.0, y: float = 360.0, tremor: float = 0.8) -> None:
        self.random = np.random.default_rng(seed)
        self.drawn: list[Drawn] = []
        self._tremor = tremor
        self._path = np.array([[x, y]])

    @property
    def now(self) -> float:
        """Seconds drawn so far."""
        return (len(self._path) - 1) / RATE

    def rest(self, seconds: float) -> None:
        """Hold still."""
        self._add("rest", np.repeat(self._path[-1:], round(seconds * RATE), axis=0))

    def reach(self, x: float, y: float, seconds: float | None = None) -> None:
        """Travel to a point along a slightly bowed line."""
        a, b = self._path[-1], np.array([x, y])
        way = b - a
        distance = float(np.hypot(*way))
        seconds = seconds or 0.3 + 0.12 * np.log2(1 + distance / 15) * self.random.uniform(0.8, 1.3)
        s = _ease(seconds)[:, None]
        bow = self.random.normal(0, 0.04) * np.array([-way[1], way[0]])
        self._add("reach", a + s * way + np.sin(np.pi * s) * bow)

    def line(self, x: float, y: float, seconds: float) -> None:
        """Underline: an even stroke, slower at its ends, that wavers a little."""
        s = _even(seconds)[:, None]
        a, b = self._path[-1], np.array([x, y])
        waver = 2.0 * np.sin(2 * np.pi * (self.random.uniform(0.5, 1.5) * s + self.random.random()))
        self._add("line", a + s * (b - a) + (waver - waver[0]) * np.array([0.0, 1.0]))

    def zigzag(self, width: float, height: float, legs: int, seconds: float) -> None:
        """Shade a region from the present point to the right and down."""
        corners = [self._path[-1] + (width * (i % 2), height * i / legs) for i in range(legs + 1)]
        steps = [a + _ease(seconds / legs)[:, None] * (b - a) for a, b in itertools.pairwise(corners)]
        self._add("zigzag", np.concatenate(steps))

    def circle(
        self, x: float, y: float, rx: float, ry: float, *, turns: float, seconds: float, tilt: float = 0.0
    ) -> None:
        """Travel to the rim of an ellipse (tilted by ``tilt`` radians) and go round it."""
        phase = self.random.uniform(0, 2 * np.pi)
        way = self.random.choice([-1.0, 1.0])
        angle = phase + way * 2 * np.pi * turns * _even(seconds)
        wobble = 1 + 0.05 * np.sin(angle * self.random.uniform(0.4, 0.8) + self.random.uniform(0, 6))
        u, v = rx * wobble * np.cos(angle), ry * wobble * np.sin(angle)
        c, s = np.cos(tilt), np.sin(tilt)
        path = np.stack([x + c * u - s * v, y + s * u + c * v], axis=1)
        self.reach(*path[0].tolist())
        ex, ey = np.hypot(rx * c, ry * s), np.hypot(rx * s, ry * c)
        self._add("circle", path, Box(x0=x - ex, y0=y - ey, x1=x + ex, y1=y + ey))

    def trace(self, rate: float = 30.0, jitter: float = 0.0, gaps: float = 0.0) -> Trace:
        """The path as a tracker reports it: whole pixels, at slightly uneven times.

        Args:
            rate: Points per second.
            jitter: Standard deviation of the error in pixels.
            gaps: Share of the time without points, in stretches of :data:`BLIND` seconds.
        """
        n = max(2, int(self.now * rate))
        t = np.sort(np.arange(n) / rate + self.random.uniform(0, 0.2 / rate, n))
        grid = np.arange(len(self._path)) / RATE
        shake = _tremor(grid, self.random) * self._tremor
        x, y = (
            np.round(np.interp(t, grid, self._path[:, k] + shake[k]) + self.random.normal(0, jitter, n))
            for k in (0, 1)
        )
        starts = self.random.uniform(0, self.now, round(gaps * self.now / BLIND))
        seen = np.all((t[:, None] < starts) | (t[:, None] >= starts + BLIND), axis=1)
        return Trace(t[seen], x[seen], y[seen], np.ones(int(seen.sum())))

    def _add(self, kind: str, path: F64, box: Box | None = None) -> None:
        start = self.now
        self._path = np.concatenate([self._path, path])
        low, high = path.min(axis=0).tolist(), path.max(axis=0).tolist()
        self.drawn.append(
            Drawn(kind, Span(start, self.now), box or Box(x0=low[0], y0=low[1], x1=high[0], y1=high[1]))
        )


def _ease(seconds: float) -> F64:
    """Minimum-jerk progress from 0 to 1."""
    s = np.arange(1, max(2, round(seconds * RATE)) + 1) / max(2, round(seconds * RATE))
    return s**3 * (10 - 15 * s + 6 * s**2)


def _even(seconds: float) -> F64:
    """Nearly even progress from 0 to 1, slower at both ends."""
    s = np.arange(1, max(2, round(seconds * RATE)) + 1) / max(2, round(seconds * RATE))
    return 0.6 * s + 0.4 * s**2 * (3 - 2 * s)


def _tremor(t: F64, random: np.random.Generator) -> F64:
    """Unit-size shaking of both axes, shape (2, n)."""
    rates, phases = random.uniform(8, 12, (2, 3)), random.uniform(0, 6, (2, 3))
    return np.sin(2 * np.pi * rates[..., None] * t + phases[..., None]).mean(axis=1)
