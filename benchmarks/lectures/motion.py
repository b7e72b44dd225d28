"""A hand that moves the pointer: reaches, circles, underlines, tremor. Positions are desktop pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .model import Gesture, Point
from .painters import ease

STEP = 0.005
"""Time between two samples of the path, s (a 200 Hz mouse)."""


@dataclass(frozen=True)
class MotionSpec:
    """How this lecturer moves.

    speed: factor on reach times (2 is slow). curve, overshoot: share of the distance. tremor: chance per
    tenth of a second of a 1 px twitch at rest. wander: chance of a short aimless move in a pause. flick:
    chance that a reach takes only 0.1 s. skip: chance that a sentence is not pointed at. leave: chance of
    parking at or beyond the screen's edge in a pause; `outside` says whether it can get beyond.
    gestures: weights of circle, rest, zigzag, underline, trace, drag. hide: "never", "idle:S" (hidden after
    S s of rest), "pointing" (a dot that jumps in for each gesture) or "blocks" (hidden for long stretches).
    """

    speed: float = 1.0
    curve: float = 0.08
    overshoot: float = 0.03
    tremor: float = 0.05
    wander: float = 0.2
    flick: float = 0.03
    skip: float = 0.1
    leave: float = 0.0
    outside: bool = False
    clicks: float = 0.0
    gestures: dict[str, float] = field(
        default_factory=lambda: {"circle": 4, "rest": 2, "zigzag": 1, "underline": 5, "trace": 1, "drag": 0.5}
    )
    hide: str = "never"


@dataclass
class Hand:
    """Writes the pointer's path sample by sample from time `start` (s) on."""

    rng: np.random.Generator
    spec: MotionSpec
    unit: float
    start: float
    x: float
    y: float
    xs: list[float] = field(default_factory=list)
    ys: list[float] = field(default_factory=list)
    gestures: list[Gesture] = field(default_factory=list)
    clicks: list[tuple[float, int, int]] = field(default_factory=list)

    @property
    def now(self) -> float:
        """Time (s) up to which the path is written."""
        return self.start + len(self.xs) * STEP

    def _add(self, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> None:
        self.xs += xs.tolist()
        self.ys += ys.tolist()
        if len(xs):
            self.x, self.y = float(xs[-1]), float(ys[-1])

    def rest(self, until: float) -> None:
        """Keeps still, with tremor, until that time (s)."""
        n = max(round((until - self.now) / STEP), 0)
        xs, ys = np.full(n, round(self.x)), np.full(n, round(self.y))
        for k in range(0, n, 20):
            if self.rng.random() < self.spec.tremor:
                dx, dy = self.rng.integers(-1, 2, 2)
                length = int(self.rng.integers(4, 40))
                xs[k : k + length] += dx
                ys[k : k + length] += dy
        self._add(xs.astype(float), ys.astype(float))

    def along(self, path: Sequence[Point], duration: float, eased: bool = True) -> None:
        """Follows a path at even arc length, by default with soft start and stop."""
        points = np.asarray(path, float)
        steps = np.hypot(*np.diff(points, axis=0).T)
        where = np.concatenate([[0], np.cumsum(steps)])
        n = max(round(duration / STEP), 1)
        share = np.arange(1, n + 1) / n
        share = np.array([ease(s) for s in share]) if eased else share
        self._add(
            np.interp(share * where[-1], where, points[:, 0]),
            np.interp(share * where[-1], where, points[:, 1]),
        )

    def index_along(self, path: Sequence[Point], until: float) -> None:
        """Follows a path point by point, as ink does, so that pen and stroke agree."""
        begin = self.now
        n = max(round((until - begin) / STEP), 1)
        k = [min(max(round(ease((i + 1) / n) * len(path)) - 1, 0), len(path) - 1) for i in range(n)]
        points = np.asarray(path, float)
        self._add(points[k, 0], points[k, 1])

    def reach_time(self, goal: Point) -> float:
        """How long a reach takes (s), by Fitts' law or as a flick."""
        far = np.hypot(goal[0] - self.x, goal[1] - self.y) / self.unit
        if self.rng.random() < self.spec.flick:
            return float(self.rng.uniform(0.07, 0.14))
        return float((0.22 + 0.13 * np.log2(far / 15 + 1)) * self.spec.speed * self.rng.uniform(0.85, 1.2))

    def reach(self, goal: Point, label: str | None = None, duration: float = 0.0) -> None:
        """One aimed movement: minimum jerk, slightly curved, some with overshoot and correction."""
        begin, (x, y) = self.now, goal
        far = float(np.hypot(x - self.x, y - self.y))
        if far < 1.5:
            return
        duration = duration or self.reach_time(goal)
        over = self.rng.normal(0, self.spec.overshoot) if far > 80 * self.unit and duration > 0.2 else 0.0
        ax, ay = x + (x - self.x) * over, y + (y - self.y) * over
        bow = self.rng.normal(0, self.spec.curve) * far
        ux, uy = (y - self.y) / far, -(x - self.x) / far
        n = max(round(duration / STEP), 1)
        s = np.array([ease((k + 1) / n) for k in range(n)])
        side = bow * np.sin(np.pi * s)
        self._add(self.x + (ax - self.x) * s + ux * side, self.y + (ay - self.y) * s + uy * side)
        if abs(over) * far > 2:
            self.along([(self.x, self.y), (x, y)], float(self.rng.uniform(0.12, 0.22)))
        self.gestures.append(Gesture("reach", begin, self.now, {"x": x, "y": y}, label))

    def circle(self, centre: Point, rx: float, ry: float, duration: float, label: str | None) -> None:
        """Goes round a thing once or more, never twice on the same line."""
        turns = float(self.rng.choice([1.0, 1.3, 2.0, 2.6, 3.2]))
        direction = float(self.rng.choice([-1, 1]))
        a0 = float(np.arctan2(self.y - centre[1], self.x - centre[0]))
        p1, p2 = self.rng.uniform(0, 6.3, 2)
        a = np.linspace(0, 2 * np.pi * turns, 140)
        r = 1 + 0.08 * np.sin(a * 0.8 + p1) + 0.05 * np.sin(a * 1.7 + p2)
        path = [
            (centre[0] + rx * k * np.cos(a0 + direction * t), centre[1] + ry * k * np.sin(a0 + direction * t))
            for k, t in zip(r, a, strict=True)
        ]
        self.reach(path[0], label)
        begin = self.now
        self.along(path, duration * turns**0.5)
        fields = {"x": centre[0], "y": centre[1], "rx": rx, "ry": ry}
        self.gestures.append(Gesture("circle", begin, self.now, fields, label))

    def strokes(self, kind: str, points: Sequence[Point], duration: float, label: str | None) -> None:
        """Goes through points with soft turns; kind is "underline", "zigzag", "trace" or "drag"."""
        self.reach(points[0], label)
        begin = self.now
        legs = len(points) - 1
        if kind == "drag":
            self.along(points, duration, eased=False)
        else:
            for goal, origin in zip(points[1:], points, strict=False):
                sag = self.rng.normal(0, 2) * self.unit
                middle = ((origin[0] + goal[0]) / 2, (origin[1] + goal[1]) / 2 + sag)
                self.along([(self.x, self.y), middle, goal], duration / legs)
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        fields = {"x0": min(xs), "y0": min(ys), "x1": max(xs), "y1": max(ys)}
        if kind == "underline":
            fields = {"x0": points[0][0], "y0": points[0][1], "x1": points[1][0], "y1": points[1][1]}
        self.gestures.append(Gesture(kind, begin, self.now, fields, label))

    def click(self, label: str | None = None) -> None:
        """Presses the button where the pointer is."""
        x, y = round(self.x), round(self.y)
        self.clicks.append((self.now, x, y))
        self.gestures.append(Gesture("click", self.now, self.now + 0.1, {"x": x, "y": y}, label))

    def jump(self, goal: Point) -> None:
        """Is elsewhere at once, as a presenter's dot that was switched off in between."""
        self.x, self.y = float(round(goal[0])), float(round(goal[1]))
