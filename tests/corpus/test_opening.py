"""Runs that are killed while they are begun, or while they grow: what is there is whole."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import FOLDER
from narratrace.corpus.opening import open_run
from narratrace.corpus.uris import local_path, located
from tests.corpus.runs import ENGINE
from tests.corpus.test_ledger import FAILED

OTHER = replace(ENGINE, shards=replace(ENGINE.shards, max_samples=2))


class Killed(BaseException):
    """Stands for the end of the process."""


@contextlib.contextmanager
def killed_behind(transaction: int) -> Iterator[None]:
    """Whoever has ended so many transactions of a ledger goes no further."""
    original, left = Ledger._transaction, transaction

    @contextlib.contextmanager
    def counted(ledger: Ledger) -> Iterator[None]:
        nonlocal left
        with original(ledger):
            yield
        left -= 1
        if not left:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "_transaction", counted)
        yield


def test_a_run_killed_while_it_is_begun_keeps_its_options(lecture: Path, tmp_path: Path) -> None:
    for transaction in itertools.count(1):
        out = tmp_path / str(transaction)
        try:
            with killed_behind(transaction):
                open_run([lecture], out, OTHER).ledger.close()
            break
        except Killed:
            opened = open_run((), out, None)
            opened.ledger.close()
            assert opened.engine == OTHER
    assert transaction > 1


def test_a_run_killed_while_it_grows_finds_its_recordings(
    lectures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("old/in", "new"):
        shutil.copytree(lectures, tmp_path / folder)
    monkeypatch.chdir(tmp_path / "old")
    with contextlib.closing(open_run(["in/lecture-0.mp4"], tmp_path / "begun", ENGINE).ledger) as ledger:
        ledger.failed(0, FAILED, 1.0, "f")  # one without any result begins anew
    monkeypatch.chdir(tmp_path / "new")
    for transaction in itertools.count(1):
        out = tmp_path / str(transaction)
        shutil.copytree(tmp_path / "begun", out)
        try:
            with killed_behind(transaction):
                open_run(["lecture-0.mp4", "lecture-1.mp4"], out, ENGINE).ledger.close()
            break
        except Killed:
            with Ledger(out / "ledger.sqlite") as ledger:
                base = Path(ledger.noted(FOLDER))
                places = [local_path(located(row.video, base).uri) for row in ledger.rows_from(0)]
            assert all(place.exists() for place in places), places
    assert transaction > 1
