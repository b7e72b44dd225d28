"""Tests that need an NVIDIA card: skipped where there is none, unless one is required.

With ``NARRATRACE_REQUIRE_CUDA=1`` they fail instead, so that a run on a machine with a card cannot pass by
skipping everything.
"""

from __future__ import annotations

import os

import pytest

from narratrace.device import Reason, why_not_cuda

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
"""Whether kernels run in Numba's simulator in this process."""


def require_card(index: int = 0, library: Reason | None = None) -> None:
    """Skips the test, or fails it, when there is no card, or ``library`` cannot use it."""
    reason = why_not_cuda(index) or (library(index) if library else "")
    if not reason:
        return
    if os.environ.get("NARRATRACE_REQUIRE_CUDA") == "1":
        pytest.fail(f"NARRATRACE_REQUIRE_CUDA=1, but {reason}")
    pytest.skip(f"needs an NVIDIA card: {reason}")
