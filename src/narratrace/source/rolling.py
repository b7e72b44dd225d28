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
all do, most of them with something new; in others a speaker who says "Okay." twice must keep both."""
_FEWEST_CUES = 3
_TOUCHING_S = 0.1
"""What repeats is still on the screen: no longer without it than this. Converters round to pictures."""


def unroll(cues: list[Cue]) -> list[Cue]:
    """The cues without repetitions if the file scrolls, unchanged otherwise."""
    repeated = [_repeated(before, cue) for before, cue in pairwise(cues)]
    touching = [cue.span.start - before.span.end <= _TOUCHING_S for before, cue in pairwise(cues)]
    growing = [count < len(cue.words) for count, cue in zip(repeated, cues[1:], strict=True)]
    rolling = [growing[i] for i, count in enumerate(repeated) if count and touching[i]]
    if len(cues) < _FEWEST_CUES or not any(rolling) or len(rolling) < _ROLLING_SHARE * len(repeated):
        return cues
    # After a pause the same words alone were said again.
    gone = [n if near or more else 0 for n, near, more in zip(repeated, touching, growing, strict=True)]
    fresh = [cue.without_first(count) for cue, count in zip(cues, [0, *gone], strict=True)]
    return [cue for cue in fresh if cue.words]


def _repeated(before: Cue, cue: Cue) -> int:
    """Words at the start of ``cue`` that were on the screen already."""
    left, shown = _texts(before), _texts(cue)
    for count in range(min(len(left), len(shown)), 0, -1):
        if left[-count:] == shown[:count]:
            return sum(map(len, shown[:count]))
    words = [[word.text for word in one.words] for one in (before, cue)]
    return len(words[0]) if words[0] and words[1][: len(words[0])] == words[0] else 0


def _texts(cue: Cue) -> list[tuple[str, ...]]:
    return [tuple(word.text for word in line) for line in cue.lines]
