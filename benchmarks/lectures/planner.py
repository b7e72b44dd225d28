"""Turns the script's cues into a pointer path with visibility, shapes and gestures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .model import Cue, Gesture, Point, Target
from .motion import STEP, Hand, MotionSpec


@dataclass
class Track:
    """The pointer over time, sampled every STEP s from `start`. Positions are hot pixels of the desktop."""

    start: float
    xs: NDArray[np.int64]
    ys: NDArray[np.int64]
    shown: NDArray[np.bool_]
    gestures: list[Gesture] = field(default_factory=list)
    clicks: list[tuple[float, int, int]] = field(default_factory=list)

    def at(self, t: float) -> tuple[int, int, bool]:
        """x, y and whether the system draws the pointer at time t (s)."""
        k = min(max(int((t - self.start) / STEP + 1e-6), 0), len(self.xs) - 1)
        return int(self.xs[k]), int(self.ys[k]), bool(self.shown[k])


@dataclass
class Planner:
    """Plays cues with a Hand on a screen of `size` px."""

    hand: Hand
    spec: MotionSpec
    size: tuple[int, int]
    rng: np.random.Generator
    shows: list[tuple[float, float]] = field(default_factory=list)

    def play(self, cues: Sequence[Cue], end: float) -> None:
        """Writes the whole path up to `end` (s)."""
        ordered = sorted(cues, key=lambda c: c.start)
        for k, cue in enumerate(ordered):
            follow = ordered[k + 1].start if k + 1 < len(ordered) else end
            late = self.hand.now > cue.start + 1.0
            if cue.kind == "follow":
                self._follow(cue)
            elif not late:
                self._idle(cue.start)
                self._perform(cue, min(follow, end))
        self._idle(end)

    def _idle(self, until: float) -> None:
        """Rests until that time, now and then with an aimless move or a visit to the edge."""
        room = until - self.hand.now
        if room > 2.5 and self.rng.random() < self.spec.leave and self.spec.hide != "pointing":
            self.hand.rest(self.hand.now + float(self.rng.uniform(0.3, 0.8)))
            self._leave()
        elif room > 3.0 and self.rng.random() < self.spec.wander and self.spec.hide != "pointing":
            self.hand.rest(self.hand.now + room * float(self.rng.uniform(0.2, 0.5)))
            far = self.rng.normal(0, 70, 2) * self.hand.unit
            self.hand.reach(self._inside((self.hand.x + far[0], self.hand.y + far[1])))
        self.hand.rest(until)

    def _inside(self, p: Point) -> Point:
        w, h = self.size
        return min(max(float(p[0]), 4), w - 5), min(max(float(p[1]), 4), h - 5)

    def _leave(self) -> None:
        """Parks at an edge: the hot spot on the last row or column, or beyond."""
        w, h = self.size
        side = int(self.rng.choice(4, p=[0.1, 0.4, 0.1, 0.4]))
        # On the screen's very edge only a sliver of an arrow is left; most hands stop a little before it.
        out = 60 * self.hand.unit if self.spec.outside else -float(self.rng.integers(0, 18)) * self.hand.unit
        x, y = self.rng.uniform(0.2, 0.95) * w, self.rng.uniform(0.3, 0.95) * h
        goal = [(-out, y), (w - 1 + out, y), (x, -out), (x, h - 1 + out)][side]
        self.hand.reach((float(goal[0]), float(goal[1])))

    def _follow(self, cue: Cue) -> None:
        """Is exactly on the cue's path during its time."""
        if self.hand.now < cue.start:
            lead = min(self.hand.reach_time(cue.path[0]), cue.start - self.hand.now)
            self._idle(cue.start - lead)
            self.hand.reach(cue.path[0], None, max(cue.start - self.hand.now - 0.02, 0.05))
            self.hand.rest(cue.start)
        self.shows.append((cue.start - 1.0, cue.end + 0.4))
        begin = self.hand.now
        self.hand.index_along(cue.path, cue.end)
        xs, ys = [p[0] for p in cue.path], [p[1] for p in cue.path]
        fields = {"x0": min(xs), "y0": min(ys), "x1": max(xs), "y1": max(ys)}
        self.hand.gestures.append(
            Gesture("drag", begin, self.hand.now, fields, cue.target.label if cue.target else None)
        )

    def _perform(self, cue: Cue, follow: float) -> None:
        """Plays one cue that has no path of its own."""
        if cue.kind == "leave":
            self._leave()
        elif cue.kind == "click" and cue.target:
            self.hand.reach(self._inside(cue.target.rect.centre), cue.target.label)
            self.hand.rest(max(self.hand.now + 0.15, cue.end))
            self.hand.click(cue.target.label)
        elif cue.kind == "point" and cue.target and self.rng.random() >= self.spec.skip:
            begin = self.hand.now
            if self.spec.hide == "pointing":
                self.hand.jump(self._inside(cue.target.rect.centre))
            self._point(cue.target, max(min(follow, cue.end + 1.5) - self.hand.now, 0.8))
            self.shows.append((begin, self.hand.now + float(self.rng.uniform(0.2, 1.2))))

    def _point(self, target: Target, room: float) -> None:
        """Shows a target in one of the ways that suit it, within about `room` s."""
        spot = target.kind != "line"
        names = (
            ["circle", "rest", "zigzag", "trace", "drag"] if spot else ["underline", "rest", "zigzag", "drag"]
        )
        weights = np.array([self.spec.gestures.get(n, 0.0) for n in names]) + 1e-9
        kind = str(self.rng.choice(names, p=weights / weights.sum()))
        time = float(np.clip(room * self.rng.uniform(0.3, 0.6), 0.6, 4.0))
        r, unit = target.rect, self.hand.unit
        x, y = target.rect.centre
        if kind == "circle":
            rx, ry = max(r.width / 2, 14 * unit), max(r.height / 2, 14 * unit)
            self.hand.circle((x, y), rx, ry, time, target.label)
        elif kind == "rest":
            goal = (x + self.rng.normal(0, r.width / 8), y + self.rng.normal(0, r.height / 8))
            self.hand.reach(self._inside(goal), target.label)
            self.hand.rest(self.hand.now + float(self.rng.uniform(0.3, 2.0)))
        else:
            self._stroke(kind, target, time)
        if self.rng.random() < self.spec.clicks:
            self.hand.click(target.label)

    def _stroke(self, kind: str, target: Target, time: float) -> None:
        """Underlines, zigzags over, traces through or slowly drags across a target."""
        r, unit = target.rect, self.hand.unit
        y = r.y1 - 2 * unit if target.kind == "line" else r.centre[1]
        ends = [(float(r.x0), float(y)), (float(max(r.x1, r.x0 + 40 * unit)), float(y))]
        if kind == "underline":
            points = ends * int(self.rng.integers(1, 4))
        elif kind == "drag":
            points = ends
            time = max(time, np.hypot(ends[1][0] - ends[0][0], 0) / (90 * unit))
        else:
            n = int(self.rng.integers(4, 9))
            depth = r.height / 2 if kind == "zigzag" else r.height / 4
            drift = np.linspace(r.x0, max(r.x1, r.x0 + 40 * unit), n)
            points = [
                (float(x), float(r.centre[1] + depth * (-1) ** k * self.rng.uniform(0.5, 1)))
                for k, x in enumerate(drift)
            ]
        self.hand.strokes(kind, [self._inside(p) for p in points], float(time), target.label)


