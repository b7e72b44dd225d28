"""What becomes of a file's name: whole or absent, and never lost when it is more than a file."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from narratrace.errors import StorageError
from narratrace.write.files import atomic, remove_leftovers, temporary_name, write_atomic


def test_a_link_stays_one_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    link, file = tmp_path / "link.json", tmp_path / "deep" / "file.json"
    link.symlink_to(file)
    for content in (b"new", b"newer"):
        write_atomic(link, content)
        assert link.is_symlink()
        assert not file.is_symlink()
        assert file.read_bytes() == content
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "file.json", "link.json"]


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_pipe_is_written_into(tmp_path: Path, is_linked: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    target = tmp_path / "link" if is_linked else pipe
    if is_linked:
        target.symlink_to(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomic(target, b"all of it")
    reader.join(10)
    assert read == [b"all of it"]
    assert pipe.is_fifo()
    assert len(list(tmp_path.iterdir())) == 1 + is_linked


def test_the_standard_output_is_written_into(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    link = tmp_path / "link"  # should it be replaced, then not the one in /dev
    link.symlink_to(f"/proc/self/fd/{theirs}")
    try:
        write_atomic(link, b"text")
        assert os.read(ours, 10) == b"text"
    finally:
        os.close(ours)
        os.close(theirs)
    assert link.is_symlink()


def test_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, Path()):
        with pytest.raises(StorageError, match="is a folder"), atomic(folder):
            pass
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_one_file_alone_are_removed(tmp_path: Path) -> None:
    names = ("run.json", "report.html", "run")
    for name in names:
        temporary_name(tmp_path / name).touch()
    remove_leftovers(tmp_path, "run.json")
    left = {temporary_name(tmp_path / name).name for name in names[1:]}
    assert {path.name for path in tmp_path.iterdir()} == left
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == []
