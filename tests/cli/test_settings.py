"""Options from files and command lines: precedence, kinds of values, and errors that help."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from narratrace.errors import OptionError
from narratrace.options import rows
from narratrace.recipe import EngineOptions
from narratrace.settings import Settings, load_settings
from tests.support.attempt import attempt


def test_later_sources_go_before_earlier_ones(tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text("device: cpu\ndecode: {frames: all, threads: 3, batch_size: 7}\n")
    settings = load_settings(
        file, ["decode.batch_size=9"], {"decode.frames": "auto", "device": None, "decode.batch_size": 8}
    )
    assert settings.device == "cpu"
    assert (settings.decode.frames, settings.decode.threads, settings.decode.batch_size) == ("auto", 3, 9)
    assert load_settings(file).decode.batch_size == 7, "the file's own values were changed"


def test_limits_may_be_moved_past_each_other(tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text("filters: {min_spw: 0.1, max_spw: 0.2}\n")
    first = ["filters.min_spw=0.3", "align.clips.min_s=20", "align.clips.max_s=30"]
    settings = load_settings(file, [*first, "filters.max_spw=0.4"])
    assert (settings.filters.min_spw, settings.filters.max_spw) == (0.3, 0.4)
    assert (settings.align.clips.min_s, settings.align.clips.max_s) == (20, 30)
    with pytest.raises(OptionError, match=r"--set filters\.min_spw=0\.3"):
        load_settings(file, ["filters.min_spw=0.3", "align.clips.before_s=1"])


def test_without_anything_settings_are_the_defaults():
    assert load_settings() == Settings()
    assert load_settings().engine == EngineOptions()


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("transcribe.language=no", "transcribe.language", "no"),
        ("transcribe.asr=whisper:/models/a=b", "transcribe.asr", "whisper:/models/a=b"),
        ("filters.languages=[en, de]", "filters.languages", ("en", "de")),
        ("decode.stall_timeout_s=5", "decode.stall_timeout_s", 5.0),
        ("analyse.keyframes.pictures=false", "analyse.keyframes.pictures", False),
        ("transcribe.decoding.temperatures=[0.2, 1]", "transcribe.decoding.temperatures", (0.2, 1.0)),
        ("run.executor=ray", "run.executor", "ray"),
        ("clips.preset=slow", "clips.preset", "slow"),
    ],
)
def test_values_are_read_by_the_kind_of_their_option(assignment: str, path: str, value: object):
    settings = load_settings(None, [assignment])
    changed = {row.path: row.value for row in rows(settings) if row.value != row.default}
    assert changed == {path: value}


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("decode.threads", ("is no assignment", "SECTION.OPTION=VALUE")),
        ("=3", ("is no assignment",)),
        ("decode.thread=3", ("no option decode.thread", "threads")),
        ("nothing.at.all=3", ("no option nothing", "decode")),
        ("decode.threads.more=3", ("decode.threads", "int")),
        ("decode.threads=-1", ("decode.threads", ">= 0")),
        ("decode.frames=some", ("decode.frames", "auto | all")),
        ("decode.threads=[", ("not YAML",)),
        ("decode=", ("decode: Expected `object`",)),
        ("device=tpu", ("'tpu' is no device",)),
        ("analyse.moving.tick_s=[2, 1]", ("analyse.moving.tick_s", "1 is less than 2", "smaller one first")),
        ("filters.languages=[en, xx]", ("filters.languages", "'xx' is no known language")),
        ("transcribe.asr=parrot", ("'parrot' is no transcriber", "whisper:NAME_OR_FOLDER")),
        ("classify.classifier=cat", ("'cat' is no classifier",)),
    ],
)
def test_unusable_values_are_named(assignment: str, words: tuple[str, ...]):
    with pytest.raises(OptionError) as caught:
        load_settings(None, [assignment])
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("decode: {threads: many}", "decode.threads"),
        ("decoder: {threads: 3}", "no option decoder"),
        ("- a\n- b", "holds no mapping"),
        ("decode: {threads: [", "is not YAML"),
        ("decode:\n\t- x: !!python/object:os.system {}", "is not YAML"),
        ("\xff\xfe", "no"),
        (
            "decode:\n  threads: 3\ndevice: cpu\ndecode:\n  threads: 4",
            "line 4: 'decode' stands in line 1 already",
        ),
        ("decode:\n  threads: 3\n  threads: 4", "line 3: 'threads' stands in line 2"),
        ("decode: {threads: 3, 'threads': 4}", "line 1: 'threads' stands in line 1"),
        ("x: [{a: 1, a: 2}]", "line 1: 'a' stands"),
    ],
)
def test_unusable_files_are_named(content: str, word: str, tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(OptionError) as caught:
        load_settings(file)
    assert caught.value.input == str(file)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(OptionError, match="cannot be read"):
        load_settings(tmp_path / "none.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text("# nothing yet\n")
    assert load_settings(file) == Settings()


def test_aliases_in_files_are_followed(tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text("align: {boxes: &same {seed: 3}}\n")
    assert load_settings(file).align.boxes.seed == 3
    file.write_text("align: &again {boxes: *again}\n")
    with pytest.raises(OptionError):
        load_settings(file)


def test_sections_without_options_are_empty(tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text("decode:\n  # threads: 3\nanalyse:\n  moving:\n  shots: {min_stable_s: 3}\n")
    settings = load_settings(file, ["decode.batch_size=5"])
    assert (settings.decode.batch_size, settings.analyse.shots.min_stable_s) == (5, 3)
    file.write_text("decode: {threads: }\n")
    with pytest.raises(OptionError, match=r"decode\.threads"):
        load_settings(file)


def test_every_option_says_what_it_means():
    unexplained = [row.path for row in rows(Settings()) if not row.doc]
    assert not unexplained


def test_defaults_lie_within_their_own_bounds():
    """Every default, written down and read back, is accepted and the same."""
    for row in rows(Settings()):
        text = yaml.safe_dump(list(row.value) if isinstance(row.value, tuple) else row.value).split("\n...")[
            0
        ]
        plain = str(row.value) if isinstance(row.value, str) else text.strip()
        again = {r.path: r.value for r in rows(load_settings(None, [f"{row.path}={plain}"]))}
        assert again[row.path] == row.value, row.path


@given(st.text(max_size=40))
def test_any_text_is_taken_or_refused_in_one_line(text: str):
    ended = attempt(OptionError, load_settings, None, [text])
    assert isinstance(ended, (Settings, OptionError))
    assert "\n" not in str(ended).replace(text, "")
