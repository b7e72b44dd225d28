"""Loaded models that answer many at once, items of all who ask in the same batches. Threads, no processes.

Note [Asked again alone]
~~~~~~~~~~~~~~~~~~~~~~~~
A recording may take the process that answers down: it fills the memory, crashes native code, or hangs it.
From outside nobody can tell whose fault that was, for items of many recordings were under way. So whoever
lost an answer asks again, this time alone: one after the other, with nothing else going on. What takes the
process down alone is a lost attempt of its recording. The others notice nothing but the time, and keep what
they had.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from msgspec import Struct, field

from narratrace.corpus.options import LimitOptions
from narratrace.models import Model, answers

_log = logging.getLogger(__name__)


class Lending:
    """The models of this process, each loaded when it is first asked for. Safe to use from any thread.

    Args:
        limits: How long a model may take to be loaded, and be silent.
        on_loaded: Called when one has been loaded, and loading is over.
    """

    def __init__(self, limits: LimitOptions, on_loaded: Callable[[], None] = lambda: None) -> None:
        self._limits = limits
        self._on_loaded = on_loaded
        self._floor = _Floor()
        self._loading = threading.Lock()
        self._models: dict[str, tuple[Model, _Batcher | None]] = {}

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else is at work meanwhile, only what this thread asks; see Note [Asked again alone]."""
        return self._floor.alone()

    def call(self, function: Callable[[], Any]) -> Any:
        """What a function returns, as :meth:`narratrace.models.Models.call`."""
        with self._floor.taken(self._limits.load_s):
            return function()

    def facts(self, name: str, make: Callable[[], Model]) -> Any:
        """The facts of a model, loaded unless it is there; raises what ``make`` raises."""
        # The floor before the lock: who waits for the floor must not keep who is alone from loading.
        with self._floor.taken(self._limits.load_s, begun=False) as beat:
            return self._model(name, make, beat)[0].facts

    def answer(self, name: str, make: Callable[[], Model], items: Sequence[Any]) -> list[Any]:
        """A model's answers, one per item in the same order; raises what it raises for these items."""
        self.facts(name, make)
        model, batcher = self._models[name]
        if batcher is None or self._floor.is_mine:
            return self._answer(model, items)
        return batcher.ask(items)

    @property
    def is_loading(self) -> bool:
        """Whether a model is being loaded."""
        return self._loading.locked()

    @property
    def late(self) -> str:
        """Why this process has to be killed, empty while all is well."""
        return self._floor.late

    def _model(
        self, name: str, make: Callable[[], Model], beat: Callable[[], None]
    ) -> tuple[Model, _Batcher | None]:
        with self._loading:
            beat()
            is_new = name not in self._models
            if is_new:
                model = make()
                work = partial(self._answer, model)
                self._models[name] = model, _Batcher(name, model.most, work) if model.most else None
        if is_new:
            self._on_loaded()
        return self._models[name]

    def _answer(self, model: Model, items: Sequence[Any]) -> list[Any]:
        with self._floor.taken(self._limits.stall_s) as beat:
            return answers(model, items, beat)


class _Floor:
    """Who is at work: any number together, or one alone; and whether any of them is overdue."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._alive: dict[int, tuple[float, float]] = {}  # when it was last heard of, and its limit
        self._numbers = itertools.count()
        self._loners = 0
        self._loner: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether this thread has asked to be alone, and is."""
        return self._loner == threading.get_ident()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for everybody to be done, and have them wait."""
        with self._changed:
            self._loners += 1
            self._changed.wait_for(lambda: not self._alive and self._loner is None)
            self._loner = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._loners -= 1
                self._loner = None
                self._changed.notify_all()

    @contextlib.contextmanager
    def taken(self, limit_s: float, *, begun: bool = True) -> Iterator[Callable[[], None]]:
        """Work, from when it is one's turn.

        Args:
            limit_s: Longest time between two signs of life, in seconds.
            begun: Whether that time runs at once, or else from the first sign of life on: who waits for
                another is not late, the other may be.

        Yields:
            What to call as a sign of life.
        """
        number = next(self._numbers)

        def beat() -> None:
            self._alive[number] = time.monotonic(), limit_s

        with self._changed:
            self._changed.wait_for(lambda: self.is_mine or not self._loners)
            self._alive[number] = time.monotonic(), limit_s if begun else math.inf
        try:
            yield beat
        finally:
            with self._changed:
                del self._alive[number]
                self._changed.notify_all()

    @property
    def late(self) -> str:
        """Who is overdue, empty for nobody."""
        now = time.monotonic()
        for last, limit_s in list(self._alive.values()):
            if now - last > limit_s:
                return f"no answer for {now - last:.0f} s (run.limits.stall_s, run.limits.load_s)"
        return ""


class _Ticket(Struct, eq=False):
    """What somebody asked, and the answers so far."""

    answers: list[Any]
    left: int
    done: Future[list[Any]] = field(default_factory=Future)

    def put(self, position: int, answer: Any) -> None:
        self.answers[position] = answer
        self.left -= 1
        if not self.left:
            self.done.set_result(self.answers)


class _Entry(Struct, frozen=True, eq=False):
    """One item and where its answer goes."""

    ticket: _Ticket
    position: int
    item: Any


class _Batcher:
    """Fills batches with the items of all who ask, first come, first served, in a thread of its own.

    Args:
        name: Of the model.
        most: Items in a batch.
        work: One answer per item, in the same order.
    """

    def __init__(self, name: str, most: int, work: Callable[[Sequence[Any]], list[Any]]) -> None:
        self._name = name
        self._most = most
        self._work = work
        self._waiting: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._batches = 0
        threading.Thread(target=self._run, name=f"narratrace-{name}", daemon=True).start()

    def ask(self, items: Sequence[Any]) -> list[Any]:
        """One answer per item, in the same order; raises what the work on them raises."""
        if not items:
            return []
        ticket = _Ticket([None] * len(items), len(items))
        with self._changed:
            self._waiting.extend(_Entry(ticket, position, item) for position, item in enumerate(items))
            self._changed.notify_all()
        return ticket.done.result()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            wanted = [
                entry for entry in batch if not entry.ticket.done.done()
            ]  # others have failed meanwhile
            if wanted:
                self._serve(wanted)

    def _serve(self, batch: Sequence[_Entry]) -> None:
        """Answer a batch; should that raise, for each who asked by itself, so that only the guilty fail."""
        tickets = list(dict.fromkeys(entry.ticket for entry in batch))
        self._batches += 1
        count, askers = len(batch), len(tickets)
        _log.debug("%s: batch %d has %d items, asked by %d", self._name, self._batches, count, askers)
        try:
            found = self._work([entry.item for entry in batch])
        except Exception as error:
            if len(tickets) == 1:
                tickets[0].done.set_exception(error)
                return
            for ticket in tickets:
                self._serve([entry for entry in batch if entry.ticket is ticket])
            return
        for entry, answer in zip(batch, found, strict=True):
            entry.ticket.put(entry.position, answer)
