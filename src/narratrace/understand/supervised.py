"""Fine-tuned image classifiers: an architecture of torchvision or timm with weights from a file."""

from __future__ import annotations

import difflib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct

from narratrace.errors import MissingDependency, ModelError, OptionError
from narratrace.options import from_mapping
from narratrace.understand._torchvision import import_torchvision
from narratrace.understand.checkpoints import fit_weights, read_weights
from narratrace.understand.classifier import ClassifierSpec
from narratrace.understand.pictures import Fit, Interpolation, PictureInput
from narratrace.understand.torch_classifier import ClassMap

Side = Annotated[int, msgspec.Meta(gt=0, le=4096)]


class ImageCard(Struct, frozen=True, kw_only=True):
    """How a checkpoint wants its pictures where that differs from its architecture's evaluation preset."""

    size: Side | None = None
    resize: Side | None = None
    fit: Fit | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    interpolation: Interpolation | None = None


class LabelsCard(Struct, frozen=True, kw_only=True):
    """The labels file of a checkpoint; a plain JSON list of class names is accepted as well.

    Attributes:
        classes: Name of each output, in order.
        medical: Names that count as medical; by default the class called ``medical``.
        activation: ``softmax`` or ``sigmoid``.
        threshold: The checkpoint's own threshold in place of the option's.
        image: Its input, where it differs from the architecture's preset.
    """

    classes: tuple[str, ...]
    medical: tuple[str, ...] = ("medical",)
    activation: Literal["softmax", "sigmoid"] = "softmax"
    threshold: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    image: ImageCard = ImageCard()


BINARY = LabelsCard(classes=("non-medical", "medical"))
"""Meaning of two outputs without a labels file."""

SINGLE = LabelsCard(classes=("medical",), activation="sigmoid")
"""Meaning of a single output without a labels file."""


class _Architecture(Struct, frozen=True):
    """An architecture: ``build(n)`` makes an untrained model with n outputs."""

    build: Callable[[int], Any]
    preset: PictureInput


def load_supervised(spec: ClassifierSpec, threshold: float) -> tuple[Any, PictureInput, ClassMap]:
    """The torch module of a fine-tuned classifier, its input, and the meaning of its outputs.

    Args:
        spec: A ``torchvision`` or ``timm`` member.
        threshold: For checkpoints without a threshold of their own.

    Raises:
        OptionError: the library does not know the architecture.
        ModelError: the weights or the labels file cannot be read, or do not fit.
        MissingDependency: a library is missing.
    """
    import_torchvision()
    path = Path(spec.checkpoint).expanduser()
    architecture = _torchvision(spec.model) if spec.kind == "torchvision" else _timm(spec.model)
    weights = read_weights(path)
    if spec.labels:
        card = _read_card(Path(spec.labels).expanduser())
    else:
        card = _default_card(_count_outputs(architecture, weights), spec)
    module = architecture.build(len(card.classes))
    fit_weights(module, weights, architecture=f"{spec.model} with {len(card.classes)} outputs", path=path)
    return module, _picture(architecture.preset, card.image), _class_map(card, threshold)


def _torchvision(name: str) -> _Architecture:
    torchvision = import_torchvision()
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise _unknown(name, "torchvision", known)
    preset = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    picture = PictureInput(
        size=preset.crop_size[0],
        resize=preset.resize_size[0],
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        interpolation=preset.interpolation.value,
    )
    return _Architecture(lambda n: torchvision.models.get_model(name, weights=None, num_classes=n), picture)


def _timm(name: str) -> _Architecture:
    try:
        timm = importlib.import_module("timm")
    except ImportError as error:
        raise MissingDependency(
            "architectures of timm need timm",
            station="classify",
            expected="pip install 'narratrace[classify]'",
        ) from error
    if not timm.is_model(name.partition(".")[0]):
        raise _unknown(name, "timm", timm.list_models())
    import torch

    with torch.device("meta"):
        config = timm.data.resolve_model_data_config(timm.create_model(name, pretrained=False, num_classes=1))
    size = config["input_size"][-1]
    picture = PictureInput(
        size=size,
        resize=int(size / config["crop_pct"]),
        fit="squash" if config["crop_mode"] == "squash" else "crop",
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation="bilinear" if config["interpolation"] == "bilinear" else "bicubic",
    )
    return _Architecture(lambda n: timm.create_model(name, pretrained=False, num_classes=n), picture)


def _unknown(name: str, library: str, known: list[str]) -> OptionError:
    close = difflib.get_close_matches(name, known, n=5) or known[:5]
    return OptionError(
        f"{library} knows no architecture {name!r}",
        station="classify",
        input="classifier",
        expected=", ".join(close) + " ...",
    )


def _count_outputs(architecture: _Architecture, weights: dict[str, Any]) -> int | None:
    """Outputs of the model the weights come from; None when they are of another architecture.

    The classification layer is the last one of every architecture here, so its bias is the last weight.
    """
    import torch

    with torch.device("meta"):
        head = list(architecture.build(1).state_dict())[-1]
    return int(weights[head].shape[0]) if head in weights and weights[head].ndim else None


def _default_card(outputs: int | None, spec: ClassifierSpec) -> LabelsCard:
    """The meaning of one or two outputs; weights of another architecture are left to :func:`fit_weights`."""
    if outputs is not None and outputs > 2:
        raise ModelError(
            f"has {outputs} outputs, and nothing says what they mean",
            station="classify",
            input=spec.checkpoint,
            expected=f"{spec.kind}:{spec.model}:{spec.checkpoint}:labels.json",
        )
    return SINGLE if outputs == 1 else BINARY


def _read_card(path: Path) -> LabelsCard:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        card = from_mapping(
            LabelsCard, {"classes": read} if isinstance(read, list) else read, input=path.name
        )
    except (OSError, ValueError, AttributeError) as error:  # OptionError is a ValueError
        raise ModelError(
            f"cannot be used: {error}",
            station="classify",
            input=str(path),
            expected='a list of class names, or {"classes": [...], "medical": [...], ...}',
        ) from error
    strangers = [name for name in card.medical if name not in card.classes]
    if strangers or not card.medical or len(set(card.classes)) < len(card.classes):
        raise ModelError(
            "the classes are not distinct, or those that count as medical are not among them",
            station="classify",
            input=str(path),
            expected=f'"medical": some of {", ".join(card.classes)}',
        )
    return card


def _picture(preset: PictureInput, card: ImageCard) -> PictureInput:
    size = card.size or preset.size
    return PictureInput(
        size=size,
        resize=card.resize or (preset.resize if size == preset.size else size),
        fit=card.fit or preset.fit,
        mean=card.mean or preset.mean,
        std=card.std or preset.std,
        interpolation=card.interpolation or preset.interpolation,
    )


def _class_map(card: LabelsCard, threshold: float) -> ClassMap:
    return ClassMap(
        classes=card.classes,
        medical=frozenset(card.medical),
        activation=card.activation,
        threshold=threshold if card.threshold is None else card.threshold,
    )
