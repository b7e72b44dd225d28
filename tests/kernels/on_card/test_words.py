"""The arithmetic in words against plain arithmetic in bytes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.cuda import SIMULATED

words = pytest.importorskip("narratrace.kernels.words", reason="needs numba-cuda")

if not SIMULATED:
    pytest.skip(
        "device functions are tested in the simulator, as part of kernels on a card", allow_module_level=True
    )


def pack(octets: np.ndarray) -> np.uint64:
    return octets.astype(np.uint8).view(np.uint64)[0]


@pytest.mark.parametrize("threshold", [1, 2, 12, 16, 127, 128, 200, 253, 254])
def test_differing_bytes_are_counted(threshold: int):
    rng = np.random.default_rng(threshold)
    slack = words.slack(threshold)
    for _ in range(300):
        a = rng.integers(0, 256, 8)
        near = np.clip(a + rng.choice([-1, 1]) * (threshold + rng.integers(-1, 2, 8)), 0, 255)
        for b in (near, rng.integers(0, 256, 8), np.zeros(8), np.full(8, 255)):
            wanted = np.count_nonzero(np.abs(a - b) > threshold)
            assert words.differing(pack(a), pack(b), slack) == wanted, (a, b)


@pytest.mark.parametrize("count", range(-3, 12))
def test_masks_cover_the_first_bytes(count: int):
    mask = np.array([words.first_bytes(count)], np.uint64).view(np.uint8)
    assert mask.tolist() == [255 if i < count else 0 for i in range(8)]


def test_even_bytes():
    rng = np.random.default_rng(5)
    for _ in range(100):
        a, b = rng.integers(0, 256, 8), rng.integers(0, 256, 8)
        even = np.array([words.even_bytes(pack(a), pack(b))], np.uint64).view(np.uint8)
        assert even.tolist() == [*a[::2], *b[::2]]
