"""A loaded ensemble of frame classifiers as a :class:`Model`: pixels in, outputs out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.analysis import FrameLabel
from narratrace.models import Model, answers
from narratrace.understand.classifier import ClassifierSpec, ClassifyOptions, parse_classifier
from narratrace.understand.torch_classifier import Sight, TorchClassifier

if TYPE_CHECKING:
    from PIL.Image import Image


class Shown(Struct, frozen=True, eq=False):
    """A picture that is prepared for one member of the ensemble.

    Attributes:
        member: Position of the member.
        pixels: As it wants them, shape (3, size, size), float32.
    """

    member: int
    pixels: npt.NDArray[np.float32]


class Judges:
    """Answers a :class:`Shown` with its member's outputs, shape (classes,), float64.

    Its facts are the members' :class:`Sight`. On CUDA pictures of several recordings are judged together; on
    the CPU, where that gains nothing, a sum cannot be rounded otherwise for what else is judged.

    Args:
        members: At least one.
        most: Pictures judged together at best.
        device: ``cpu`` or ``cuda:N``.
    """

    def __init__(self, members: Sequence[TorchClassifier], *, most: int, device: str) -> None:
        self.facts: tuple[Sight, ...] = tuple(member.sight for member in members)
        self.most = 0 if device == "cpu" else most
        self._members = tuple(members)

    def answer(self, items: Sequence[Shown]) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
        """See :meth:`narratrace.models.Model.answer`."""
        for number, member in enumerate(self._members):
            own = [i for i, item in enumerate(items) if item.member == number]
            if own:
                yield from zip(own, member.outputs(np.stack([items[i].pixels for i in own])), strict=True)

    def close(self) -> None:
        """Let go of the modules."""
        self._members = ()


class Member:
    """The :class:`FrameClassifier` that prepares pictures and has a member of a model judge them.

    Args:
        model: The ensemble.
        number: Position of the member.
    """

    def __init__(self, model: Model, number: int) -> None:
        self._model = model
        self._number = number
        self._sight: Sight = model.facts[number]

    def classify(self, pictures: Sequence[Image]) -> list[FrameLabel]:
        """See :meth:`FrameClassifier.classify`."""
        shown = [Shown(self._number, self._sight.picture.prepare(picture)) for picture in pictures]
        return [self._sight.classes.label(row) for row in answers(self._model, shown)]


def load_member(spec: ClassifierSpec, options: ClassifyOptions, device: str) -> TorchClassifier:
    """One loaded member of an ensemble; raises what its loader raises."""
    from narratrace.understand.supervised import load_supervised
    from narratrace.understand.zero_shot import load_zero_shot

    if spec.kind == "openclip":
        loaded = load_zero_shot(spec, options.threshold, allow_download=options.allow_download)
    else:
        loaded = load_supervised(spec, options.threshold)
    module, picture, classes = loaded
    return TorchClassifier(module, picture, classes, device=device, precision=options.precision)


def load_judges(options: ClassifyOptions, device: str) -> Judges:
    """Load an ensemble.

    Args:
        options: Who judges.
        device: ``cpu`` or ``cuda:N``.

    Raises:
        OptionError: an architecture is not known.
        ModelError: a checkpoint cannot be read or does not fit.
        DeviceError: torch cannot use the device.
        MissingDependency: a library is missing.
    """
    specs = parse_classifier(options.classifier)
    members = [load_member(spec, options, device) for spec in specs]
    if options.cpu_threads:
        import torch

        torch.set_num_threads(options.cpu_threads)
    return Judges(members, most=options.batch_size, device=device)
