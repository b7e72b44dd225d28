"""The classification stage: keyframes of many recordings in, a label per stable span out.

Note [Keyframes without a picture]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A stable span has no picture when pictures were not asked for. Such a span takes the label of the first span
of its group (near-duplicate pictures) that has one. If there is none it is labelled medical with probability
0.5 and without domains: nothing speaks against it, it can never become a sample of its own, and calling it
non-medical would break up the run of keyframes around it. It does not count in the medical share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct, field

from narratrace.data.analysis import FrameLabel
from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.data.shots import StableSpan
from narratrace.errors import MediaError
from narratrace.models import OWN_MODELS, Model, Models
from narratrace.understand.classifier import (
    ClassifyOptions,
    Ensemble,
    FrameClassifier,
    parse_classifier,
)

if TYPE_CHECKING:
    from PIL.Image import Image

NEUTRAL = FrameLabel(medical=True, probability=0.5)
"""Label of a span without any picture, see Note [Keyframes without a picture]."""


class _Keyframe(Struct, frozen=True):
    """A picture and where its label belongs: recording and span by position."""

    recording: int
    span: int
    picture: Image


class _Draft(Struct):
    """The labels of one recording in the making, by position of the span."""

    labels: dict[int, FrameLabel] = field(default_factory=dict)
    error: Exception | None = None


class Classify:
    """Stage that fills in :attr:`Recording.labels`, with keyframes of many recordings in one model batch.

    With ``none`` recordings pass through unchanged.

    Args:
        options: Who classifies.
        device: ``cpu`` or ``cuda:N``.
        models: Where the classifiers are.

    Raises:
        OptionError: ``options.classifier`` is malformed.
    """

    name = "classify"

    def __init__(self, options: ClassifyOptions, *, device: str = "cpu", models: Models = OWN_MODELS) -> None:
        self._options = options
        self._device = device
        self._models = models
        self._members = parse_classifier(options.classifier)
        self._model: Model | None = None
        self._classifier: FrameClassifier | None = None

    def open(self) -> None:
        """Load the models; raises what :func:`narratrace.understand.judges.load_judges` raises."""
        if self._members:
            from narratrace.understand.judges import Member, load_judges

            self._model = model = self._models.open(
                self.name, partial(load_judges, self._options, self._device)
            )
            members = [Member(model, number) for number in range(len(self._members))]
            self._classifier = Ensemble(members, self._options.rule, self._options.threshold)

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """One outcome per recording in the same order; the batch's time is shared out evenly."""
        if not self._members:
            return [Kept(recording) for recording in batch]
        if self._classifier is None:
            raise RuntimeError("open() was not called")
        begun = time.perf_counter()
        drafts = [_Draft() for _ in batch]
        stream = _keyframes(batch, drafts)
        while keyframes := list(islice(stream, self._options.batch_size)):
            labels = self._classifier.classify([keyframe.picture for keyframe in keyframes])
            for keyframe, label in zip(keyframes, labels, strict=True):
                drafts[keyframe.recording].labels[keyframe.span] = label
        seconds = (time.perf_counter() - begun) / max(1, len(batch))
        return [
            self._outcome(recording, draft, seconds) for recording, draft in zip(batch, drafts, strict=True)
        ]

    def close(self) -> None:
        """Let go of the models."""
        if self._model is not None:
            self._model.close()
        self._model = self._classifier = None

    def _outcome(self, recording: Recording, draft: _Draft, seconds: float) -> Outcome[Recording]:
        if draft.error is not None:
            return Failed.from_exception(
                draft.error, video_id=recording.video_id, uri=recording.input.uri, station=self.name
            )
        labels = fill(_spans(recording), draft.labels)
        return Kept(recording.with_(self.name, seconds, labels=labels))


def fill(spans: Sequence[StableSpan], labels: dict[int, FrameLabel]) -> tuple[FrameLabel, ...]:
    """A label for every span, see Note [Keyframes without a picture].

    Args:
        spans: The recording's stable spans.
        labels: Labels by position, of the spans with a picture.
    """
    by_group: dict[int, FrameLabel] = {}
    for i in sorted(labels):
        by_group.setdefault(spans[i].group, labels[i])
    return tuple(labels.get(i, by_group.get(span.group, NEUTRAL)) for i, span in enumerate(spans))


def _spans(recording: Recording) -> tuple[StableSpan, ...]:
    return recording.visual.stable_spans if recording.visual else ()


def _keyframes(batch: Sequence[Recording], drafts: Sequence[_Draft]) -> Iterator[_Keyframe]:
    """Every decodable keyframe of the batch; a damaged one ends its recording, not the batch."""
    from narratrace.understand.pictures import decode_jpeg

    for i, (recording, draft) in enumerate(zip(batch, drafts, strict=True)):
        for j, span in enumerate(_spans(recording)):
            if span.keyframe is None:
                continue
            try:
                picture = decode_jpeg(span.keyframe.jpeg)
            except MediaError as error:
                draft.error = error
                break
            yield _Keyframe(i, j, picture)
