"""One session of a run: from recovery, over the loop, to the record of the run."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from narratrace.corpus.assembly import Assembly
from narratrace.corpus.dead_letters import DeadLetters
from narratrace.corpus.events import Event
from narratrace.corpus.executor import Executor
from narratrace.corpus.jobs import crew, make_job, with_threads, worker_environments
from narratrace.corpus.ledger_queries import read_failures, read_shards, read_totals
from narratrace.corpus.ledger_rows import State, Totals
from narratrace.corpus.local import LocalExecutor
from narratrace.corpus.loop import Loop, finished_shards
from narratrace.corpus.messages import StageFactory
from narratrace.corpus.opening import Opened
from narratrace.corpus.options import RunOptions
from narratrace.corpus.places import DEAD_LETTERS, RUN, SCRATCH
from narratrace.corpus.record import record_run
from narratrace.corpus.storage import discard
from narratrace.corpus.supply import Supply
from narratrace.corpus.tally import Snapshot, Tally
from narratrace.write.shard_file import ShardRecord

_log = logging.getLogger(__name__)

_RECORD_EVERY_S = 30.0
_WALL = "wall_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
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
        out: Its output folder.
        options: How to run.
        stages: Makes the stages of a worker.
        cancelled: Whether to stop.
    """

    def __init__(
        self,
        opened: Opened,
        out: Path,
        options: RunOptions,
        stages: StageFactory,
        cancelled: Callable[[], bool],
    ) -> None:
        self._opened = opened
        self._ledger = opened.ledger
        self._out = out
        self._options = options
        self._stages = stages
        self._cancelled = cancelled
        self._scratch = Path(options.scratch.folder or out / SCRATCH)
        self._letters = DeadLetters(out / DEAD_LETTERS, str(out))
        self._loop: Loop | None = None
        self._before = float(opened.ledger.noted(_WALL, 0.0))
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
        bundles = self._scratch / "bundles"
        bundles.mkdir(parents=True, exist_ok=True)
        self._ledger.reopen()
        self._letters.rewrite(read_failures(self._ledger.connection))
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            assembly = Assembly(
                self._out,
                bundles,
                self._ledger,
                self._opened.engine.shards,
                finished=None,
                fingerprint=self._opened.head.fingerprint,
            )
            stack.enter_context(assembly)
            if taken := assembly.recover():
                _log.info("took over %d recordings that were finished when the last session ended", taken)
            yield from finished_shards(self._out, assembly.feed())
            totals = read_totals(self._ledger.connection)
            if totals.left:
                yield from self._work(assembly, totals)
            if not self._cancelled():
                yield from finished_shards(self._out, assembly.finish())
                self._complete = True

    def _work(self, assembly: Assembly, totals: Totals) -> Iterator[Event]:
        """The loop with its workers, which end with it."""
        executor = self._make_executor(totals.left)
        supply = Supply(self._scratch / "inputs", self._options.limits, self._options.scratch)
        with contextlib.closing(executor), contextlib.closing(supply):
            executor.start()
            self._loop = Loop(
                out=self._out,
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
            record_run(self._out / RUN, self._opened, self._options, self.summary(), "running")
            for event in self._loop.events():
                yield event
                self._record_now_and_then()

    def _make_executor(self, videos: int) -> Executor:
        size = crew(self._opened.engine.device, self._options.workers, videos)
        job = make_job(
            with_threads(self._opened.engine, size.threads),
            self._options,
            self._stages,
            self._scratch / "bundles",
            self._scratch,
        )
        return LocalExecutor(job, worker_environments(size.cards), size.threads, self._scratch / "workers")

    def _record_now_and_then(self) -> None:
        if time.monotonic() - self._recorded >= _RECORD_EVERY_S:
            self._recorded = time.monotonic()
            record_run(self._out / RUN, self._opened, self._options, self.summary(), "running")

    def _end(self) -> None:
        """Leave everything as the next session likes to find it."""
        self._loop = None
        self._ledger.reopen()
        self._letters.rewrite(read_failures(self._ledger.connection))
        summary = self.summary()
        self._ledger.note(_WALL, summary.wall_s)
        record_run(
            self._out / RUN,
            self._opened,
            self._options,
            summary,
            "complete" if self._complete else "stopped",
        )
        if self._complete:
            discard(self._scratch)
