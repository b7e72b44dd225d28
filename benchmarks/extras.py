"""What is said where a library is missing that only benchmarks need."""

from __future__ import annotations

INSTALL = "pip install '.[dev,bench,corpus]'"
"""Installs, from the folder of the sources, what the benchmarks of README.md and docs/scale.md need."""


def lacking(error: ImportError) -> SystemExit:
    """The end of a benchmark that cannot be imported, in one line.

    Raises:
        ImportError: the error itself, if it is not about a library.
    """
    name = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or name in ("", "benchmarks"):
        raise error
    return SystemExit(f"{name} is not installed: {INSTALL}")
