"""An iterator that runs in a thread of its own, a bounded number of items ahead of its consumer.

Native decoders that work outside the processor stand still while the host analyses a batch, unless the next
one has been asked for. A thread also makes a hang harmless: the consumer waits with a time limit, and whoever
hangs is left behind.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.25
_JOIN_S = 2.0
_END = object()


class Stopped(Exception):
    """Ends the producer, whose items nobody wants any more."""


class Prefetch(Generic[T]):
    """Runs a producer ahead; used by one consumer.

    Args:
        ahead: Items that may wait for the consumer, besides the one being made.
        timeout_s: Longest time without a sign of life of the producer, while the consumer waits.
    """

    def __init__(self, ahead: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._items: queue.Queue[object] = queue.Queue(ahead)
        self._stopped = threading.Event()
        self._last = time.monotonic()
        self._thread: threading.Thread | None = None

    def run(self, produce: Callable[[], Iterator[T]]) -> Iterator[T]:
        """The producer's items; whatever it raises is raised here, behind the items before.

        Args:
            produce: Makes the iterator, in the new thread.

        Raises:
            TimeoutError: no item came, and no :meth:`beat`, for ``timeout_s``.
        """
        self._thread = threading.Thread(
            target=self._work, args=(produce,), name="narratrace-decode", daemon=True
        )
        self._thread.start()
        while True:
            item = self._next()
            if item is _END:
                return
            if isinstance(item, _Raised):
                try:
                    raise item.error
                finally:
                    del item  # or the error would keep itself, and all that its traceback refers to
            yield item  # type: ignore[misc]

    def beat(self) -> None:
        """A sign of life from the producer.

        Raises:
            Stopped: its items are not wanted any more.
        """
        if self._stopped.is_set():
            raise Stopped
        self._last = time.monotonic()

    def stop(self) -> bool:
        """Ends the producer at its next sign of life; whether it has come to an end. Safe to call twice."""
        self._stopped.set()
        if self._thread is None:
            return True
        self._thread.join(_JOIN_S)
        return not self._thread.is_alive()

    def _next(self) -> object:
        self._last = time.monotonic()  # the time runs only while somebody waits
        while True:
            try:
                return self._items.get(timeout=min(_POLL_S, self._timeout_s))
            except queue.Empty:
                if time.monotonic() - self._last > self._timeout_s:
                    raise TimeoutError from None

    def _work(self, produce: Callable[[], Iterator[T]]) -> None:
        try:
            for item in produce():
                self._put(item)
            self._put(_END)
        except Stopped:
            pass
        except BaseException as error:
            self._put_last(error)

    def _put_last(self, error: BaseException) -> None:
        with contextlib.suppress(Stopped):
            self._put(_Raised(error))

    def _put(self, item: object) -> None:
        while True:
            if self._stopped.is_set():
                raise Stopped
            try:
                self._items.put(item, timeout=_POLL_S)
                return
            except queue.Full:
                continue


class _Raised:
    """An exception on its way to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
