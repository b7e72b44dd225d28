"""The source tree as the tests see it: modules, what they import, and what they define."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "narratrace"
KERNELS = ROOT / "kernels"
NAME = "narratrace"


@dataclass(frozen=True)
class Module:
    """One Python file of the package.

    Attributes:
        name: Dotted name below the package, ``""`` for its ``__init__``.
        path: The file.
    """

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))

    @property
    def part(self) -> str:
        """The package, or root module, that the module belongs to."""
        return self.name.split(".")[0]

    def imports(self) -> Iterator[tuple[str, int, bool]]:
        """Absolute dotted name, line, and whether it happens when the module is imported."""
        eager = {id(node) for node in _executed_on_import(self.tree)}
        for node in ast.walk(self.tree):
            for name in self._imported_by(node):
                yield name, node.lineno, id(node) in eager  # type: ignore[attr-defined]

    def own_imports(self) -> Iterator[tuple[str, int]]:
        """Dotted names below the package, with lines."""
        for name, line, _ in self.imports():
            if name == NAME or name.startswith(f"{NAME}."):
                yield name[len(NAME) + 1 :], line

    def _imported_by(self, node: ast.AST) -> list[str]:
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            base = self._absolute(node)
            # `from narratrace import x` may name a module: say which.
            return [f"{base}.{alias.name}" for alias in node.names] if base in (NAME, "") else [base]
        return []

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        here = [NAME, *self.name.split(".")] if self.name else [NAME]
        is_package = self.path.name == "__init__.py"
        base = here[: len(here) - node.level + (1 if is_package else 0)]
        return ".".join([*base, node.module] if node.module else base)


def modules() -> list[Module]:
    """All Python files of the package, kernels included."""
    found = [Module(_dotted(path.relative_to(PACKAGE)), path) for path in sorted(PACKAGE.rglob("*.py"))]
    found += [
        Module(_dotted(Path("kernels") / path.relative_to(KERNELS)), path)
        for path in sorted(KERNELS.rglob("*.py"))
    ]
    return found


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _executed_on_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes outside functions and outside ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
