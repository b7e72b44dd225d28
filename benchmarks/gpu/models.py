"""Throughput of the classifier: a real architecture, random weights, which are as fast as trained ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from benchmarks.gpu.child import Row, Step

SIZES = (1, 16, 64, 256)
ARCH = "convnext_tiny"
LONG_ENOUGH_S = 2.0


def rate(work: Callable[[], int], seconds: float = LONG_ENOUGH_S) -> float:
    """What ``work`` returns, summed up, a second; it is called until ``seconds`` are over."""
    done, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds or not done:
        done += work()
    return done / took


def classifier_steps(_: Row, device: str = "cuda:0", sizes: tuple[int, ...] = SIZES) -> Iterator[Step]:
    """Images a second of the classifier's forward pass, by batch size."""
    from narratrace.understand._torchvision import import_torchvision
    from narratrace.understand.pictures import PictureInput
    from narratrace.understand.torch_classifier import ClassMap, TorchClassifier

    model = import_torchvision().models.get_model(ARCH, weights=None, num_classes=2)
    picture = PictureInput(size=224, resize=256, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    classes = ClassMap(classes=("non-medical", "medical"), medical=frozenset({"medical"}))
    classifier = TorchClassifier(model, picture, classes, device=device, precision="auto")
    for size in sizes:
        yield {"arch": ARCH, "batch": size}, partial(_images, classifier, size)


def _images(classifier: Any, size: int) -> Row:
    pixels = np.random.default_rng(0).normal(size=(size, 3, 224, 224)).astype(np.float32)

    def work() -> int:
        classifier.outputs(pixels)
        return size

    for _ in range(3):
        work()
    return {"images_s": rate(work)}
