"""What a pipeline is made of, as frozen values: which stations, how wide, how many recordings at once."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from narratrace.errors import NarratraceError
from narratrace.models import OWN_MODELS, Models
from narratrace.pipeline.stage import Stage


def ignore_progress(video_id: str, seconds: float) -> None:
    """Nobody watches."""


def _never() -> bool:
    return False


class Hooks(Struct, frozen=True, kw_only=True):
    """What the owner of a stage tells it, and wants to be told.

    Attributes:
        on_hang: Called from another thread when native code does not come back; whoever runs the stage
            decides what becomes of the stuck thread. None leaves it stuck.
        cancelled: Whether the result is no longer wanted; long work looks at it now and then.
        on_progress: Called with the video_id and how many seconds of the recording have been looked at.
        models: Where its models are, see Note [Shared models].
    """

    on_hang: Callable[[NarratraceError], None] | None = None
    cancelled: Callable[[], bool] = _never
    on_progress: Callable[[str, float], None] = ignore_progress
    models: Models = OWN_MODELS


class Station(Struct, frozen=True, kw_only=True):
    """One step of a pipeline, and how it is run.

    Attributes:
        name: Name of its stage.
        make: Makes a fresh stage; called once in each worker's thread.
        batch: Most recordings handed to the stage at once.
        linger_s: Longest wait for a batch to fill up once its first recording is there, in seconds.
        queue: Recordings that may wait before the station; producers block when it is full.
        workers: Threads, each with a stage of its own.

    Raises:
        ValueError: a size that cannot work.
    """

    name: str
    make: Callable[[Hooks], Stage]
    batch: int = 1
    linger_s: float = 0.0
    queue: int = 1
    workers: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.batch <= self.queue):
            raise ValueError(f"{self.name}: a queue of {self.queue} never fills a batch of {self.batch}")
        if self.workers < 1 or self.linger_s < 0:
            raise ValueError(f"{self.name}: {self.workers} workers, {self.linger_s} s to linger")


class Pipeline(Struct, frozen=True, kw_only=True):
    """Stations in order, and the bound on memory.

    Attributes:
        stations: Every recording visits them in this order, until it is dropped or fails.
        in_flight: Most recordings that exist at once between the input and the consumer's hands, those
            that wait for an earlier one included. It bounds the memory, whatever the queues are.

    Raises:
        ValueError: no station, a name used twice, or no room for a single recording.
    """

    stations: tuple[Station, ...]
    in_flight: int

    def __post_init__(self) -> None:
        names = [station.name for station in self.stations]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"stations must be there and have names of their own, got {names}")
        if self.in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, got {self.in_flight}")
