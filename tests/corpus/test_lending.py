"""Models that answer many at once: everybody gets what is theirs, in batches that they share."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from narratrace.corpus.lending import Lending
from narratrace.corpus.options import LimitOptions
from narratrace.errors import ModelError
from narratrace.models import answers
from tests.corpus.lendable import Echo, make_echo, make_nothing

PATIENCE_S = 30


def lines(log: Path) -> list[list[str]]:
    return [line.split() for line in log.read_text().splitlines()]


def test_shuffled_questions_in_shared_batches_get_their_own_answers(tmp_path: Path) -> None:
    log = tmp_path / "log"
    make = partial(make_echo, 5, log, 0.01)
    lending = Lending(LimitOptions())

    def ask(asker: int) -> None:
        rng = random.Random(asker)
        for question in range(12):
            items = [f"a{asker}q{question}i{i}" for i in range(rng.randint(1, 7))]
            assert lending.answer("echo", make, items) == [item.upper() for item in items]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    batches = lines(log)
    assert max(map(len, batches)) == 5
    assert any(len({item.partition("q")[0] for item in batch}) > 1 for batch in batches)
    asked = [item for batch in batches for item in batch]
    assert len(asked) == len(set(asked)), "nothing is worked out twice"


def test_questions_are_not_mixed_where_a_model_does_not_want_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lending = Lending(LimitOptions())
    with ThreadPoolExecutor(4) as pool:
        questions = [[f"a{asker}q{i}" for i in range(9)] for asker in range(4)]
        got = list(
            pool.map(lambda items: lending.answer("echo", partial(make_echo, 0, log), items), questions)
        )
    assert got == [[item.upper() for item in items] for items in questions]
    assert sorted(lines(log)) == questions


def test_a_model_is_loaded_once_and_asked_for_again_where_that_failed() -> None:
    made = []

    def make() -> Echo:
        time.sleep(0.1)
        made.append(1)
        return make_echo()

    told: list[bool] = []
    lending = Lending(LimitOptions(), lambda: told.append(lending.is_loading))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: lending.facts("echo", make), range(4)))
    assert len(made) == 1
    assert told == [False], "once, when it is over"
    for _ in range(2):
        with pytest.raises(ModelError, match="not on disk"):
            lending.facts("nothing", make_nothing)
    assert not lending.is_loading


class Together(Echo):
    """Waits with its first batch until it is told to go on."""

    def __init__(self) -> None:
        super().__init__(most=9)
        self.go_on = threading.Event()
        self.batches: list[list[str]] = []

    def answer(self, items: Sequence[str]) -> Iterator[tuple[int, str]]:
        self.batches.append(list(items))
        assert self.go_on.wait(PATIENCE_S)
        return super().answer(items)


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_makes_a_model_raise_fails_alone() -> None:
    model = Together()
    lending = Lending(LimitOptions())
    ask = partial(lending.answer, "echo", lambda: model)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, ["first"])
        wait_for(lambda: bool(model.batches))
        good, bad, fine = (pool.submit(ask, items) for items in (["a", "b"], ["c", "bug"], ["d"]))
        batcher = lending._models["echo"][1]
        assert batcher is not None
        wait_for(lambda: len(batcher._waiting) == 5)
        model.go_on.set()
        assert first.result(PATIENCE_S) == ["FIRST"]
        assert good.result(PATIENCE_S) == ["A", "B"]
        assert fine.result(PATIENCE_S) == ["D"]
        with pytest.raises(KeyError, match="a fault of ours"):
            bad.result(PATIENCE_S)
    assert sorted(model.batches[1]) == ["a", "b", "bug", "c", "d"], "they shared a batch"


def test_who_wants_to_be_alone_waits_for_the_others_and_is() -> None:
    model = Together()
    lending = Lending(LimitOptions())
    ask = partial(lending.answer, "echo", lambda: model)
    begun, go_on = threading.Event(), threading.Event()

    def ask_alone() -> list[str]:
        with lending.alone():
            begun.set()
            answer = ask(["alone"])
            assert go_on.wait(PATIENCE_S)
            return answer

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ask, ["first"])
        wait_for(lambda: bool(model.batches))
        alone = pool.submit(ask_alone)
        wait_for(lambda: lending._floor._loners == 1)
        later = pool.submit(ask, ["later"])
        time.sleep(0.1)
        assert not begun.is_set()
        assert model.batches == [["first"]]
        model.go_on.set()
        assert first.result(PATIENCE_S) == ["FIRST"]
        wait_for(lambda: len(model.batches) == 2)
        time.sleep(0.1)
        assert model.batches == [["first"], ["alone"]], "until who is alone has its answer"
        go_on.set()
        assert [f.result(PATIENCE_S) for f in (alone, later)] == [["ALONE"], ["LATER"]]
    assert model.batches[2:] == [["later"]]


def test_answers_are_signs_of_life() -> None:
    class Steps(Echo):
        """Takes longer for all of its answers than it may take for one."""

        def answer(self, items: Sequence[str]) -> Iterator[tuple[int, str]]:
            for answered in super().answer(items):
                time.sleep(0.15)
                late.append(lending.late)
                yield answered

    late: list[str] = []
    lending = Lending(LimitOptions(stall_s=0.4))
    lending.answer("steps", lambda: Steps(0), list("abcdef"))
    assert late == [""] * 6
    model = Together()
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(lending.answer, "stuck", lambda: model, ["x"])
        wait_for(lambda: "run.limits.stall_s" in lending.late)
        model.go_on.set()
        stuck.result(PATIENCE_S)
    assert not lending.late


class Clock:
    """Stands for the module ``time``; it goes on when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_waiting_for_another_model_is_not_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, late, begun = Clock(), list[str](), threading.Event()
    monkeypatch.setattr("narratrace.corpus.lending.time", clock)
    lending = Lending(LimitOptions(load_s=10.0))

    def first() -> Echo:
        begun.set()
        wait_for(lambda: len(lending._floor._alive) == 2)
        clock.now += 6.0
        return make_echo()

    def second() -> Echo:
        wait_for(lambda: len(lending._floor._alive) == 1)
        for _ in range(2):
            clock.now += 6.0
            late.append(lending.late)
        return make_echo()

    with ThreadPoolExecutor(2) as pool:
        loads = [pool.submit(lending.facts, "first", first)]
        assert begun.wait(PATIENCE_S)
        loads.append(pool.submit(lending.facts, "second", second))
        for load in loads:
            load.result(PATIENCE_S)
    assert late == ["", "no answer for 12 s (run.limits.stall_s, run.limits.load_s)"]


def test_who_is_alone_can_load_a_model_that_others_wait_to_load() -> None:
    lending = Lending(LimitOptions())
    with ThreadPoolExecutor(1) as pool:
        with lending.alone():
            other = pool.submit(lending.facts, "echo", make_echo)
            time.sleep(0.1)
            assert lending.facts("echo", make_echo)
        assert other.result(PATIENCE_S)


def test_a_model_must_answer_every_item() -> None:
    class Forgetful(Echo):
        def answer(self, items: Sequence[str]) -> Iterator[tuple[int, str]]:
            return iter([(0, "A")])

    assert answers(Forgetful(0), ["a"]) == ["A"]
    with pytest.raises(RuntimeError, match="2 items were asked about"):
        answers(Forgetful(0), ["a", "b"])
