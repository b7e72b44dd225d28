"""Times of single words, from what a cue tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from narratrace.data.transcript import Utterance, Word
from narratrace.source.cues import Cue
from narratrace.timebase import Span


def spread(texts: Sequence[str], span: Span) -> list[Word]:
    """Words one after another over ``span``, each with a share in proportion to its characters.

    One character is added per word for the pause behind it.
    """
    if not texts:
        return []
    *inner, total = accumulate(len(text) + 1 for text in texts)
    bounds = [span.start, *(span.start + span.duration * end / total for end in inner), span.end]
    return [Word(Span(a, b), text) for text, (a, b) in zip(texts, pairwise(bounds), strict=True)]


def cue_words(cue: Cue) -> list[Word]:
    """The words of a cue: by their own times where it gives them, spread in between."""
    if not cue.stamps:
        return spread(cue.words, cue.span)
    known = [i for i, stamp in enumerate(cue.stamps) if stamp is not None]
    if not known or known[0] != 0:
        known.insert(0, 0)
    words: list[Word] = []
    reached = cue.span.start
    for first, following in zip(known, [*known[1:], len(cue.words)], strict=True):
        start = cue.stamps[first]
        end = cue.stamps[following] if following < len(cue.words) else cue.span.end
        begin = max(reached, cue.span.start if start is None else cue.span.clamp(start))
        reached = max(begin, cue.span.end if end is None else cue.span.clamp(end))
        words += spread(cue.words[first:following], Span(begin, reached))
    return words


def to_utterances(cues: Iterable[tuple[Span, list[Word]]]) -> tuple[Utterance, ...]:
    """Utterances of the cues that hold words."""
    return tuple(Utterance(span, tuple(words)) for span, words in cues if words)
