"""Runs a pipeline in threads: stations overlap, outcomes come in input order, memory stays bounded.

Note [Back-pressure]
~~~~~~~~~~~~~~~~~~~~
A recording takes one of ``in_flight`` places when it is drawn from the input, and gives it back when the
consumer, having been handed its outcome, asks for the next. So a slow consumer stops the decoder, and a
recording that waits for a slower one before it counts as well. The queues between stations are shorter than
that; they only keep a fast station from running far ahead of a slow one. The oldest recording can always
move on, because places are given in input order and every queue before it drains: there is no deadlock.

Most of a station's time passes in native code that lets go of the interpreter (decoding, differences,
models, encoding), which is why threads are enough for stations to overlap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from narratrace.data.outcome import Outcome
from narratrace.data.recording import Recording
from narratrace.pipeline.budget import FailureBudget
from narratrace.pipeline.description import Pipeline, ignore_progress
from narratrace.pipeline.queues import Aborted
from narratrace.pipeline.results import Results
from narratrace.pipeline.stats import PipelineStats
from narratrace.pipeline.worker import Lane, Ticket

_PATIENCE_S = 10.0
"""How long an ended run waits for its threads; those in a long call end later, by themselves."""


class Runner:
    """Runs one pipeline, as often as wanted but one run at a time.

    Args:
        pipeline: What to do.
        on_progress: See :class:`narratrace.pipeline.description.Hooks`; called from worker threads.
    """

    def __init__(
        self, pipeline: Pipeline, *, on_progress: Callable[[str, float], None] = ignore_progress
    ) -> None:
        self._pipeline = pipeline
        self._on_progress = on_progress
        self._lanes: list[Lane] = []
        self._begun = self._ended = 0.0
        self._in_flight = self._most_in_flight = 0

    def run(
        self, recordings: Iterable[Recording], budget: FailureBudget | None = None
    ) -> Iterator[Outcome[Recording]]:
        """One outcome per recording, in input order.

        Recordings are drawn in the caller's thread, as places become free. Closing the iterator ends the
        run; what is in work then is thrown away.

        Args:
            recordings: The input, of any length.
            budget: Ends the run when too many fail, after the outcome that was one too many.

        Raises:
            NarratraceError: a stage could not be opened.
            BudgetExceeded: see ``budget``.
        """
        lanes = self._set_up()
        source = enumerate(recordings)
        given = 0
        try:
            for lane in lanes:
                lane.start()
            while self._feed(source, lanes[0]):
                outcome = lanes[0].results.take(given)
                given += 1
                if budget is not None:
                    budget.note(outcome)
                yield outcome
                del outcome  # it may be large, and the next one can take a while
                self._in_flight -= 1
                if budget is not None:
                    budget.check()
        finally:
            self._tear_down(lanes)

    def stats(self) -> PipelineStats:
        """What the current or latest run has done so far; may be asked from any thread."""
        until = self._ended or time.perf_counter()
        return PipelineStats(
            stations=tuple(lane.stats() for lane in self._lanes),
            in_flight=self._in_flight,
            most_in_flight=self._most_in_flight,
            wall_s=until - self._begun if self._begun else 0.0,
        )

    def _set_up(self) -> list[Lane]:
        stations = self._pipeline.stations
        lanes: list[Lane] = []

        def send_home() -> None:
            for lane in lanes:
                lane.inbox.abort()

        results = Results(on_over=send_home)
        for station in reversed(stations):
            # The first queue takes whatever has a place: the input itself is what holds back there.
            capacity = self._pipeline.in_flight if station is stations[0] else station.queue
            following = lanes[0] if lanes else None
            lane = Lane(
                station,
                capacity=capacity,
                results=results,
                following=following,
                on_progress=self._on_progress,
            )
            lanes.insert(0, lane)
        self._lanes, self._begun, self._ended = lanes, time.perf_counter(), 0.0
        self._in_flight = self._most_in_flight = 0
        return lanes

    def _feed(self, source: Iterator[tuple[int, Recording]], entry: Lane) -> bool:
        """Fill the free places; False when input and pipeline are both empty."""
        while self._in_flight < self._pipeline.in_flight:
            item = next(source, None)
            if item is None:
                entry.inbox.close()
                break
            try:
                entry.inbox.put(Ticket(*item))
            except Aborted:
                return True  # the reason is among the results
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
        return self._in_flight > 0

    def _tear_down(self, lanes: list[Lane]) -> None:
        lanes[0].results.stop()
        deadline = time.monotonic() + _PATIENCE_S
        for lane in lanes:
            lane.join(deadline)
        self._ended = time.perf_counter()
