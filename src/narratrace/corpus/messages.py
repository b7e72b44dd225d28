"""What the driver and its workers say to each other: small, frozen, and never a frame.

The driver sends a :class:`Job` once and :class:`Task` by :class:`Task`; a worker answers each task with one
:class:`Report`, and tells in between what it is at. A process that lends models is sent a :class:`Charge`
once and tells of its :class:`Health`; what workers ask of it is in :mod:`narratrace.corpus.lent`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from narratrace.corpus.options import LimitOptions
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Outcome
from narratrace.pipeline import Hooks, Stage

if TYPE_CHECKING:
    from narratrace.recipe import EngineOptions

StageFactory = Callable[["EngineOptions", Hooks], list[Stage]]
"""Makes the stages of a worker; must be importable by name, for it is sent to other processes."""


class Lender(Struct, frozen=True, kw_only=True):
    """Where a worker asks the models that it shares with others.

    Attributes:
        address: Path of a Unix-domain socket.
        key: Proves to each end that the other belongs to the run.
    """

    address: str
    key: bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address!r})"  # not the key


class Job(Struct, frozen=True, kw_only=True):
    """What a worker needs to know once.

    Attributes:
        engine: The engine's options, threads and device already those of this worker.
        stages: Makes the stages.
        bundles: Folder that finished bundles go to.
        scratch: Folder for whatever else workers leave for each other.
        limits: What a recording may take.
        lender: Who holds this worker's models; None for itself.
    """

    engine: EngineOptions
    stages: StageFactory
    bundles: str
    scratch: str
    limits: LimitOptions
    lender: Lender | None = None


class Task(Struct, frozen=True, kw_only=True):
    """One attempt at one recording.

    Attributes:
        sequence: Its position in the input order.
        attempt: Number of this attempt, from 1.
        video: The recording as the manifest has it.
        path: File to read, where ``video.uri`` lies or was fetched to; empty until that is known.
        captions: Captions file, None when there is none; as ``path``.
    """

    sequence: int
    attempt: int
    video: VideoInput
    path: str
    captions: str | None = None


class Made(Struct, frozen=True, kw_only=True):
    """What became of a recording that went well.

    Attributes:
        bundle: File name of its bundle.
        size: Bytes of it.
        counts: Samples by kind.
        duration: Of the recording, in seconds.
        timings: Seconds by station.
    """

    bundle: str
    size: int
    counts: Mapping[str, int]
    duration: float
    timings: Mapping[str, float]


class Report(Struct, frozen=True, kw_only=True):
    """How an attempt ended.

    Attributes:
        task: The attempt.
        outcome: The bundle, or why there is none.
        seconds: Wall time of the attempt.
        worker: Who made it.
    """

    task: Task
    outcome: Outcome[Made]
    seconds: float
    worker: str


class Ready(Struct, frozen=True):
    """The worker has loaded its models."""


class Broken(Struct, frozen=True):
    """The worker cannot be set up, and no other will fare better."""

    error: Exception


class Progress(Struct, frozen=True):
    """A sign of life.

    Attributes:
        station: What the worker is at.
        looked_at: Seconds of the recording that have been looked at, 0 where the station does not tell.
        duration: Of the recording by its header in seconds, None where unknown.
        waited: Seconds of its task that it has waited for models of another process.
    """

    station: str
    looked_at: float = 0.0
    duration: float | None = None
    waited: float = 0.0


class Ended(Struct, frozen=True):
    """The outcome of the task in hand."""

    outcome: Outcome[Made]
    seconds: float


class Logged(Struct, frozen=True):
    """A log record of a worker, formatted there, for the driver's handlers."""

    name: str
    level: int
    message: str
    video_id: str


class Charge(Struct, frozen=True, kw_only=True):
    """What a process that lends models needs to know.

    Attributes:
        listener: Descriptor of the socket that workers connect to. The driver made it and keeps it open: who
            connects while the process is started again waits in its queue.
        key: See :class:`Lender`.
        folder: Holds the socket's name and nothing else; to be deleted where the driver cannot.
        limits: How long models may take.
    """

    listener: int
    key: bytes
    folder: str
    limits: LimitOptions

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.folder!r})"  # not the key


class Health(Struct, frozen=True, kw_only=True):
    """A sign of life of a process that lends models.

    Attributes:
        late: Why it has to be killed, empty while all is well.
        is_loading: Whether it is loading a model.
        models: Resident bytes once the last model was loaded.
        has_worked: Whether it has loaded a model or given an answer.
    """

    late: str = ""
    is_loading: bool = False
    models: int = 0
    has_worked: bool = False


Message = Ready | Broken | Progress | Ended | Logged | Health
