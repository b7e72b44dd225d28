"""What every frame classifier promises, and the options and spec strings that choose one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, cast

from msgspec import Struct

from narratrace.data.analysis import FrameLabel
from narratrace.errors import OptionError
from narratrace.options import option

if TYPE_CHECKING:
    from PIL.Image import Image

GRAMMAR = (
    "none, torchvision:ARCH:CHECKPOINT[:labels.json], timm:ARCH:CHECKPOINT[:labels.json], "
    "openclip:MODEL:CHECKPOINT or openclip:FOLDER, several joined with +"
)

Rule = Literal["any", "mean", "max"]


class FrameClassifier(Protocol):
    """Says of pictures whether they are medical, and of which imaging domain."""

    def classify(self, pictures: Sequence[Image]) -> list[FrameLabel]:
        """One label per picture in the same order; the label of a picture does not depend on the others.

        Args:
            pictures: RGB, any sizes; decides on the memory needed, so callers pass batches.
        """


class ClassifierSpec(Struct, frozen=True):
    """One parsed member of a classifier spec.

    Attributes:
        kind: Library that knows the architecture.
        model: Name of the architecture, or for ``openclip`` the folder of a model.
        checkpoint: File with the weights; empty for an ``openclip`` folder that holds its own.
        labels: File that says what the outputs mean, may be empty.
    """

    kind: Literal["torchvision", "timm", "openclip"]
    model: str
    checkpoint: str = ""
    labels: str = ""


class ClassifyOptions(Struct, frozen=True, kw_only=True):
    """Who judges the keyframes, and how several judges agree."""

    classifier: Annotated[str, option(GRAMMAR)] = "none"
    rule: Annotated[
        Rule,
        option(
            "how an ensemble decides: any member's own verdict, the mean or the largest probability",
            source="the published filter is an OR of several classifiers",
        ),
    ] = "any"
    threshold: Annotated[
        float,
        option("probability from which a frame is medical, unless a labels file has its own", ge=0, le=1),
    ] = 0.5
    batch_size: Annotated[
        int, option("keyframes classified together, from as many recordings as it takes", ge=1)
    ] = 64
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        option("arithmetic; auto is bfloat16 on CUDA, float32 on the CPU"),
    ] = "auto"
    cpu_threads: Annotated[
        int, option("torch's threads on the CPU, 0 for its default; one setting per process", ge=0)
    ] = 0
    allow_download: Annotated[
        bool, option("fetch the tokenizer and text configuration of an open_clip model that is not on disk")
    ] = False


def parse_classifier(text: str) -> tuple[ClassifierSpec, ...]:
    """The members behind a classifier spec, empty for ``none``; see :data:`GRAMMAR`.

    A ``+`` separates members only before one of the three kinds, and the labels file is recognised by its
    ``.json``, so paths may contain ``+`` and ``:``; but the folder of an ``openclip`` model ends at a ``:``,
    behind which other weights for it can be named.

    Raises:
        OptionError: the spec is malformed.
    """
    if text.strip() == "none":
        return ()
    return tuple(
        _parse_member(part) for part in re.split(r"\+(?=(?:torchvision|timm|openclip):)", text.strip())
    )


def _parse_member(text: str) -> ClassifierSpec:
    kind, _, rest = text.partition(":")
    model, _, checkpoint = rest.partition(":")
    if kind == "openclip" and model:
        return ClassifierSpec("openclip", model, checkpoint)
    if kind in ("torchvision", "timm") and model and checkpoint:
        library = cast(Literal["torchvision", "timm"], kind)
        weights, colon, labels = checkpoint.rpartition(":")
        if colon and labels.endswith(".json"):
            return ClassifierSpec(library, model, weights, labels)
        return ClassifierSpec(library, model, checkpoint)
    raise OptionError(f"{text!r} is no classifier", station="classify", input="classifier", expected=GRAMMAR)


def combine(labels: Sequence[FrameLabel], rule: Rule, threshold: float) -> FrameLabel:
    """The verdict of an ensemble on one frame.

    Args:
        labels: The members' own verdicts, at least one.
        rule: ``any``: medical if any member says so, with the largest probability; ``mean`` and ``max``: the
            mean or largest probability against ``threshold``.
        threshold: For ``mean`` and ``max``.

    Returns:
        The verdict; its domains are the mean over the members that know each.
    """
    probabilities = [label.probability for label in labels]
    probability = sum(probabilities) / len(labels) if rule == "mean" else max(probabilities)
    medical = any(label.medical for label in labels) if rule == "any" else probability >= threshold
    votes: dict[str, list[float]] = {}
    for label in labels:
        for domain, vote in label.domains.items():
            votes.setdefault(domain, []).append(vote)
    domains = {domain: sum(v) / len(v) for domain, v in votes.items()}
    return FrameLabel(medical=medical, probability=probability, domains=domains)


class Ensemble:
    """The :class:`FrameClassifier` made of several.

    Args:
        members: At least one.
        rule, threshold: See :func:`combine`.
    """

    def __init__(self, members: Sequence[FrameClassifier], rule: Rule, threshold: float) -> None:
        self._members = tuple(members)
        self._rule: Rule = rule
        self._threshold = threshold

    def classify(self, pictures: Sequence[Image]) -> list[FrameLabel]:
        """See :meth:`FrameClassifier.classify`."""
        verdicts = [member.classify(pictures) for member in self._members]
        return [combine(labels, self._rule, self._threshold) for labels in zip(*verdicts, strict=True)]
