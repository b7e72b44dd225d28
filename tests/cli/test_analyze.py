"""``narratrace analyze`` on every kind of input, and what it writes where."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from narratrace.write.analysis_json import read_analysis
from tests.cli.conftest import Narratrace
from tests.support.media import make_video
from tests.support.zoo import BROKEN, CUT, DAMAGED, SOUND, Specimen


@pytest.mark.parametrize("specimen", SOUND, ids=str)
def test_sound_inputs_give_the_contract(
    specimen: Specimen, zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
):
    target = tmp_path / "analysis.json"
    ended = narratrace("analyze", zoo[specimen.name], "-o", target, "--device", "cpu")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    document = read_analysis(target)
    video = document["video"]
    assert (video["width"], video["height"]) == specimen.size
    assert video["path"] == str(zoo[specimen.name])
    assert specimen.warns in " ".join(video["warnings"])
    assert all(span["keyframe"] is None for span in document["stable_spans"])
    assert (document["words"], document["transcript"]) == ([], None)
    assert {"decode_s", "analyse_s"} <= set(document["timings"])
    if specimen.shows_lecture:
        assert [shot["start"] for shot in document["shots"]][1:] == [pytest.approx(CUT, abs=0.15)]
        assert len(document["trace"]) > 50


@pytest.mark.parametrize("specimen", BROKEN, ids=str)
def test_broken_inputs_end_in_one_line(
    specimen: Specimen, zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
):
    target = tmp_path / "analysis.json"
    ended = narratrace("analyze", zoo[specimen.name], "-o", target)
    assert ended.code == 1
    (line,) = ended.error_lines
    assert line.startswith(("narratrace: error: source: ", "narratrace: error: decode: "))
    assert str(zoo[specimen.name]) in line
    assert not target.exists()


@pytest.mark.parametrize("specimen", DAMAGED, ids=str)
def test_damaged_inputs_end_in_either(
    specimen: Specimen, zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
):
    target = tmp_path / "analysis.json"
    ended = narratrace("analyze", zoo[specimen.name], "-o", target)
    assert ended.code == (0 if target.exists() else 1)
    assert len(ended.error_lines) == ended.code


def test_keyframes_lie_beside_the_analysis(zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace):
    target = tmp_path / "deep" / "talk.json"
    assert narratrace("analyze", zoo["plain.mp4"], "-o", target, "--keyframes").code == 0
    spans = read_analysis(target)["stable_spans"]
    assert [span["keyframe"] for span in spans] == [f"talk_keyframes/{n:05d}.jpg" for n in range(len(spans))]
    for span in spans:
        assert (target.parent / span["keyframe"]).read_bytes()[:2] == b"\xff\xd8"


def test_keyframes_need_a_place(zoo: dict[str, Path], narratrace: Narratrace):
    ended = narratrace("analyze", zoo["plain.mp4"], "--keyframes")
    assert ended.code == 2
    assert "-o FILE" in ended.err


def test_without_a_target_the_analysis_goes_to_stdout(zoo: dict[str, Path], narratrace: Narratrace):
    ended = narratrace("analyze", zoo["plain.mp4"])
    assert json.loads(ended.out)["schema"] == "narratrace.analysis/1"
    assert ended.error_lines == []


def test_words_come_with_asr(zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace):
    path = Path(shutil.copy(zoo["plain.mp4"], tmp_path / "talk.mp4"))
    path.with_suffix(".vtt").write_text("WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nlook at this\n")
    document = json.loads(narratrace("analyze", path, "--asr", "captions").out)
    assert [word["text"] for word in document["words"]] == ["look", "at", "this"]
    assert document["transcript"]["source"] == "captions:talk.vtt"
    assert "transcribe_s" in document["timings"]


@pytest.mark.parametrize("how", ["option", "set", "file"])
def test_words_come_wherever_it_was_asked_for_them(
    how: str, zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
):
    path = Path(shutil.copy(zoo["plain.mp4"], tmp_path / "talk.mp4"))
    path.with_suffix(".vtt").write_text("WEBVTT\n\n00:00:01.000 --> 00:00:03.000\nlook at this\n")
    (tmp_path / "run.yaml").write_text("transcribe: {asr: auto}\n")
    asked = {
        "option": ("--asr", "auto"),
        "set": ("--set", "transcribe.asr=auto"),
        "file": ("--config", tmp_path / "run.yaml"),
    }
    assert len(json.loads(narratrace("analyze", path, *asked[how]).out)["words"]) == 3


def test_stdout_is_utf_8_in_any_locale(zoo: dict[str, Path], tmp_path: Path):
    path = Path(shutil.copy(zoo["plain.mp4"], tmp_path / "talk.mp4"))
    path.with_suffix(".vtt").write_text(
        "WEBVTT\n\n00:00:01.000 --> 00:00:03.000\n\u201clook\u201d\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "narratrace", "analyze", str(path), "--asr", "captions"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["words"][0]["text"] == "\u201clook\u201d"


def test_options_reach_the_stations(zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace):
    """The same file with a slower clock: with frames left out, and a stable span too long to be met."""
    config = tmp_path / "run.yaml"
    config.write_text("analyse: {shots: {min_stable_s: 30}}\n")
    document = json.loads(narratrace("analyze", zoo["b frames.mp4"], "--config", config).out)
    assert document["stable_spans"] == []
    slow = ("--set", "decode.analysis_rate_hz=2")
    some = json.loads(narratrace("analyze", zoo["b frames.mp4"], *slow).out)["video"]
    every = json.loads(narratrace("analyze", zoo["b frames.mp4"], *slow, "--frames", "all").out)["video"]
    assert some["frames_skipped"] > 0
    assert every["frames_skipped"] == 0
    assert some["frames_decoded"] + some["frames_skipped"] == every["frames_decoded"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["missing.mp4"], 2, "missing.mp4: no such file"),
        (["."], 2, "names no video"),
        (["--device", "tpu", "FILE"], 2, "'tpu' is no device"),
        (["--device", "cuda:99", "FILE"], 3, "cuda:99"),
        (["--set", "decode.thread=1", "FILE"], 2, "no option decode.thread"),
        (["--config", "none.yaml", "FILE"], 2, "none.yaml: cannot be read"),
        (["--asr", "whisper:/nowhere", "FILE"], 3, "/nowhere"),
        (["-o", "/proc/none/a.json", "FILE"], 74, "cannot be written"),
    ],
)
def test_faults_have_their_exit_code(
    args: list[str],
    code: int,
    words: str,
    zoo: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    narratrace: Narratrace,
):
    monkeypatch.chdir(tmp_path)
    ended = narratrace("analyze", *(zoo["plain.mp4"] if arg == "FILE" else arg for arg in args))
    assert ended.code == code
    (line,) = [line for line in ended.error_lines if line.startswith("narratrace: error: ")]
    assert words in line
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_several_recordings_are_too_many(zoo: dict[str, Path], narratrace: Narratrace):
    ended = narratrace("analyze", zoo["plain.mp4"].parent)
    assert ended.code == 2
    assert "recordings (expected one)" in ended.err


HANGING = """
import sys
from msgspec.structs import replace
import narratrace.visual_pass
from narratrace.source import probe
example, fifo = sys.argv[1:]
narratrace.visual_pass.probe = lambda uri, **how: replace(probe(example), path=uri)
from narratrace.cli import main
sys.exit(main(["analyze", fifo, "--set", "decode.stall_timeout_s=0.5"]))
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("delivered", [0, 60_000])
def test_a_hang_in_native_code_ends_the_command(delivered: int, tmp_path: Path):
    made = make_video(tmp_path / "a.ts", width=320, height=180, seconds=8)
    fifo = tmp_path / "stuck.ts"
    os.mkfifo(fifo)
    # Opened for both directions: never blocks here, and the reader never sees an end.
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    os.write(writer, made.path.read_bytes()[:delivered])
    began = time.monotonic()
    try:
        command = [sys.executable, "-c", HANGING, str(made.path), str(fifo)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=100)
    finally:
        os.close(writer)
    assert ran.returncode == 1, ran.stderr
    assert time.monotonic() - began < 60
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(f"narratrace: error: decode: {fifo}: no frame for 0.5 s")
    assert "Traceback" not in ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_a_terminal_shows_progress_and_nothing_else_does(zoo: dict[str, Path]):
    import pty

    def stderr_of(*args: str) -> str:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "narratrace", "analyze", str(zoo["plain.mp4"]), *args]
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm"}
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not block:
                break
            seen += block
        os.close(ours)
        assert process.wait(60) == 0
        return seen.decode(errors="replace")

    assert "plain" in stderr_of()
    assert stderr_of("--quiet") == ""
    lines = stderr_of("--log-format", "json").splitlines()
    assert all(json.loads(line)["message"] for line in lines)  # the log alone, a document a line


@pytest.mark.eval
def test_a_real_lecture_is_analysed_right(real_recording: Path, tmp_path: Path):
    """By the scorer that comes with the recording, in a process of its own, as a user would do it."""
    target = tmp_path / "v03.json"
    command = [sys.executable, "-m", "narratrace", "analyze", str(real_recording), "-o", str(target)]
    subprocess.run(command, check=True, timeout=120)
    truth, scorer = real_recording.with_suffix(".truth.json"), real_recording.with_name("score.py")
    scored = subprocess.run(
        [sys.executable, str(scorer), str(truth), str(target)], capture_output=True, text=True, check=True
    )
    score = json.loads(scored.stdout)
    assert score["shot_f1"] >= 0.95
    assert score["stable_iou"] >= 0.9
    assert score["cursor_precision"] >= 0.95
