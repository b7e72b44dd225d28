"""What runs in a Ray actor: a workshop, or a part of one.

Note [Relays]
~~~~~~~~~~~~~
Where decoding and models are spread over different actors, a recording travels between them as a file on
scratch, its keyframes included, and only the file's name goes through Ray's object store. The file is
written whole (Note [Whole or absent]) and deleted once the recording has its bundle, or none.
"""

from __future__ import annotations

import logging
import os
import pickle
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from msgspec import Struct

from narratrace.corpus.child import resident
from narratrace.corpus.messages import Job, Logged, Made, Progress, Task
from narratrace.corpus.worker import limit_memory
from narratrace.corpus.workshop import Workshop, failure
from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.device import parse_device
from narratrace.driver import driver_facts
from narratrace.errors import StorageError
from narratrace.pipeline import Stage
from narratrace.write.files import atomic

Part = Literal["whole", "look", "finish"]
"""Which stages an actor has: all, those up to the visual pass, or those behind it."""

_LAST_LOOK = "analyse"


class Relay(Struct, frozen=True, kw_only=True):
    """A recording on its way between actors, see Note [Relays].

    Attributes:
        path: The file.
        station: Where the recording is next.
    """

    path: str
    station: str = "relay"


class Answer(Struct, frozen=True, kw_only=True):
    """What an actor says about one task.

    Attributes:
        outcome: How it ended.
        seconds: Wall time; shared out evenly where recordings were processed together.
        logs: What was logged meanwhile.
    """

    outcome: Outcome[Made] | Outcome[Relay]
    seconds: float
    logs: tuple[Logged, ...] = ()


class Pulse(Struct, frozen=True, kw_only=True):
    """An actor's sign of life.

    Attributes:
        progress: What it is at.
        memory: Resident bytes of its process.
    """

    progress: Progress
    memory: int


class Actor:
    """The class behind the actors; its methods but :meth:`pulse` are called one at a time, in one thread.

    Args:
        job: What to do with recordings.
        part: Which stages it has.
    """

    def __init__(self, job: Job, part: Part) -> None:
        self._job = job
        self._part = part
        self._progress = Progress("source")
        self._logs = _Collector()

    def set_up(self, mark: str) -> Pulse | Exception:
        """Load the models.

        Args:
            mark: A file on scratch, which this node must see.

        Returns:
            What the process takes with its models, or why it cannot work.
        """
        logging.basicConfig(level=logging.INFO, handlers=[self._logs], force=True)
        try:
            if not Path(mark).exists():
                raise StorageError(
                    f"node {os.uname().nodename} does not see it",
                    station="corpus",
                    input=mark,
                    expected="--scratch with a folder that all nodes share",
                )
            self._workshop = Workshop(self._job, self._note, part=self._stages)
            self._workshop.__enter__()
        except Exception as error:
            return error
        if parse_device(self._job.engine.device).kind == "cpu" or driver_facts().problem:
            limit_memory(self._job.limits.memory_bytes)
        return self.pulse()

    def pulse(self) -> Pulse:
        """What it is at, also while it works."""
        return Pulse(progress=self._progress, memory=resident(os.getpid()))

    def carry_out(self, task: Task) -> list[Answer]:
        """Process a recording from file to bundle."""
        began = time.perf_counter()
        self._logs.video_id = task.video.video_id
        outcome = self._workshop.carry_out(task)
        return [self._answer(outcome, time.perf_counter() - began)]

    def look(self, task: Task) -> list[Answer]:
        """Decode and analyse a recording, and leave it on scratch for others."""
        began = time.perf_counter()
        self._logs.video_id = task.video.video_id
        outcome = self._workshop.begin(task)
        answer: Outcome[Made] | Outcome[Relay]
        if isinstance(outcome, Kept):
            try:
                answer = Kept(Relay(path=write_relay(outcome.value, Path(self._job.scratch))))
            except Exception as error:
                answer = failure(error, task, "relay")
        else:
            answer = self._workshop.bundle(task, outcome)
        return [self._answer(answer, time.perf_counter() - began)]

    def finish(self, tasks: Sequence[Task], relays: Sequence[Relay]) -> list[Answer]:
        """Take recordings from scratch through the other stages, together, and write their bundles."""
        began = time.perf_counter()
        self._logs.video_id = tasks[0].video.video_id if len(tasks) == 1 else ""
        loaded = [read_relay(task, relay) for task, relay in zip(tasks, relays, strict=True)]
        after = iter(self._workshop.go_on([one for one in loaded if isinstance(one, Recording)]))
        outcomes = [one if isinstance(one, Failed) else next(after) for one in loaded]
        made = [self._workshop.bundle(task, out) for task, out in zip(tasks, outcomes, strict=True)]
        for relay in relays:
            with suppress(OSError):
                Path(relay.path).unlink()
        seconds = (time.perf_counter() - began) / len(tasks)
        return [self._answer(outcome, seconds) for outcome in made]

    def _answer(self, outcome: Outcome[Made] | Outcome[Relay], seconds: float) -> Answer:
        return Answer(outcome=outcome, seconds=seconds, logs=self._logs.take())

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    def _stages(self, stages: list[Stage]) -> list[Stage]:
        names = [stage.name for stage in stages]
        behind = names.index(_LAST_LOOK) + 1 if _LAST_LOOK in names else len(names)
        return {"whole": stages, "look": stages[:behind], "finish": stages[behind:]}[self._part]


def write_relay(recording: Recording, scratch: Path) -> str:
    """Leave a recording on scratch.

    Raises:
        StorageError: it cannot be written.
    """
    folder = scratch / "relay"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recording.sequence:09d}-{recording.video_id}.pickle"
    with atomic(path) as file:
        pickle.dump(recording, file, protocol=pickle.HIGHEST_PROTOCOL)
    return str(path)


def read_relay(task: Task, relay: Relay) -> Recording | Failed:
    """The recording, or a failure that is worth another attempt from the beginning."""
    try:
        recording = pickle.loads(Path(relay.path).read_bytes())
        if isinstance(recording, Recording) and recording.video_id == task.video.video_id:
            return recording
        raise ValueError("holds another recording")
    except Exception as error:
        lost = StorageError(f"cannot be read back: {error}", station="relay", input=relay.path)
        return failure(lost, task, "relay")


class _Collector(logging.Handler):
    """Keeps log records until somebody takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.video_id = ""
        self._kept: list[Logged] = []
        self._guard = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record of ours."""
        if record.name.partition(".")[0] == "narratrace":
            with self._guard:
                self._kept.append(Logged(record.name, record.levelno, record.getMessage(), self.video_id))

    def take(self) -> tuple[Logged, ...]:
        """What was kept since the last time."""
        with self._guard:
            kept, self._kept = tuple(self._kept), []
        return kept
