"""Items made in one thread and used in another, a bounded distance ahead.

Native decoders that work outside the processor stand still while the host analyses a batch, unless the next
one has been asked for; of those that work on it there can be several. A thread also makes a hang harmless:
the consumer waits with a time limit, and whoever hangs is left behind.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_POLL_S = 0.25
_JOIN_S = 2.0
_END = object()


class Stopped(Exception):
    """Ends the producer, whose items nobody wants any more."""


class Channel(Generic[T]):
    """From one producer to one consumer, in order; whatever the producer raises comes behind its items.

    Args:
        most: Weight of waiting items from which on the producer waits.
        timeout_s: Longest time without a sign of life of the producer, while the consumer waits.
        weigh: Weight of an item; each weighs 1 when None.
    """

    def __init__(self, most: int, timeout_s: float, weigh: Callable[[T], int] | None = None) -> None:
        self._timeout_s = timeout_s
        self._weigh = weigh or (lambda _: 1)
        self._items: queue.Queue[object] = _Weighed(most)
        self._stopped = threading.Event()
        self._last = time.monotonic()

    def fill(self, produce: Callable[[], Iterable[T]]) -> None:
        """Hands on what ``produce`` makes, for as long as it is wanted; in the producer's thread."""
        try:
            for item in produce():
                self._put(item, self._weigh(item))
            self._put(_END)
        except Stopped:
            pass
        except BaseException as error:
            with contextlib.suppress(Stopped):
                self._put(_Raised(error))

    def beat(self) -> None:
        """A sign of life from the producer.

        Raises:
            Stopped: its items are not wanted any more.
        """
        self.require_wanted()
        self._last = time.monotonic()

    def require_wanted(self) -> None:
        """Has the producer go on only while its items are wanted.

        Raises:
            Stopped: they are not any more.
        """
        if self._stopped.is_set():
            raise Stopped

    def stop(self) -> None:
        """Ends the producer at its next sign of life."""
        self._stopped.set()

    def __iter__(self) -> Iterator[T]:
        """The items.

        Raises:
            TimeoutError: no item came, and no :meth:`beat`, for ``timeout_s``.
        """
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

    def _next(self) -> object:
        self._last = time.monotonic()  # the time runs only while somebody waits
        while True:
            try:
                return self._items.get(timeout=min(_POLL_S, self._timeout_s))[1]  # type: ignore[index]
            except queue.Empty:
                if time.monotonic() - self._last > self._timeout_s:
                    raise TimeoutError from None

    def _put(self, item: object, weight: int = 1) -> None:
        while True:
            self.require_wanted()
            try:
                self._items.put((max(1, weight), item), timeout=_POLL_S)
                return
            except queue.Full:
                continue


class Prefetch(Generic[T]):
    """Runs a producer ahead in a thread of its own; used by one consumer.

    Args:
        ahead: Items that may wait for the consumer, besides the one being made.
        timeout_s: Longest time without a sign of life of the producer, while the consumer waits.
    """

    def __init__(self, ahead: int, timeout_s: float) -> None:
        self._channel = Channel[T](ahead, timeout_s)
        self._thread: threading.Thread | None = None

    def run(self, produce: Callable[[], Iterable[T]]) -> Iterator[T]:
        """The producer's items, see :meth:`Channel.__iter__`.

        Args:
            produce: Makes the iterable, in the new thread.
        """
        self._thread = threading.Thread(
            target=self._channel.fill, args=(produce,), name="narratrace-decode", daemon=True
        )
        self._thread.start()
        return iter(self._channel)

    def beat(self) -> None:
        """See :meth:`Channel.beat`."""
        self._channel.beat()

    def stop(self) -> bool:
        """Ends the producer at its next sign of life; whether it has come to an end. Safe to call twice."""
        self._channel.stop()
        if self._thread is None:
            return True
        self._thread.join(_JOIN_S)
        return not self._thread.is_alive()


class _Weighed(queue.Queue[object]):
    """A queue whose size is the weight of its items, which are (weight, item)."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._weight = 0

    def _qsize(self) -> int:
        return self._weight

    def _put(self, item: object) -> None:
        self._weight += item[0]  # type: ignore[index]
        super()._put(item)

    def _get(self) -> object:
        item = super()._get()
        self._weight -= item[0]  # type: ignore[index]
        return item


class _Raised:
    """An exception on its way to the consumer."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
