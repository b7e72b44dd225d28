"""Outputs in a place where nothing may be written: what only looks at them works all the same."""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import find_video, reading, reading_uri
from narratrace.corpus.merge import merge
from narratrace.corpus.retry import _stored
from narratrace.corpus.status import status
from narratrace.corpus.verify import verify
from narratrace.errors import StorageError
from tests.corpus.runs import make_run

NOBODY = 65534


@pytest.fixture
def archive(lecture: Path) -> Iterator[Path]:
    """A folder ``out`` with the output of a run, and a folder ``free`` that anybody may write in."""
    with tempfile.TemporaryDirectory(prefix="narratrace-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_run([lecture], folder / "out").execute()
        (folder / "free").mkdir()
        (folder / "free").chmod(0o777)
        fixed = [path for path in (folder / "out", *(folder / "out").rglob("*")) if path.is_dir()]
        for path in fixed:
            path.chmod(0o555)
        yield folder
        for path in fixed:
            path.chmod(0o755)


def as_nobody(work: Callable[[], object]) -> None:
    """Do something in a process that has no more rights than it is given."""
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0


def test_a_run_can_be_looked_at(archive: Path) -> None:
    out = archive / "out"
    before = sorted(out.rglob("*"))

    def look() -> None:
        assert status(out)["complete"]
        assert list(verify(out)) == []
        assert _stored(out, "lecture-0")[0].video.video_id == "lecture-0"

    as_nobody(look)
    assert sorted(out.rglob("*")) == before


def test_a_run_can_be_merged(archive: Path) -> None:
    as_nobody(lambda: merge([archive / "out"], archive / "free" / "merged"))
    assert list(verify(archive / "free" / "merged")) == []


def test_a_log_is_never_left_out(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger that somebody else is writing, or that was cut off, is more than its file."""
    path = tmp_path / "ledger.sqlite"
    shutil.copy(archive / "out" / "ledger.sqlite", path)
    with Ledger(path) as ledger:
        ledger.note("fact", 1)
        monkeypatch.setattr("os.access", lambda *_: False)
        assert "immutable" not in reading_uri(path)
        with reading(path) as database:
            assert find_video(database, "lecture-0") is not None
            assert database.execute("SELECT value FROM head WHERE name = 'fact'").fetchone() == ("1",)
    assert reading_uri(path).endswith("?mode=ro&immutable=1")


def test_a_ledger_that_must_not_be_read_says_so(archive: Path) -> None:
    (archive / "out" / "ledger.sqlite").chmod(0)

    def look() -> None:
        with pytest.raises(StorageError, match="cannot be used"):
            status(archive / "out")

    as_nobody(look)
