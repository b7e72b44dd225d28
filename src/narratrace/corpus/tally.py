"""Figures of a run while it goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from msgspec import Struct, field

from narratrace.corpus.executor import Activity
from narratrace.corpus.ledger_rows import OPEN_STATES, State, Totals
from narratrace.corpus.messages import Report
from narratrace.data.outcome import Failed, Kept


class Queues(Struct, frozen=True, kw_only=True):
    """Recordings that wait for something, and what they take on scratch.

    Attributes:
        fetching: Being fetched from remote storage.
        ready: Waiting for a worker.
        running: In a worker's hands.
        bundles: Done, waiting for earlier recordings to go into a shard, or for the shard to be full.
        fetched_bytes, bundle_bytes: On scratch.
    """

    fetching: int = 0
    ready: int = 0
    running: int = 0
    bundles: int = 0
    fetched_bytes: int = 0
    bundle_bytes: int = 0


class Snapshot(Struct, frozen=True, kw_only=True):
    """A run at one instant.

    Attributes:
        videos: Recordings by state.
        hours_done: Hours of video processed, those of earlier sessions included.
        hours_under_way: Hours of the recordings in hand that have been looked at, by expectation.
        hours_total: Hours of all recordings; expected as far as they are not done.
        wall_s: Seconds of this session.
        speed: Hours of video per hour in this session, those under way included.
        eta_s: Expected seconds to the end, None before anything is known.
        samples: Samples by kind.
        retries: Attempts of this session that are to be repeated.
        busy: Share of the workers' time by station, 0..1.
        workers: What each worker is at.
        queues: What waits where.
    """

    videos: Mapping[State, int]
    hours_done: float
    hours_under_way: float
    hours_total: float
    wall_s: float
    speed: float
    eta_s: float | None
    samples: Mapping[str, int]
    retries: int
    busy: Mapping[str, float]
    workers: Mapping[str, Activity]
    queues: Queues

    @property
    def bottleneck(self) -> str:
        """The station that takes most of the workers' time, empty before anything is known."""
        return max(self.busy, key=lambda name: self.busy[name], default="")


class Tally(Struct):
    """Adds up what happens in one session of a run.

    Attributes:
        totals: The ledger at the start.
        workers: Number of workers.
    """

    totals: Totals
    workers: int
    retries: int = 0
    _began: float = field(default_factory=time.monotonic)
    _videos: Counter[State] = field(default_factory=Counter)
    _samples: Counter[str] = field(default_factory=Counter)
    _stations: dict[str, float] = field(default_factory=dict)
    _weight_done: float = 0.0
    _seconds_done: float = 0.0

    def __post_init__(self) -> None:
        self._videos.update(self.totals.videos)
        self._samples.update(self.totals.samples)

    @property
    def wall_s(self) -> float:
        """Seconds since the start of the session."""
        return time.monotonic() - self._began

    def settled(self, report: Report, weight: float) -> None:
        """A recording has come to its end.

        Args:
            report: How.
            weight: Its expected duration in seconds.
        """
        outcome = report.outcome
        state = State.DONE if isinstance(outcome, Kept) else State.DROPPED
        self._videos[State.FAILED if isinstance(outcome, Failed) else state] += 1
        self._weight_done += weight
        if isinstance(outcome, Kept):
            self._samples.update(outcome.value.counts)
            for name, seconds in outcome.value.timings.items():
                self._stations[name] = self._stations.get(name, 0.0) + seconds
            self._seconds_done += outcome.value.duration
        else:
            self._seconds_done += weight

    def snapshot(self, queues: Queues, activity: Mapping[str, Activity]) -> Snapshot:
        """The figures now."""
        wall = self.wall_s
        open_weight = 3600 * sum(self.totals.hours.get(state, 0.0) for state in OPEN_STATES)
        left = max(0.0, open_weight - self._weight_done)
        ratio = self._seconds_done / self._weight_done if self._weight_done else 1.0
        before = sum(hours for state, hours in self.totals.hours.items() if state not in OPEN_STATES)
        done = before + self._seconds_done / 3600
        videos = {state: self._videos[state] for state in State}
        finished = sum(videos[s] - self.totals.videos.get(s, 0) for s in State if s not in OPEN_STATES)
        videos[State.RUNNING] = queues.running
        videos[State.PENDING] = max(0, self.totals.left - finished - queues.running)
        # Each counts for the mean of what is left: right for a single recording, and good enough for a bar.
        shares = sum(worker.share for worker in activity.values())
        under_way = left * min(1.0, shares / max(1, self.totals.left - finished))
        weight = self._weight_done + under_way
        return Snapshot(
            videos=videos,
            hours_done=done,
            hours_under_way=under_way * ratio / 3600,
            hours_total=done + left * ratio / 3600,
            wall_s=wall,
            speed=(self._seconds_done + under_way * ratio) / wall if wall > 0 else 0.0,
            eta_s=(left - under_way) * wall / weight if weight else None,
            samples=dict(self._samples),
            retries=self.retries,
            busy=self._busy(wall),
            workers=activity,
            queues=queues,
        )

    def _busy(self, wall: float) -> dict[str, float]:
        have = wall * self.workers
        return {name: min(1.0, seconds / have) for name, seconds in self._stations.items()} if have else {}
