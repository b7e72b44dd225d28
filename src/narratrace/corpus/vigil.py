"""Whether a worker still gets on with its recording.

Note [Hung workers]
~~~~~~~~~~~~~~~~~~~
A stuck decoder is noticed in the worker (Note [Two ways to end a hang]); what hangs elsewhere only the driver
can end. A station that tells how far it has looked must move on within ``stall_s``. One that does not tell,
and the whole recording, may take ``stall_s`` and ``slowest`` times the recording's duration. What is killed
is tried again and given up after ``retry.attempts``, as any lost worker's recording. Time that a worker waits
for models of another process does not count: that process is watched by itself.
"""

from __future__ import annotations

import time

from msgspec.structs import replace

from narratrace.corpus.executor import Activity
from narratrace.corpus.messages import Progress, Task
from narratrace.corpus.options import LimitOptions


class Vigil:
    """Watches one worker.

    Attributes:
        task: What it has in hand, None while idle.
        activity: What it is at.
        is_ready: Whether it has loaded its models.
    """

    def __init__(self) -> None:
        self.task: Task | None = None
        self.activity = Activity()
        self.is_ready = False
        self._began = self._alive = time.monotonic()
        self._length = 0.0
        self._waited = 0.0
        self._models = 0

    @property
    def is_idle(self) -> bool:
        """Whether it can begin a task."""
        return self.is_ready and self.task is None

    @property
    def seconds(self) -> float:
        """How long it has had its task."""
        return time.monotonic() - self._began

    def settle(self, memory: int) -> None:
        """It has loaded its models, and takes so many bytes."""
        self.is_ready, self._models = True, memory

    def begin(self, task: Task) -> None:
        """It has a task."""
        self.task = task
        self.activity = Activity(video_id=task.video.video_id, station="source", memory=self.activity.memory)
        self._began = self._alive = time.monotonic()
        self._length = self._waited = 0.0

    def rest(self) -> None:
        """It has no task any more."""
        self.task, self.activity = None, Activity(memory=self.activity.memory)

    def note(self, progress: Progress) -> None:
        """Take a sign of life."""
        was = (self.activity.station, self.activity.looked_at, self._waited)
        if (progress.station, progress.looked_at, progress.waited) != was:
            self._alive = time.monotonic()
        self._waited = progress.waited
        if self.task is None:
            return  # it waits for models to be loaded
        # Headers lie: a recording is at least as long as what has been seen of it.
        self._length = max(self._length, progress.duration or 0.0, progress.looked_at)
        share = progress.looked_at / self._length if self._length else 0.0
        self.activity = replace(
            self.activity,
            station=progress.station,
            looked_at=progress.looked_at,
            share=max(self.activity.share, share),
        )

    def weigh(self, memory: int) -> None:
        """It takes so many bytes now."""
        self.activity = replace(self.activity, memory=memory)

    def overdue(self, limits: LimitOptions) -> str:
        """Why it has to be killed, empty while all is well, see Note [Hung workers]."""
        silent = time.monotonic() - self._alive
        if not self.is_ready:
            return f"{silent:.0f} s to load models (run.limits.load_s)" if silent > limits.load_s else ""
        if self.task is None:
            return ""
        most = limits.stall_s + limits.slowest * self._length
        if silent > (limits.stall_s if self.activity.looked_at else most):
            return f"no sign of progress for {silent:.0f} s (run.limits.stall_s)"
        if self.seconds > most + self._waited:
            return f"took {self.seconds:.0f} s for {self._length:.0f} s of video (run.limits.slowest)"
        if limits.memory_bytes and self.activity.memory > limits.memory_bytes + self._models:
            return f"took {self.activity.memory} bytes of memory (run.limits.memory_bytes)"
        return ""
