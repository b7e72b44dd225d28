"""House measures: small files, short functions, everything public explained."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.tree import KERNELS, PACKAGE, ROOT, Module, modules

MOST_LINES = 500
LONG_FUNCTION = 35
MOST_LONG = 0.03

MODULES = modules()
FILES = [
    path
    for folder, patterns in (
        (PACKAGE, ("*.py", "*.js", "*.css")),
        (KERNELS, ("*.py", "*.cu")),
        (ROOT / "csrc", ("*.cpp", "*.hpp")),
        (ROOT / "tests", ("*.py",)),
        (ROOT / "benchmarks", ("*.py",)),
    )
    for pattern in patterns
    for path in sorted(folder.rglob(pattern))
]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_long(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_the_median_file_is_short():
    assert median(len(module.path.read_text().splitlines()) for module in MODULES) <= 180


def test_nearly_every_function_is_short():
    lengths = {
        f"{module.name}.{function.name}": _code_lines(function)
        for module in MODULES
        for function in ast.walk(module.tree)
        if isinstance(function, Function)
    }
    too_long = sorted(name for name, lines in lengths.items() if lines > LONG_FUNCTION)
    assert len(too_long) <= MOST_LONG * len(lengths), too_long


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name or "narratrace")
def test_everything_public_is_explained(module: Module):
    if ast.get_docstring(module.tree) is None:
        assert not module.tree.body, f"{module.path} has no description"
    bare = [name for name, node in _public(module.tree, "") if ast.get_docstring(node) is None]
    assert not bare


def _public(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Public classes and functions, and the public methods of those classes."""
    for node in parent.body:
        if not isinstance(node, (Function, ast.ClassDef)) or node.name.startswith("_"):
            continue
        if _is_overload(node):
            continue
        yield f"{prefix}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from _public(node, f"{prefix}{node.name}.")


def _is_overload(node: Function | ast.ClassDef) -> bool:
    """Overloads and setters are explained by what they belong to."""
    return any("overload" in ast.dump(d) or "setter" in ast.dump(d) for d in node.decorator_list)


def _code_lines(function: Function) -> int:
    """Lines of a function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines
