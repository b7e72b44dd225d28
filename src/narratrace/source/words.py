"""Times of single words, from what a cue tells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from narratrace.data.spacing import run_on
from narratrace.data.transcript import Utterance, Word
from narratrace.source.cues import Cue, CueWord, reading_s
from narratrace.timebase import Span

_SLOW_S = 0.3
"""How much longer than at reading speed a stamped word may last; stamps tell starts, and a word lasts until
the next one but for pauses. With it the middles of words are 0.01 s off on average, in three recordings with
known times; 0.05 s to 0.08 s without a limit."""


def spread(words: Sequence[CueWord], span: Span) -> list[Word]:
    """Words one after another over ``span``, each with a share in proportion to its characters.

    One character is added per word for the pause behind it, where there is a space.
    """
    if not words:
        return []
    spaces = [not word.glued for word in (*words[1:], CueWord(""))]
    *inner, total = accumulate(len(word.text) + space for word, space in zip(words, spaces, strict=True))
    bounds = [span.start, *(span.start + span.duration * end / total for end in inner), span.end]
    return [
        Word(Span(a, b), word.text, glued=word.glued)
        for word, (a, b) in zip(words, pairwise(bounds), strict=True)
    ]


def cue_words(cue: Cue) -> list[Word]:
    """The words of a cue: by their own times where it gives them, spread in between."""
    words = cue.words
    if cue.last_stamp is None:
        return spread(words, cue.span)
    known = [i for i, word in enumerate(words) if i == 0 or word.start is not None]
    timed: list[Word] = []
    reached = cue.span.start
    for first, following in zip(known, [*known[1:], len(words)], strict=True):
        start, end = words[first].start, None
        if following < len(words):
            end = words[following].start
        begin = max(reached, cue.span.start if start is None else cue.span.clamp(start))
        reached = max(begin, cue.span.end if end is None else cue.span.clamp(end))
        run = words[first:following]
        timed += spread(run, Span(begin, min(reached, begin + _longest_s(run))))
    return timed


def _longest_s(run: Sequence[CueWord]) -> float:
    """How long a stamped word may last, which in scripts without spaces is several; no limit for a phrase."""
    if any(not word.glued for word in run[1:]):
        return math.inf
    return _SLOW_S + sum(reading_s(word.text) for word in run)


def to_utterances(cues: Iterable[tuple[Span, list[Word]]]) -> tuple[Utterance, ...]:
    """Utterances of the cues that hold words, by their starts."""
    return run_on(Utterance(span, tuple(words)) for span, words in cues if words)
