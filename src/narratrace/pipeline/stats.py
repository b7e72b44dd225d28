"""What each station did with its time, and which one the others wait for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from msgspec import Struct, field

from narratrace.data.outcome import Dropped, Failed, Outcome
from narratrace.data.recording import Recording


class StationStats(Struct, frozen=True, kw_only=True):
    """One station so far; times in seconds, summed over its workers.

    Attributes:
        name: The station.
        workers: Its threads.
        recordings: Recordings it has finished with.
        batches: Calls of its stage.
        dropped, failed: Recordings that ended here.
        opening_s: Loading models.
        busy_s: In its stage.
        starved_s: Waiting for work.
        blocked_s: Waiting for room in the next station's queue.
        waiting: Recordings in its queue now.
        most_waiting: The most there have been.
    """

    name: str
    workers: int
    recordings: int = 0
    batches: int = 0
    dropped: int = 0
    failed: int = 0
    opening_s: float = 0.0
    busy_s: float = 0.0
    starved_s: float = 0.0
    blocked_s: float = 0.0
    waiting: int = 0
    most_waiting: int = 0


class PipelineStats(Struct, frozen=True, kw_only=True):
    """A snapshot of a running or finished pipeline.

    Attributes:
        stations: In pipeline order.
        in_flight: Recordings between input and consumer now.
        most_in_flight: The most there have been.
        wall_s: Seconds since the start.
    """

    stations: tuple[StationStats, ...]
    in_flight: int
    most_in_flight: int
    wall_s: float

    def busy_share(self, name: str) -> float:
        """Share of the wall time that a station's workers spent in its stage, 0..1.

        Raises:
            KeyError: there is no such station.
        """
        station = {s.name: s for s in self.stations}[name]
        return station.busy_s / (self.wall_s * station.workers) if self.wall_s > 0 else 0.0

    @property
    def bottleneck(self) -> str:
        """The station that worked for the largest share of the time."""
        return max(self.stations, key=lambda station: self.busy_share(station.name)).name


class Meter(Struct):
    """Sums up one station's figures; safe to use from several threads."""

    name: str
    workers: int
    _sums: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, **amounts: float) -> None:
        """Add to fields of :class:`StationStats`, by name."""
        with self._lock:
            for name, amount in amounts.items():
                self._sums[name] = self._sums.get(name, 0) + amount

    def count(self, outcomes: Sequence[Outcome[Recording]], seconds: float) -> None:
        """Add one call of the stage."""
        self.add(
            recordings=len(outcomes),
            batches=1,
            dropped=sum(isinstance(outcome, Dropped) for outcome in outcomes),
            failed=sum(isinstance(outcome, Failed) for outcome in outcomes),
            busy_s=seconds,
        )

    def snapshot(self, *, waiting: int, most_waiting: int) -> StationStats:
        """The figures now."""
        with self._lock:
            sums = dict(self._sums)
        return StationStats(
            name=self.name,
            workers=self.workers,
            recordings=int(sums.get("recordings", 0)),
            batches=int(sums.get("batches", 0)),
            dropped=int(sums.get("dropped", 0)),
            failed=int(sums.get("failed", 0)),
            opening_s=sums.get("opening_s", 0.0),
            busy_s=sums.get("busy_s", 0.0),
            starved_s=sums.get("starved_s", 0.0),
            blocked_s=sums.get("blocked_s", 0.0),
            waiting=waiting,
            most_waiting=most_waiting,
        )
