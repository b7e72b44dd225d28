"""How fast the card copies, and how close to that the kernels come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

FRAMES = 16


def copy_ceiling(size: int = 1 << 30) -> float:
    """GB/s of a copy within the card's memory, bytes read and bytes written."""
    import cupy

    source, target = cupy.ones(size, cupy.uint8), cupy.empty(size, cupy.uint8)

    def copy() -> None:
        target[...] = source

    def wait() -> None:
        cupy.cuda.Device().synchronize()

    return 2 * size / seconds(copy, wait, 20) / 1e9


def seconds(work: Callable[[], Any], wait: Callable[[], Any], repeat: int) -> float:
    """Seconds a call, the best of three rounds of ``repeat`` calls in flight at once."""
    work()
    wait()
    best = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        for _ in range(repeat):
            work()
        wait()
        best = min(best, (time.perf_counter() - begun) / repeat)
    return best


def kernel_rates(width: int, height: int, repeat: int = 50) -> list[dict[str, Any]]:
    """Every kernel of the recorder on a batch of frames: seconds, bytes it must move, and GB/s.

    ``still`` frames are all alike, ``moving`` ones differ everywhere: the two ends of what recordings hold.
    """
    from numba import cuda

    from narratrace.kernels import recorder, surfaces, tiles

    count = -(-width // 16) * -(-height // 16)
    limits = recorder.Limits(16, 12, 3, 3, count)
    rows = []
    for content in ("still", "moving"):
        batch = _frames(width, height, content)
        pictures = surfaces.Surfaces(cuda.to_device(batch), height)
        engine = recorder.TileEngine(width, height, limits, FRAMES)
        engine.start(pictures, 0, 0.0)
        picture = width * height * 3 // 2
        changed = 0 if content == "still" else count * (FRAMES - 1)
        box = engine._outbox

        def compare(engine: Any = engine, pictures: Any = pictures) -> None:
            engine._compare(pictures, 0, FRAMES)

        def list_tiles(engine: Any = engine, box: Any = box) -> None:
            tiles.list_tiles[FRAMES, tiles.LISTERS, engine.stream](
                engine._flags, count, limits.most, box.counts, engine._lists
            )

        def collect(engine: Any = engine, pictures: Any = pictures, box: Any = box) -> None:
            tiles.collect[(32, FRAMES), (tiles.ROWS, tiles.COLLECTED), engine.stream](
                pictures.words, 0, pictures.chroma_row, width, height, limits.most, box.counts, engine._lists,
                box.tiles, box.blocks,
            )  # fmt: skip

        def settle(engine: Any = engine, pictures: Any = pictures) -> None:
            engine._settle(pictures, 0, [0.0] * FRAMES, engine._flags)

        moved = {
            "compare": (FRAMES + 2) * picture + FRAMES * count,
            "list_tiles": 2 * FRAMES * count + 4 * changed,
            "collect": 2 * 384 * changed,
            "settle": FRAMES * count,
        }
        for work in (compare, list_tiles, collect, settle):
            took = seconds(work, engine.stream.synchronize, repeat)
            rows.append(
                {
                    "kernel": work.__name__,
                    "content": content,
                    "us": took * 1e6,
                    "bytes": moved[work.__name__],
                    "gb_s": moved[work.__name__] / took / 1e9,
                }
            )
    return rows


def _frames(width: int, height: int, content: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    pitch = -(-width // 128) * 128
    rows = height + (height + 1) // 2
    first = rng.integers(0, 256, (rows, pitch), dtype=np.uint8)
    if content == "still":
        batch = np.repeat(first[None], FRAMES, 0)
    else:
        batch = np.stack([first if i % 2 == 0 else 255 - first for i in range(FRAMES)])
    return np.ascontiguousarray(batch).view(np.uint64)
