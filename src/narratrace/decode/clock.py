"""Presentation times of decoded pictures, made to increase whatever the container says."""

from __future__ import annotations

from fractions import Fraction

_USUAL_RATE = 25.0
"""Frames per second assumed where neither times nor the header give any (raw streams; FFmpeg's default)."""


class PresentationClock:
    """Places pictures, which come in presentation order, on the stream's clock.

    Some containers store decoding times only, and pass them off as presentation times or leave these out.
    As FFmpeg does, the clock counts which of the two fails to increase more often, and believes the other.

    Args:
        time_base: Seconds per pts unit.
        rate: Mean frames per second by the header, None when unknown.

    Attributes:
        dropped: Pictures refused because no time of theirs increases.
        untimed: Pictures placed by something else than their presentation time.
    """

    def __init__(self, time_base: Fraction, rate: float | None) -> None:
        self._step = max(1, round(1 / ((rate or _USUAL_RATE) * time_base)))
        self._first: int | None = None
        self._last = 0
        self._end = 0
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = 0
        self._faulty_dts = 0
        self.dropped = 0
        self.untimed = 0

    def place(self, pts: int | None, dts: int | None, step: int) -> int | None:
        """Time of the next picture in pts units, None if it has to be dropped.

        Args:
            pts: Its presentation time, None when missing.
            dts: Its decoding time, None when missing.
            step: How long it is shown, 0 when unknown.
        """
        placed = self._believed(pts, dts)
        if self._first is None:
            self._first = placed
        elif placed <= self._last:
            self.dropped += 1
            return None
        else:
            self._step = placed - self._last
        self._last, self._end = placed, placed + (step or self._step)
        self.untimed += placed != pts
        return placed

    def extent(self) -> tuple[int, int, int]:
        """First and last presentation time, and the end of the last picture, in pts units.

        Raises:
            RuntimeError: no picture has been placed yet.
        """
        if self._first is None:
            raise RuntimeError("the extent of a pass is known only once pictures have come")
        return self._first, self._last, self._end

    def _believed(self, pts: int | None, dts: int | None) -> int:
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        if dts is not None:
            return dts
        return 0 if self._first is None else self._last + self._step
