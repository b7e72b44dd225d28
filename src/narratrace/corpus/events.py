"""What a run tells while it goes on: frozen values, in the order in which things happen."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from narratrace.corpus.messages import Made
from narratrace.data.outcome import Failed, Outcome
from narratrace.write.shard_file import ShardRecord


class VideoFinished(Struct, frozen=True, kw_only=True):
    """A recording has come to its end.

    Attributes:
        video_id: The recording.
        sequence: Its place in the output.
        attempt: Attempts it took.
        outcome: Samples, or why there are none.
        seconds: Wall time of the last attempt.
    """

    video_id: str
    sequence: int
    attempt: int
    outcome: Outcome[Made]
    seconds: float


class VideoRetried(Struct, frozen=True, kw_only=True):
    """An attempt failed in a way that another may not.

    Attributes:
        video_id: The recording.
        attempt: The attempt that failed.
        failed: How.
        wait_s: Seconds until the next one may begin.
    """

    video_id: str
    attempt: int
    failed: Failed
    wait_s: float


class ShardFinished(Struct, frozen=True, kw_only=True):
    """A shard lies under its name, with its index.

    Attributes:
        record: What it holds.
        path: Where; with a remote output, where it lay before it was sent there.
    """

    record: ShardRecord
    path: Path


class Tick(Struct, frozen=True):
    """Nothing but the passing of time: comes at least every few seconds, to look at the figures."""


Event = VideoFinished | VideoRetried | ShardFinished | Tick
