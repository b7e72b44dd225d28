"""One recording on its way through the stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.data.analysis import FrameLabel, VideoStats, VisualAnalysis
from narratrace.data.media import VideoInput
from narratrace.data.sample import AlignedSample
from narratrace.data.transcript import Transcript


class Recording(Struct, frozen=True, kw_only=True):
    """Everything known about one input so far; each stage returns a copy with its own part filled in.

    Attributes:
        input: What it is and where it lies.
        sequence: Position in the run's input order, from 0; output is ordered by it.
        visual: Result of decode and analyse.
        transcript: Result of transcription.
        labels: Verdict per stable span (same order), None without a classifier or before it ran.
        stats: Shares and rates the filters look at.
        samples: Aligned samples, in output order.
        timings: Seconds spent by station.
    """

    input: VideoInput
    sequence: int
    visual: VisualAnalysis | None = None
    transcript: Transcript | None = None
    labels: tuple[FrameLabel, ...] | None = None
    stats: VideoStats | None = None
    samples: tuple[AlignedSample, ...] | None = None
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def video_id(self) -> str:
        """Identifier of the recording in all outputs."""
        return self.input.video_id

    def with_(self, station: str, seconds: float, **parts: Any) -> Recording:
        """A copy with ``parts`` filled in and ``seconds`` added to the station's time."""
        timings = {**self.timings, station: self.timings.get(station, 0.0) + seconds}
        return replace(self, timings=timings, **parts)

    def __hash__(self) -> int:
        return hash((self.video_id, self.sequence))  # mappings have none
