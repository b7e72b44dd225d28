"""Order, overlap, bounds, faults and hangs of the threaded runner."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from narratrace.data.outcome import Dropped, Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.errors import BudgetExceeded, DecodeTimeout, ModelError
from narratrace.pipeline import BudgetOptions, FailureBudget, Hooks, Pipeline, Runner, Station, run_through
from tests.pipeline.stages import Watched, drop_some, fail_some, number_of, recording, recordings


def pipeline(*stages: Watched, in_flight: int = 4, **sizes: float) -> Pipeline:
    return Pipeline(stations=tuple(stage.station(**sizes) for stage in stages), in_flight=in_flight)


_others: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def other_threads() -> Iterator[None]:
    """Those of other tests' models, which stay for good, do not count."""
    _others.update(threading.enumerate())
    yield
    _others.clear()


def live_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("narratrace-") and t not in _others]


def test_outcomes_come_in_input_order_whatever_each_recording_takes():
    class Uneven(Watched):
        def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
            time.sleep(random.Random(batch[0].sequence).uniform(0, 0.02))
            return [Kept(r) for r in batch]

    runner = Runner(pipeline(Uneven("first"), Uneven("second"), in_flight=8, workers=3))
    assert [number_of(o) for o in runner.run(recordings(40))] == list(range(40))
    assert not live_threads()


def test_recordings_visit_every_station_in_order_and_are_changed_by_it():
    def stamp(name: str) -> Watched:
        return Watched(name, verdict=lambda r: Kept(r.with_(name, 1.0 + len(r.timings))))

    runner = Runner(pipeline(stamp("one"), stamp("two"), stamp("three")))
    outcomes = list(runner.run(recordings(5)))
    assert [o.value.timings for o in outcomes if isinstance(o, Kept)] == [
        {"one": 1.0, "two": 2.0, "three": 3.0}
    ] * 5


def test_stations_overlap():
    first, second = Watched("first", seconds=0.05), Watched("second", seconds=0.05)
    runner = Runner(pipeline(first, second))
    begun = time.monotonic()
    assert len(list(runner.run(recordings(12)))) == 12
    wall = time.monotonic() - begun
    assert wall < 0.8 * 12 * 0.1, f"{wall:.2f} s is as long as one after the other"
    # The second recording was begun before the first was through.
    assert first.begun[1] < second.begun[0] + second.seconds


def test_workers_of_a_station_run_at_once():
    first = Watched("first", seconds=0.05)
    list(Runner(pipeline(first, workers=3, in_flight=6)).run(recordings(12)))
    assert first.most_running == 3
    assert len(first.threads) == 3
    assert first.opened == first.closed == 3


@pytest.mark.parametrize("in_flight", [1, 2, 5])
def test_a_slow_consumer_holds_the_input_back(in_flight: int):
    drawn: list[int] = []

    def source() -> Iterator[Recording]:
        for number in range(30):
            drawn.append(number)
            yield recording(number)

    runner = Runner(pipeline(Watched("first"), Watched("second"), in_flight=in_flight))
    for received, _ in enumerate(runner.run(source()), 1):
        if received % 10 == 1:
            time.sleep(0.1)  # time enough for everything to run ahead, if it could
        # What is in the consumer's hands counts, so at most in_flight - 1 others exist.
        assert len(drawn) <= received - 1 + in_flight
    assert received == 30
    assert runner.stats().most_in_flight == in_flight


def test_a_slow_station_holds_the_others_back():
    first, second = Watched("first"), Watched("second", seconds=0.02)
    runner = Runner(pipeline(first, second, in_flight=20, queue=2))
    outcomes = runner.run(recordings(20))
    next(outcomes)
    # One in the slow station, two in its queue, one that first is trying to hand on; the rest wait.
    assert len(first.batches) <= len(second.batches) + 3
    assert len(list(outcomes)) == 19
    stats = {s.name: s for s in runner.stats().stations}
    assert stats["second"].most_waiting == 2
    assert stats["first"].blocked_s > 0.1
    assert runner.stats().bottleneck == "second"


def test_recordings_that_passed_on_are_not_kept():
    alive = 0
    most = 0
    lock = threading.Lock()

    class Ballast:
        """Stands for pictures and clips: tells when it is gone."""

        def __init__(self) -> None:
            nonlocal alive, most
            with lock:
                alive += 1
                most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            with lock:
                alive -= 1

    load = Watched("first", verdict=lambda r: Kept(r.with_("first", 0.0, visual=Ballast())))
    runner = Runner(pipeline(load, Watched("second"), in_flight=3))
    for outcome in runner.run(recordings(50)):
        del outcome
    assert most <= 3
    assert alive == 0


