"""What tests of several parts share."""

from __future__ import annotations

import logging
import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.zoo import make_zoo

# OpenMP's threads wait for each other by spinning: on a busy machine, more of them than idle cores take
# minutes for what one does in a second. Set before torch and CTranslate2 load; programs started inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell has what it runs in the background ignore interruptions, and so would all the programs tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Property tests depend neither on how busy the machine is, nor on chance.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

EVAL = Path(__file__).resolve().parents[2] / "shared" / "eval"
"""Real recordings with measured truth, where a checkout has them beside it."""


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Inputs of every kind, by name; see :mod:`tests.support.zoo`."""
    return make_zoo(tmp_path_factory.mktemp("zoo"))


@pytest.fixture(scope="session")
def real_recording() -> Path:
    """A real 480p lecture with captions beside it."""
    path = EVAL / "v03.mp4"
    if not path.exists():
        pytest.skip(f"needs the shared evaluation recordings ({path})")
    return path


@pytest.fixture(autouse=True)
def usual_level() -> None:
    """Whatever a command run before has asked for: at a lower level, records keep what they tell of alive."""
    logging.getLogger().setLevel(logging.WARNING)


@pytest.fixture
def own_logging() -> Iterator[None]:
    """For tests that let the command line set up logging: everything is as before afterwards."""
    root = logging.getLogger()
    handlers, level, formatwarning = root.handlers[:], root.level, warnings.formatwarning
    yield
    logging.captureWarnings(False)
    warnings.formatwarning = formatwarning
    root.handlers[:] = handlers
    root.setLevel(level)
