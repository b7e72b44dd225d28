"""The process that lends models: it may die, hang or grow, and nobody but the guilty loses an answer."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

import psutil
import pytest

from narratrace.corpus.child import environment_of
from narratrace.corpus.lender import LenderProcess
from narratrace.corpus.lent import Elsewhere, LentModels
from narratrace.corpus.options import LimitOptions
from narratrace.data.outcome import Failed
from narratrace.errors import MediaError, ModelError, WorkerLost
from narratrace.models import answers
from tests.corpus.lendable import make_and_die, make_echo, make_nothing

PATIENCE_S = 60


@contextlib.contextmanager
def lending(folder: Path, **limits: Any) -> Iterator[LenderProcess]:
    """A process that lends models, looked after as a driver does."""
    lender = LenderProcess("models", LimitOptions(**limits), environment_of(1), folder)
    lender.start()
    done, faults = threading.Event(), []

    def look_after() -> None:
        while not done.wait(0.05):
            try:
                lender.receive()
                lender.look()
            except WorkerLost as error:
                faults.append(error)
                return lender.close()  # as a run that ends

    driver = threading.Thread(target=look_after)
    driver.start()
    try:
        yield lender
    finally:
        done.set()
        driver.join()
        lender.close()
    assert not faults
    assert not Path(lender.lender.address).parent.exists()


def ask(lender: LenderProcess, *items: str) -> list[str]:
    """What a worker of its own asks."""
    return answers(LentModels(lender.lender).open("ask", make_echo), items)


def pid(lender: LenderProcess) -> int:
    return lender._alive._process.pid


def test_many_workers_are_answered_by_one_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with lending(tmp_path) as lender, ThreadPoolExecutor(4) as pool:
        opened = [LentModels(lender.lender).open("ask", partial(make_echo, 4, log, 0.05)) for _ in range(4)]
        assert {model.facts["process"] for model in opened} == {pid(lender)}

        def work(worker: int) -> None:
            for question in range(6):
                items = [f"w{worker}q{question}i{i}" for i in range(3)]
                assert answers(opened[worker], items) == [item.upper() for item in items]

        list(pool.map(work, range(4)))
    batches = [line.split() for line in log.read_text().splitlines()]
    assert any(len({item[:2] for item in batch}) > 1 for batch in batches)


@pytest.mark.parametrize(
    ("what", "limits", "why"),
    [
        ("kill", {}, "died: signal 9"),
        ("hang", {"stall_s": 3.0}, "was killed: no answer for"),
        ("stop", {"stall_s": 3.0}, "was killed: no sign of life for"),
        ("hog", {"memory_bytes": 200_000_000}, "bytes of memory (run.limits.memory_bytes)"),
    ],
)
def test_who_takes_the_process_down_is_lost_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str, limits: dict[str, float], why: str
) -> None:
    with lending(tmp_path, **limits) as lender, ThreadPoolExecutor(5) as pool:
        assert ask(lender, "warm") == ["WARM"]
        before = pid(lender)
        words = ["a", "b", what, "c", "d"]
        asked = [pool.submit(ask, lender, word) for word in words]
        for word, future in zip(words, asked, strict=True):
            if word != what:
                assert future.result(PATIENCE_S) == [word.upper()]
        with pytest.raises(WorkerLost) as lost:
            asked[2].result(PATIENCE_S)
        assert (lost.value.station, lost.value.retryable) == ("ask", True)
        assert ask(lender, "later") == ["LATER"]
        assert pid(lender) != before
        assert not psutil.pid_exists(before)
    assert sum(why in record.getMessage() for record in caplog.records) == 2, "together, and alone"


def test_recordings_that_take_it_down_again_and_again_do_not_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narratrace.corpus.lender.STARTS", 2)
    with lending(tmp_path) as lender:
        model = LentModels(lender.lender).open("ask", make_echo)
        for _ in range(3):
            with pytest.raises(WorkerLost):
                answers(model, ["kill"])
        assert answers(model, ["a"]) == ["A"]


def test_a_death_that_does_not_come_again_is_not_noticed(tmp_path: Path) -> None:
    with lending(tmp_path) as lender:
        model = LentModels(lender.lender).open("ask", make_echo)
        word = f"kill once {tmp_path / 'marker'}"
        assert answers(model, ["a", word]) == ["A", word.upper()]


def test_a_killed_process_is_replaced_and_nobody_notices(tmp_path: Path) -> None:
    with lending(tmp_path) as lender:
        model = LentModels(lender.lender).open("ask", make_echo)
        for _ in range(3):
            os.kill(pid(lender), signal.SIGKILL)
            assert answers(model, ["a"]) == ["A"]


@pytest.mark.parametrize(
    ("word", "kind", "name", "retryable"),
    [
        ("bug", KeyError, "KeyError", False),
        ("media", MediaError, "MediaError", False),
        ("foreign", OSError, "ForeignError", True),
    ],
)
def test_an_error_is_the_same_as_without_another_process(
    tmp_path: Path, word: str, kind: type[Exception], name: str, retryable: bool
) -> None:
    with lending(tmp_path) as lender:
        with pytest.raises(kind) as raised:
            ask(lender, "a", word)
        assert pid(lender)
        assert ask(lender, "a") == ["A"]
    failed = Failed.from_exception(raised.value, video_id="v", uri="v.mp4", station="ask")
    with pytest.raises(kind) as own:
        answers(make_echo(), ["a", word])
    wanted = Failed.from_exception(own.value, video_id="v", uri="v.mp4", station="ask")
    assert (failed.error, failed.message, failed.retryable) == (name, wanted.message, retryable)
    assert isinstance(raised.value.__cause__, Elsewhere)
    assert "in _one" in failed.traceback, "where it was raised"


def test_models_that_cannot_be_loaded(tmp_path: Path) -> None:
    with lending(tmp_path) as lender:
        models = LentModels(lender.lender)
        with pytest.raises(ModelError, match="not on disk"):
            models.open("nothing", make_nothing)
        with pytest.raises(WorkerLost):
            models.open("death", make_and_die)
        assert models.call(os.getpid) == pid(lender)


def test_questions_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with lending(tmp_path) as lender:
        models = LentModels(lender.lender)
        with pytest.raises(AttributeError):
            models.call(_Unknown())
        assert answers(models.open("ask", make_echo), ["a"]) == ["A"]


class _Unknown:
    """Pickles here, and cannot be read anywhere."""

    def __call__(self) -> None:
        raise AssertionError

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return getattr, ("", "no such attribute")


def test_a_process_that_dies_before_it_answers_ends_the_run(tmp_path: Path) -> None:
    environment = {**environment_of(1), "PYTHONPATH": "", "PYTHONHOME": "/nowhere"}
    lender = LenderProcess("models", LimitOptions(), environment, tmp_path)
    lender.start()
    with contextlib.closing(lender), pytest.raises(WorkerLost, match="died"):
        look_after(lender)


def look_after(lender: LenderProcess) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        lender.receive()
        time.sleep(0.01)


def test_strangers_are_not_served(tmp_path: Path) -> None:
    with lending(tmp_path) as lender:
        place = Path(lender.lender.address)
        assert place.parent.stat().st_mode & 0o077 == 0
        with pytest.raises((AuthenticationError, EOFError, OSError)):
            Client(str(place), authkey=b"guessed")
        assert repr(lender.lender.key) not in repr(lender.lender)
        assert ask(lender, "a") == ["A"]


def test_waiting_is_told_and_its_end_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("narratrace.corpus.lent._TELL_EVERY_S", 0.05)
    waited: list[float] = []
    with lending(tmp_path) as lender:
        models = LentModels(lender.lender, waited.append)
        model = models.open("ask", partial(make_echo, 4, None, 0.5))
        before = len(waited)
        answers(model, ["a"])
    assert len(waited) - before > 3
    assert 0.5 < sum(waited[before:]) < 30


def test_nothing_is_left_of_a_killed_driver(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from narratrace.corpus.child import environment_of
from narratrace.corpus.lender import LenderProcess
from narratrace.corpus.lent import LentModels
from narratrace.corpus.options import LimitOptions
from tests.corpus.lendable import make_echo
lender = LenderProcess("models", LimitOptions(), environment_of(1), Path({str(tmp_path)!r}))
lender.start()
LentModels(lender.lender).open("ask", make_echo)
print(lender._alive._process.pid, lender.lender.address, flush=True)
time.sleep(600)
"""
    driver = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert driver.stdout is not None
    number, address = driver.stdout.readline().split()
    lender = psutil.Process(int(number))
    assert Path(address).exists()
    driver.kill()
    driver.wait()
    _, alive = psutil.wait_procs([lender], timeout=PATIENCE_S)
    assert not alive
    assert not Path(address).parent.exists()


def test_the_log_of_the_process_is_the_drivers(tmp_path: Path) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    lender = LenderProcess("models", LimitOptions(), environment_of(1), tmp_path)
    lender.start()
    with contextlib.closing(lender), ThreadPoolExecutor(1) as pool:
        asked: Future[list[str]] = pool.submit(ask, lender, "a", "b")
        records = []
        while not (asked.done() and records):
            records += lender.receive()
            time.sleep(0.01)
    (record,) = records
    assert (record.message, record.level) == ("ask: batch 1 has 2 items, asked by 1", logging.DEBUG)