def test_a_batch_takes_several_recordings_and_keeps_them_apart():
    first, second = Watched("first"), Watched("second", seconds=0.02)
    stations = (first.station(), second.station(batch=4, queue=4, linger_s=0.05))
    outcomes = list(Runner(Pipeline(stations=stations, in_flight=8)).run(recordings(16)))
    assert [number_of(o) for o in outcomes] == list(range(16))
    assert max(map(len, second.batches)) == 4
    assert sorted(n for batch in second.batches for n in batch) == list(range(16))


def test_failed_and_dropped_recordings_skip_the_rest_and_leave_neighbours_alone():
    first = Watched("first", verdict=fail_some(1, 4))
    second = Watched("second", verdict=drop_some(2))
    third = Watched("third")
    outcomes = list(Runner(pipeline(first, second, third)).run(recordings(6)))
    assert [type(o) for o in outcomes] == [Kept, Failed, Dropped, Kept, Failed, Kept]
    assert [number_of(o) for o in outcomes] == list(range(6))
    assert sorted(n for batch in third.batches for n in batch) == [0, 3, 5]


def test_a_stage_that_raises_fails_only_what_it_raises_on():
    def verdict(r: Recording) -> Outcome[Recording]:
        if r.sequence == 2:
            raise ZeroDivisionError("division by zero")
        return Kept(r)

    first = Watched("first", seconds=0.02, verdict=verdict)
    stations = (Watched("zeroth").station(), first.station(batch=5, queue=5, linger_s=0.2))
    outcomes = list(Runner(Pipeline(stations=stations, in_flight=5)).run(recordings(5)))
    assert [type(o) for o in outcomes] == [Kept, Kept, Failed, Kept, Kept]
    failed = outcomes[2]
    assert isinstance(failed, Failed)
    assert (failed.station, failed.error, failed.video_id) == ("first", "ZeroDivisionError", "v2")
    assert "division by zero" in failed.traceback
    assert not failed.retryable


@pytest.mark.parametrize("swap", [True, False])
def test_results_for_another_recording_are_refused(swap: bool):
    class Muddled(Watched):
        def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
            return [Kept(recording(99)) for _ in batch] if swap else []

    (outcome,) = Runner(pipeline(Muddled())).run(recordings(1))
    assert isinstance(outcome, Failed)
    assert (outcome.video_id, outcome.error) == ("v0", "RuntimeError")


def test_a_stage_that_cannot_be_opened_ends_the_run():
    class Closed(Watched):
        def open(self) -> None:
            raise ModelError("no such model", station="classify")

    first = Watched("first", seconds=0.01)
    with pytest.raises(ModelError, match="no such model"):
        list(Runner(pipeline(first, Closed("second"))).run(recordings(1000)))
    assert len(first.batches) < 1000
    assert not live_threads()


def test_a_broken_input_ends_the_run_with_its_own_error():
    def source() -> Iterator[Recording]:
        yield recording(0)
        raise LookupError("the list is broken")

    with pytest.raises(LookupError, match="the list is broken"):
        list(Runner(pipeline(Watched())).run(source()))
    assert not live_threads()


def test_closing_early_ends_the_threads_and_tells_long_work():
    told = threading.Event()

    class Long(Watched):
        def __init__(self, hooks: Hooks) -> None:
            super().__init__("long")
            self.hooks = hooks

        def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
            if batch[0].sequence == 0:
                return [Kept(batch[0])]
            while not self.hooks.cancelled():
                time.sleep(0.005)
            told.set()
            return [Kept(r) for r in batch]

    stations = (Station(name="long", make=Long), Watched("second").station())
    outcomes = Runner(Pipeline(stations=stations, in_flight=3)).run(recordings(100))
    assert number_of(next(outcomes)) == 0
    outcomes.close()  # type: ignore[attr-defined]
    assert told.is_set()
    assert not live_threads()


def test_nothing_in_nothing_out():
    first = Watched()
    assert list(Runner(pipeline(first, workers=2)).run([])) == []
    assert first.opened == first.closed
    assert not live_threads()


def test_a_runner_can_run_again():
    runner = Runner(pipeline(Watched()))
    assert len(list(runner.run(recordings(3)))) == 3
    assert len(list(runner.run(recordings(5)))) == 5
    assert runner.stats().stations[0].recordings == 5


def test_budget_ends_the_run_after_the_failure_too_many():
    first = Watched("first", verdict=fail_some(*range(3, 100)))
    budget = FailureBudget(BudgetOptions(max_failed=2))
    outcomes = Runner(pipeline(first)).run(recordings(100), budget)
    assert [number_of(next(outcomes)) for _ in range(6)] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(BudgetExceeded, match="3 recordings failed, 2 may") as caught:
        next(outcomes)
    assert caught.value.input == "/videos/5.mp4"
    assert not live_threads()


