"""Inputs whose libraries are not installed: the run ends before any recording is blamed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from narratrace.errors import MissingDependency
from tests.corpus.runs import dead_letters, ledger_rows, limits, make_run, write_manifest


@pytest.fixture
def without_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where it was never installed."""
    for name in ("fsspec", "fsspec.core"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.parametrize("what", ["uri", "captions_uri"])
def test_a_missing_library_is_met_before_any_work(
    without_fsspec: None, lecture: Path, tmp_path: Path, what: str
) -> None:
    rows = [
        {"uri": str(lecture), "video_id": "near"},
        {"uri": str(lecture), "video_id": "far", what: "HTTP://127.0.0.1:9/far.mp4"},
    ]
    with pytest.raises(
        MissingDependency, match=r"^source: http://: .*expected pip install 'narratrace\[s3\]'"
    ):
        make_run([write_manifest(tmp_path / "m.jsonl", rows)], tmp_path / "out").execute()
    found = ledger_rows(tmp_path / "out")
    assert {(row["state"], row["attempt"]) for row in found.values()} == {("pending", 0)}
    assert dead_letters(tmp_path / "out") == []


def test_schemes_that_are_refused_or_not_needed_any_more_take_no_library(
    without_fsspec: None, lecture: Path, tmp_path: Path
) -> None:
    rows = [{"uri": str(lecture)}, {"uri": "ftp://127.0.0.1/far.mp4"}, {"uri": "s3://bucket/far.mp4"}]
    manifest, out = write_manifest(tmp_path / "m.jsonl", rows), tmp_path / "out"
    options = limits(schemes=("file",))
    assert make_run([manifest], out, options=options).execute().failed == 2
    assert make_run([manifest], out).execute().failed == 2
