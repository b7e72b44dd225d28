"""Pictures of a batch, and what is asked of CuPy for them: its memory is here the host's."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from narratrace.decode.nv12 import Batch, Surface, to_host


class Runtime:
    """cupy.cuda.runtime, as far as it is used."""

    memcpyDeviceToDevice, memcpyDeviceToHost = 3, 2

    def __init__(self) -> None:
        self.kinds: list[int] = []

    def memcpy2D(
        self, dst: int, dpitch: int, src: int, spitch: int, width: int, height: int, kind: int
    ) -> None:
        assert width <= min(dpitch, spitch)
        self.kinds.append(kind)
        for row in range(height):
            ctypes.memmove(dst + row * dpitch, src + row * spitch, width)

    def memcpy2DAsync(self, *args: Any) -> None:
        self.memcpy2D(*args[:-1])


class Plane(np.ndarray[Any, Any]):
    """cupy.ndarray: its memory has an address, and any other way to the host would compile something."""

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self.ctypes.data)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    runtime = Runtime()
    cupy = SimpleNamespace(
        empty=lambda shape, dtype: np.full(shape, 99, dtype).view(Plane),
        uint8=np.uint8,
        cuda=SimpleNamespace(runtime=runtime),
    )
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setitem(sys.modules, "cupy.cuda", cupy.cuda)
    return runtime


@pytest.mark.parametrize(("width", "height"), [(160, 90), (126, 35), (128, 2), (2, 1)])
def test_a_picture_crosses_to_a_batch_and_to_the_host(width: int, height: int, runtime: Runtime):
    high, pitch = (height + 1) // 2, width + 32
    picture = np.random.default_rng(width).integers(0, 256, (height + high, pitch), np.uint8)
    surface = Surface(picture.ctypes.data, picture[height:].ctypes.data, pitch)
    batch = Batch(width, height, 2)
    batch.copy(0, surface, SimpleNamespace(ptr=0))
    planes = batch.copy(1, surface, SimpleNamespace(ptr=0))
    runtime.kinds.clear()
    luma, blue, red = (to_host(plane) for plane in planes)
    np.testing.assert_array_equal(luma, picture[:height, :width])
    np.testing.assert_array_equal(blue, picture[height:, :width:2])
    np.testing.assert_array_equal(red, picture[height:, 1:width:2])
    assert runtime.kinds == [runtime.memcpyDeviceToHost] * 3
