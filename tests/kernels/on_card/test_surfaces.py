"""Frames are used where they are whenever their memory allows it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.kernels.pictures import noise, place

surfaces = pytest.importorskip("narratrace.kernels.surfaces", reason="needs numba-cuda")


@pytest.mark.parametrize("layout", ["nv12", "nv12 padded"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_decoders_batch_is_not_copied(layout: str, count: int):
    rng = np.random.default_rng(1)
    frames = place([noise(rng, 33, 50) for _ in range(count)], layout)
    mapped = surfaces.map_surfaces(frames)
    assert mapped is not None
    assert mapped.words.shape[0] == count
    assert mapped.chroma_row == 33 + (3 if "padded" in layout else 0)


def test_frames_that_do_not_fit_are_told():
    rng = np.random.default_rng(2)
    first, second, third = place([noise(rng, 32, 48) for _ in range(3)], "nv12")
    assert surfaces.map_surfaces(place([noise(rng, 32, 48)], "planar")) is None
    assert surfaces.map_surfaces([first, third, second]) is None  # not in the order of memory
    assert surfaces.map_surfaces([first, (second[0], third[1], third[2])]) is None
    assert surfaces.map_surfaces([(first[0], first[2], first[1])]) is None  # NV21
    odd = place([noise(rng, 32, 48)], "nv12")[0]
    assert surfaces.map_surfaces([(odd[0][:, 1:-1], odd[1][:, 1:], odd[2][:, 1:])]) is None  # not aligned
