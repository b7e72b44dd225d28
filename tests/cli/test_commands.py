"""What all commands have in common, and the small ones: doctor, probe, config, report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

import narratrace.cli.doctor
from narratrace.cli import build_parser, main
from narratrace.doctor import Fact, Library, _library, is_usable
from narratrace.errors import MediaError
from narratrace.settings import Settings, load_settings
from narratrace.source import probe, resolve
from narratrace.write.analysis_json import read_analysis
from tests.cli.conftest import Narratrace
from tests.support.web import serving

MODULE = (sys.executable, "-m", "narratrace")


def leave_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make ``doctor`` raise."""

    def run(args: object) -> int:
        raise error

    monkeypatch.setattr(narratrace.cli.doctor, "run", run)


def test_version_and_help():
    shown = subprocess.run([*MODULE, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("narratrace 0.")
    text = build_parser().format_help()
    for command in ("doctor", "probe", "analyze", "process", "report", "config", "corpus"):
        assert command in text


@pytest.mark.parametrize("closed", ["", "sys.stdout = None; "])
def test_what_native_libraries_print_stays_out_of_stdout(closed: str):
    """PyNvVideoCodec prints through C++ streams, which are buffered until the process ends."""
    code = (
        "import ctypes, os, sys, narratrace.cli as cli\n"
        "def main():\n"
        "    os.write(1, b'direct\\n'); ctypes.CDLL(None).puts(b'buffered')\n"
        "    print('document \u80ba'); return 3\n"
        f"cli.main = main; {closed}cli.program()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert ended.returncode == 3
    if not closed:
        assert ended.stdout == "document \u80ba\n"
        assert sorted(ended.stderr.split()) == ["buffered", "direct"]


@pytest.mark.parametrize(
    "command", [["doctor"], ["probe"], ["analyze"], ["process"], ["report"], ["config"], ["corpus", "run"]]
)
def test_every_command_explains_itself_and_takes_the_output_arguments(
    command: list[str], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert all(argument in shown for argument in ("--quiet", "--log-format", "--debug"))


def test_warnings_of_libraries_are_lines_of_the_log():
    code = (
        "import sys, warnings; from narratrace.cli.output import set_up_logging;"
        "set_up_logging(sys.argv[1], quiet=False, debug=False); warnings.warn('odd\\n  file')"
    )
    shown = {
        kind: subprocess.run([sys.executable, "-c", code, kind], capture_output=True, text=True, check=True)
        for kind in ("text", "json")
    }
    assert shown["text"].stderr == "narratrace: warning: UserWarning: odd file (<string>:1)\n"
    (line,) = shown["json"].stderr.splitlines()
    event = json.loads(line)
    assert (event["level"], event["message"]) == ("warning", "UserWarning: odd file (<string>:1)")


def test_wrong_arguments_end_with_2(capsys: pytest.CaptureFixture[str]):
    for wrong in ([], ["fly"], ["analyze"], ["analyze", "a.mp4", "--frames", "few"]):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert caught.value.code == 2


def test_errors_are_one_line_or_one_object(monkeypatch: pytest.MonkeyPatch, narratrace: Narratrace):
    leave_with(monkeypatch, MediaError("is\nbroken", station="decode", input="a.mp4", cause="age"))
    ended = narratrace("doctor")
    assert ended.code == 1
    assert ended.err == "narratrace: error: decode: a.mp4: is broken; likely cause: age\n"
    for args in (["doctor", "--log-format", "json"], ["--log-format", "json", "doctor", "--quiet"]):
        (line,) = narratrace(*args).error_lines
        event = json.loads(line)
        assert (event["level"], event["error"], event["station"]) == ("error", "MediaError", "decode")
        assert (event["input"], event["cause"]) == ("a.mp4", "age")
    ended = narratrace("doctor", "--debug")
    assert "Traceback" in ended.err
    assert "raise error" in ended.err


def test_faults_of_our_own_are_told_apart(monkeypatch: pytest.MonkeyPatch, narratrace: Narratrace):
    leave_with(monkeypatch, ZeroDivisionError("division by zero"))
    ended = narratrace("doctor")
    assert ended.code == 70
    assert ended.err == (
        "narratrace: error: internal error: ZeroDivisionError: division by zero; --debug shows where\n"
    )
    assert "Traceback" in narratrace("doctor", "--debug").err


def test_an_interruption_ends_with_130(monkeypatch: pytest.MonkeyPatch, narratrace: Narratrace):
    leave_with(monkeypatch, KeyboardInterrupt())
    assert narratrace("doctor").code == 130


def test_a_reader_who_leaves_is_no_error():
    writer = subprocess.Popen([*MODULE, "config", "--show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.read(10)
    writer.stdout.close()
    assert writer.stderr.read() == b""
    assert writer.wait(60) == 0


@pytest.mark.slow
def test_doctor_finds_this_machine_fit(narratrace: Narratrace):
    ended = narratrace("doctor", "--json")
    facts = {(fact["section"], fact["name"]): fact for fact in json.loads(ended.out)}
    assert ended.code == 0
    for name in ("native module", "decoder pyav", "video decoders", "clip encoders"):
        assert facts["core", name]["status"] == "ok", facts["core", name]
    assert ("gpu", "driver") in facts
    absent = [
        fact for fact in facts.values() if fact["section"] == "libraries" and fact["status"] == "absent"
    ]
    assert all("pip install" in fact["detail"] or "NVIDIA driver" in fact["detail"] for fact in absent)


def test_doctor_works_where_the_engine_does_not():
    """Without the native module nothing of the engine can be imported; the doctor says so."""
    code = (
        "import sys; sys.modules['narratrace._native'] = None\n"
        "import narratrace.doctor; narratrace.doctor.LIBRARIES = ()\n"  # of no matter here, and slow
        "from narratrace.cli import main; sys.exit(main(['doctor', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    (native,) = [fact for fact in json.loads(done.stdout) if fact["name"] == "native module"]
    assert native["status"] == "broken"
    assert "_native" in native["detail"]


def test_doctor_tries_libraries_for_real():
    broken = _library(Library("numpy", "numpy.nothing_of_the_kind", "x"))
    assert (broken.status, "nothing_of_the_kind" in broken.detail) == ("broken", True)
    sound = _library(Library("numpy", "numpy", "x", "f'{m.pi:.2f}'"))
    assert (sound.status, sound.detail.endswith(", 3.14")) == ("ok", True)
    crashing = _library(Library("numpy", "os", "x", "m.abort()"))
    assert crashing.status == "broken"
    absent = _library(Library("no-such-library", "no_such_library", "asr"))
    assert (absent.status, absent.detail) == ("absent", "not installed: pip install 'narratrace[asr]'")


def test_only_the_core_decides_on_fitness():
    def fact(section: str, status: Any) -> Fact:
        return Fact(section=section, name="it", status=status, detail="")

    assert is_usable([fact("core", "ok"), fact("gpu", "broken"), fact("libraries", "absent")])
    assert not is_usable([fact("core", "broken"), fact("gpu", "ok")])


def test_probe_tells_the_facts(zoo: dict[str, Path], narratrace: Narratrace):
    ended = narratrace("probe", zoo["turned.mp4"], zoo["irregular.mp4"], "--full")
    assert ended.code == 0
    turned, irregular = ended.out.split(str(zoo["irregular.mp4"]))
    assert "180 x 320, turned by 90 degrees" in turned
    assert "constant rate" in turned
    assert "120 packets" in turned
    assert "variable rate" in irregular
    assert "pyav" in irregular


def test_probe_goes_on_behind_bad_files(zoo: dict[str, Path], narratrace: Narratrace):
    names = ["empty.mp4", "plain.mp4", "sound only.m4a"]
    ended = narratrace("probe", "missing.mp4", *(zoo[name] for name in names), "--json")
    assert ended.code == 2
    plain, sound = (json.loads(line) for line in ended.out.splitlines())
    assert (plain["video"]["width"], plain["audio"]["codec"], plain["decoder"]) == (320, "aac", "pyav")
    assert (sound["video"], sound["decoder"]) == (None, "none: no video stream")
    assert len(ended.error_lines) == 2
    assert narratrace("probe", zoo["empty.mp4"]).code == 1


def test_probe_tells_the_size_of_remote_files(zoo: dict[str, Path], narratrace: Narratrace):
    file = zoo["odd.webm"]
    with serving(file.parent) as address:
        ended = narratrace("probe", f"{address}/odd.webm")
    assert ended.code == 0
    assert f" {file.stat().st_size:,} bytes," in ended.out


def test_probe_says_where_a_size_is_not_known(
    zoo: dict[str, Path], narratrace: Narratrace, monkeypatch: pytest.MonkeyPatch
):
    unsized = replace(probe(zoo["plain.mp4"]), size_bytes=0)
    monkeypatch.setattr(sys.modules["narratrace.source.probe"], "probe", lambda *_, **__: unsized)
    assert " unknown size, " in narratrace("probe", zoo["plain.mp4"]).out
    assert json.loads(narratrace("probe", zoo["plain.mp4"], "--json").out)["size_bytes"] is None


def test_probe_warns_once_of_links_that_lead_nowhere(
    tmp_path: Path, zoo: dict[str, Path], narratrace: Narratrace
):
    for name, aim in (("a.mp4", str(zoo["plain.mp4"])), ("gone.mp4", "no.mp4"), ("folder", "no")):
        (tmp_path / name).symlink_to(aim)
    ended = narratrace("probe", tmp_path, "--json")
    assert ended.code == 2, "gone.mp4 fails"
    assert [json.loads(line)["video_id"] for line in ended.out.splitlines()] == ["a"]
    assert ended.err.count(f"{tmp_path}/folder") == 1


def test_probe_tells_recordings_of_one_name_apart(
    zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
):
    for name in ("d1", "d2"):
        (tmp_path / name).mkdir()
        shutil.copy(zoo["plain.mp4"], tmp_path / name / "lecture.mp4")
    ended = narratrace("probe", "--json", tmp_path / "d1", tmp_path / "d2")
    ids = [json.loads(line)["video_id"] for line in ended.out.splitlines()]
    assert ids == [video.video_id for video in resolve([tmp_path / "d1", tmp_path / "d2"])]
    assert len(set(ids)) == 2


def test_config_shows_every_option(narratrace: Narratrace):
    text = narratrace("config", "--show").out
    listed = json.loads(narratrace("config", "--format", "json").out)
    page = narratrace("config", "--format", "markdown").out.splitlines()
    table = [line for line in page if line.startswith("|")]
    assert len(listed) == len(table) - 2 > 100
    for option in listed:
        assert f"\n{option['path']} = " in f"\n{text}"
        assert option["doc"]


def test_config_in_yaml_can_be_handed_back(tmp_path: Path, narratrace: Narratrace):
    file = tmp_path / "run.yaml"
    file.write_text(narratrace("config", "--format", "yaml", "--frames", "all").out, encoding="utf-8")
    assert yaml.safe_load(file.read_text())["decode"]["frames"] == "all"
    settings = load_settings(file)
    assert settings.decode.frames == "all"
    assert load_settings(file, ["decode.frames=auto"]) == Settings()
    changed = narratrace("config", "--changed", "--config", file)
    assert changed.out.splitlines()[0] == 'decode.frames = "all"   (default "auto")'
    assert len(changed.out.splitlines()) == 2


def test_one_bad_file_leaves_its_neighbours_untouched(
    zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
):
    inputs = ("plain.mp4", "text.mp4", "turned.mp4", "sound only.m4a")
    out = tmp_path / "out"
    ended = narratrace(
        "process", *(zoo[name] for name in inputs), "-o", out, "--workers", "1", "--asr", "none"
    )
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    letters = [json.loads(line) for line in (out / "dead_letter.jsonl").read_text().splitlines()]
    assert sorted(letter["uri"] for letter in letters) == sorted(str(zoo[n]) for n in (inputs[1], inputs[3]))
    assert {letter["error"] for letter in letters} == {"MediaError"}
    for name in ("plain", "turned"):
        alone = tmp_path / f"{name}.json"
        assert narratrace("analyze", zoo[f"{name}.mp4"], "-o", alone).code == 0
        apart, together = read_analysis(alone), read_analysis(out / "analysis" / f"{name}.json")
        for part in ("shots", "stable_spans", "trace", "dwells", "moving_regions"):
            assert apart[part] == together[part]
    report = narratrace("report", out, "-o", tmp_path / "report.html")
    assert (report.code, report.out) == (0, f"{tmp_path / 'report.html'}\n")
    assert "text" in (tmp_path / "report.html").read_text(encoding="utf-8")
    ended = narratrace(
        "process", zoo["plain.mp4"], "-o", tmp_path / "fine", "--workers", "1", "--asr", "none"
    )
    assert ended.code == 0, ended.err


def test_report_of_nothing_is_refused(tmp_path: Path, narratrace: Narratrace):
    ended = narratrace("report", tmp_path / "none")
    assert ended.code == 2
    assert len(ended.error_lines) == 1


def test_the_page_of_options_is_current(narratrace: Narratrace):
    page = (Path(__file__).parents[2] / "docs" / "options.md").read_text(encoding="utf-8")
    shown = narratrace("config", "--show", "--format", "markdown")
    assert shown.code == 0
    assert page == shown.out, "write docs/options.md anew, see its first line"
