"""What the tests of runs share: recordings, and an undisturbed run over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.media import make_lecture


@pytest.fixture(scope="session")
def lectures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of eight recordings of different length, captions beside each."""
    folder = tmp_path_factory.mktemp("lectures")
    for number, seconds in enumerate((4.0, 9.0, 5.0, 6.0, 4.0, 7.0, 5.0, 4.0)):
        make_lecture(folder, f"lecture-{number}", seconds, seed=number)
    return folder


@pytest.fixture(scope="session")
def lecture(lectures: Path) -> Path:
    """One short recording."""
    return lectures / "lecture-0.mp4"
