"""A bounded queue between threads: full queues block the producer, and everybody can be sent home."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Aborted(Exception):
    """The run is over for another reason; whoever waits at a queue is released by this."""


class BoundedQueue(Generic[T]):
    """First in, first out; safe for any number of producers and consumers.

    Args:
        capacity: Items that may wait.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._aborted = False
        self._most = 0

    def put(self, item: T) -> None:
        """Append an item; blocks while the queue is full.

        Raises:
            Aborted: the queue was aborted.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._aborted or len(self._items) < self._capacity)
            if self._aborted:
                raise Aborted
            self._items.append(item)
            self._most = max(self._most, len(self._items))
            self._changed.notify_all()

    def take(self, most: int = 1, linger_s: float = 0.0) -> list[T]:
        """Take up to ``most`` items; blocks while the queue is empty.

        Args:
            most: Largest batch.
            linger_s: Seconds to wait for further items once there is one.

        Returns:
            At least one item; none once the queue is closed and empty.

        Raises:
            Aborted: the queue was aborted.
        """
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._aborted or self._closed or self._items)
                self._linger(most, time.monotonic() + linger_s)
                if self._aborted:
                    raise Aborted
                taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
                if taken or self._closed:  # else another consumer was faster
                    self._changed.notify_all()
                    return taken

    def close(self) -> None:
        """No more items will come; those that are there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abort(self) -> None:
        """Throw everything away and release everybody who waits."""
        with self._changed:
            self._aborted = True
            self._items.clear()
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def most(self) -> int:
        """The most items that ever waited."""
        return self._most

    def _linger(self, most: int, deadline: float) -> None:
        """Wait until a batch of ``most`` is there, time is up, or nothing more will come."""
        while self._items and len(self._items) < most and not (self._closed or self._aborted):
            left = deadline - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                return
