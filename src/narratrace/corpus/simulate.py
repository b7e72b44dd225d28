"""A run as a discrete-event simulation: what waiting, order and the tail do to a plan.

Workers take recordings as the driver hands them out (Note [Longest first at the end]) and carry them through
the stations; a station needs one unit of its resource for as long as its rate says. Storage, network and
the driver cost nothing here, and rates do not vary: what is seen is queueing alone.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Generator, Sequence
from typing import Any, Literal

from msgspec import Struct

from narratrace.corpus.jobs import workers_per_card
from narratrace.corpus.rates import Kind, Unit
from narratrace.errors import MissingDependency

Order = Literal["input", "last", "longest"]
"""How the next recording is chosen: as they come, the same but the last window longest first, or the longest
of all."""


class Simulated(Struct, frozen=True, kw_only=True):
    """What came out.

    Attributes:
        hours: Duration of the run.
        tail_hours: From when the first worker found nothing more to do to the end.
        used: Share of the time that each unit was busy.
        waiting: Most bundles that waited on scratch for an earlier recording.
    """

    hours: float
    tail_hours: float
    used: dict[Unit, float]
    waiting: int


def lecture_durations(count: int, *, mean_s: float = 222.0, sigma: float = 1.0, seed: int = 0) -> list[float]:
    """Durations as video sites have them: log-normal, most short, a few very long.

    Args:
        count: How many.
        mean_s: Their mean in seconds; the published corpus has 3.7 min.
        sigma: Width of the distribution of the logarithm (assumption).
        seed: Of the generator.

    Returns:
        Seconds, between 15 s and 4 h, scaled to have the mean.
    """
    rng = random.Random(seed)
    drawn = [min(max(rng.lognormvariate(0.0, sigma), 0.05), 60.0) for _ in range(count)]
    scale = mean_s * count / sum(drawn)
    return [min(max(value * scale, 15.0), 14_400.0) for value in drawn]


def simulate(
    durations: Sequence[float],
    kind: Kind,
    count: int,
    *,
    order: Order = "last",
    window: int = 256,
    has_captions: bool = False,
    split_s: float = 0.0,
    workers: int = 0,
) -> Simulated:
    """Simulate a run.

    Args:
        durations: Of the recordings in input order, in seconds.
        kind: The machines.
        count: How many cards, or cores.
        order: How the next recording is chosen.
        window: Recordings for each worker, that bounds ``input`` and ``last``.
        has_captions: Whether nothing is transcribed.
        split_s: Recordings longer than this are cut into parts that are worked on independently, each with
            ``_OVERLAP_S`` more to look at; 0 for never.
        workers: For each card, or core; 0 for as many as the local executor starts.

    Raises:
        MissingDependency: simpy is not installed.
    """
    try:
        import simpy
    except ImportError as error:
        raise MissingDependency(
            "simpy is not installed",
            station="corpus",
            input="--simulate",
            expected="pip install 'narratrace[corpus]'",
        ) from error
    model = _Model(simpy, _split(durations, split_s), kind, count, has_captions)
    total = count * (workers or workers_per_card(kind.engines, kind.cores))
    queue = _Queue(model.durations, order, window * total)
    for number in range(total):
        model.environment.process(model.worker(number % count, queue))
    model.environment.run()
    end = model.environment.now
    return Simulated(
        hours=end / 3600,
        tail_hours=(end - model.first_idle) / 3600,
        used={unit: model.busy[unit] / (end * model.capacity[unit] * count) for unit in model.busy},
        waiting=queue.most_waiting,
    )


_OVERLAP_S = 30.0
"""What a part of a split recording looks at twice: stills and the pointer's picture need a run-up."""


def _split(durations: Sequence[float], split_s: float) -> list[float]:
    if not split_s:
        return list(durations)
    parts: list[float] = []
    for duration in durations:
        count = max(1, round(duration / split_s))
        parts += [duration / count + (_OVERLAP_S if count > 1 else 0.0)] * count
    return parts


class _Model:
    """Machines, stations, and the clock."""

    def __init__(
        self, simpy: Any, durations: Sequence[float], kind: Kind, count: int, has_captions: bool
    ) -> None:
        self.environment = simpy.Environment()
        self.durations = durations
        self.rates = [rate for rate in kind.rates if not (has_captions and rate.station == "transcribe")]
        units = {rate.unit for rate in self.rates}
        every: dict[Unit, int] = {"nvdec": kind.engines, "card": 1, "core": kind.cores}
        self.capacity: dict[Unit, int] = {unit: every[unit] for unit in units}
        self.busy: dict[Unit, float] = dict.fromkeys(units, 0.0)
        self.first_idle = float("inf")
        self._hosts = [
            {unit: simpy.Resource(self.environment, size) for unit, size in self.capacity.items()}
            for _ in range(count)
        ]

    def worker(self, host: int, queue: _Queue) -> Generator[Any, Any, None]:
        """One worker: recordings through the stations until there are no more."""
        waits = 1.0
        while not queue.is_empty:
            sequence = queue.take()
            if sequence is None:  # the window is exhausted until somebody finishes
                yield self.environment.timeout(waits)
                continue
            for rate in self.rates:
                seconds = self.durations[sequence] / rate.speed
                with self._hosts[host][rate.unit].request() as unit:
                    yield unit
                    yield self.environment.timeout(seconds)
                self.busy[rate.unit] += seconds
            queue.finish(sequence)
        self.first_idle = min(self.first_idle, self.environment.now)


class _Queue:
    """What is to be done, in the order the driver hands it out."""

    def __init__(self, durations: Sequence[float], order: Order, window: int) -> None:
        self._durations = durations
        self._window = len(durations) if order == "longest" else window
        self._may_turn = order != "input"
        self._by_length = False
        self._heap: list[tuple[float, int]] = []
        self._entered = self._next = 0
        self._done: set[int] = set()
        self.most_waiting = 0

    @property
    def is_empty(self) -> bool:
        """Whether everything has been handed out."""
        return not self._heap and self._entered >= len(self._durations)

    def take(self) -> int | None:
        """The next recording; None while the window holds none."""
        end = self._next + self._window
        for sequence in range(self._entered, min(end, len(self._durations))):
            heapq.heappush(self._heap, (self._key(sequence), sequence))
        self._entered = max(self._entered, min(end, len(self._durations)))
        if self._may_turn and not self._by_length and end >= len(self._durations):
            self._by_length = True
            self._heap = [(self._key(sequence), sequence) for _, sequence in self._heap]
            heapq.heapify(self._heap)
        return heapq.heappop(self._heap)[1] if self._heap else None

    def finish(self, sequence: int) -> None:
        """A recording is done; those before it may still be under way."""
        self._done.add(sequence)
        while self._next in self._done:
            self._done.remove(self._next)
            self._next += 1
        self.most_waiting = max(self.most_waiting, len(self._done))

    def _key(self, sequence: int) -> float:
        return -self._durations[sequence] if self._by_length else float(sequence)
