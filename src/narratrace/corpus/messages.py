"""What the driver and its workers say to each other: small, frozen, and never a frame.

The driver sends a :class:`Job` once and :class:`Task` by :class:`Task`; a worker answers each task with one
:class:`Report`, and tells in between what it is at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from narratrace.corpus.options import LimitOptions
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Outcome
from narratrace.pipeline import Hooks, Stage

if TYPE_CHECKING:
    from narratrace.recipe import EngineOptions

StageFactory = Callable[["EngineOptions", Hooks], list[Stage]]
"""Makes the stages of a worker; must be importable by name, for it is sent to other processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker needs to know once.

    Attributes:
        engine: The engine's options, threads and device already those of this worker.
        stages: Makes the stages.
        bundles: Folder that finished bundles go to.
        scratch: Folder for whatever else workers leave for each other.
        limits: What a recording may take.
    """

    engine: EngineOptions
    stages: StageFactory
    bundles: str
    scratch: str
    limits: LimitOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
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


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has loaded its models."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The worker cannot be set up, and no other will fare better."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Progress:
    """A sign of life.

    Attributes:
        station: What the worker is at.
        looked_at: Seconds of the recording that have been looked at, 0 where the station does not tell.
        duration: Of the recording by its header in seconds, None where unknown.
    """

    station: str
    looked_at: float = 0.0
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of the task in hand."""

    outcome: Outcome[Made]
    seconds: float


@dataclass(frozen=True, slots=True)
class Logged:
    """A log record of a worker, formatted there, for the driver's handlers."""

    name: str
    level: int
    message: str
    video_id: str


Message = Ready | Broken | Progress | Ended | Logged
