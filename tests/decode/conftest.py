"""Backends under test, and a short way to run a pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from narratrace.data.frames import Frame, PackedFrame
from narratrace.data.media import DecodeSummary
from narratrace.decode import DecodeOptions, DeviceGaveUp, open_decoder, stretches
from narratrace.decode.pyav import PyavDecoder
from narratrace.ops.packed import unpacked
from narratrace.source import probe
from tests.support.cuda import require_card


@dataclass(frozen=True)
class Pass:
    """A finished decode pass, with copies of what was seen."""

    times: list[float]
    pts: list[int]
    luma: list[npt.NDArray[np.uint8]]
    chroma: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]
    batches: list[int]
    summary: DecodeSummary


RunPass = Callable[..., Pass]


@pytest.fixture(
    params=[pytest.param("cpu", id="pyav"), pytest.param("cuda:0", id="nvdec", marks=pytest.mark.cuda)]
)
def device(request: pytest.FixtureRequest) -> str:
    """Every backend goes through the same contract tests."""
    if request.param != "cpu":
        require_card()
    return str(request.param)


def on_host(plane: Any) -> npt.NDArray[np.uint8]:
    """A copy of a plane, wherever it lies."""
    return np.array(plane.get() if hasattr(plane, "get") else plane)


@pytest.fixture(
    params=[
        "pyav",
        "packed",
        pytest.param("nvdec", marks=pytest.mark.cuda),
    ]
)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every way to the frames of a file: packed, they are decoded in stretches, here as short as can be."""
    if request.param == "nvdec":
        require_card()
    monkeypatch.setattr(stretches, "_FEWEST", 1)
    return str(request.param)


def assert_threads_end(before: int) -> None:
    """Soon there are no more threads than ``before``."""
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def batches_of(decoder: Any, way: str) -> Iterator[list[Frame]]:
    """The frames by one of the ways, packed ones in full."""
    if way != "packed" or not isinstance(decoder, PyavDecoder):
        yield from decoder.batches()
        return
    sizes: list[int] = []

    def packed() -> Iterator[PackedFrame]:
        for batch in decoder.packed_batches():
            sizes.append(len(batch))
            yield from batch

    frames = unpacked(packed())
    for frame in frames:
        yield [frame, *islice(frames, sizes[-1] - 1)]


@pytest.fixture
def run_pass(way: str) -> RunPass:
    """Decode a whole file; options as keywords, every frame by default."""
    device = "cuda:0" if way == "nvdec" else "cpu"

    def run(path: Path, **options: Any) -> Pass:
        options.setdefault("device_batch_size", options.get("batch_size", 4))
        chosen = DecodeOptions(**{"frames": "all", "threads": 2, **options})
        try:
            return once(path, chosen, device)
        except DeviceGaveUp:  # as the visual pass does
            return once(path, chosen, "cpu")

    def once(path: Path, chosen: DecodeOptions, device: str) -> Pass:
        times, pts, luma, chroma, batches = [], [], [], [], []
        with open_decoder(probe(path), chosen, device) as decoder:
            for batch in batches_of(decoder, way):
                batches.append(len(batch))
                for frame in batch:
                    times.append(frame.t)
                    pts.append(frame.pts)
                    luma.append(on_host(frame.y))
                    chroma.append((on_host(frame.u), on_host(frame.v)))
            return Pass(times, pts, luma, chroma, batches, decoder.summary())

    return run
