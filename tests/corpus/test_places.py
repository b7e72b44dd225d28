"""Folders that the user names: what is in them stays, and what cannot be a folder is refused."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.cli import main
from narratrace.corpus import Run, VideoFinished
from narratrace.corpus.ledger import lock
from narratrace.corpus.options import ScratchOptions
from narratrace.corpus.places import places_of
from tests.corpus.runs import ENGINE, OPTIONS, dead_letters, make_run, outputs

SETTINGS = ("--asr", "captions", "--device", "cpu", "--workers", "1")


def halted(run: Run) -> None:
    """Leave a run once its first recording is done, the bundle still on scratch."""
    events = run.events()
    next(event for event in events if isinstance(event, VideoFinished))
    events.close()


def test_what_lies_in_the_scratch_folder_stays(
    lecture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_logging: None
) -> None:
    inputs = tmp_path / "inputs"  # also the name of a folder that runs have on scratch
    inputs.mkdir()
    shutil.copy(lecture, inputs)
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "precious").touch()
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["process", "inputs", "-o", "out", "--scratch", ".", *SETTINGS]) == 0
    left = [path for path in sorted(tmp_path.rglob("*")) if not path.is_relative_to(tmp_path / "out")]
    assert left == before


def test_runs_that_share_a_scratch_folder_do_not_disturb_each_other(lectures: Path, tmp_path: Path) -> None:
    options = replace(OPTIONS, scratch=ScratchOptions(folder=str(tmp_path / "scratch")))
    first, second = tmp_path / "first", tmp_path / "second"
    halted(make_run([lectures], first, options=options))
    bundles = list((tmp_path / "scratch").rglob("*.bundle.tar"))
    assert bundles
    assert make_run([lectures], second, options=options).execute().complete
    assert all(path.exists() for path in bundles)
    assert make_run([lectures], first, options=options).execute().complete
    assert outputs(first) == outputs(second)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_run_goes_on_from_any_folder(
    lectures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_logging: None
) -> None:
    for name in ("in", "elsewhere"):
        (tmp_path / name).mkdir()
    for path in lectures.glob("lecture-[01].*"):
        shutil.copy(path, tmp_path / "in")
    whole = (tmp_path / "in" / "lecture-1.mp4").read_bytes()
    (tmp_path / "in" / "lecture-1.mp4").write_bytes(b"nothing")
    monkeypatch.chdir(tmp_path / "in")
    halted(make_run(["lecture-0.mp4", "lecture-1.mp4"], "../out", options=replace(OPTIONS, workers=1)))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert make_run((), "../out").execute().failed == 1
    command = dead_letters(tmp_path / "out")[0]["command"].split()
    (tmp_path / "in" / "lecture-1.mp4").write_bytes(whole)
    monkeypatch.chdir("/")
    assert main(command[1:]) == 0
    assert main(["corpus", "merge", str(tmp_path / "out"), "-o", str(tmp_path / "merged")]) == 0
    for out in (tmp_path / "out", tmp_path / "merged"):
        assert main(["corpus", "retry", str(out), "--workers", "1"]) == 0
    seen = json.loads((tmp_path / "out" / "analysis" / "lecture-1.json").read_bytes())
    assert seen["video"]["path"] == "lecture-1.mp4", "as it was named: outputs hold no folders of a machine"


def test_the_folder_on_scratch_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert places_of("out", "s").scratch == places_of("./x/../out/", "s").scratch
    assert places_of(tmp_path / "out", "s").scratch == places_of("out", "s").scratch
    assert places_of("s3://bucket/out", "s") != places_of("s3://bucket/other", "s")
    assert places_of("s3://bucket/out/", "s").scratch == places_of("s3://bucket/out", "s").scratch


def test_a_new_run_takes_nothing_over_from_scratch(lecture: Path, tmp_path: Path) -> None:
    fresh, out = tmp_path / "fresh", tmp_path / "out"
    other = replace(ENGINE, bundle=replace(ENGINE.bundle, analysis_keyframes=True))
    make_run([lecture], fresh, engine=other).execute()
    halted(make_run([lecture], out))
    assert list((out / ".scratch").rglob("*.bundle.tar"))
    make_run([lecture], out, engine=other, new_run=True).execute()
    assert outputs(out) == outputs(fresh)
    assert sorted(p.name for p in (out / "analysis").rglob("*")) == sorted(
        p.name for p in (fresh / "analysis").rglob("*")
    )


def test_a_run_that_another_is_writing_has_an_exit_code_of_its_own(
    lecture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], own_logging: None
) -> None:
    with lock(tmp_path / "ledger.sqlite"):
        assert main(["process", str(lecture), "-o", str(tmp_path), *SETTINGS]) == 74
    assert "another run is writing it" in capsys.readouterr().err


def test_half_written_files_of_a_killed_session_are_swept(lecture: Path, tmp_path: Path) -> None:
    ours = [tmp_path / f".{name}.4711.part" for name in ("run.json", "dead_letter.jsonl")]
    others = [tmp_path / name for name in (".report.html.4711.part", ".movie.part")]
    for path in (*ours, *others):
        path.write_text("half")
    make_run([lecture], tmp_path).execute()
    assert not any(path.exists() for path in ours)
    assert all(path.exists() for path in others), "somebody else's, who may be writing them"


def test_the_command_of_a_dead_letter_takes_any_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], own_logging: None
) -> None:
    (tmp_path / "-rf.mp4").write_bytes(b"nothing")
    out = tmp_path / "out"
    assert make_run([tmp_path], out).execute().failed == 1
    command = shlex.split(dead_letters(out)[0]["command"])
    assert command[-1] == "-rf"
    assert main(command[1:]) == 1
    assert "-rf: failed at source" in capsys.readouterr().out


@pytest.mark.parametrize(
    "places",
    [
        ["-o", "file"],
        ["-o", "file/x"],
        ["-o", "out", "--scratch", "file"],
        ["-o", "out", "--scratch", "file/x"],
        ["-o", "memory://out", "--scratch", "file/x"],
    ],
)
def test_a_file_in_the_way_is_an_error_that_names_it(
    lecture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_logging: None,
    places: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("precious")
    assert main(["process", str(lecture), *places, *SETTINGS]) == 74
    assert "cannot be made" in (said := capsys.readouterr().err), said
    assert Path("file").read_text() == "precious"


@pytest.mark.parametrize("out", ["", " "])
def test_an_output_without_a_name_is_refused(
    lecture: Path,
    tmp_path: Path,
    out: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An unset variable must not fill the current folder."""
    monkeypatch.chdir(tmp_path)
    assert main(["process", str(lecture), "-o", out]) == 2
    assert "is empty" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
