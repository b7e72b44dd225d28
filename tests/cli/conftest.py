"""Running commands within the test's process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from narratrace.cli import main


@dataclass(frozen=True)
class Ended:
    """A command that has ended: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        """What was said."""
        return self.err.splitlines()


Narratrace = Callable[..., Ended]


@pytest.fixture
def narratrace(own_logging: None, capsys: pytest.CaptureFixture[str]) -> Narratrace:
    """Runs ``narratrace ARGS``."""

    def run(*args: object) -> Ended:
        capsys.readouterr()
        code = main([str(arg) for arg in args])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run
