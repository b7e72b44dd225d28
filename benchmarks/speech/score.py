"""Word error rate, and how far word times are off."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

Timed = tuple[str, float]
"""A word and when it starts, in s."""


@dataclass
class Score:
    """Adds up over recordings; `starts` are absolute errors (s) of the words that were read rightly."""

    words: int = 0
    errors: int = 0
    starts: list[float] = field(default_factory=list)

    def add(self, truth: Sequence[Timed], heard: Sequence[Timed]) -> None:
        """Count one recording."""
        one, other = [plain(text) for text, _ in truth], [plain(text) for text, _ in heard]
        matches = list(matching(one, other))
        self.words += len(truth)
        self.errors += distance_table(one, other)[-1, -1]
        self.starts += [abs(truth[i][1] - heard[j][1]) for i, j in matches]

    @property
    def error_rate(self) -> float:
        """Substituted, left out and invented words by words spoken."""
        return float(self.errors / max(1, self.words))

    @property
    def median_start_error(self) -> float:
        """In s; infinite when nothing was read rightly."""
        return float(np.median(self.starts)) if self.starts else float("inf")

    def __str__(self) -> str:
        late = float(np.quantile(self.starts, 0.9)) if self.starts else float("inf")
        return (
            f"{self.words} words, WER {100 * self.error_rate:.1f} %, "
            f"word start error median {1000 * self.median_start_error:.0f} ms, 90 % {1000 * late:.0f} ms"
        )


def plain(word: str) -> str:
    """Without case and punctuation."""
    return re.sub(r"[^a-z0-9']", "", word.lower())


def timed(words: Iterable[dict]) -> list[Timed]:
    """The words of a truth file."""
    return [(word["text"], word["start"]) for word in words]


def distance_table(one: Sequence[str], other: Sequence[str]) -> np.ndarray:
    """Edit distance of every prefix of the one to every prefix of the other."""
    table = np.zeros((len(one) + 1, len(other) + 1), int)
    table[:, 0], table[0] = range(len(one) + 1), range(len(other) + 1)
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1, j + 1] = min(table[i, j] + (a != b), table[i, j + 1] + 1, table[i + 1, j] + 1)
    return table


def matching(one: Sequence[str], other: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Places of the equal words of a best alignment, from the last to the first."""
    table = distance_table(one, other)
    i, j = len(one), len(other)
    while i and j:
        if table[i, j] == table[i - 1, j - 1] + (one[i - 1] != other[j - 1]):
            i, j = i - 1, j - 1
            if one[i] == other[j]:
                yield i, j
        elif table[i, j] == table[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
