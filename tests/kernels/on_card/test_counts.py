"""Which tiles change a picture: the kernels against the native comparison, bit for bit."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from narratrace._native import count_differences
from narratrace.data.frames import row_pitch
from tests.kernels.pictures import LAYOUTS, Planes, copied, flat, noise, place

recorder = pytest.importorskip("narratrace.kernels.recorder", reason="needs numba-cuda")
surfaces = pytest.importorskip("narratrace.kernels.surfaces")

LUMA, CHROMA, MIN_LUMA, MIN_CHROMA = 16, 12, 3, 2

Pair = tuple[Planes, Planes]


def random(rng: np.random.Generator, height: int, width: int) -> Pair:
    """Noise against noise that is mostly within the thresholds."""
    a = noise(rng, height, width)
    b = tuple(np.clip(p + rng.normal(0, 6, p.shape), 0, 255).astype(np.uint8) for p in a)
    return a, (b[0], b[1], b[2])


def opposite(_rng: np.random.Generator, height: int, width: int) -> Pair:
    """Everything differs as much as it can."""
    return flat(height, width, 0, 0, 255), flat(height, width, 255, 255, 0)


def constant(_rng: np.random.Generator, height: int, width: int) -> Pair:
    """Nothing differs by more than the thresholds."""
    return flat(height, width, 100, 90, 90), flat(height, width, 116, 102, 78)


def single(rng: np.random.Generator, height: int, width: int) -> Pair:
    """Single samples at the corners and in the middle, some of them too few to count."""
    a = noise(rng, height, width)
    b = copied(a)
    for plane in b:
        high, wide = plane.shape
        for y, x in ((0, 0), (high - 1, wide - 1), (0, wide - 1), (high // 2, wide // 2)):
            plane[y, max(0, x - int(rng.integers(0, 4))) : x + 1] ^= 0x80
    return a, b


CONTENTS: list[Callable[[np.random.Generator, int, int], Pair]] = [random, opposite, constant, single]
SIZES = [(48, 64), (33, 35), (17, 50), (1, 1), (16, 129)]


def changed_tiles(a: Planes, b: Planes) -> list[int]:
    counts = count_differences(a, b, LUMA, CHROMA)
    changed = (counts[..., 0] >= MIN_LUMA) | (counts[..., 1] >= MIN_CHROMA)
    return np.flatnonzero(changed).tolist()


@pytest.mark.parametrize("content", CONTENTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[1]}x{s[0]}")
def test_changed_tiles_are_those_of_the_cpu(content: Callable[..., Pair], size: tuple[int, int]):
    height, width = size
    before, after = content(np.random.default_rng(height * width), height, width)
    layout = LAYOUTS[(height + width) % 3]
    engine = recorder.TileEngine(width, height, recorder.Limits(LUMA, CHROMA, MIN_LUMA, MIN_CHROMA, 999), 2)
    planes = place([before, after], layout)
    pictures = surfaces.map_surfaces(planes)
    if pictures is None:
        pictures = surfaces.SurfacePool(width, height, 2, row_pitch(width)).copy(planes, engine.stream)
    engine.start(pictures, 0, 0.0)
    found = engine.compare(pictures, 1, 1)
    assert found.tiles.tolist() == changed_tiles(before, after)
    engine.commit(pictures, 1, [0.1], 1)
    assert_pixels(found.tiles, found.blocks, after)
    assert_screen(engine.screen(), before, after, found.tiles.tolist())


def assert_pixels(tiles: np.ndarray, blocks: np.ndarray, picture: Planes) -> None:
    """Blocks hold the picture's pixels, and zeros beyond its edge."""
    columns = -(-picture[0].shape[1] // 16)
    padded = [np.pad(p, ((0, 16), (0, 16))) for p in picture]
    for tile, block in zip(tiles, blocks, strict=True):
        y, x = tile // columns, tile % columns
        parts = [padded[0][y * 16 : y * 16 + 16, x * 16 : x * 16 + 16]]
        parts += [p[y * 8 : y * 8 + 8, x * 8 : x * 8 + 8] for p in padded[1:]]
        np.testing.assert_array_equal(block, np.concatenate([p.ravel() for p in parts]))


def assert_screen(screen: Planes, before: Planes, after: Planes, tiles: list[int]) -> None:
    """The screen is the new picture in the changed tiles, and the old one elsewhere."""
    columns = -(-before[0].shape[1] // 16)
    wanted = copied(before)
    for tile in tiles:
        y, x = tile // columns, tile % columns
        for plane, source, side in zip(wanted, after, (16, 8, 8), strict=True):
            part = (slice(y * side, y * side + side), slice(x * side, x * side + side))
            plane[part] = source[part]
    for got, plane in zip(screen, wanted, strict=True):
        np.testing.assert_array_equal(got, plane)


def test_what_is_sent_to_the_card_is_kept_until_it_is_there(monkeypatch: pytest.MonkeyPatch):
    """Copies in a stream may read the host's memory after the call; in the simulator they never do."""
    engine = recorder.TileEngine(32, 16, recorder.Limits(LUMA, CHROMA, MIN_LUMA, MIN_CHROMA, 9), 3)
    planes = place([flat(16, 32, 20 * (i // 2)) for i in range(3)], "nv12")
    pictures = surfaces.map_surfaces(planes)
    under_way: list[Callable[[], object]] = []
    wait, copy = engine.stream.synchronize, type(engine._fresh).copy_to_device

    def copying(target: Any, source: Any, stream: Any = 0) -> None:
        if isinstance(source, np.ndarray):
            under_way.append(weakref.ref(source))
        copy(target, source, stream=stream)

    def waiting() -> None:
        assert all(source() is not None for source in under_way), "it went too early"
        under_way.clear()
        wait()

    monkeypatch.setattr(type(engine._fresh), "copy_to_device", copying)
    monkeypatch.setattr(engine.stream, "synchronize", waiting)
    engine.start(pictures, 0, 0.0)
    assert engine.compare(pictures, 1, 2).counts.tolist() == [0, 2]
    engine.commit(pictures, 1, [0.1, 0.2], 2)
    assert not under_way
    assert engine.refresh(pictures, 2, 5.0, 1.0)[0].tolist() == [0, 1]
