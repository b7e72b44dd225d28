"""Geometric measures of every stretch of a path at once.

Note [A loop by its moments]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~
Every stretch of the path, from any point to any later one within a few seconds, is asked one question: is
it an ellipse, drawn once or several times? All it takes are sums along the path, so prefix sums answer for
every stretch at once. With ``d`` a point's offset from the stretch's centre and ``C`` the covariance of its
points, both weighted by path length so that pauses do not count:

- An ellipse has semi-axes ``sqrt(2 * eigenvalues of C)``, hence an area and a perimeter.
- Three independent counts of its turns: the area swept (shoelace formula) over the ellipse's area, the
  length of the path over its perimeter, and the change of heading over 360 degrees. A loop is where they
  agree. A zig-zag has length without area, a bend area without length, a corner no heading.
- ``E[(d' C^-1 d)^2]`` (Mardia's kurtosis) is 4 on every ellipse and more off it: 8 for a Gaussian cloud. Half
  the square root of its relative excess over 4 is the spread of the whitened radius: the raggedness.

The score is turns times roundness, less a little per second. Travel to or from the region adds spread and
length but no turns, so the best stretch ends where the circling ends, and travel cannot inflate the box.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np
import numpy.typing as npt

from narratrace.align.path import F64, Path

I64 = npt.NDArray[np.int64]

SHORTEST = 6
"""Path points in the shortest stretch; fewer do not show a loop."""

_LENGTHS = 48
"""Lengths of stretches tried, in geometric steps: 6 % apart at the default longest loop."""

_BLOCK = 4096
"""Starting points looked at together: some 50 MB at the default longest loop."""

_HEADING_SLACK = 0.1
"""Turns by which the change of heading may fall short: it misses the first and the last step."""


class _Sums:
    """Prefix sums over the steps of a path, each with a leading 0; ``x`` and ``y`` are centred."""

    def __init__(self, path: Path) -> None:
        self.x, self.y = path.x - path.x.mean(), path.y - path.y.mean()
        dx, dy = np.diff(self.x), np.diff(self.y)
        ds = np.hypot(dx, dy)
        mx, my = 0.5 * (self.x[1:] + self.x[:-1]), 0.5 * (self.y[1:] + self.y[:-1])
        self.rest = _prefix(~path.moving)
        self.length = _prefix(ds)
        self.shoelace = _prefix(self.x[:-1] * self.y[1:] - self.x[1:] * self.y[:-1])
        self.heading = _prefix(_turning(dx, dy, path.moving))
        self.powers = {(p, q): _prefix(ds * mx**p * my**q) for p in range(5) for q in range(5 - p)}


class Stretches:
    """Stretches of a path, from point ``i`` to point ``j`` each, and what they measure."""

    def __init__(self, sums: _Sums, i: I64, j: I64) -> None:
        self.sums, self.i, self.j = sums, i, j

    @classmethod
    def blocks(cls, path: Path, longest: int) -> Iterator[Stretches]:
        """From every point, stretches of geometrically growing numbers of steps up to ``longest``.

        In blocks of starting points, so that memory does not grow with the path.
        """
        sums, n = _Sums(path), len(path.t)
        longest = max(SHORTEST, min(longest, n - 1))
        lengths = np.unique(np.round(np.geomspace(SHORTEST, longest, _LENGTHS)).astype(np.int64))
        for first in range(0, n, _BLOCK):
            starts = np.arange(first, min(first + _BLOCK, n))
            i, length = (grid.ravel() for grid in np.meshgrid(starts, lengths, indexing="ij"))
            inside = i + length < n
            yield cls(sums, i[inside], (i + length)[inside])

    def where(self, good: npt.NDArray[np.bool_]) -> Stretches:
        """Those marked ``good``."""
        return Stretches(self.sums, self.i[good], self.j[good])

    def over(self, prefix: F64) -> F64:
        """Sum over each stretch."""
        return prefix[self.j] - prefix[self.i]

    def central(self, *orders: tuple[int, int]) -> list[F64]:
        """Central moments ``E[(x - mean x)^p (y - mean y)^q]`` by path length, for each ``(p, q)``."""
        length = np.maximum(self.over(self.sums.length), 1e-12)
        wanted = {(a, b) for p, q in orders for a in range(p + 1) for b in range(q + 1)} | {(1, 0), (0, 1)}
        raw = {order: self.over(self.sums.powers[order]) / length for order in wanted}
        x, y = -raw[1, 0], -raw[0, 1]
        return [
            sum(
                (
                    comb(p, a) * comb(q, b) * raw[a, b] * x ** (p - a) * y ** (q - b)
                    for a in range(p + 1)
                    for b in range(q + 1)
                ),
                np.zeros(len(length)),
            )
            for p, q in orders
        ]

    def axes(self) -> tuple[F64, F64]:
        """Major and minor semi-axis of the ellipse with the stretch's covariance, in frame diagonals."""
        xx, xy, yy = self.central((2, 0), (1, 1), (0, 2))
        mean, half = 0.5 * (xx + yy), np.hypot(0.5 * (xx - yy), xy)
        return np.sqrt(2 * np.maximum(mean + half, 0.0)), np.sqrt(2 * np.maximum(mean - half, 0.0))

    def turns(self, major: F64, minor: F64) -> tuple[F64, F64]:
        """Turns by the lowest of the three counts, and how well those by area and by length agree, 0..1."""
        s = self.sums
        closing = s.x[self.j] * s.y[self.i] - s.x[self.i] * s.y[self.j]
        swept = 0.5 * np.abs(self.over(s.shoelace) + closing)
        by_area = swept / np.maximum(np.pi * major * minor, 1e-12)
        perimeter = np.pi * np.sqrt(2 * (major**2 + minor**2))
        by_length = self.over(s.length) / np.maximum(perimeter, 1e-12)
        by_heading = np.abs(self.over(s.heading)) / (2 * np.pi) + _HEADING_SLACK
        low, high = np.minimum(by_area, by_length), np.maximum(by_area, by_length)
        return np.minimum(low, by_heading), low / np.maximum(high, 1e-12)

    def raggedness(self) -> F64:
        """Relative spread of the radius once the ellipse is stretched to a circle."""
        xx, xy, yy = self.central((2, 0), (1, 1), (0, 2))
        det = np.maximum(xx * yy - xy**2, 1e-18)
        a, b, c = yy / det, -xy / det, xx / det
        x4, x3y, x2y2, xy3, y4 = self.central((4, 0), (3, 1), (2, 2), (1, 3), (0, 4))
        kurtosis = (
            a * a * x4 + 4 * a * b * x3y + (2 * a * c + 4 * b * b) * x2y2 + 4 * b * c * xy3 + c * c * y4
        )
        return 0.5 * np.sqrt(np.maximum(kurtosis / 4 - 1, 0.0))


def _prefix(per_step: npt.NDArray[np.float64 | np.bool_]) -> F64:
    return np.concatenate([[0.0], np.cumsum(per_step)])


def _turning(dx: F64, dy: F64, moving: npt.NDArray[np.bool_]) -> F64:
    """Change of heading in radians from one moving step to the next, booked on the later; shape of ``dx``."""
    steps = np.flatnonzero(moving)
    change = np.diff(np.arctan2(dy, dx)[steps])
    turning = np.zeros(len(dx))
    turning[steps[1:]] = (change + np.pi) % (2 * np.pi) - np.pi
    return turning
