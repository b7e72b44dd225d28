"""The rules are only as good as the eyes that check them."""

from __future__ import annotations

from pathlib import Path

from tests.architecture.test_imports import ALLOWED, HEAVY, part_of
from tests.architecture.tree import Module

SOURCE = '''
"""Breaks every rule."""
import torch
from typing import TYPE_CHECKING
from narratrace import recipe, Engine
from narratrace.decode.open import open_decoder
from ..understand import judge
from . import boxes

if TYPE_CHECKING:
    import cupy
else:
    import numba.cuda

def later():
    import ray
    from narratrace._native import track
'''


def test_all_kinds_of_imports_are_seen(tmp_path: Path):
    file = tmp_path / "example.py"
    file.write_text(SOURCE)
    module = Module("align.example", file)
    assert {name for name, _ in module.own_imports()} == {
        "recipe",
        "Engine",
        "decode.open",
        "understand",
        "align",
        "_native",
    }
    wrong = {part_of(name) for name, _ in module.own_imports()} - ALLOWED["align"] - {"align"}
    assert wrong == {"recipe", "", "decode", "understand", "_native"}
    heavy = {name: now for name, _, now in module.imports() if name.split(".")[0] in HEAVY}
    assert heavy == {"torch": True, "cupy": False, "numba.cuda": True, "ray": False}
