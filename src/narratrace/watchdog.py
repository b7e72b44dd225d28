"""Ends a recording whose decoder gives no frame for a declared time, even when it hangs in native code.

Note [Two ways to end a hang]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A thread that hangs inside a native decoder can't be interrupted from Python: no exception reaches it. So the
watchdog does what can be done from outside. When the time is up it marks the pass as expired, and the
iterating side raises :class:`DecodeTimeout` at its next opportunity, which covers decoders that are merely
slow. If no such opportunity comes within a grace time, the watchdog's thread calls ``on_hang`` with the same
error. The owner of the process decides what that means: a command prints the error and exits, a worker
reports it to its parent and exits. ``on_hang`` must not expect the hanging thread ever to return.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from narratrace.errors import DecodeTimeout

HangCallback = Callable[[DecodeTimeout], None]

_POLLS_PER_TIMEOUT = 8
"""How often the thread looks: expiry is noticed at most an eighth of the timeout late."""


class Watchdog:
    """Watches one pass; the time runs only between :meth:`resume` and :meth:`pause`.

    Args:
        timeout_s: Longest time between two signs of life in seconds.
        input: File being read, for the error.
        station: Who reads it, for the error.
        on_hang: Called in the watchdog's thread if the pass is still stuck after the grace time.
        grace_s: Seconds the iterating side has to notice the expiry by itself.
    """

    def __init__(
        self,
        timeout_s: float,
        *,
        input: str,
        station: str = "decode",
        on_hang: HangCallback | None = None,
        grace_s: float = 2.0,
    ) -> None:
        self._timeout_s = timeout_s
        self._input = input
        self._station = station
        self._on_hang = on_hang
        self._grace_s = grace_s
        self._expired = False
        self._running = True
        self._last = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="narratrace-watchdog", daemon=True)
        self._thread.start()

    def beat(self) -> None:
        """A sign of life.

        Raises:
            DecodeTimeout: it came too late.
        """
        if self._expired:
            raise stalled(self._timeout_s, self._input, self._station)
        self._last = time.monotonic()

    def pause(self) -> None:
        """Stop the clock: whoever consumes the frames may take as long as it likes.

        Raises:
            DecodeTimeout: the time was up already.
        """
        self.beat()
        self._running = False

    def resume(self) -> None:
        """Start the clock again, from zero."""
        self._last = time.monotonic()
        self._running = True

    def close(self) -> None:
        """End the watch; safe to call twice."""
        self._done.set()

    def __enter__(self) -> Watchdog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._done.wait(self._timeout_s / _POLLS_PER_TIMEOUT):
            if not (self._running and time.monotonic() - self._last > self._timeout_s):
                continue
            self._expired = True
            if not self._done.wait(self._grace_s) and self._on_hang is not None:
                self._on_hang(stalled(self._timeout_s, self._input, self._station))
            return


def stalled(timeout_s: float, input: str, station: str = "decode") -> DecodeTimeout:
    """The error for a recording that gave no frame in time.

    Args:
        timeout_s: How long was waited, in seconds.
        input: The file.
        station: Who reads it.
    """
    return DecodeTimeout(
        f"no frame for {timeout_s:g} s",
        station=station,
        input=input,
        expected=f"a frame within stall_timeout_s={timeout_s:g} s",
        cause="a damaged file the decoder cannot get past, or storage that does not answer",
    )
