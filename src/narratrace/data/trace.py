"""Where the lecturer points, over time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.timebase import Span

F64 = npt.NDArray[np.float64]


class Trace(Struct, frozen=True, eq=False):
    """Pointer positions in time order, only where a pointer is believed visible; equal with equal columns.

    Attributes:
        t: Presentation seconds, shape (n,), strictly increasing.
        x, y: Hot spot in pixels of the displayed picture, shape (n,).
        score: Belief in [0, 1], shape (n,).

    Raises:
        ValueError: columns of different lengths, or times that do not increase.
    """

    t: F64
    x: F64
    y: F64
    score: F64

    def __post_init__(self) -> None:
        if not (len(self.t) == len(self.x) == len(self.y) == len(self.score)):
            raise ValueError("trace columns differ in length")
        if len(self.t) > 1 and not bool(np.all(np.diff(self.t) > 0)):
            raise ValueError("trace times must increase")
        for column in self._columns:
            column.setflags(write=False)

    @classmethod
    def empty(cls) -> Trace:
        """A trace without points."""
        return cls(*(np.zeros(0) for _ in range(4)))

    def __len__(self) -> int:
        return len(self.t)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        return all(map(np.array_equal, self._columns, other._columns))

    def __hash__(self) -> int:
        return hash((len(self.t), *self.t[:1].tolist(), *self.t[-1:].tolist()))

    def __reduce__(self) -> tuple[type[Trace], tuple[F64, ...]]:
        return Trace, self._columns  # columns that cannot be written to, as these

    @property
    def _columns(self) -> tuple[F64, F64, F64, F64]:
        return self.t, self.x, self.y, self.score

    def __iter__(self) -> Iterator[tuple[float, float, float, float]]:
        yield from zip(self.t.tolist(), self.x.tolist(), self.y.tolist(), self.score.tolist(), strict=True)

    def within(self, span: Span) -> Trace:
        """The points with ``span.start <= t < span.end``, as views."""
        a, b = np.searchsorted(self.t, [span.start, span.end])
        return Trace(self.t[a:b], self.x[a:b], self.y[a:b], self.score[a:b])

    def at(self, t: float, max_gap: float) -> tuple[float, float] | None:
        """Position at ``t``, linear between neighbours at most ``max_gap`` seconds apart, else None."""
        if len(self.t) == 0:
            return None
        i = int(np.searchsorted(self.t, t))
        if 0 < i < len(self.t) and self.t[i] - self.t[i - 1] <= max_gap:
            w = (t - self.t[i - 1]) / (self.t[i] - self.t[i - 1])
            return (
                float(self.x[i - 1] + w * (self.x[i] - self.x[i - 1])),
                float(self.y[i - 1] + w * (self.y[i] - self.y[i - 1])),
            )
        near = min((j for j in (i - 1, i) if 0 <= j < len(self.t)), key=lambda j: abs(self.t[j] - t))
        if abs(self.t[near] - t) > 0.5 * max_gap:
            return None
        return float(self.x[near]), float(self.y[near])


class Dwell(Struct, frozen=True, kw_only=True):
    """A fixation: the pointer stays within ``radius`` pixels of (x, y) during ``span``."""

    span: Span
    x: float
    y: float
    radius: float
