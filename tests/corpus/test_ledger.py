"""The ledger by itself: order of work, states, moving, and its size at full load."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import (
    is_complete,
    read_failures,
    read_running,
    read_sample_counts,
    read_totals,
    reading,
)
from narratrace.corpus.ledger_rows import Head, State
from narratrace.corpus.messages import Made
from narratrace.corpus.status import show_status, status
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Dropped, Failed
from narratrace.errors import InputError, StorageError

HEAD = Head(options={"a": 1}, fingerprint="f", inputs="i", sources=("s",), versions={"python": "3"})
MADE = Made(
    bundle="b.tar",
    size=7,
    counts={"pairs": 3, "traces": 2, "clips": 0},
    duration=60.0,
    timings={"decode": 1.5},
)
FAILED = Failed(video_id="v", uri="u", station="decode", error="MediaError", message="broken")


def make_ledger(path: Path, weights: list[float]) -> Ledger:
    ledger = Ledger(path)
    videos = [VideoInput(video_id=f"v{i}", uri=f"/in/{i}.mp4", extra={"n": i}) for i in range(len(weights))]
    ledger.begin(HEAD, zip(videos, weights, strict=True))
    return ledger


def pending(ledger: Ledger, before: int = 99, now: float = 1.0, longest_first: bool = True) -> list[int]:
    return [row.sequence for row in ledger.next_pending(before, now, 99, longest_first=longest_first)]


def test_longest_first_within_the_window_and_not_before_their_time(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "l.sqlite", [1.0, 5.0, 3.0, 5.0, 9.0]) as ledger:
        assert pending(ledger) == [4, 1, 3, 2, 0]
        assert pending(ledger, before=4) == [1, 3, 2, 0]
        assert pending(ledger, before=4, longest_first=False) == [0, 1, 2, 3]
        ledger.put_off(1, FAILED, 50.0)
        assert pending(ledger, before=4) == [3, 2, 0]
        assert pending(ledger, before=4, now=51.0) == [1, 3, 2, 0]
        ledger.begin_attempt(3, "w")
        assert pending(ledger, before=4) == [2, 0]
        assert [row.video_id for row in read_running(ledger.connection)] == ["v3"]


def test_hours_to_come_are_told_as_guesses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_ledger(tmp_path / "ledger.sqlite", [1800.0, 3600.0]).close()
    show_status(tmp_path, as_json=False)
    assert "0.00 done, about 1.50 to come (by durations in the manifest" in capsys.readouterr().out


def test_what_is_known_of_a_recording_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    make_ledger(path, [1.0, 2.0]).close()
    with Ledger(path) as ledger:
        assert not ledger.is_new
        assert ledger.head() == HEAD
        row = ledger.row(1)
        assert row is not None
        assert row.video == VideoInput(video_id="v1", uri="/in/1.mp4", extra={"n": 1})
        assert (row.state, row.attempt, row.weight) == (State.PENDING, 0, 2.0)
        assert ledger.row(2) is None


def test_states_and_sums(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "l.sqlite", [3600.0] * 5) as ledger:
        for sequence in range(4):
            ledger.begin_attempt(sequence, "w")
        ledger.done(0, MADE, 2.0, "f")
        ledger.dropped(1, Dropped(video_id="v1", rule="min_words", reason="0 words"), 1.0, "f")
        ledger.failed(2, FAILED, 1.0, "f")
        totals = read_totals(ledger.connection)
        assert totals.videos == {
            State.DONE: 1,
            State.DROPPED: 1,
            State.FAILED: 1,
            State.RUNNING: 1,
            State.PENDING: 1,
        }
        assert totals.hours[State.DONE] == pytest.approx(60 / 3600)
        assert totals.hours[State.PENDING] == 1.0
        assert totals.samples == {"pairs": 3, "traces": 2, "clips": 0}
        assert totals.timings == {"decode": 1.5}
        assert (totals.drops, totals.failures) == ({"min_words": 1}, {"decode: MediaError": 1})
        assert (totals.left, totals.attempts) == (2, 4)
        assert list(read_failures(ledger.connection)) == [FAILED]
        assert list(read_sample_counts(ledger.connection)) == [("v0", MADE.counts)]
        assert not is_complete(ledger.connection)


def test_an_attempt_that_ended_with_the_driver_does_not_count(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "l.sqlite", [1.0, 1.0]) as ledger:
        ledger.begin_attempt(0, "w")
        ledger.put_off(0, FAILED, 0.0)
        ledger.begin_attempt(0, "w")
        assert ledger.reopen() == 1
        row = ledger.row(0)
        assert row is not None
        assert (row.state, row.attempt) == (State.PENDING, 1)


def test_retried_recordings_move_to_the_end_in_their_order(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "l.sqlite", [1.0] * 5) as ledger:
        for sequence in (3, 1):
            ledger.begin_attempt(sequence, "w")
            ledger.failed(sequence, FAILED, 1.0, "f")
        with pytest.raises(InputError, match="v0, v9 did not fail"):
            ledger.retry(["v9", "v3", "v0"])
        assert [row.video.video_id for row in ledger.rows_from(0)] == [f"v{i}" for i in range(5)]
        assert ledger.retry(["v3"]) == ["v3"]
        assert ledger.retry(None) == ["v1"]
        assert ledger.row(1) is None
        assert ledger.row(3) is None
        places = {row.video.video_id: row.sequence for row in ledger.rows_from(0)}
        assert places == {"v0": 0, "v2": 2, "v4": 4, "v3": 5, "v1": 6}
        assert ledger.end() == 7


def test_a_second_writer_is_kept_out_and_readers_are_not(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    with make_ledger(path, [1.0]) as ledger:
        with pytest.raises(StorageError, match="another run"):
            Ledger(path)
        with reading(path) as database:
            ledger.begin_attempt(0, "w")
            assert read_totals(database).videos == {State.PENDING: 1}, "a reader sees one state"
        with reading(path) as database:
            assert read_totals(database).videos == {State.RUNNING: 1}
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                database.execute("DELETE FROM videos")
    Ledger(path).close()


def test_ledgers_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    path.write_text("this is no database, it only looks like a file")
    with pytest.raises(StorageError, match="cannot be used"):
        Ledger(path)
    path.unlink()
    with make_ledger(path, [1.0]) as ledger:
        ledger.note("schema", "narratrace.ledger/99")
    with pytest.raises(InputError, match="ledger/99"):
        Ledger(path)
    with pytest.raises(InputError, match="ledger/99"), reading(path):
        pass


def _begin_and_die(path: str) -> None:
    import os
    import signal

    def videos():  # type: ignore[no-untyped-def]
        for i in range(100):
            if i == 50:
                os.kill(os.getpid(), signal.SIGKILL)
            yield VideoInput(video_id=f"v{i}", uri="u"), 1.0

    Ledger(Path(path)).begin(HEAD, videos())


def test_a_ledger_is_begun_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    child = multiprocessing.get_context("spawn").Process(target=_begin_and_die, args=(str(path),))
    child.start()
    child.join(60)
    assert child.exitcode == -9
    with Ledger(path) as ledger:
        assert ledger.is_new


def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path) -> None:
    with make_ledger(tmp_path / "l.sqlite", [1.0]) as ledger:
        (most,) = ledger.connection.execute("PRAGMA page_count").fetchone()
        ledger.connection.execute(f"PRAGMA max_page_count = {most}")
        with pytest.raises(StorageError, match="database or disk is full"):
            ledger.failed(0, replace(FAILED, traceback="x" * 100_000), 1.0, "f")
        ledger.begin_attempt(0, "w")
        assert read_totals(ledger.connection).videos == {State.RUNNING: 1}


class Failing:
    """A connection whose first commit fails, and leaves the transaction open."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._has_failed = False

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT" and not self._has_failed:
            self._has_failed = True
            raise sqlite3.OperationalError("database is locked")
        return self._database.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._database, name)


def test_a_commit_that_fails_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_ledger(tmp_path / "l.sqlite", [1.0]) as ledger:
        monkeypatch.setattr(ledger, "_db", Failing(ledger.connection))
        with pytest.raises(StorageError, match="is locked"):
            ledger.note("first", 1)
        ledger.note("second", 2)
        assert (ledger.noted("first"), ledger.noted("second")) == (None, 2)


def test_full_load(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    make_ledger(path, [222.0] * 118_000).close()
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE videos SET state = 'done', duration = 200, pairs = 30, traces = 8, clips = 1, "
            """attempt = 1, timings = '{"decode": 1.5, "analyse": 2.0, "transcribe": 3.0, "write": 0.1}' """
            "WHERE sequence % 2 = 0"
        )
    began = time.process_time()
    facts = status(tmp_path)
    assert time.process_time() - began < 1.0
    assert facts["videos"]["done"] == 59_000
    with Ledger(path) as ledger:
        began = time.process_time()
        assert len(ledger.next_pending(60_000, 1.0, 8, longest_first=True)) == 8
        assert time.process_time() - began < 0.5
