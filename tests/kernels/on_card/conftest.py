"""These tests run in Numba's simulator (see test_simulator.py), and on a card where there is one."""

from __future__ import annotations

import pytest

from tests.support.cuda import SIMULATED, require_card


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "on_card" in item.path.parts and not SIMULATED:
            item.add_marker(pytest.mark.cuda)


@pytest.fixture(autouse=True)
def _card() -> None:
    if not SIMULATED:
        require_card()
