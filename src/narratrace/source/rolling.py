"""Captions that scroll: each cue repeats what is still on the screen.

YouTube's automatic captions show two lines. A cue repeats the line of the cue before and adds a new one, and
between two cues stands one of 10 ms that only repeats. Live captions grow word by word instead: each cue
repeats the whole cue before. Read naively, either gives every word two or more times.
"""

from __future__ import annotations

from itertools import pairwise

from narratrace.source.cues import Cue

_ROLLING_SHARE = 0.5
"""Share of cues that repeat the one before, from which a file counts as scrolling. In scrolling files nearly
all do; in others a speaker who says "Okay." twice must keep both."""
_FEWEST_CUES = 3


def unroll(cues: list[Cue]) -> list[Cue]:
    """The cues without repetitions if the file scrolls, unchanged otherwise."""
    repeated = [_repeated(before, cue) for before, cue in pairwise(cues)]
    if len(cues) < _FEWEST_CUES or sum(map(bool, repeated)) < _ROLLING_SHARE * len(repeated):
        return cues
    fresh = [cue.without_first(count) for cue, count in zip(cues, [0, *repeated], strict=True)]
    return [cue for cue in fresh if cue.words]


def _repeated(before: Cue, cue: Cue) -> int:
    """Words at the start of ``cue`` that were on the screen already."""
    for count in range(min(len(before.lines), len(cue.lines)), 0, -1):
        if before.lines[-count:] == cue.lines[:count]:
            return sum(map(len, cue.lines[:count]))
    shown = before.words
    return len(shown) if shown and cue.words[: len(shown)] == shown else 0
