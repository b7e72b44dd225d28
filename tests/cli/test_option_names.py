"""Options that messages and documents name exist under that name."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from narratrace.corpus.messages import Task
from narratrace.corpus.options import LimitOptions
from narratrace.corpus.workshop import check_file
from narratrace.data.media import VideoInput
from narratrace.errors import InputError
from narratrace.options import rows
from narratrace.settings import Settings

ROOT = Path(__file__).parents[2]

_FILES = re.compile(r"\.(json|jsonl|html|py|md|vtt|log|parquet|sqlite|tar|jpg|mp4)$")


@functools.cache
def option_names() -> tuple[set[str], set[str]]:
    """The dotted names of all options and sections, and the last part of every section's name."""
    options = {row.path for row in rows(Settings())}
    sections = {name.rpartition(".")[0] for name in options} - {""}
    sections |= {section.rpartition(".")[0] for section in sections} - {""}
    return options | sections, {section.rpartition(".")[2] for section in sections}


def unknown(text: str) -> list[str]:
    """What looks like an option in a text and is none: the last part of one, behind a section's; or run.X."""
    names, sections = option_names()
    leaves = {name.rpartition(".")[2] for name in names}
    named = re.findall(rf"(?<![\w./`\[-])((?:{'|'.join(sorted(sections))})(?:\.[a-z]\w*)+)", text)
    meant = [name for name in named if name.rpartition(".")[2] in leaves or name.startswith("run.")]
    return [name for name in meant if name not in names and not _FILES.search(name)]


def messages(path: Path) -> Iterator[str]:
    """The texts of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and _is_text(node.value)}
    for node in ast.walk(tree):
        if _is_text(node) and id(node) not in docs:
            yield node.value


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_search_finds_what_is_wrong() -> None:
    assert unknown("at most 5 (limits.max_bytes); see run.json, run.limits.max_bytes") == ["limits.max_bytes"]
    assert unknown("fewer (run.budget.max_fail, transcribe.asr)") == ["run.budget.max_fail"]


def test_messages_name_options_that_exist() -> None:
    found = {
        f"{path.name}: {name}"
        for path in (ROOT / "src").rglob("*.py")
        for text in messages(path)
        for name in unknown(text)
    }
    assert found == set()


def test_documents_name_options_that_exist() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    found = {
        f"{page.name}: {name}"
        for page in pages
        for span in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
        for name in unknown(span.replace(".*", ""))
    }
    assert found == set()


@pytest.mark.parametrize("option", ["max_bytes", "max_captions_bytes"])
def test_a_file_that_is_too_large_is_told_its_own_limit(option: str, tmp_path: Path) -> None:
    for name in ("talk.mp4", "talk.vtt"):
        (tmp_path / name).write_bytes(bytes(100))
    video = VideoInput(video_id="talk", uri=str(tmp_path / "talk.mp4"))
    task = Task(sequence=0, attempt=1, video=video, path=video.uri, captions=str(tmp_path / "talk.vtt"))
    with pytest.raises(InputError, match=rf"run\.limits\.{option}\)"):
        check_file(task, replace(LimitOptions(), **{option: 99}))
