"""What Numba says about launches, and what of it reaches a user."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_launches_of_few_blocks_are_not_warned_of_and_all_else_is():
    pytest.importorskip("numba.cuda", reason="needs numba-cuda")
    code = (
        "import warnings; from narratrace.kernels import tiles; tiles.shrink[(2, 3), (32, 4)]; "
        "from numba.core.errors import NumbaPerformanceWarning; "
        "warnings.warn(NumbaPerformanceWarning('Host array used in CUDA kernel'))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr
    assert "Grid size" not in told
    assert "Host array" in told
