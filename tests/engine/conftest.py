"""What tests of devices share."""

from __future__ import annotations

import shutil
import sys

import pytest


@pytest.fixture(scope="session")
def compiler() -> str:
    """A C compiler, for libraries that stand in for those of a card."""
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None or not sys.platform.startswith("linux"):
        pytest.skip("needs a C compiler on Linux")
    return found
