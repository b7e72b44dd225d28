"""The contract of executors: tasks in, reports out, in any order."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from narratrace.corpus.messages import Logged, Report, Task


class Activity(Struct, frozen=True, kw_only=True):
    """What one worker is at.

    Attributes:
        video_id: The recording in hand, empty while idle.
        station: Where in the engine it is, empty while idle.
        looked_at: Seconds of it that the station has looked at.
        share: Most of it that any station has looked at, 0..1; 0 where its length is not known.
        memory: Resident bytes of the worker, 0 where unknown.
    """

    video_id: str = ""
    station: str = ""
    looked_at: float = 0.0
    share: float = 0.0
    memory: int = 0


class Executor(Protocol):
    """Carries out tasks somewhere else. Used by one thread.

    A fault of a recording, a dead or hung worker included, is a report; only what would befall every
    recording alike is raised.
    """

    def start(self) -> None:
        """Bring up the workers."""

    @property
    def free(self) -> int:
        """How many more tasks it takes right now."""

    def submit(self, task: Task) -> str:
        """Begin a task; only while :attr:`free` is positive.

        Returns:
            Name of the worker.
        """

    def poll(self, timeout_s: float) -> list[Report]:
        """Reports that have come, waiting up to ``timeout_s`` for the first.

        Raises:
            NarratraceError: the workers cannot be set up.
        """

    def activity(self) -> Mapping[str, Activity]:
        """What each worker is at, by name."""

    def close(self) -> None:
        """End all workers at once; tasks in hand are lost without a report."""


def hand_on(logged: Logged) -> None:
    """Give a worker's log record to the handlers of this process."""
    extra = {"video_id": logged.video_id} if logged.video_id else {}
    logging.getLogger(logged.name).log(logged.level, "%s", logged.message, extra=extra)
