"""Transcripts in the JSON that Whisper and WhisperX write."""

from __future__ import annotations

from pathlib import Path

import msgspec

from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.errors import InputError
from narratrace.source.languages import language_code
from narratrace.source.words import spread
from narratrace.timebase import Span

_SNIFF_BYTES = 65_536


class _JsonWord(msgspec.Struct):
    word: str
    start: float | None = None
    end: float | None = None
    probability: float | None = None  # Whisper
    score: float | None = None  # WhisperX


class _JsonSegment(msgspec.Struct):
    start: float
    end: float
    text: str = ""
    words: list[_JsonWord] = []


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
        parsed = msgspec.json.decode(text, type=_JsonTranscript)
    except msgspec.DecodeError as error:
        raise InputError(
            f"is not a Whisper or WhisperX transcript: {error}",
            station="source",
            input=name,
            expected='{"segments": [{"start", "end", "text", "words"}]}',
        ) from error
    segments = sorted(parsed.segments, key=lambda segment: segment.start)
    utterances = [utterance for segment in segments if (utterance := _utterance(segment)) is not None]
    exact = all(segment.words or not segment.text.strip() for segment in segments)
    return Transcript(
        utterances=tuple(utterances),
        language=language_code(parsed.language or ""),
        source=source,
        word_times="exact" if exact else "interpolated",
        warnings=() if utterances else ("the captions file holds no words",),
    )


def _utterance(segment: _JsonSegment) -> Utterance | None:
    span = Span(segment.start, max(segment.start, segment.end))
    texts = [word.word.strip() for word in segment.words]
    words = _placed(segment.words, span) if any(texts) else spread(segment.text.split(), span)
    words = [word for word in words if word.text]
    if not words:
        return None
    first, last = words[0].span.start, max(word.span.end for word in words)
    return Utterance(Span(min(span.start, first), max(span.end, last)), tuple(words))


def _placed(words: list[_JsonWord], span: Span) -> list[Word]:
    """Words at their own times; runs of words without one are spread between their neighbours."""
    placed: list[Word] = []
    waiting: list[_JsonWord] = []
    reached = span.start
    for word in words:
        if word.start is None:
            waiting.append(word)
            continue
        start = max(reached, word.start)
        placed += _between(waiting, reached, start)
        waiting = []
        end = max(start, word.end if word.end is not None else start)
        placed.append(Word(Span(start, end), word.word.strip(), _probability(word)))
        reached = end
    return placed + _between(waiting, reached, max(reached, span.end))


def _between(words: list[_JsonWord], start: float, end: float) -> list[Word]:
    spreadout = spread([word.word.strip() for word in words], Span(start, end))
    return [
        Word(placed.span, placed.text, _probability(word))
        for placed, word in zip(spreadout, words, strict=True)
    ]


def _probability(word: _JsonWord) -> float:
    belief = word.probability if word.probability is not None else word.score
    return min(1.0, max(0.0, belief)) if belief is not None else 1.0
