"""Boxes around what the lecturer points out, with the words that go with them.

Note [Two kinds of boxes]
~~~~~~~~~~~~~~~~~~~~~~~~~
``cluster`` is the published way: the trace of a sample falls into 1, 2, 3 or 4 clusters for up to 10, 40, 60
or more words; points beyond 1.5 interquartile ranges go; the extent of the rest is a box, kept if it covers
0.02 to 0.7 of the picture; each sentence goes to the cluster whose mean time is nearest to its end. Travel
between regions is in the trace, so it is in the boxes.

``circle``, ``underline`` and ``dwell`` boxes come from single gestures, without the travel, and have the
words spoken during the gesture and just before it: the hand sets out when its word is spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.align.gesture import Gesture, extent
from narratrace.align.kmeans import F64, kmeans
from narratrace.data.sample import RegionBox
from narratrace.data.shots import Box
from narratrace.data.trace import Trace
from narratrace.data.transcript import Utterance, Word, join_words
from narratrace.options import option
from narratrace.timebase import Span

_PUBLISHED = "published clustering"

_WORDS_PER_CLUSTERS = (10, 40, 60)
"""Most words for 1, 2 and 3 clusters; more words make 4 (published clustering)."""

_INSTANT_S = 1e-3
"""How long a trace point is, in seconds: the step of times in the outputs."""


class BoxOptions(Struct, frozen=True, kw_only=True):
    """Which boxes are made, and how."""

    methods: Annotated[
        Literal["gestures", "clusters", "both", "none"],
        option(
            "boxes by gestures, by the published clustering of the trace, or both",
            source="on recorded circles IoU 0.96 by gestures; by clusters, kept to compare with, 0.29",
        ),
    ] = "both"
    lead_s: Annotated[
        float,
        option(
            "how long before a gesture its words may be spoken",
            unit="s",
            source="9 of 11 labelled gestures of the recordings",
            ge=0,
        ),
    ] = 0.75
    outlier_iqr: Annotated[
        float, option("interquartile ranges beyond which a point is an outlier", source=_PUBLISHED, ge=0)
    ] = 1.5
    min_area: Annotated[
        float, option("smallest cluster box", unit="share of the picture", source=_PUBLISHED, ge=0, le=1)
    ] = 0.02
    max_area: Annotated[
        float, option("largest cluster box", unit="share of the picture", source=_PUBLISHED, ge=0, le=1)
    ] = 0.7
    seed: Annotated[int, option("of the clustering", source="any number will do", ge=0)] = 0


def gesture_boxes(
    gestures: Sequence[Gesture], words: Sequence[Word], trace: Trace, options: BoxOptions
) -> list[RegionBox]:
    """A box per gesture that has words, in time order, if gestures are wanted; neighbours may share words.

    Args:
        gestures: Those of one sample.
        words: The sample's words, in time order.
        trace: Pointer positions during the gestures.
        options: Methods, and how long before a gesture its words may be spoken.
    """
    if options.methods not in ("gestures", "both"):
        return []
    boxes = []
    for gesture in gestures:
        heard = gesture.span.pad(options.lead_s, 0.0)
        text = join_words(word for word in words if heard.contains(word.span.middle))
        if text:
            boxes.append(_region(gesture.box, gesture.span, text, gesture.kind, trace))
    return boxes


def cluster_boxes(
    trace: Trace,
    sentences: Sequence[Utterance],
    width: int,
    height: int,
    options: BoxOptions,
    shown: Sequence[Span] = (),
) -> list[RegionBox]:
    """Boxes by the published clustering, in time order, if wanted; see Note [Two kinds of boxes].

    Args:
        trace: Pointer positions of one sample.
        sentences: The sample's text.
        width, height: Size of the picture in pixels.
        options: Methods, limits and seed.
        shown: When the picture is on the screen in the sample: what the boxes' spans lie within.
    """
    if options.methods not in ("clusters", "both") or len(trace) == 0 or not sentences:
        return []
    words = sum(len(sentence.words) for sentence in sentences)
    k = 1 + sum(words > most for most in _WORDS_PER_CLUSTERS)
    labels = kmeans(np.stack([trace.x, trace.y], axis=1), k, options.seed)
    members = [labels == c for c in range(int(labels.max()) + 1)]
    means = np.array([trace.t[member].mean() for member in members])
    owners = [int(np.argmin(np.abs(means - sentence.span.end))) for sentence in sentences]
    boxes = []
    for c, member in enumerate(members):
        own = [sentence for sentence, owner in zip(sentences, owners, strict=True) if owner == c]
        kept = _without_outliers(trace, member, options.outlier_iqr)
        if own and len(kept):
            box = extent(kept.x, kept.y)
            span = _span_of(kept, shown)
            if options.min_area < box.area / (width * height) < options.max_area:
                text = join_words(word for sentence in own for word in sentence.words)
                boxes.append(_region(box, span, text, "cluster", trace))
    return sorted(boxes, key=lambda region: region.span)


def _span_of(points: Trace, shown: Sequence[Span]) -> Span:
    """From the first point to just after the last, which a half-open span up to it would leave out."""
    last = float(points.t[-1])
    end = min((time.end for time in shown if time.contains(last)), default=last + _INSTANT_S)
    return Span(float(points.t[0]), min(end, last + _INSTANT_S))


def _without_outliers(trace: Trace, member: npt.NDArray[np.bool_], reach: float) -> Trace:
    """The trace points marked ``member`` that are outliers among them neither in x nor in y."""
    t, x, y, score = (column[member] for column in (trace.t, trace.x, trace.y, trace.score))
    kept = _inliers(x, reach) & _inliers(y, reach)
    return Trace(t[kept], x[kept], y[kept], score[kept])


def _inliers(values: F64, reach: float) -> npt.NDArray[np.bool_]:
    """Which values lie within ``reach`` interquartile ranges of the quartiles, shape of ``values``."""
    low, high = np.quantile(values, [0.25, 0.75])
    slack = reach * (high - low)
    inliers: npt.NDArray[np.bool_] = (values >= low - slack) & (values <= high + slack)
    return inliers


def _region(box: Box, span: Span, text: str, method: str, trace: Trace) -> RegionBox:
    during = trace.within(span)
    inside = (box.x0 <= during.x) & (during.x < box.x1) & (box.y0 <= during.y) & (during.y < box.y1)
    score = float(inside.mean()) if len(during) else 0.0
    return RegionBox(box=box, span=span, text=text, method=method, score=score)
