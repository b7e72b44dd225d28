"""Where the pointer is while a word is spoken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

import numpy as np
from msgspec import Struct

from narratrace.data.sample import WordPosition
from narratrace.data.trace import Trace
from narratrace.data.transcript import Word
from narratrace.options import option
from narratrace.timebase import Span


class WordTraceOptions(Struct, frozen=True, kw_only=True):
    """How words find their pointer position."""

    lag_s: Annotated[
        float,
        option(
            "how long after a word the hand is where the word is about",
            unit="s",
            source="0 keeps positions true in time; recorded hands arrive 0.3 s to 1 s after the word",
        ),
    ] = 0.0
    max_gap_s: Annotated[
        float,
        option(
            "longest time without a trace point that is bridged in a straight line",
            unit="s",
            source="three points at 10 Hz; the pointer may turn in a longer one",
            gt=0,
        ),
    ] = 0.3


def word_positions(
    words: Iterable[Word], trace: Trace, options: WordTraceOptions, shown: Sequence[Span] | None = None
) -> tuple[WordPosition, ...]:
    """One position per word, in the order of the words.

    It is the pointer's position at the middle of the word (``lag_s`` later), between neighbouring points if
    need be. A word whose middle falls into a blind stretch takes the point nearest to its middle that was
    seen while it was spoken. A word without any has no position, nor has one whose middle (``lag_s`` later)
    lies outside ``shown``.

    Args:
        words: The words.
        trace: Pointer positions.
        options: Lag, and the longest gap that is bridged.
        shown: When the picture that the pointer is on is on the screen, None for always.
    """
    return tuple(_position(word, trace, options, shown) for word in words)


def _position(
    word: Word, trace: Trace, options: WordTraceOptions, shown: Sequence[Span] | None
) -> WordPosition:
    middle = word.span.middle + options.lag_s
    if shown is not None and not any(time.contains(middle) for time in shown):
        return WordPosition(word=word, x=None, y=None)
    at = trace.at(middle, options.max_gap_s) or _nearest_within(word, trace, options.lag_s)
    x, y = at or (None, None)
    return WordPosition(word=word, x=x, y=y)


def _nearest_within(word: Word, trace: Trace, lag_s: float) -> tuple[float, float] | None:
    """The trace point nearest to the word's middle among those seen while it is spoken."""
    spoken = trace.within(word.span.pad(-lag_s, lag_s))
    if len(spoken) == 0:
        return None
    nearest = int(np.argmin(np.abs(spoken.t - (word.span.middle + lag_s))))
    return float(spoken.x[nearest]), float(spoken.y[nearest])
