"""One session of a run: from recovery, over the loop, to the record of the run."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from msgspec import Struct

from narratrace.corpus.assembly import Assembly, finished_shards_of, known_shards, write_sizes
from narratrace.corpus.dead_letters import DeadLetters
from narratrace.corpus.events import Event, ShardFinished
from narratrace.corpus.executor import Executor
from narratrace.corpus.jobs import make_crew, make_job, with_card, with_threads, worker_environments
from narratrace.corpus.ledger_queries import (
    BEGAN,
    FOLDER,
    read_failures,
    read_schemes,
    read_shards,
    read_totals,
)
from narratrace.corpus.ledger_rows import State, Totals
from narratrace.corpus.local import LocalExecutor
from narratrace.corpus.loop import Loop, finished_shards
from narratrace.corpus.messages import Job, StageFactory
from narratrace.corpus.opening import Opened
from narratrace.corpus.options import RunOptions
from narratrace.corpus.outbox import Outbox, left_behind
from narratrace.corpus.places import DEAD_LETTERS, RUN, Places, claim_scratch
from narratrace.corpus.record import RunState, record_run
from narratrace.corpus.storage import check_libraries, discard
from narratrace.corpus.supply import Supply
from narratrace.corpus.tally import Snapshot, Tally
from narratrace.recipe import EngineOptions
from narratrace.write.files import remove_leftovers
from narratrace.write.shard_file import ShardRecord

_log = logging.getLogger(__name__)

_RECORD_EVERY_S = 30.0
WALL = "wall_s"
"""Fact of a run: seconds spent on it in all sessions."""


class Summary(Struct, frozen=True, kw_only=True):
    """How a run stands.

    Attributes:
        totals: The ledger summed up.
        shards: Finished shards.
        complete: Whether every recording came to its end and the last shards are written.
        wall_s: Seconds spent on it, in all sessions.
    """

    totals: Totals
    shards: tuple[ShardRecord, ...]
    complete: bool
    wall_s: float

    @property
    def failed(self) -> int:
        """Recordings that were given up."""
        return self.totals.videos.get(State.FAILED, 0)


class Session:
    """One session of a run with an open ledger. Used by one thread.

    Args:
        opened: The run.
        places: Its folders.
        options: How to run.
        stages: Makes the stages of a worker.
        outbox: For finished files.
        cancelled: Whether to stop.
    """

    def __init__(
        self,
        opened: Opened,
        places: Places,
        options: RunOptions,
        stages: StageFactory,
        outbox: Outbox,
        cancelled: Callable[[], bool],
    ) -> None:
        self._opened = opened
        self._ledger = opened.ledger
        self._places = places
        self._options = options
        self._stages = stages
        self._outbox = outbox
        self._cancelled = cancelled
        self._letters = DeadLetters(places.out / DEAD_LETTERS, places.name, places.options)
        self._loop: Loop | None = None
        self._before = float(opened.ledger.noted(WALL, 0.0))
        self._began = self._recorded = time.monotonic()
        self._complete = False

    def snapshot(self) -> Snapshot | None:
        """The figures now, None before the workers are there."""
        return self._loop.snapshot() if self._loop else None

    def summary(self) -> Summary:
        """How the run stands."""
        return Summary(
            totals=read_totals(self._ledger.connection),
            shards=tuple(read_shards(self._ledger.connection)),
            complete=self._complete,
            wall_s=self._before + time.monotonic() - self._began,
        )

    def events(self) -> Generator[Event]:
        """Work to the end, or until cancelled; raises what :meth:`Loop.events` raises."""
        claim_scratch(self._places, str(self._ledger.noted(BEGAN)))
        for name in (RUN, DEAD_LETTERS):  # a report may be about to be written in the same folder
            remove_leftovers(self._places.out, name)
        self._ledger.reopen()
        self._letters.rewrite(read_failures(self._ledger.connection))
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            assembly = stack.enter_context(self._make_assembly())
            if taken := assembly.recover():
                _log.info("took over %d recordings that were finished when the last session ended", taken)
            yield from self._sent(finished_shards(self._places.out, assembly.feed()))
            totals = read_totals(self._ledger.connection)
            if totals.left:
                yield from self._sent(self._work(assembly, totals))
            if not self._cancelled():
                yield from self._sent(finished_shards(self._places.out, assembly.finish()))
                write_sizes(self._places.out, self._ledger)
                self._complete = True
        self._outbox.finish(complete=self._complete)
        if self._complete:
            discard(self._places.scratch)

    def _make_assembly(self) -> Assembly:
        if self._outbox.is_remote:
            known = known_shards(self._places.out, self._ledger)
            self._outbox.send(left_behind(self._places.out, known))
        else:
            known = finished_shards_of(self._places.out, self._ledger)
        return Assembly(
            self._places.out,
            self._places.bundles,
            self._ledger,
            self._opened.engine.shards,
            finished=known,
            fingerprint=self._opened.head.fingerprint,
        )

    def _sent(self, events: Iterator[Event]) -> Iterator[Event]:
        """The same events; a finished shard is sent off once the consumer has seen it."""
        for event in events:
            yield event
            if isinstance(event, ShardFinished):
                self._outbox.send([event.record])

    def _work(self, assembly: Assembly, totals: Totals) -> Iterator[Event]:
        """The loop with its workers, which end with it."""
        allowed = set(self._options.limits.schemes) - {"file"}  # others are refused one by one
        check_libraries(sorted(allowed & read_schemes(self._ledger.connection)))
        executor = self._make_executor(totals.left)
        base = Path(self._ledger.noted(FOLDER, ""))
        supply = Supply(self._places.scratch / "inputs", self._options.limits, self._options.scratch, base)
        with contextlib.closing(executor), contextlib.closing(supply):
            executor.start()
            self._loop = Loop(
                out=self._places.out,
                ledger=self._ledger,
                assembly=assembly,
                executor=executor,
                supply=supply,
                tally=Tally(totals, len(executor.activity())),
                dead_letters=self._letters,
                options=self._options,
                fingerprint=self._opened.head.fingerprint,
                cancelled=self._cancelled,
            )
            self._record("running")
            for event in self._loop.events():
                yield event
                if time.monotonic() - self._recorded >= _RECORD_EVERY_S:
                    self._record("running")

    def _make_executor(self, videos: int) -> Executor:
        if self._options.executor == "ray":
            from narratrace.corpus.ray_executor import RayExecutor

            return RayExecutor(self._job(self._opened.engine), self._options.ray, videos)
        engine = self._opened.engine
        size = make_crew(engine, self._options, videos)
        job = self._job(with_card(with_threads(engine, size.threads, size.model_threads), size.cards))
        folder = self._places.scratch / "workers"
        environments = worker_environments(size.cards)
        return LocalExecutor(job, environments, size.threads, folder, size.lenders)

    def _job(self, engine: EngineOptions) -> Job:
        return make_job(engine, self._options, self._stages, self._places.bundles, self._places.scratch)

    def _record(self, state: RunState) -> Summary:
        self._recorded = time.monotonic()
        summary = self.summary()
        record_run(self._places.out / RUN, self._opened, self._options, summary, state)
        return summary

    def _end(self) -> None:
        """Leave everything as the next session likes to find it."""
        self._loop = None
        self._ledger.reopen()
        self._letters.rewrite(read_failures(self._ledger.connection))
        summary = self._record("complete" if self._complete else "stopped")
        self._ledger.note(WALL, summary.wall_s)
