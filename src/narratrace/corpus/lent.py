"""The worker's side of models that another process lends, and what is said over the line between them.

One question at a time goes over a worker's connection. The lender may have to be started again; a question
names its model and how that is loaded, so no lender has to remember anything.
"""

from __future__ import annotations

import pickle
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from narratrace.corpus.messages import Lender
from narratrace.errors import NarratraceError, WorkerLost
from narratrace.models import Model

T = TypeVar("T")

_TELL_EVERY_S = 5.0


class Question(Struct, frozen=True, kw_only=True):
    """What a worker asks.

    Attributes:
        name: The model; empty for the result of calling ``make``.
        make: Loads the model.
        items: To be answered; None asks for the model's facts.
        alone: Whether the lender should do nothing else meanwhile, see Note [Asked again alone].
    """

    name: str
    make: Callable[[], Any]
    items: Sequence[Any] | None = None
    alone: bool = False


class Begun(Struct, frozen=True):
    """The lender is at a question that asks to be alone, and at nothing else."""


class Answered(Struct, frozen=True):
    """What the lender found."""

    value: Any


class Elsewhere(Exception):
    """The traceback of an error in another process; the cause of that error here."""


class Refused(Struct, frozen=True, kw_only=True):
    """An error, so that a worker can raise it without the libraries that it came from.

    Attributes:
        error: The error itself, None where it is neither one of ours nor builtin, or does not pickle.
        name: Its type.
        base: A builtin type that it is of.
        message: What it says.
        traceback: Where it came from.
    """

    error: Exception | None
    name: str
    base: type[Exception]
    message: str
    traceback: str

    @classmethod
    def of(cls, error: Exception) -> Refused:
        """The refusal behind an exception."""
        known = isinstance(error, NarratraceError) or type(error).__module__ == "builtins"
        return cls(
            error=error if known and _pickles(error) else None,
            name=type(error).__name__,
            base=next((kind for kind in (MemoryError, OSError) if isinstance(error, kind)), RuntimeError),
            message=str(error),
            traceback="".join(traceback.format_exception(error)),
        )

    def to_exception(self) -> Exception:
        """The error, or one of the same name and nature."""
        error = self.error or type(self.name, (self.base,), {})(self.message)
        error.__cause__ = Elsewhere(f"\n{self.traceback}")
        return error


class LentModels:
    """The :class:`narratrace.models.Models` that another process holds.

    Args:
        lender: That process.
        waiting: Told how many seconds were spent waiting for it since it was last told.
    """

    def __init__(self, lender: Lender, waiting: Callable[[float], None] = lambda _: None) -> None:
        self._lender = lender
        self._waiting = waiting
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def call(self, function: Callable[[], T]) -> T:
        """See :meth:`narratrace.models.Models.call`."""
        value: T = self.ask(Question(name="", make=function))
        return value

    def open(self, name: str, make: Callable[[], Model]) -> Model:
        """See :meth:`narratrace.models.Models.open`."""
        return LentModel(self, Question(name=name, make=make))

    def ask(self, question: Question) -> Any:
        """What the lender answers.

        Raises:
            WorkerLost: the lender died of this question, or is gone for good.
            Exception: what answering raised.
        """
        with self._lock:
            while True:
                try:
                    reply, has_begun = self._try(question)
                except (EOFError, OSError) as error:
                    raise _lost(question, "the process with the models is gone") from error
                if isinstance(reply, Refused):
                    raise reply.to_exception()
                if reply is not None:
                    return reply.value
                if has_begun:
                    raise _lost(question, "the process with the models died")
                question = replace(question, alone=True)

    def _try(self, question: Question) -> tuple[Answered | Refused | None, bool]:
        """The reply, None if the lender died; and whether it was at this question alone.

        Raises:
            OSError: nobody listens any more.
        """
        has_begun = False
        connection = self._connection or self._connect()
        try:
            if self._connection is None:
                self._introduce(connection)
            connection.send(question)
            while True:
                reply = self._receive(connection)
                if not isinstance(reply, Begun):
                    return reply, has_begun
                has_begun = True
        except (EOFError, OSError):
            connection.close()
            self._connection = None
            return None, has_begun

    def _connect(self) -> Connection:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(self._lender.address)
            return Connection(line.detach())

    def _introduce(self, connection: Connection) -> None:
        """Prove that both ends belong to the run, as :class:`multiprocessing.connection.Client` does."""
        self._wait(connection)
        answer_challenge(connection, self._lender.key)
        deliver_challenge(connection, self._lender.key)
        self._connection = connection

    def _receive(self, connection: Connection) -> Answered | Refused | Begun:
        self._wait(connection)
        reply: Answered | Refused | Begun = connection.recv()
        return reply

    def _wait(self, connection: Connection) -> None:
        """Wait until something can be read, and tell of the time that takes."""
        has_come = False
        while not has_come:
            began = time.monotonic()
            has_come = connection.poll(_TELL_EVERY_S)
            self._waiting(time.monotonic() - began)


class LentModel:
    """A :class:`Model` in another process.

    Args:
        models: Asks that process.
        question: Names the model.

    Raises:
        Exception: what loading it raised there.
    """

    def __init__(self, models: LentModels, question: Question) -> None:
        self._models = models
        self._question = question
        self.facts: Any = models.ask(question)
        self.most = 0

    def answer(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """See :meth:`narratrace.models.Model.answer`."""
        return enumerate(self._models.ask(replace(self._question, items=items)))

    def close(self) -> None:
        """Leave it to the others."""


def _pickles(error: Exception) -> bool:
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:
        return False


def _lost(question: Question, what: str) -> WorkerLost:
    return WorkerLost(
        what,
        station=question.name or "corpus",
        cause="it ran out of memory, or native code crashed or hung: the log says how it ended",
    )
