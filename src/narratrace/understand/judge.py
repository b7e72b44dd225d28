"""The stage that takes a recording's figures and drops what the filters do not want."""

from __future__ import annotations

import time
from collections.abc import Sequence

from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.data.transcript import Transcript
from narratrace.errors import NarratraceError
from narratrace.understand.filters import FilterOptions, apply
from narratrace.understand.stats import StatsOptions, video_stats


class Judge:
    """Stage that fills in :attr:`Recording.stats` and may drop the recording.

    Args:
        filters: Which recordings are not wanted.
        stats: How the figures are taken.
    """

    name = "judge"

    def __init__(self, filters: FilterOptions, stats: StatsOptions) -> None:
        self._filters = filters
        self._stats = stats

    def open(self) -> None:
        """Nothing to load."""

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """One outcome per recording in the same order."""
        return [self._judge(recording) for recording in batch]

    def close(self) -> None:
        """Nothing to give back."""

    def _judge(self, recording: Recording) -> Outcome[Recording]:
        begun = time.perf_counter()
        if recording.visual is None:
            error = NarratraceError("was not analysed", station=self.name, expected="a visual analysis")
            return Failed.from_exception(
                error, video_id=recording.video_id, uri=recording.input.uri, station=self.name
            )
        transcript = recording.transcript or Transcript()
        stats = video_stats(recording.visual, transcript, recording.labels, self._stats)
        dropped = apply(recording.video_id, stats, transcript.language, self._filters)
        return dropped or Kept(recording.with_(self.name, time.perf_counter() - begun, stats=stats))
