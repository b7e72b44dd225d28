"""Work that goes on beside the decoder, in the order it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class InOrder:
    """Runs tasks one after the other in a thread of its own, or at once if there is none to spare.

    What a task raises comes out of a later call. Native code does nearly all the work and releases the GIL.

    Args:
        apart: Whether to use a thread.
        max_waiting: Weight of tasks under way from which on :meth:`do` waits; one task is always taken.
    """

    def __init__(self, *, apart: bool, max_waiting: float) -> None:
        self._executor = ThreadPoolExecutor(1, "narratrace-analyse") if apart else None
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[Future[None], float]] = deque()

    def do(self, task: Callable[[], None], weight: float = 0.0) -> None:
        """Runs a task after all earlier ones."""
        if self._executor is None:
            task()
            return
        while self._waiting and (self._waiting[0][0].done() or self._weight() + weight > self._max_waiting):
            self._waiting.popleft()[0].result()
        self._waiting.append((self._executor.submit(task), weight))

    def wait(self) -> None:
        """Returns when all tasks are done."""
        while self._waiting:
            self._waiting.popleft()[0].result()

    def close(self) -> None:
        """Drops tasks that have not begun, and ends the thread."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self._waiting.clear()  # what a task raised refers to whoever gave it

    def _weight(self) -> float:
        return sum(weight for _, weight in self._waiting)
