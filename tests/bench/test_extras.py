"""Benchmarks that lack a library say in one line which, and what installs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("library", "command"),
    [("psutil", "bench_corpus scale"), ("simpy", "bench_corpus scale"), ("pydicom", "lectures --help")],
)
def test_a_missing_library_is_named_with_what_installs_it(library: str, command: str) -> None:
    module, argument = command.split()
    code = (
        f"import runpy, sys; sys.modules[{library!r}] = None; sys.argv[1:] = [{argument!r}];"
        f"runpy.run_module('benchmarks.{module}', run_name='__main__')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == f"{library} is not installed: pip install '.[dev,bench,corpus]'\n"


def test_a_picture_is_written_only_where_it_is_asked_for(tmp_path: Path) -> None:
    before = (ROOT / "docs" / "trace.png").read_bytes()
    command = [sys.executable, ROOT / "benchmarks" / "readme_picture.py", tmp_path]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 2
    assert "-o" in ended.stderr
    assert (ROOT / "docs" / "trace.png").read_bytes() == before