def visibility(planner: Planner, blocks: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Whether the pointer is drawn at each sample; `blocks` are the stretches (s) of "blocks" hiding."""
    hand, hide = planner.hand, planner.spec.hide
    n = len(hand.xs)
    t = hand.start + np.arange(n) * STEP
    shown = np.ones(n, bool)
    if hide == "pointing":
        shown[:] = False
        for a, b in planner.shows:
            shown[(t >= a) & (t < b)] = True
    elif hide.startswith("idle"):
        limit, last = float(hide.split(":")[1]), 0
        xs, ys = np.round(hand.xs), np.round(hand.ys)
        for k in range(1, n):
            if xs[k] != xs[k - 1] or ys[k] != ys[k - 1]:
                last = k
            shown[k] = (k - last) * STEP < limit
    for a, b in blocks:
        shown[(t >= a) & (t < b)] = False
    return shown


def track(planner: Planner, blocks: Sequence[tuple[float, float]]) -> Track:
    """The finished pointer. Where the mouse can't leave the screen it stops at the edge."""
    hand, (w, h) = planner.hand, planner.size
    xs, ys = np.floor(np.array(hand.xs) + 0.5).astype(int), np.floor(np.array(hand.ys) + 0.5).astype(int)
    if not planner.spec.outside:
        xs, ys = np.clip(xs, 0, w - 1), np.clip(ys, 0, h - 1)
    return Track(hand.start, xs, ys, visibility(planner, blocks), hand.gestures, hand.clicks)
