"""The classifier benchmark on the CPU."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from benchmarks.gpu import models


def test_a_row_for_each_batch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "rate", lambda work: float(work()))
    steps = models.classifier_steps({}, "cpu", (1, 2))
    assert [{**what, **measure()} for what, measure in steps] == [
        {"arch": models.ARCH, "batch": batch, "images_s": float(batch)} for batch in (1, 2)
    ]


def test_a_rate_is_of_whole_calls_and_of_one_at_least():
    assert models.rate(lambda: 3, seconds=0.0) > 0
