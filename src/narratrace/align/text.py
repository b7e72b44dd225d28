"""Which speech goes with which picture.

Note [Whose sentence it is]
~~~~~~~~~~~~~~~~~~~~~~~~~~~
Text is dealt out in whole sentences, and every sentence to at most one picture, so that no word is in two
samples of a kind. A sentence belongs to the picture it is spoken over for the longest time. Speech over no
still picture (during a transition, a scroll, a zoom) belongs to the picture whose time, widened by ``lead_s``
before and ``lag_s`` after, it touches for the longest; the earlier one of equals; else to none. Pictures that
are not medical take part and keep what they win, so that their text does not end up with a neighbour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
import numpy.typing as npt

from narratrace.align.sentences import SentenceOptions
from narratrace.data.transcript import Utterance
from narratrace.options import option
from narratrace.timebase import Span

F64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOptions:
    """How text is dealt out to pictures."""

    sentences: SentenceOptions = field(default_factory=SentenceOptions)
    lead_s: Annotated[
        float,
        option(
            "how long before a picture appears speech may be about it",
            unit="s",
            source="choice of ours: a sentence's end spoken into a transition",
            ge=0,
        ),
    ] = 2.0
    lag_s: Annotated[
        float,
        option("how long after a picture is gone speech may be about it", unit="s", source="as lead_s", ge=0),
    ] = 2.0
    max_words: Annotated[
        int,
        option(
            "most words in one sample; a picture with more gets several, one after the other",
            unit="words",
            source="256 tokens of a biomedical text encoder at 1.3 per word",
            ge=1,
        ),
    ] = 192


def deal_sentences(
    sentences: Sequence[Utterance], pictures: Sequence[Sequence[Span]], options: TextOptions
) -> list[list[Utterance]]:
    """The sentences of each picture, in time order; see Note [Whose sentence it is].

    Args:
        sentences: In time order.
        pictures: When each picture is on the screen; several spans for one that comes back.
        options: Lead and lag.
    """
    dealt: list[list[Utterance]] = [[] for _ in pictures]
    if not sentences or not pictures:
        return dealt
    over = _overlaps(sentences, pictures, 0.0, 0.0)
    near = _overlaps(sentences, pictures, options.lead_s, options.lag_s)
    shares = np.where(over.max(axis=1, keepdims=True) > 0, over, near)
    for sentence, owner, share in zip(sentences, shares.argmax(axis=1), shares.max(axis=1), strict=True):
        if share > 0:
            dealt[int(owner)].append(sentence)
    return dealt


def fill_windows(sentences: Sequence[Utterance], max_words: int) -> Iterator[tuple[Utterance, ...]]:
    """The sentences in order, as many to a window as fit ``max_words``; a longer one has its own window."""
    window: list[Utterance] = []
    words = 0
    for sentence in sentences:
        if window and words + len(sentence.words) > max_words:
            yield tuple(window)
            window, words = [], 0
        window.append(sentence)
        words += len(sentence.words)
    if window:
        yield tuple(window)


def _overlaps(
    sentences: Sequence[Utterance], pictures: Sequence[Sequence[Span]], lead_s: float, lag_s: float
) -> F64:
    """Seconds of each sentence spoken during each picture's widened time, shape (sentences, pictures)."""
    # a caption may give a word no duration at all; it counts as a millisecond, or nobody would own it
    said = np.array([(s.span.start, max(s.span.end, s.span.start + 1e-3)) for s in sentences])
    seconds = np.zeros((len(sentences), len(pictures)))
    for p, spans in enumerate(pictures):
        shown = np.array([(span.start - lead_s, span.end + lag_s) for span in spans]).reshape(-1, 2)
        low = np.maximum(said[:, None, 0], shown[None, :, 0])
        high = np.minimum(said[:, None, 1], shown[None, :, 1])
        seconds[:, p] = np.maximum(high - low, 0.0).sum(axis=1)
    return seconds