@pytest.mark.parametrize(
    ("failures", "finished", "exceeded"), [(5, 9, False), (5, 10, False), (6, 10, True), (6, 12, False)]
)
def test_share_counts_only_once_enough_are_finished(failures: int, finished: int, exceeded: bool):
    budget = FailureBudget(BudgetOptions(max_failed_share=0.5, judged_after=10))
    budget.finished, budget.failed = finished, failures
    if exceeded:
        with pytest.raises(BudgetExceeded):
            budget.check()
    else:
        budget.check()


def test_stats_add_up():
    first = Watched("first", seconds=0.01, verdict=fail_some(0))
    runner = Runner(pipeline(first, Watched("second", verdict=drop_some(1))))
    list(runner.run(recordings(5)))
    stats = runner.stats()
    one, two = stats.stations
    assert (one.recordings, one.failed, one.dropped) == (5, 1, 0)
    assert (two.recordings, two.failed, two.dropped) == (4, 0, 1)
    assert 0.05 <= one.busy_s <= stats.wall_s
    assert stats.in_flight == 0
    assert 0 < stats.busy_share("first") <= 1
    wall = stats.wall_s
    time.sleep(0.02)
    assert runner.stats().wall_s == wall, "the clock stops with the run"


class Sticky(Watched):
    """Hangs on one recording like native code would, with a watchdog that tells after a moment."""

    def __init__(self, hooks: Hooks, release: threading.Event, stuck_on: int) -> None:
        super().__init__("sticky")
        self._hooks, self._release, self._stuck_on = hooks, release, stuck_on

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        for r in batch:
            if r.sequence == self._stuck_on:
                error = DecodeTimeout("no frame for 1 s", station="decode", input=r.input.uri)
                threading.Timer(0.05, self._hooks.on_hang, [error]).start()  # type: ignore[arg-type]
                self._release.wait(30)
        return super().run(batch)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_stuck_worker_is_replaced_and_only_its_recording_fails(batch: int):
    release = threading.Event()
    stations = (
        Watched("zeroth").station(),
        Station(
            name="sticky",
            make=lambda hooks: Sticky(hooks, release, 2),
            batch=batch,
            queue=batch,
            linger_s=0.1,
        ),
        Watched("last").station(),
    )
    runner = Runner(Pipeline(stations=stations, in_flight=6))
    begun = time.monotonic()
    outcomes = list(runner.run(recordings(8)))
    assert time.monotonic() - begun < 10
    assert [type(o) for o in outcomes] == [Kept, Kept, Failed] + [Kept] * 5
    failed = outcomes[2]
    assert isinstance(failed, Failed)
    assert (failed.error, failed.station) == ("DecodeTimeout", "decode")
    assert live_threads() == ["narratrace-sticky"], "the stuck thread is left behind, and only that"
    release.set()
    deadline = time.monotonic() + 5
    while live_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not live_threads(), "it ends quietly once it comes back"


def test_a_hang_that_resolves_at_the_last_moment_changes_nothing():
    hooks: list[Hooks] = []

    def make(given: Hooks) -> Watched:
        hooks.append(given)
        return Watched("first")

    runner = Runner(Pipeline(stations=(Station(name="first", make=make),), in_flight=2))
    outcomes = runner.run(recordings(3))
    assert isinstance(next(outcomes), Kept)
    time.sleep(0.05)  # the worker is idle now
    assert hooks[0].on_hang is not None
    hooks[0].on_hang(DecodeTimeout("late", input="/videos/0.mp4"))
    assert [type(o) for o in outcomes] == [Kept, Kept]
    assert len(hooks) == 1


def test_running_through_stages_in_one_thread_stops_at_the_first_end():
    first, second = Watched("first"), Watched("second", verdict=drop_some(1))
    third = Watched("third")
    assert isinstance(run_through([first, second, third], recording(0)), Kept)
    assert isinstance(run_through([first, second, third], recording(1)), Dropped)
    assert third.batches == [[0]]


@pytest.mark.parametrize(
    ("sizes", "in_flight"),
    [({"batch": 3, "queue": 2}, 4), ({"workers": 0}, 4), ({"linger_s": -1}, 4), ({}, 0)],
)
def test_sizes_that_cannot_work_are_refused(sizes: dict[str, float], in_flight: int):
    with pytest.raises(ValueError):  # noqa: PT011  (each has its own message)
        pipeline(Watched(), in_flight=in_flight, **sizes)


def test_two_stations_of_one_name_are_refused():
    with pytest.raises(ValueError, match="names of their own"):
        pipeline(Watched("same"), Watched("same"))
