"""The one contract every stage of the pipeline meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from narratrace.data.outcome import Outcome
from narratrace.data.recording import Recording


@runtime_checkable
class Stage(Protocol):
    """A step that fills in one part of each recording.

    A stage object is cheap to make and to pickle: models and handles are loaded by :meth:`open`, in the
    thread or process that will call :meth:`run`. It holds no state of single recordings, so results cannot
    land on another video.
    """

    name: str
    """Station name, as it appears in timings, logs and dead letters."""

    def open(self) -> None:
        """Load what is needed; called once before the first :meth:`run`."""

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """One outcome per recording, in the same order. Never raises for a fault of a single recording."""

    def close(self) -> None:
        """Give everything back; called once after the last :meth:`run`."""
