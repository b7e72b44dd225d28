"""Recordings whose files are not what they were when the run last saw them."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from narratrace.corpus.ledger import Ledger
from narratrace.corpus.merge import merge
from narratrace.corpus.retry import retry
from narratrace.corpus.status import status
from narratrace.errors import InputError
from tests.corpus.runs import ledger_rows, make_run, outputs, write_manifest


@pytest.fixture
def folder(lectures: Path, tmp_path: Path) -> Path:
    """Copies of two recordings with their captions."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in lectures.glob("lecture-[04].*"):
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize(("name", "what"), [("lecture-0.mp4", "file"), ("lecture-4.vtt", "captions")])
def test_a_file_of_another_size_is_refused_by_name(
    name: str, what: str, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make_run([folder], out).execute()
    before = outputs(out)
    size = (folder / name).stat().st_size
    with (folder / name).open("ab") as file:
        file.write(b"\n\n")
    video_id = Path(name).stem
    words = f"{video_id}: its {what} had {size} bytes when read, and has {size + 2}"
    with pytest.raises(InputError, match=words):
        make_run([folder], out).execute()
    (folder / "lecture-5.mp4").touch()
    with pytest.raises(InputError, match=words):
        make_run([folder], out).execute()
    assert outputs(out) == before
    assert len(ledger_rows(out)) == 2


def test_a_copy_is_taken_for_the_same_with_a_warning(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    make_run([folder], out).execute()
    shutil.copytree(folder, elsewhere)  # with the times
    with caplog.at_level(logging.WARNING):
        assert make_run([elsewhere], out).execute().complete
        assert "written anew" not in caplog.text
        os.utime(elsewhere / "lecture-4.mp4", (1, 1))
        assert make_run([elsewhere], out).execute().complete
    assert "1 recordings were written anew since they were done" in caplog.text
    assert "lecture-4" in caplog.text


def test_what_was_not_finished_may_change(folder: Path, tmp_path: Path) -> None:
    """Whoever mends a file that failed wants it processed."""
    out = tmp_path / "out"
    sound = (folder / "lecture-0.mp4").read_bytes()
    (folder / "lecture-0.mp4").write_bytes(b"nothing")
    assert make_run([folder], out).execute().failed == 1
    (folder / "lecture-0.mp4").write_bytes(sound)
    assert make_run([folder], out).execute().failed == 1
    retry(out, None)
    for _ in range(2):
        assert make_run([folder], out).execute().failed == 0


def test_ledgers_that_know_nothing_of_files_still_open(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_run([folder], out).execute()
    with sqlite3.connect(out / "ledger.sqlite") as database:
        database.execute("ALTER TABLE videos DROP COLUMN stamp")
    assert status(out)["videos"]["done"] == 2
    merge([out], tmp_path / "merged")
    with Ledger(tmp_path / "merged" / "ledger.sqlite") as ledger:
        assert ledger.stamps() == {}
    with (folder / "lecture-0.mp4").open("ab") as file:
        file.write(b"more")
    assert make_run([folder], out).execute().complete


def test_merged_runs_know_their_files(folder: Path, tmp_path: Path) -> None:
    make_run([folder], tmp_path / "out").execute()
    merge([tmp_path / "out"], tmp_path / "merged")
    stamps = json.loads(ledger_rows(tmp_path / "merged")["lecture-0"]["stamp"])
    assert [size for size, _ in stamps] == [
        (folder / f"lecture-0{suffix}").stat().st_size for suffix in (".mp4", ".vtt")
    ]


def test_a_second_file_of_a_name_is_told_from_a_missing_one(folder: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", folder / "other"
    make_run([folder], out).execute()
    other.mkdir()
    shutil.copy(folder / "lecture-0.mp4", other)
    (folder / "lecture-4.mp4").unlink()
    with pytest.raises(InputError) as caught:
        make_run([folder], out).execute()
    said = str(caught.value)
    assert "lecture-0 would now be called lecture-0-" in said
    assert "as another file has its name: give ids in a manifest" in said
    assert "lecture-0 is missing" not in said
    assert "lecture-4 is missing" in said


def test_a_manifest_keeps_ids_beside_a_second_file_of_a_name(folder: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    make_run([folder], out).execute()
    other.mkdir()
    shutil.copy(folder / "lecture-0.mp4", other)
    rows = [{"video_id": path.stem, "uri": str(path)} for path in sorted(folder.glob("*.mp4"))]
    rows.append({"video_id": "second", "uri": str(other / "lecture-0.mp4")})
    assert make_run([write_manifest(tmp_path / "m.jsonl", rows)], out).execute().complete
    assert set(ledger_rows(out)) == {"lecture-0", "lecture-4", "second"}
