"""Wrong arguments, outputs of every kind, and ends of the process that no command sees."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from narratrace.cli import main
from tests.cli.conftest import Narratrace

MODULE = (sys.executable, "-m", "narratrace")


@pytest.mark.parametrize("command", ["analyze", "report"])
@pytest.mark.parametrize(
    ("name", "words"), [(".", "is a folder"), ("", "is empty"), ("deep", "is a folder"), ("new/", "a folder")]
)
def test_outputs_that_are_no_file_are_refused_before_any_work(
    command: str,
    name: str,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("deep").mkdir()
    with pytest.raises(SystemExit) as caught:
        main([command, "missing.mp4", "-o", name])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_the_analysis_goes_through_a_pipe(
    zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert narratrace("analyze", zoo["plain.mp4"], "-o", pipe).code == 0
    reader.join(10)
    assert json.loads(read[0])["schema"] == "narratrace.analysis/1"
    assert list(tmp_path.iterdir()) == [pipe]
    assert pipe.is_fifo()
    ended = narratrace("analyze", zoo["plain.mp4"], "-o", pipe, "--keyframes")
    assert (ended.code, "keyframes lie beside" in ended.err) == (2, True)


def test_the_report_goes_to_stdout_alone(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    stdout = "/proc/self/fd/1"  # as /dev/stdout, but nothing can replace it
    done = subprocess.run(
        [*MODULE, "report", str(tmp_path), "-o", stdout], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("<!")
    assert done.stdout.rstrip().endswith("</html>")
    assert done.stderr == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json"]


def test_reports_are_of_local_outputs(narratrace: Narratrace) -> None:
    ended = narratrace("report", "s3://bucket/out")
    assert ended.code == 2
    assert "s3://bucket/out: lies elsewhere (expected the path of a local copy" in ended.err
    assert narratrace("report", "").code == 2


@pytest.mark.parametrize(
    "args",
    [
        ["--log-format", "json", "fly"],
        ["analyze", "--log-format=json"],
        ["corpus", "status", "--log-format", "json", "out", "more"],
        ["config", "--format", "odd", "--log-format", "json"],
        ["report", "out", "-o", "", "--log-format", "json"],
    ],
)
def test_wrong_arguments_are_an_object_where_the_log_is(
    args: list[str], own_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(args)
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["level"], event["error"]) == ("error", "OptionError")
    assert event["input"].startswith("narratrace")


def test_wrong_arguments_are_text_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    for args in (["fly"], ["analyze", "--log-format", "text"], ["doctor", "--log-format"]):
        with pytest.raises(SystemExit) as caught:
            main(args)
        assert caught.value.code == 2
        said = capsys.readouterr().err
        assert said.startswith("usage: narratrace")
        assert "\nnarratrace" in said


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a full device")
@pytest.mark.parametrize("args", [["config", "--show"], ["config", "--changed", "--frames", "all"]])
def test_a_full_stdout_is_a_fault_of_storage(args: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*MODULE, *args], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 74, done.stderr
    assert done.stderr == ("narratrace: error: standard output: cannot be written: No space left on device\n")


INTERRUPTED = """
import importlib.abc, os, runpy, signal, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
sys.argv = ["narratrace", sys.argv[1]]
runpy.run_module("narratrace", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["narratrace.cli", "narratrace.corpus.commands"])
def test_an_interruption_of_the_imports_ends_with_130(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, module], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "")
