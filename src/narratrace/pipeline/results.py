"""Where finished recordings wait for their turn, and where a run learns that it is over."""

from __future__ import annotations

import threading
from collections.abc import Callable

from narratrace.data.outcome import Outcome
from narratrace.data.recording import Recording


class Results:
    """Outcomes by position in the input; any number of producers, one consumer.

    Args:
        on_over: Called once when the run ends early, to release whoever waits elsewhere.
    """

    def __init__(self, on_over: Callable[[], None]) -> None:
        self._outcomes: dict[int, Outcome[Recording]] = {}
        self._error: BaseException | None = None
        self._over = False
        self._on_over = on_over
        self._changed = threading.Condition()

    @property
    def over(self) -> bool:
        """Whether nobody wants further outcomes."""
        return self._over

    def deliver(self, position: int, outcome: Outcome[Recording]) -> None:
        """Hand in an outcome."""
        with self._changed:
            self._outcomes[position] = outcome
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the run for a fault that is no single recording's, such as a model that cannot be loaded."""
        with self._changed:
            self._error = self._error or error
        self.stop()

    def stop(self) -> None:
        """End the run: outcomes that are still to come are not wanted."""
        with self._changed:
            first, self._over = not self._over, True
            self._changed.notify_all()
        if first:
            self._on_over()

    def take(self, position: int) -> Outcome[Recording]:
        """The outcome of a position; blocks until it is there.

        Raises:
            BaseException: what :meth:`fail` was called with.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or position in self._outcomes)
            if self._error:
                raise self._error
            return self._outcomes.pop(position)
