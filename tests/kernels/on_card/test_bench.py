"""The kernel benchmark: it launches what the engine launches, on tiles that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("narratrace.kernels.recorder", reason="needs numba-cuda")

from benchmarks.gpu import kernels

from tests.support.cuda import SIMULATED


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulator's events do not tell the time."""
    if SIMULATED:
        monkeypatch.setattr("numba.cuda.simulator.api.Event.elapsed_time", lambda *_: 2.0)
        monkeypatch.setattr(kernels, "REPEAT", 1)
        monkeypatch.setattr(kernels, "ROUNDS", 1)


@pytest.mark.parametrize("moving", [False, True])
def test_what_changes_is_listed_and_collected(moving: bool):
    launches = kernels.Launches(40, 36, 3, moving=moving)
    for _, work, _ in launches.all():
        work()
    launches.engine.stream.synchronize()
    tiles = 9 if moving else 0
    np.testing.assert_array_equal(launches._counts.copy_to_host(), [0, tiles, tiles])
    if moving:
        np.testing.assert_array_equal(launches._tiles.copy_to_host(), [*range(9)] * 2)
        assert launches._blocks.copy_to_host().any(axis=1).all()


def test_a_row_for_each_kernel(clock: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kernels, "CACHED", 10_000)
    steps = kernels.kernel_steps({"copy": [{"gb_s": 0.5}]}, (40, 36), 3)
    rows: list[dict[str, Any]] = [{**what, **measure()} for what, measure in steps]
    names = ["compare", "list_tiles", "collect", "settle"]
    assert [(row["content"], row["kernel"]) for row in rows] == [
        (content, name) for content in ("still", "moving") for name in names
    ]
    compare, collect = rows[4], rows[6]
    assert compare["bytes"] == 5 * 40 * 36 * 3 // 2 + 3 * 9
    assert collect["bytes"] == 2 * 384 * 9 * 2
    assert compare["of_ceiling"] == pytest.approx(compare["gb_s"] / 0.5)
    assert "of_ceiling" not in rows[0] or rows[0]["bytes"] >= 10_000
    assert "of_ceiling" not in rows[3], "it may never leave the cache"


def test_the_ceiling_counts_bytes_both_ways(clock: None):
    found = kernels.copy_ceiling(1 << 16)
    assert found == pytest.approx(2 * (1 << 16) / 2e-3 / 1e9) if SIMULATED else found > 0
