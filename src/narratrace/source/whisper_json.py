"""Transcripts in the JSON that Whisper and WhisperX write."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from narratrace.data.spacing import assemble, goes_on, run_on, split_text
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.errors import InputError
from narratrace.languages import language_code
from narratrace.source.cues import READING_SPEED, CueWord, given_end
from narratrace.source.words import spread
from narratrace.timebase import Span

_SNIFF_BYTES = 65_536


class _JsonWord(msgspec.Struct):
    word: str | None = None
    text: str | None = None  # whisper-timestamped
    start: float | None = None
    end: float | None = None
    probability: float | None = None  # Whisper
    score: float | None = None  # WhisperX
    confidence: float | None = None  # whisper-timestamped

    @property
    def written(self) -> str:
        """The word, after white space if it has some before it."""
        return self.word or self.text or ""


class _JsonSegment(msgspec.Struct):
    start: float | None  # null is no time, but JSON without the field is of another kind
    end: float | None
    text: str | None = None
    words: list[_JsonWord] | None = None

    @property
    def spoken(self) -> list[_JsonWord]:
        """The words that are not empty."""
        return [word for word in self.words or () if word.written.strip()]

    @property
    def said(self) -> str:
        """The text, that of the words where the segment has none."""
        return self.text or "".join(word.written for word in self.words or ())

    @property
    def times(self) -> list[float]:
        """When it begins and ends, and its words do, as far as it tells."""
        ends = (self.start, self.end, *(t for word in self.spoken for t in (word.start, word.end)))
        return [t for t in map(_number, ends) if t is not None]

    @property
    def is_timed(self) -> bool:
        """Whether it tells when a word begins."""
        return any(_number(word.start) is not None for word in self.spoken)


class _JsonTranscript(msgspec.Struct):
    segments: list[_JsonSegment]
    language: str | None = None


def looks_like_whisper(path: Path) -> bool:
    """Whether a JSON file's beginning names segments, as recognisers' output does."""
    try:
        with path.open("rb") as file:
            return b'"segments"' in file.read(_SNIFF_BYTES)
    except OSError:
        return False


def read_whisper_json(text: str, source: str, name: str) -> Transcript:
    """The transcript; segments without word times are spread, and so are words that WhisperX could not place.

    Args:
        text: Content of the file.
        source: For :attr:`Transcript.source`.
        name: File name, for errors.

    Raises:
        InputError: it is no such JSON, naming the field.
    """
    if not text.strip():
        return Transcript(source=source, warnings=("the captions file is empty",))
    try:
        parsed = _parsed(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InputError(
            f"is not a Whisper or WhisperX transcript: {error}",
            station="source",
            input=name,
            expected='{"segments": [{"start", "end", "text", "words"}]}',
        ) from error
    spoken = [segment for segment in parsed.segments if segment.said.strip()]
    placed = sorted((s for s in spoken if s.times), key=_start)
    lengthless = sum(max(segment.times) <= _start(segment) for segment in placed)
    warnings = []
    if len(placed) < len(spoken):
        warnings.append(f"{len(spoken) - len(placed)} segments had no times: left out")
    if lengthless:
        warnings.append(f"{lengthless} segments had no length: given {READING_SPEED:g} characters a second")
    if not placed:
        warnings.append("the captions file holds no words")
    # Whisper marks a new word by the space before it.
    marked = any(word.written[0].isspace() for segment in placed for word in segment.spoken)
    limits = [*map(_start, placed[1:]), None][: len(placed)]
    utterances = [_utterance(s, limit, marked) for s, limit in zip(placed, limits, strict=True)]
    return Transcript(
        utterances=run_on(sorted(utterances, key=lambda utterance: utterance.span.start)),
        language=language_code(parsed.language or ""),
        source=source,
        word_times="exact" if all(segment.is_timed for segment in placed) else "interpolated",
        warnings=tuple(warnings),
    )


def _parsed(text: str) -> _JsonTranscript:
    try:
        return msgspec.json.decode(text, type=_JsonTranscript)
    except msgspec.DecodeError:
        if "NaN" not in text and "Infinity" not in text:
            raise
    # Python writes numbers that are none, as WhisperX's scores of words it did not find; JSON has no such.
    return msgspec.convert(json.loads(text, parse_constant=lambda _: None), _JsonTranscript)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _start(segment: _JsonSegment) -> float:
    """When a segment with times begins."""
    stated = _number(segment.start)
    return stated if stated is not None else min(segment.times)


def _utterance(segment: _JsonSegment, limit: float | None, marked: bool) -> Utterance:
    """The words of a segment with times; one without length lasts until it is read or ``limit`` comes."""
    start, stated, words = _start(segment), _number(segment.end), segment.spoken
    end = max(start, stated if stated is not None else max(segment.times))
    if max(segment.times) <= start:
        end = given_end(start, segment.said, limit)
    span = Span(start, end)
    if words:
        spaces = _spaces([word.written for word in words], segment.text or "", marked)
        placed = assemble(zip(_placed(words, span), spaces, strict=True))
    else:
        placed = spread([CueWord(text, glued) for text, glued in split_text(segment.said)], span)
    first, last = placed[0].span.start, max(word.span.end for word in placed)
    return Utterance(Span(min(span.start, first), max(span.end, last)), tuple(placed))


def _spaces(words: Sequence[str], text: str, marked: bool) -> list[bool]:
    """Whether a space stands before each word: as in the segment's text, of which all recognisers keep both.

    Where the text is another, spaces before the words tell if these have any (``marked``), else the script.
    """
    spaces, rest = [], text
    for word in map(str.strip, words):
        bare = rest.lstrip()
        if not bare.startswith(word):
            break
        spaces.append(len(bare) < len(rest))
        rest = bare[len(word) :]
    if len(spaces) == len(words):
        return spaces
    if marked:
        return [word[0].isspace() for word in words]
    former = ["", *map(str.strip, words)]
    return [
        not before or not goes_on(before, word.strip()) for before, word in zip(former, words, strict=False)
    ]


def _placed(words: list[_JsonWord], span: Span) -> list[Word]:
    """Words at their own times; runs of words without one are spread between their neighbours."""
    placed: list[Word] = []
    waiting: list[_JsonWord] = []
    reached = span.start
    for word in words:
        begin, stop = _number(word.start), _number(word.end)
        if begin is None:
            waiting.append(word)
            continue
        start = max(reached, begin)
        placed += _between(waiting, reached, start)
        waiting = []
        end = max(start, stop if stop is not None else start)
        placed.append(Word(Span(start, end), word.written.strip(), _probability(word)))
        reached = end
    return placed + _between(waiting, reached, max(reached, span.end))


def _between(words: list[_JsonWord], start: float, end: float) -> list[Word]:
    spreadout = spread([CueWord(word.written.strip()) for word in words], Span(start, end))
    return [
        Word(placed.span, placed.text, _probability(word))
        for placed, word in zip(spreadout, words, strict=True)
    ]


def _probability(word: _JsonWord) -> float:
    beliefs = map(_number, (word.probability, word.score, word.confidence))
    belief = next((belief for belief in beliefs if belief is not None), 1.0)
    return min(1.0, max(0.0, belief))
