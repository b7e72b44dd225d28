"""The part all torch classifiers share: pixels in, one number per class out, and what the classes mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.analysis import FrameLabel
from narratrace.errors import DeviceError
from narratrace.understand.domains import DOMAINS
from narratrace.understand.pictures import PictureInput

if TYPE_CHECKING:
    from PIL.Image import Image


class ClassMap(Struct, frozen=True, kw_only=True):
    """What a model's outputs mean.

    Attributes:
        classes: Name of each output. Names of :data:`DOMAINS` are reported as domains.
        medical: The names that count as medical.
        activation: ``softmax`` over the outputs, or ``sigmoid`` of each.
        threshold: Medical probability from which the model says yes.
    """

    classes: tuple[str, ...]
    medical: frozenset[str]
    activation: Literal["softmax", "sigmoid"] = "softmax"
    threshold: float = 0.5

    def label(self, logits: npt.NDArray[np.float64]) -> FrameLabel:
        """The verdict behind one row of outputs, shape (classes,).

        The medical probability is the sum over the medical classes for ``softmax``, the largest for
        ``sigmoid``, whose classes do not exclude each other.
        """
        exclusive = self.activation == "softmax"
        if exclusive:
            powers = np.exp(logits - logits.max())
            probabilities = powers / powers.sum()
        else:
            probabilities = 1 / (1 + np.exp(-logits))
        by_class: dict[str, float] = dict(zip(self.classes, probabilities.tolist(), strict=True))
        votes = [by_class[name] for name in sorted(self.medical)]
        medical = min(1.0, math.fsum(votes)) if exclusive else max(votes)
        domains = {name: by_class[name] for name in DOMAINS if name in by_class}
        return FrameLabel(medical=medical >= self.threshold, probability=medical, domains=domains)


class Sight(Struct, frozen=True):
    """What has to be known of a classifier to prepare its pictures and to read its outputs.

    Attributes:
        picture: What its pixels look like.
        classes: What its outputs mean.
    """

    picture: PictureInput
    classes: ClassMap


class TorchClassifier:
    """A :class:`FrameClassifier` over one torch module.

    On CUDA the module runs in channels-last memory order and, unless float32 was asked for, under bfloat16
    autocast.

    Args:
        module: float32 pixels (n, 3, size, size) to outputs (n, classes).
        picture: What the pixels look like.
        classes: What the outputs mean.
        device: ``cpu`` or ``cuda:N``.
        precision: ``auto``, ``float32`` or ``bfloat16``.

    Raises:
        DeviceError: torch cannot use the device.
    """

    def __init__(
        self, module: Any, picture: PictureInput, classes: ClassMap, *, device: str, precision: str
    ) -> None:
        import torch

        self._device = torch.device(device)
        if self._device.type == "cuda" and torch.cuda.device_count() <= (self._device.index or 0):
            raise DeviceError(
                f"torch sees {torch.cuda.device_count()} CUDA devices",
                station="classify",
                input=device,
                cause="a CPU build of torch, or no driver",
            )
        cuda = self._device.type == "cuda"
        self._layout = torch.channels_last if cuda else torch.contiguous_format
        self._half = precision == "bfloat16" or (precision == "auto" and cuda)
        self._module = module.eval().requires_grad_(False).to(self._device, memory_format=self._layout)
        self.sight = Sight(picture, classes)

    def classify(self, pictures: Sequence[Image]) -> list[FrameLabel]:
        """See :meth:`FrameClassifier.classify`."""
        pixels = np.stack([self.sight.picture.prepare(picture) for picture in pictures])
        return [self.sight.classes.label(row) for row in self.outputs(pixels)]

    def outputs(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """The module's raw outputs, shape (n, classes), for prepared pixels, shape (n, 3, size, size)."""
        import torch

        batch = torch.from_numpy(pixels).to(self._device, memory_format=self._layout, non_blocking=True)
        with torch.inference_mode(), torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            result = self._module(batch)
        rows: npt.NDArray[np.float64] = result.double().cpu().numpy()
        return rows
