"""Backends under test, and a short way to run a pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from narratrace.data.media import DecodeSummary
from narratrace.decode import DecodeOptions, open_decoder
from narratrace.source import probe


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


@pytest.fixture(params=[pytest.param("cpu", id="pyav")])
def device(request: pytest.FixtureRequest) -> str:
    """Every backend goes through the same contract tests."""
    return str(request.param)


@pytest.fixture
def run_pass(device: str) -> RunPass:
    """Decode a whole file; options as keywords, every frame by default."""

    def run(path: Path, **options: Any) -> Pass:
        chosen = DecodeOptions(**{"frames": "all", "threads": 2, **options})
        times, pts, luma, chroma, batches = [], [], [], [], []
        with open_decoder(probe(path), chosen, device) as decoder:
            for batch in decoder.batches():
                batches.append(len(batch))
                for frame in batch:
                    times.append(frame.t)
                    pts.append(frame.pts)
                    luma.append(np.array(frame.y))
                    chroma.append((np.array(frame.u), np.array(frame.v)))
            return Pass(times, pts, luma, chroma, batches, decoder.summary())

    return run
