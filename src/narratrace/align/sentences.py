"""From words to sentences, by punctuation and by pauses.

Sentences are what text is cut into everywhere in alignment. No sample's text begins or ends inside a word;
none begins or ends inside a sentence either, but for clips that have no room for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from msgspec import Struct

from narratrace.data.transcript import Utterance, Word
from narratrace.options import option
from narratrace.timebase import Span

_OPENERS = "\"'([{«“‘"  # noqa: RUF001
_CLOSERS = "\"')]}»”’」』）］】》〉"  # noqa: RUF001
_STOPS = (
    *(".", "!", "?", "…", "‼", "⁇", "⁈", "⁉", "؟", "۔", "։", "।", "॥", "።"),  # noqa: RUF001
    *("。", "！", "？", "｡", "．", "။", "៕", "។"),  # noqa: RUF001
)
_LETTERS_WITH_POINTS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
"""U.S., p.m., i.v., e.g.: without the last point."""

# fmt: off
_ABBREVIATIONS = frozenset({
    "al", "approx", "ca", "cf", "dept", "dr", "eq", "esp", "fig", "figs", "hosp", "incl", "max", "min", "mr",
    "mrs", "ms", "mt", "nos", "pp", "prof", "pt", "ref", "resp", "sec", "sr", "st", "vol", "vs",
})
# fmt: on
"""Words whose point does not end a sentence, without it and in lower case."""


class SentenceOptions(Struct, frozen=True, kw_only=True):
    """Where sentences end."""

    pause_s: Annotated[
        float,
        option(
            "silence that ends a sentence even without punctuation",
            unit="s",
            source="choice of ours; the recordings pause 0.9 s and more between sentences, never within",
            gt=0,
        ),
    ] = 1.5
    max_words: Annotated[
        int,
        option(
            "words after which a sentence is cut at its longest pause; align.text.max_words cuts as well",
            unit="words",
            source="captions without punctuation; spoken sentences rarely pass 40",
            ge=1,
        ),
    ] = 60


Divide = Callable[[Sequence[Word]], Iterable[Sequence[Word]]]
"""Cuts words in time order into parts."""


def _undivided(words: Sequence[Word]) -> Iterable[Sequence[Word]]:
    return [words]


def spoken_sentences(
    utterances: Iterable[Utterance], options: SentenceOptions, divide: Divide = _undivided
) -> list[Utterance]:
    """The sentences of all utterances by their starts; every word is in exactly one.

    Utterances may overlap, as where two speak or a caption stays beside others. Words of one that would fall
    between those of another are no part of its sentences: each goes on from the first before it that it can.

    Args:
        utterances: In time order.
        options, divide: See :func:`split_sentences`.
    """
    voices: list[list[Word]] = []
    for utterance in utterances:
        start = min((word.span.start for word in utterance.words), default=0.0)
        voice = next((voice for voice in voices if voice[-1].span.start <= start), None)
        if voice is not None:
            voice += utterance.words
        elif utterance.words:
            voices.append(list(utterance.words))
    sentences = [sentence for voice in voices for sentence in split_sentences(voice, options, divide)]
    return sorted(sentences, key=lambda sentence: sentence.span.start)


def split_sentences(
    words: Iterable[Word], options: SentenceOptions, divide: Divide = _undivided
) -> list[Utterance]:
    """The words as sentences in time order; every word is in exactly one.

    A sentence ends at a word with a full stop, a question or an exclamation mark, unless the stop belongs to
    an abbreviation, an initial or a number that goes on, or what began with a capital goes on with a small
    letter; and at a pause. One with more words than ``max_words`` is cut at the longest pause in the second
    half of that many, again and again.

    Args:
        words: In any order.
        options: Pause and length.
        divide: Cuts what nobody wrote as a sentence, words that end without a stop or are too many, into
            parts, none empty, before they are cut to length.
    """
    ordered = sorted(words, key=lambda word: word.span.start)
    sentences: list[Utterance] = []
    run: list[Word] = []
    for i, word in enumerate(ordered, start=1):
        run.append(word)
        if i == len(ordered) or _ends(run, ordered[i], options.pause_s):
            written = len(run) <= options.max_words and _bare(word).endswith(_STOPS)
            for part in [run] if written else divide(run):
                sentences += _cut_to_length(part, options.max_words)
            run = []
    return sentences


def as_utterance(words: Sequence[Word]) -> Utterance:
    """The words, at least one, as one utterance with the span that covers them all."""
    span = Span(words[0].span.start, max(word.span.end for word in words))
    return Utterance(span=span, words=tuple(words))


def _ends(run: Sequence[Word], following: Word, pause_s: float) -> bool:
    """Whether a sentence ends with the last word of ``run``, which began with its first."""
    word = run[-1]
    if following.span.start - word.span.end >= pause_s:
        return True
    bare = _bare(word)
    if not bare.endswith(_STOPS):
        return False
    if not bare.endswith(".") or bare.endswith(".."):
        return True
    stem = bare[:-1].lstrip(_OPENERS).lower()
    initial = len(stem) == 1 and stem != stem.upper() and stem != "i"
    number_goes_on = (
        stem[-1:].isdigit() and following.text[:1].isdigit() and following.span.start == word.span.end
    )
    abbreviation = stem in _ABBREVIATIONS or _LETTERS_WITH_POINTS.fullmatch(stem) is not None
    first, nxt = (text.lstrip(_OPENERS)[:1] for text in (run[0].text, following.text))
    goes_on = first.isupper() and nxt.islower()  # not in captions all in small letters
    return not (initial or number_goes_on or abbreviation or goes_on)


def _bare(word: Word) -> str:
    """The word without closing quotes and brackets."""
    return word.text.rstrip(_CLOSERS)


def _cut_to_length(words: Sequence[Word], most: int) -> list[Utterance]:
    """The words as utterances of at most ``most`` words and, but for the last, at least half as many."""
    parts = []
    while len(words) > most:
        cut = max(range((most + 1) // 2, most + 1), key=lambda i: (_pause_before(words, i), i))
        parts.append(as_utterance(words[:cut]))
        words = words[cut:]
    return [*parts, as_utterance(words)]


def _pause_before(words: Sequence[Word], i: int) -> float:
    return words[i].span.start - words[i - 1].span.end
