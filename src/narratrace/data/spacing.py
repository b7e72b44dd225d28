"""Which words stand without a space between them.

Note [Words without spaces]
~~~~~~~~~~~~~~~~~~~~~~~~~~~
Chinese, Japanese, Thai, Lao, Khmer and Burmese are written without spaces between words. Their text is cut
into characters, each a word of its own with its marks and punctuation, much as Whisper's tokens are;
``Word.glued`` says that no space stands before it. In all other scripts a word is what stands between spaces:
tokens of a recogniser that begin without one ("X" and "-ray", "3" and ".5") are parts of the word before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import accumulate, pairwise

from msgspec.structs import replace

from narratrace.data.transcript import Utterance, Word
from narratrace.timebase import Span

_LETTERS = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u1049\u104c-\u109f\u1780-\u17d3\u17d7-\u17ff"  # Thai to Khmer
    "\ua9e0-\ua9ff\uaa60-\uaa7f\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u309f\u30a1-\u30fa"
    "\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"  # kana and Han
)
_MARKS = (
    "\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059"
    "\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u109a-\u109d\u17b4-\u17d3\u3099\u309a"
    "\u200b-\u200d\uff9e\uff9f\ufe00-\ufe0f"
)
"""Vowel signs, tones and other marks that belong to the letter before."""
_WIDE_OPENERS = "「『（［｛〈《【〔〖"  # noqa: RUF001
_WIDE_CLOSERS = "、。，．！？；：）］｝〉》】〕〗」』・｡､～၊။។៕៖"  # noqa: RUF001
_WIDE_STOPS = "。！？｡．។៕။"  # noqa: RUF001

# Compiled when first used, and kept by ``re``: that takes longer than most modules take to load.
_UNSPACED = f"[{_LETTERS}{_WIDE_OPENERS}{_WIDE_CLOSERS}]"
_LETTER = f"[{_LETTERS}]"
_PIECE = (
    rf"[{_WIDE_OPENERS}“‘]*"  # noqa: RUF001
    rf"(?:[{_LETTERS}][{_MARKS}]*|[^\s{_LETTERS}{_WIDE_OPENERS}{_WIDE_CLOSERS}]+)"
    rf"[{_WIDE_CLOSERS}{_MARKS}”’…‥,.!?;:)\]%]*"  # noqa: RUF001
    r"|\S"
)
_AFTER_STOP = rf"(?<=[{_WIDE_STOPS}])(?=[{_LETTERS}{_WIDE_OPENERS}\w])"


def split_text(text: str) -> list[tuple[str, bool]]:
    """The words of ``text``, each with whether it is glued to the one before.

    See Note [Words without spaces]. Joined again by that rule they are the text, its runs of white space made
    single spaces.
    """
    return [
        (piece, i > 0)
        for token in text.split()
        for i, piece in enumerate(re.findall(_PIECE, token) if re.search(_UNSPACED, token) else [token])
    ]


def goes_on(before: str, after: str) -> bool:
    """Whether text goes on without a space where a line or a caption ends and the next begins.

    Args:
        before, after: The last and the first word, not empty.
    """
    return bool(re.match(_UNSPACED, before[-1]) and re.match(_UNSPACED, after[0]))


def stands_alone(before: str, text: str) -> bool:
    """Whether ``text``, with no space before it, is a word of its own and no part of the word ``before``."""
    return any(map(str.isalnum, text)) and bool(
        re.match(_UNSPACED, before[-1]) or re.match(_UNSPACED, text[0])
    )


def reading_letters(text: str) -> int:
    """Letters to be read or spoken, a Han character or the like being as much as three others."""
    return len(text) + 2 * len(re.findall(_LETTER, text))


def assemble(tokens: Iterable[tuple[Word, bool]]) -> list[Word]:
    """The words of a recogniser's tokens, see Note [Words without spaces].

    Args:
        tokens: In order, with whether a space stands before each.

    Returns:
        Tokens that a space separates, or that are of a script without spaces (these ``glued``, and divided
        where a sentence ends inside); others as parts of the word before, which lasts until their end and is
        believed as little as the least of its parts.
    """
    words: list[Word] = []
    for token, spaced in tokens:
        if spaced or not words:
            words += _divided(replace(token, glued=False))
        elif stands_alone(words[-1].text, token.text):
            words += _divided(replace(token, glued=True))
        else:
            words[-1] = _merged(words[-1], token)
    return words


def run_on(utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
    """The utterances, the first word of each ``glued`` if the text goes on from the one before."""
    done: list[Utterance] = []
    for utterance in utterances:
        first = utterance.words[0] if utterance.words else None
        last = done[-1].words[-1] if done and done[-1].words else None
        if first and last and goes_on(last.text, first.text):
            utterance = replace(utterance, words=(replace(first, glued=True), *utterance.words[1:]))
        done.append(utterance)
    return tuple(done)


def _merged(word: Word, part: Word) -> Word:
    span = Span(word.span.start, max(word.span.end, part.span.end))
    return Word(span, word.text + part.text, min(word.probability, part.probability), word.glued)


def _divided(word: Word) -> list[Word]:
    """The word, in parts where a sentence ends inside it; each part has a share of its time by its length."""
    texts = re.split(_AFTER_STOP, word.text)
    reached = accumulate((len(text) for text in texts), initial=0)
    bounds = [word.span.start + word.span.duration * n / len(word.text) for n in reached]
    bounds[-1] = word.span.end
    return [
        Word(Span(a, b), text, word.probability, word.glued or i > 0)
        for i, (text, (a, b)) in enumerate(zip(texts, pairwise(bounds), strict=True))
    ]
