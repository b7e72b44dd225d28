"""The threads of a pipeline: each serves one station with a stage of its own.

Note [Stuck workers]
~~~~~~~~~~~~~~~~~~~~
Native code that does not come back cannot be stopped within a process (Note [Two ways to end a hang]). The
run need not wait for it: the recording fails with the watchdog's error, the thread is written off together
with its stage, and a new worker with a fresh stage takes its place and the rest of its batch. Should the
thread return after all, it finds itself written off and ends without a word. What it costs is the memory the
hanging decoder holds; a corpus run, which meets many of those, ends the whole process instead.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from narratrace.data.outcome import Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.errors import NarratraceError
from narratrace.pipeline.description import Hooks, Station
from narratrace.pipeline.execution import failure, run_batch
from narratrace.pipeline.queues import Aborted, BoundedQueue
from narratrace.pipeline.results import Results
from narratrace.pipeline.stage import Stage
from narratrace.pipeline.stats import Meter, StationStats

log = logging.getLogger(__name__)


class Ticket(Struct, frozen=True):
    """A recording and its place in the input order of this run."""

    position: int
    recording: Recording


class Lane:
    """A station at work: its queue, its workers and their figures.

    Args:
        station: What is done here.
        capacity: Recordings that may wait.
        results: Where recordings end that go no further.
        following: The next station, None for the last.
        on_progress: See :class:`Hooks`.
    """

    def __init__(
        self,
        station: Station,
        *,
        capacity: int,
        results: Results,
        following: Lane | None,
        on_progress: Callable[[str, float], None],
    ) -> None:
        self.station = station
        self.inbox: BoundedQueue[Ticket] = BoundedQueue(capacity)
        self.meter = Meter(station.name, station.workers)
        self.results = results
        self.on_progress = on_progress
        self._following = following
        self._lock = threading.Lock()
        self._crew: list[Worker] = []

    def start(self) -> None:
        """Start the workers."""
        for _ in range(self.station.workers):
            self.hire()

    def hire(self, first: Sequence[Ticket] = ()) -> None:
        """Start one more worker, which begins with the tickets ``first``."""
        worker = Worker(self, first)
        with self._lock:
            self._crew.append(worker)
        worker.thread.start()

    def dismiss(self, worker: Worker) -> None:
        """A worker has ended; the last one tells the next station that nothing more will come."""
        with self._lock:
            self._crew.remove(worker)
            deserted = not self._crew
        if deserted and self._following:
            self._following.inbox.close()

    def pass_on(self, ticket: Ticket, outcome: Outcome[Recording]) -> None:
        """Send a finished recording on, blocking while the next station has no room.

        Raises:
            Aborted: the run is over.
        """
        if isinstance(outcome, Kept) and self._following is not None:
            begun = time.perf_counter()
            self._following.inbox.put(Ticket(ticket.position, outcome.value))
            self.meter.add(blocked_s=time.perf_counter() - begun)
        else:
            self.results.deliver(ticket.position, outcome)

    def join(self, deadline: float) -> None:
        """Wait for the workers to end, at most until ``deadline`` on the monotonic clock."""
        with self._lock:
            threads = [worker.thread for worker in self._crew]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def stats(self) -> StationStats:
        """The station's figures so far."""
        return self.meter.snapshot(waiting=len(self.inbox), most_waiting=self.inbox.most)


class Worker:
    """One thread with its stage.

    Attributes:
        thread: Not started yet. A daemon: a stuck one must not keep the process alive.
    """

    def __init__(self, lane: Lane, first: Sequence[Ticket] = ()) -> None:
        self._lane = lane
        self._first = list(first)
        self._current: list[Ticket] = []
        self._written_off = False
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name=f"narratrace-{lane.station.name}", daemon=True)

    def _run(self) -> None:
        try:
            with self._stage() as stage:
                while self._serve(stage):
                    pass
        except Aborted:
            pass
        except BaseException as error:  # in this thread nobody else would see it
            self._lane.results.fail(error)
        finally:
            if not self._written_off:
                self._lane.dismiss(self)

    @contextlib.contextmanager
    def _stage(self) -> Iterator[Stage]:
        lane, begun = self._lane, time.perf_counter()
        hooks = Hooks(
            on_hang=self._write_off, cancelled=lambda: lane.results.over, on_progress=lane.on_progress
        )
        stage = lane.station.make(hooks)
        try:
            stage.open()
            lane.meter.add(opening_s=time.perf_counter() - begun)
            yield stage
        finally:
            try:
                stage.close()
            except Exception:
                log.exception("%s could not be closed", stage.name)

    def _serve(self, stage: Stage) -> bool:
        """Serve one batch; False when there is none left. Keeps no reference to a recording it passed on."""
        lane, begun = self._lane, time.perf_counter()
        batch, self._first = self._first, []
        batch = batch or lane.inbox.take(lane.station.batch, lane.station.linger_s)
        if not batch:
            return False
        with self._lock:
            self._current = batch
        served = time.perf_counter()
        outcomes = run_batch(stage, [ticket.recording for ticket in batch])
        with self._lock:
            if self._written_off:
                raise Aborted
            self._current = []
        lane.meter.add(starved_s=served - begun)
        lane.meter.count(outcomes, time.perf_counter() - served)
        for ticket, outcome in zip(batch, outcomes, strict=True):
            lane.pass_on(ticket, outcome)
        return True

    def _write_off(self, error: NarratraceError) -> None:
        """Give this thread up, see Note [Stuck workers]; called from the watchdog's thread."""
        lane = self._lane
        with self._lock:
            batch, self._current = self._current, []
            if not batch:
                return  # it came back at the last moment
            self._written_off = True
        log.warning("%s hangs in native code and is left behind: %s", lane.station.name, error)
        stuck = [ticket for ticket in batch if ticket.recording.input.uri == error.input] or batch
        lane.hire([ticket for ticket in batch if ticket not in stuck])
        lane.dismiss(self)
        outcomes = [failure(error, ticket.recording, lane.station.name) for ticket in stuck]
        lane.meter.count(outcomes, 0.0)
        for ticket, outcome in zip(stuck, outcomes, strict=True):
            lane.results.deliver(ticket.position, outcome)
