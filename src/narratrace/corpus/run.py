"""A run over a corpus, as Python sees it.

    run = Run(["lectures.parquet"], "out", engine=EngineOptions(), options=RunOptions(workers=4))
    for sample in run.samples():          # or: summary = run.execute(on_event=print)
        ...

Everything happens while somebody iterates: a consumer that is slow holds the run back, one that stops ends
it, and the next run in the same folder goes on from there.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from narratrace.corpus.assembly import known_shards
from narratrace.corpus.events import Event, ShardFinished
from narratrace.corpus.messages import StageFactory
from narratrace.corpus.opening import Opened, open_run
from narratrace.corpus.options import RunOptions
from narratrace.corpus.outbox import Outbox
from narratrace.corpus.places import LEDGER, Places, places_of
from narratrace.corpus.session import Session, Summary
from narratrace.corpus.tally import Snapshot
from narratrace.options import given
from narratrace.recipe import EngineOptions, build_stages
from narratrace.source import names_of
from narratrace.write.shard_reader import ShardSample, read_shard


class Run:
    """A run over recordings, that goes on where an earlier one in the same folder ended.

    Args:
        sources: Files, folders, globs, URIs and manifests; none goes on with what ``out`` holds.
        out: Output folder, or URI of one (Note [Remote outputs]).
        engine: What decides about samples; None for the options of the run in ``out``, or the defaults.
        options: How to run.
        new_run: Set aside what an earlier run with other inputs or options wrote, and begin anew. What was
            sent to a URI cannot be set aside.
        stages: Makes the stages of a worker; must be importable by name in another process.

    Raises:
        InputError: a source is no name.
        OptionError: an option is out of its bounds.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[str | Path],
        out: str | Path,
        *,
        engine: EngineOptions | None = None,
        options: RunOptions | None = None,
        new_run: bool = False,
        stages: StageFactory = build_stages,
    ) -> None:
        self._sources = tuple(names_of(sources))
        self._out = out
        self._engine = None if engine is None else given(engine, EngineOptions)
        self._options = given(options, RunOptions)
        self._new_run = new_run
        self._stages = stages
        self._cancelled = threading.Event()
        self._session_now: Session | None = None
        self._summary: Summary | None = None

    @property
    def places(self) -> Places:
        """Its folders."""
        return places_of(self._out, self._options.scratch.folder)

    @property
    def summary(self) -> Summary | None:
        """How the run stood when the last iteration ended, None before."""
        return self._summary

    def snapshot(self) -> Snapshot | None:
        """Figures of the session in progress, None outside of one."""
        return self._session_now.snapshot() if self._session_now else None

    def cancel(self) -> None:
        """End the session soon; from any thread, or a signal handler. What is done stays done."""
        self._cancelled.set()

    def execute(self, on_event: Callable[[Event], None] = lambda _: None) -> Summary:
        """Work to the end.

        Args:
            on_event: Told what happens.

        Raises:
            InputError: see :func:`narratrace.corpus.opening.open_run`.
            OptionError: likewise.
            BudgetExceeded: too many recordings failed.
            StorageError: something cannot be written.
            NarratraceError: the workers cannot be set up.
        """
        for event in self.events():
            on_event(event)
        assert self._summary is not None
        return self._summary

    def events(self) -> Generator[Event]:
        """What happens, as it happens; raises what :meth:`execute` raises."""
        with self._opened() as (opened, places, outbox):
            yield from self._session(opened, places, outbox)

    def samples(self) -> Iterator[ShardSample]:
        """All samples of the run, each once: those of finished shards first, then those of each new shard.

        Raises:
            Exception: see :meth:`execute`.
        """
        with self._opened() as (opened, places, outbox):
            # Not the ledger's alone: a crash may have left it one behind, and no event tells of that one.
            for record in known_shards(places.out, opened.ledger):
                with outbox.shard(record) as path:
                    yield from read_shard(path)
            for event in self._session(opened, places, outbox):
                if isinstance(event, ShardFinished):
                    yield from read_shard(event.path)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[Opened, Places, Outbox]]:
        places = self.places
        with Outbox(places) as outbox:
            if self._new_run or not (places.out / LEDGER).exists():
                outbox.refuse_taken()
            outbox.try_out()
            opened = open_run(self._sources, places.out, self._engine, new_run=self._new_run)
            with opened.ledger:
                yield opened, places, outbox

    def _session(self, opened: Opened, places: Places, outbox: Outbox) -> Generator[Event]:
        self._session_now = session = Session(
            opened, places, self._options, self._stages, outbox, self._cancelled.is_set
        )
        try:
            with contextlib.closing(session.events()) as events:
                yield from events
        finally:
            self._summary = session.summary()
            self._session_now = None
