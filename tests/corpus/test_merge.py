"""Runs split by hand and put together again."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.cli import main
from narratrace.corpus.merge import _copy_beginning, merge
from narratrace.corpus.retry import retry
from narratrace.corpus.verify import verify
from narratrace.errors import InputError, StorageError
from narratrace.write.index import read_rows
from tests.corpus.media import damage
from tests.corpus.runs import ENGINE, dead_letters, ledger_rows, make_run, write_manifest


@pytest.fixture(scope="module")
def halves(lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs over four recordings each, one of them damaged."""
    folder = tmp_path_factory.mktemp("halves")
    shutil.copytree(lectures, folder / "in")
    damage(folder / "in" / "lecture-5.mp4", 2)
    outs = []
    for half in (0, 1):
        rows = [{"uri": f"in/lecture-{n}.mp4", "half": half} for n in range(4 * half, 4 * half + 4)]
        outs.append(folder / f"out-{half}")
        make_run([write_manifest(folder / f"{half}.jsonl", rows)], outs[-1]).execute()
    return outs


def all_rows(out: Path, kind: str) -> list[dict[str, object]]:
    return [row for path in sorted((out / "index").glob(f"{kind}-*")) for row in read_rows(str(path))]


def test_two_halves_are_a_whole(halves: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["corpus", "merge", *map(str, halves), "-o", str(out)]) == 0
    assert list(verify(out)) == []
    assert list(ledger_rows(out)) == [f"lecture-{n}" for n in range(8)]
    for kind in ("pairs", "traces", "clips"):
        rows = all_rows(out, kind)
        assert [row["index"] for row in rows] == list(range(len(rows)))
        parts = [row for half in halves for row in all_rows(half, kind)]
        assert [row["uid"] for row in rows] == [row["uid"] for row in parts]
        tars = [p.read_bytes() for half in halves for p in sorted((half / "shards").glob(f"{kind}-*"))]
        assert [p.read_bytes() for p in sorted((out / "shards").glob(f"{kind}-*"))] == tars
    lines = b"".join((half / "localized_narratives.jsonl").read_bytes() for half in halves)
    assert (out / "localized_narratives.jsonl").read_bytes() == lines
    run = json.loads((out / "run.json").read_text())
    assert (run["counts"]["videos"], run["counts"]["failed"], run["state"]) == (8, 1, "complete")
    assert dead_letters(out)[0]["command"] == f"narratrace corpus reproduce {out} lecture-5"


@pytest.mark.parametrize("can_link", [True, False])
def test_a_merged_run_is_on_disk_before_it_has_its_name(
    halves: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_link: bool
) -> None:
    out, fsync, synced = tmp_path / "out", os.fsync, {False: set[int](), True: set[int]()}

    def noted(descriptor: int) -> None:
        synced[out.exists()].add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", noted)
    if not can_link:
        monkeypatch.setattr(os, "link", refused)
    merge(halves, out)
    paths = [p for p in (out, *out.rglob("*")) if not p.name.lstrip(".").startswith("ledger.sqlite")]
    linked = {path for path in paths if path.is_file() and path.stat().st_nlink > 1}
    assert bool(linked) == can_link
    late = [path for path in paths if path.stat().st_ino not in synced[False] and path not in linked]
    assert not late, "SQLite sees to its own files, and to what is linked who wrote it"
    assert synced[True] == {tmp_path.stat().st_ino}


def test_narratives_are_not_held_in_memory(tmp_path: Path) -> None:
    path, size = tmp_path / "narratives", 32 << 20
    with path.open("wb") as file:
        file.truncate(size + 1)  # what follows the last finished shard is left out
    tracemalloc.start()
    try:
        with (tmp_path / "merged").open("wb") as target:
            _copy_beginning(path, target, size)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "merged").stat().st_size == size
    assert most < size / 8


def test_narratives_that_are_cut_short_are_refused(halves: list[Path], tmp_path: Path) -> None:
    shutil.copytree(halves[0], tmp_path / "half")
    (tmp_path / "half" / "localized_narratives.jsonl").write_bytes(b"{}\n")
    with pytest.raises(StorageError, match="lacks"):
        merge([tmp_path / "half"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_failures_of_a_merged_run_can_be_retried(halves: list[Path], lectures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    merge(halves, out)
    broken = halves[0].parent / "in" / "lecture-5.mp4"
    spoilt = broken.read_bytes()
    shutil.copy(lectures / "lecture-5.mp4", broken)
    try:
        retry(out, None)
        assert make_run((), out, engine=None).execute().failed == 0
    finally:
        broken.write_bytes(spoilt)
    assert list(verify(out)) == []
    uids = [row["uid"] for row in all_rows(out, "pairs")]
    assert str(uids[-1]).startswith("lecture-5_")
    assert len(set(uids)) == len(uids)


def test_what_does_not_fit_is_refused(halves: list[Path], lectures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 'lecture-"):
        merge([halves[0], halves[0]], tmp_path / "out")
    other = tmp_path / "other"
    engine = replace(ENGINE, shards=replace(ENGINE.shards, max_samples=2))
    make_run([lectures / "lecture-7.mp4"], other, engine=engine).execute()
    with pytest.raises(InputError, match="other options"):
        merge([halves[0], other], tmp_path / "out")
    with pytest.raises(InputError, match="is there already"):
        merge([halves[0]], other)
    unfinished = tmp_path / "unfinished"
    run = make_run([lectures], unfinished)
    run.execute(lambda _: run.cancel())
    with pytest.raises(InputError, match="not complete"):
        merge([unfinished], tmp_path / "out")
    assert not (tmp_path / "out").exists()
