"""When a worker counts as hung, without waiting for it."""

from __future__ import annotations

import pytest

from narratrace.corpus import vigil as module
from narratrace.corpus.messages import Progress, Task
from narratrace.corpus.options import LimitOptions
from narratrace.corpus.vigil import Vigil
from narratrace.data.media import VideoInput

LIMITS = LimitOptions(stall_s=60.0, slowest=2.0, load_s=300.0, memory_bytes=1000)
TASK = Task(sequence=0, attempt=1, video=VideoInput(video_id="v", uri="u"), path="p")


class Clock:
    """Time as the test wants it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def working(clock: Clock) -> Vigil:
    vigil = Vigil()
    vigil.settle(500)
    vigil.begin(TASK)
    return vigil


def test_loading_models_has_its_own_limit(clock: Clock) -> None:
    vigil = Vigil()
    clock.now = 299.0
    assert not vigil.overdue(LIMITS)
    assert not vigil.is_idle
    clock.now = 301.0
    assert "load models" in vigil.overdue(LIMITS)


def test_an_idle_worker_may_idle(clock: Clock) -> None:
    vigil = working(clock)
    vigil.rest()
    clock.now = 1e6
    assert vigil.is_idle
    assert not vigil.overdue(LIMITS)


def test_a_station_that_tells_how_far_it_is_must_move_on(clock: Clock) -> None:
    vigil = working(clock)
    vigil.note(Progress("analyse", 5.0, duration=3600.0))
    clock.now = 59.0
    assert not vigil.overdue(LIMITS)
    vigil.note(Progress("analyse", 5.0, duration=3600.0))
    clock.now = 61.0
    assert "no sign of progress" in vigil.overdue(LIMITS), "the same place again is no progress"
    vigil.note(Progress("analyse", 6.0, duration=3600.0))
    assert not vigil.overdue(LIMITS)


def test_the_share_that_was_looked_at_never_shrinks(clock: Clock) -> None:
    vigil = working(clock)
    vigil.note(Progress("source"))
    assert vigil.activity.share == 0.0
    shares = []
    for station, seconds in (("analyse", 5.0), ("analyse", 15.0), ("transcribe", 0.0), ("transcribe", 20.0)):
        vigil.note(Progress(station, seconds, duration=20.0))
        shares.append(vigil.activity.share)
    assert shares == [0.25, 0.75, 0.75, 1.0]
    vigil.rest()
    vigil.begin(TASK)
    assert vigil.activity.share == 0.0


def test_a_station_that_does_not_tell_has_time_by_the_duration(clock: Clock) -> None:
    vigil = working(clock)
    vigil.note(Progress("transcribe", duration=100.0))
    clock.now = 259.0
    assert not vigil.overdue(LIMITS)
    clock.now = 261.0
    assert vigil.overdue(LIMITS)


def test_the_whole_recording_has_time_by_the_duration_seen_or_stated(clock: Clock) -> None:
    vigil = working(clock)
    for second in range(0, 300, 10):
        clock.now = float(second)
        vigil.note(Progress("analyse", 1.0 + second / 10, duration=None))
    # 30 s have been seen of a recording whose header says nothing: 60 s + 2 x 30 s are over.
    assert "slowest" in vigil.overdue(LIMITS)
    vigil.note(Progress("analyse", 200.0))
    assert not vigil.overdue(LIMITS)


def test_memory_beside_the_models(clock: Clock) -> None:
    vigil = working(clock)
    vigil.weigh(1500)
    assert not vigil.overdue(LIMITS)
    vigil.weigh(1501)
    assert "memory" in vigil.overdue(LIMITS)


def test_waiting_for_the_models_of_another_process_does_not_count(clock: Clock) -> None:
    vigil = working(clock)
    vigil.note(Progress("transcribe", duration=10.0))  # which may take 60 + 2 * 10 s
    for waited in range(50, 1000, 50):
        clock.now = float(waited)
        vigil.note(Progress("transcribe", duration=10.0, waited=float(waited)))
        assert not vigil.overdue(LIMITS)
    clock.now += 81.0
    assert "no sign of progress" in vigil.overdue(LIMITS)
    vigil.rest()
    vigil.begin(TASK)
    clock.now += 79.0
    vigil.note(Progress("analyse", duration=10.0))
    clock.now += 2.0
    assert "took 81 s" in vigil.overdue(LIMITS), "each recording waits for itself"


def test_waiting_for_models_to_be_loaded_is_no_hang(clock: Clock) -> None:
    vigil = Vigil()
    for waited in range(200, 1000, 200):
        clock.now = float(waited)
        vigil.note(Progress("source", waited=float(waited)))
        assert not vigil.overdue(LIMITS)
    assert not vigil.activity.station, "it is idle"
    clock.now += 301.0
    assert "load models" in vigil.overdue(LIMITS)
