"""``--new-run``: what was there is set aside whole, or not touched."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.corpus.options import ScratchOptions
from narratrace.errors import InputError, ModelError, OptionError
from tests.corpus.runs import ENGINE, OPTIONS, make_run, outputs
from tests.corpus.stages import hopeless

OTHER = replace(ENGINE, shards=replace(ENGINE.shards, max_samples=1))


def files(folder: Path) -> dict[str, bytes]:
    """What a folder holds, but for locks."""
    paths = [p for p in folder.rglob("*") if p.is_file() and not p.name.endswith(".lock")]
    return {str(p.relative_to(folder)): p.read_bytes() for p in paths}


def another_schema(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE head SET value = '\"narratrace.ledger/99\"' WHERE name = 'schema'")


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


@pytest.mark.parametrize("spoil", [another_schema, garbage])
def test_a_ledger_that_cannot_be_used_is_set_aside(lecture: Path, tmp_path: Path, spoil: object) -> None:
    make_run([lecture], tmp_path).execute()
    spoil(tmp_path / "ledger.sqlite")  # type: ignore[operator]
    before = files(tmp_path)
    assert make_run([lecture], tmp_path, engine=OTHER, new_run=True).execute().complete
    assert files(tmp_path / "previous" / "001") == before


def test_a_run_without_any_result_gives_way(lecture: Path, tmp_path: Path) -> None:
    out, expected = tmp_path / "out", tmp_path / "expected"
    with pytest.raises(ModelError):
        make_run([lecture.with_name("lecture-1.mp4")], out, engine=OTHER, stages=hopeless).execute()
    assert make_run([lecture], out).execute().complete
    assert make_run([lecture], expected).execute().complete
    assert outputs(out) == outputs(expected)
    assert json.loads((out / "run.json").read_bytes())["inputs"] == [str(lecture)]
    with pytest.raises(OptionError, match="max_samples"):
        make_run([lecture], out, engine=OTHER).execute()


def test_what_is_refused_leaves_nothing_behind(lecture: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run to go on with"):
        make_run((), tmp_path / "none").execute()
    (tmp_path / "foreign" / "index").mkdir(parents=True)
    (tmp_path / "foreign" / "index" / "a.parquet").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="no ledger"):
        make_run([lecture], tmp_path / "foreign").execute()
    assert sorted(tmp_path.rglob("*")) == before


def test_numbers_go_on_after_the_highest(lecture: Path, tmp_path: Path) -> None:
    make_run([lecture], tmp_path).execute()
    for name in ("002", "005", "notes"):
        (tmp_path / "previous" / name).mkdir(parents=True)
    before = outputs(tmp_path)
    make_run([lecture], tmp_path, new_run=True).execute()
    assert outputs(tmp_path / "previous" / "006") == before


def test_nothing_moves_when_the_new_run_has_no_inputs(lecture: Path, tmp_path: Path) -> None:
    make_run([lecture], tmp_path).execute()
    before = files(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        make_run([tmp_path / "lecure.mp4"], tmp_path, new_run=True).execute()
    with pytest.raises(InputError, match="needs inputs"):
        make_run((), tmp_path, new_run=True).execute()
    assert files(tmp_path) == before


def test_what_was_sent_away_cannot_be_set_aside(lecture: Path, tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="needs fsspec")
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path)))
    make_run([lecture], "memory://set/aside", options=options).execute()
    with pytest.raises(InputError, match="none is begun over it"):
        make_run([lecture], "memory://set/aside", options=options, engine=OTHER, new_run=True).execute()
    assert make_run([lecture], "memory://set/aside", options=options).execute().complete
