"""Which speech goes with which picture.

Note [Whose sentence it is]
~~~~~~~~~~~~~~~~~~~~~~~~~~~
Text is dealt out in whole sentences, and every sentence to at most one picture, so that no word is in two
samples of a kind. A sentence belongs to the picture it is spoken over for the longest time. Speech over no
still picture (during a transition, a scroll, a zoom) belongs to the picture whose time, widened by ``lead_s``
before and ``lag_s`` after, it touches for the longest; the earlier one of equals; else to none. Pictures that
are not medical take part and keep what they win, so that their text does not end up with a neighbour.

Captions made by a recogniser often have no punctuation, and no pauses between their cues. What they give
as one sentence runs on over several pictures, and one of them would have the text of all. So words that
nobody wrote as a sentence are dealt to pictures one by one, by the same rule, and cut where the picture
changes; or at a pause nearby, if the words up to it take less time than the pause lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.align.sentences import SentenceOptions, spoken_sentences
from narratrace.data.transcript import Utterance, Word
from narratrace.options import option
from narratrace.timebase import Span

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_NOBODY = -1


class TextOptions(Struct, frozen=True, kw_only=True):
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


def cut_speech(
    utterances: Iterable[Utterance], pictures: Sequence[Sequence[Span]], options: TextOptions
) -> list[Utterance]:
    """All speech as sentences by their starts, none longer than a sample's text may be.

    Words without punctuation are cut where the picture changes; see Note [Whose sentence it is].

    Args:
        utterances: All speech, in time order; utterances may overlap.
        pictures: When each picture is on the screen; several spans for one that comes back.
        options: Sentences, lead and lag, most words.
    """
    most = min(options.sentences.max_words, options.max_words)
    sentences = replace(options.sentences, max_words=most)
    return spoken_sentences(utterances, sentences, lambda run: _by_picture(run, pictures, options))


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
    owners = _owners([sentence.span for sentence in sentences], pictures, options)
    for sentence, owner in zip(sentences, owners, strict=True):
        if owner != _NOBODY:
            dealt[owner].append(sentence)
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


def _by_picture(
    run: Sequence[Word], pictures: Sequence[Sequence[Span]], options: TextOptions
) -> list[Sequence[Word]]:
    """The words, in time order, cut where one picture's end and another's, or nobody's, begin."""
    owners = _owners([word.span for word in run], pictures, options)
    changes = [i for i in range(1, len(run)) if owners[i] != owners[i - 1]]
    cuts = [0]
    for i, following in zip(changes, [*changes, len(run)][1:], strict=True):
        # What is nobody's keeps its ends: a word of a picture's in it would make all of it the picture's.
        moves = _NOBODY not in owners[i - 1 : i + 1]
        cuts.append(_at_a_pause(run, i, range(cuts[-1] + 1, following)) if moves else i)
    return [run[a:b] for a, b in zip(cuts, [*cuts[1:], len(run)], strict=True)]


def _at_a_pause(run: Sequence[Word], i: int, places: range) -> int:
    """Where to cut instead of before word ``i``: a pause is worth passing as many seconds as it lasts."""

    def price(j: int) -> tuple[float, int]:
        a, b = sorted((i, j))
        passed = run[b - 1].span.end - run[a].span.start if a < b else 0.0
        return passed - (run[j].span.start - run[j - 1].span.end), abs(j - i)

    return min(places, key=price)


def _owners(said: Sequence[Span], pictures: Sequence[Sequence[Span]], options: TextOptions) -> list[int]:
    """Index of the picture that each stretch of speech belongs to, or ``_NOBODY``."""
    # a caption may give a word no duration at all; it counts as a millisecond, or nobody would own it
    ends = np.array([(span.start, max(span.end, span.start + 1e-3)) for span in said]).reshape(-1, 2)
    over, near = (_longest(ends, pictures, *pad) for pad in ((0.0, 0.0), (options.lead_s, options.lag_s)))
    owners: list[int] = np.where(over == _NOBODY, near, over).tolist()
    return owners


def _longest(said: F64, pictures: Sequence[Sequence[Span]], lead_s: float, lag_s: float) -> I64:
    """The picture whose widened time each stretch of speech, shape (n, 2), touches for the longest."""
    owners, most = np.full(len(said), _NOBODY), np.zeros(len(said))
    for p, spans in enumerate(pictures):
        shown = np.array([(span.start - lead_s, span.end + lag_s) for span in spans]).reshape(-1, 2)
        low = np.maximum(said[:, None, 0], shown[None, :, 0])
        high = np.minimum(said[:, None, 1], shown[None, :, 1])
        seconds = np.maximum(high - low, 0.0).sum(axis=1)
        owners[seconds > most] = p
        most = np.maximum(most, seconds)
    return owners
