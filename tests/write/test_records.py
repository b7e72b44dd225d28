"""run.json and dead_letter.jsonl."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from msgspec import Struct, field

from narratrace.data.outcome import Failed
from narratrace.errors import MediaError, StorageError
from narratrace.write.dead_letter import DeadLetter, append_dead_letter, read_dead_letters
from narratrace.write.options import ShardOptions
from narratrace.write.run_json import write_run_json


class Options(Struct, frozen=True):
    shards: ShardOptions = field(default_factory=ShardOptions)
    root: Path = Path("some/where")


def failure(name: str) -> Failed:
    error = MediaError("holds no frame", station="decode", input=name, expected="video", cause="zero bytes")
    return Failed.from_exception(error, video_id=name, uri=f"/in/{name}.mp4", station="decode")


def test_run_json_tells_versions_options_counts_and_timings(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_run_json(
        path,
        options=Options(),
        counts={"videos": 3, "failed": 1},
        timings={"decode": 1.23456, "analyse": 2.0},
        facts={"device": "cpu", "drops": {"min_speech_share": 2}},
    )
    run = json.loads(path.read_text())
    assert run["versions"]["python"] == platform.python_version()
    assert {"av", "numpy", "pyarrow", "libavcodec"} <= set(run["versions"])
    assert run["options"]["shards"]["max_samples"] == ShardOptions().max_samples
    assert run["options"]["root"] == "some/where"
    assert (run["counts"]["failed"], run["timings"]["decode"], run["drops"]["min_speech_share"]) == (
        1,
        1.235,
        2,
    )


def test_dead_letters_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "dead_letter.jsonl"
    assert read_dead_letters(path) == []
    letters = [DeadLetter(failure(f"v{i}\n\u2028ü"), f"narratrace process v{i}.mp4") for i in range(3)]
    for letter in letters:
        append_dead_letter(path, letter.failed, letter.command)
    assert read_dead_letters(path) == letters
    assert path.read_bytes().count(b"\n") == 3


def test_a_line_torn_by_a_crash_costs_no_other_line(tmp_path: Path) -> None:
    path = tmp_path / "dead_letter.jsonl"
    append_dead_letter(path, failure("a"), "x")
    append_dead_letter(path, failure("b"), "x")
    path.write_bytes(path.read_bytes()[:-40])
    append_dead_letter(path, failure("c"), "x")
    assert [letter.failed.video_id for letter in read_dead_letters(path)] == ["a", "c"]


def test_a_dead_letter_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="dead_letter"):
        append_dead_letter(tmp_path / "missing" / "dead_letter.jsonl", failure("a"), "x")
