"""Everything the single decode pass finds out about one recording."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from narratrace.data.media import DecodeSummary
from narratrace.data.shots import ChangeEvent, MovingRegion, Shot, StableSpan
from narratrace.data.trace import Dwell, Trace
from narratrace.timebase import Span


class VisualAnalysis(Struct, frozen=True, kw_only=True):
    """Result of decode and analyse for one recording; all lists are in time order.

    Attributes:
        video: What the decode pass saw.
        shots: Partition of the recording.
        changes: Changes of content within shots.
        stable_spans: Intervals with a still picture, with their clean keyframes.
        moving_regions: Areas that keep moving.
        trace: Pointer positions.
        dwells: Fixations of the pointer.
        timings: Seconds spent by part (``decode_s``, ``analyse_s``, ...).
    """

    video: DecodeSummary
    shots: tuple[Shot, ...]
    changes: tuple[ChangeEvent, ...]
    stable_spans: tuple[StableSpan, ...]
    moving_regions: tuple[MovingRegion, ...]
    trace: Trace
    dwells: tuple[Dwell, ...]
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> Span:
        """From the first picture to the end of the last."""
        return Span(self.video.start_pts_s, max(self.video.start_pts_s, self.video.duration))

    def __hash__(self) -> int:
        return hash((self.video, self.trace))  # mappings have none


class FrameLabel(Struct, frozen=True, kw_only=True):
    """Verdict of the classifier on one keyframe.

    Attributes:
        medical: Whether the frame counts as medical by the ensemble's rule.
        probability: Probability behind that verdict, 0..1.
        domains: Probability by imaging domain, empty when the classifier knows none.
    """

    medical: bool
    probability: float
    domains: Mapping[str, float] = field(default_factory=dict)


class VideoStats(Struct, frozen=True, kw_only=True):
    """Shares and rates that the filters look at; all shares are of the video's duration, 0..1.

    Attributes:
        duration: Seconds.
        speech_share: Covered by utterances.
        stable_share: Covered by stable spans.
        pointer_share: With a visible pointer.
        narrative_score: Share of sampled keyframes nearly identical to a neighbour (the published
            narrative-style test), None when fewer than two keyframes exist.
        medical_share: Share of keyframes the classifier calls medical, None without a classifier.
        spw: Seconds of speech per word, None without words.
        words: Number of words.
    """

    duration: float
    speech_share: float
    stable_share: float
    pointer_share: float
    narrative_score: float | None
    medical_share: float | None
    spw: float | None
    words: int
