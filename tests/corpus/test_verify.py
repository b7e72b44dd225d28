"""``corpus verify`` finds whatever was done to an output."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from narratrace.cli import main
from narratrace.corpus.verify import verify
from narratrace.errors import StorageError
from narratrace.write.shard_file import list_finished_shards
from tests.corpus.runs import make_run, outputs, write_manifest


@pytest.fixture(scope="module")
def finished(lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verified")
    rows = [{"uri": str(lectures / f"lecture-{n}.mp4")} for n in range(4)] + [{"uri": "gone.mp4"}]
    make_run([write_manifest(folder / "m.jsonl", rows)], folder / "out").execute()
    return folder / "out"


def flip(path: Path, at: int = -2000) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def first(out: Path, pattern: str) -> Path:
    return min(out.glob(pattern))


def sql(out: Path, statement: str) -> None:
    with sqlite3.connect(out / "ledger.sqlite") as database:
        database.execute(statement)


def test_a_finished_run_is_well(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(verify(finished)) == []
    assert main(["corpus", "verify", str(finished)]) == 0
    assert "all is well" in capsys.readouterr().out


OTHER_HASH = "UPDATE shards SET record = json_set(record, '$.sha256', 'another')"

FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit": (lambda out: flip(first(out, "shards/pairs-*")), "SHA-256"),
    "a shard cut short": (lambda out: first(out, "shards/clips-*").write_bytes(b"x" * 512), "bytes"),
    "a missing shard": (lambda out: first(out, "shards/traces-*").unlink(), "missing"),
    "a missing index": (lambda out: first(out, "index/traces-*").unlink(), "index|missing"),
    "a foreign shard": (lambda out: (out / "shards" / "pairs-000099.tar").touch(), "no finished shard"),
    "a leftover": (lambda out: (out / "index" / ".pairs-000000.parquet.7.part").touch(), "no finished shard"),
    "a lost sample": (lambda out: sql(out, "UPDATE videos SET pairs = pairs + 1"), "by the ledger"),
    "a sample too many": (lambda out: sql(out, "UPDATE videos SET clips = clips - 1"), "by the ledger"),
    "another hash": (
        lambda out: sql(out, OTHER_HASH),
        "otherwise",
    ),
    "a missing analysis": (lambda out: first(out, "analysis/*.json").unlink(), "analysis"),
    "a broken analysis": (lambda out: first(out, "analysis/*.json").write_text("{}"), "schema"),
    "narratives cut short": (lambda out: (out / "localized_narratives.jsonl").write_bytes(b"{}\n"), "lines"),
    "a dead letter lost": (lambda out: (out / "dead_letter.jsonl").write_bytes(b""), "given up"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(
    finished: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, expected = FAULTS[name]
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    spoil(out)
    assert main(["corpus", "verify", str(out)]) == 1
    text = capsys.readouterr().out

    assert re.search(expected, text), text


def test_two_analyses_that_changed_places(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    one, other = sorted(out.glob("analysis/*.json"))[:2]
    text = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(text)
    assert sum("its analysis is of" in fault for fault in verify(out)) == 2


def test_an_index_of_other_samples(finished: Path, tmp_path: Path) -> None:
    """Two index files of one kind that changed places, their records with them."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    records = [record for record in list_finished_shards(out) if record.kind.value == "pairs"]
    assert len(records) >= 2
    a, b = sorted(out.glob("index/pairs-*"))[:2]
    data = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(data)
    assert sum("its index names other samples" in fault for fault in verify(out)) == 2


def test_an_unfinished_run_says_so(lectures: Path, tmp_path: Path) -> None:
    run = make_run([lectures], tmp_path)
    run.execute(lambda _: run.cancel())
    assert list(verify(tmp_path)) == ["the run is not complete"]
    assert json.loads((tmp_path / "run.json").read_text())["state"] == "stopped"


@pytest.mark.parametrize("taken", [["pairs"], ["pairs", "traces", "clips"]])
def test_a_run_does_not_go_on_without_an_index_file_of_its_own(
    finished: Path, tmp_path: Path, taken: list[str]
) -> None:
    out = shutil.copytree(finished, tmp_path / "out")
    gone = [max(out.glob(f"index/{kind}-*.parquet")) for kind in taken]  # as if it had never been finished
    for path in gone:
        path.unlink()
    before = outputs(out)
    with pytest.raises(StorageError, match=f"corpus verify {out}`") as caught:
        make_run((), out, engine=None).execute()
    assert caught.value.input == str(gone[0])
    assert ("2 others" in caught.value.message) == (len(gone) > 1)
    assert outputs(out) == before
