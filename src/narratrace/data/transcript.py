"""What the lecturer says, and when."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from narratrace.timebase import Span, merge_spans


class Word(Struct, frozen=True):
    """One spoken word with its punctuation.

    Attributes:
        span: When it is spoken.
        text: Without surrounding white space.
        probability: Belief of the recogniser in [0, 1]; 1 for captions.
        glued: Whether no space stands before it in a text, see Note [Words without spaces].
    """

    span: Span
    text: str
    probability: float = 1.0
    glued: bool = False


def join_words(words: Iterable[Word]) -> str:
    """The text of the words, with single spaces but before those that are ``glued``."""
    return "".join(word.text if word.glued else f" {word.text}" for word in words).strip()


class Utterance(Struct, frozen=True):
    """A run of words spoken or captioned together (a caption cue, a recogniser's segment, a sentence)."""

    span: Span
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words as one text, see :func:`join_words`."""
        return join_words(self.words)


class Transcript(Struct, frozen=True, kw_only=True):
    """All speech of one recording.

    Attributes:
        utterances: By their starts; they may overlap.
        language: ISO 639-1 code, empty when unknown.
        source: What produced it: ``captions:FILE``, ``whisper:MODEL``, ``none``.
        word_times: ``exact`` when measured per word, ``interpolated`` when spread over a cue.
        warnings: Rejected segments and oddities, one line each.
    """

    utterances: tuple[Utterance, ...] = ()
    language: str = ""
    source: str = "none"
    word_times: str = "exact"
    warnings: tuple[str, ...] = ()

    def shifted(self, seconds: float) -> Transcript:
        """The same, ``seconds`` later."""
        return replace(self, utterances=tuple(_shifted(u, seconds) for u in self.utterances))

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in time order, also where utterances overlap."""
        words = (word for utterance in self.utterances for word in utterance.words)
        return tuple(sorted(words, key=lambda word: word.span.start))

    @property
    def seconds_per_word(self) -> float | None:
        """Seconds of speech per word (``spw``), None without words.

        Speech is what the utterances cover together; overlapping ones count once.
        """
        words = len(self.words)
        speech = merge_spans(utterance.span for utterance in self.utterances)
        return sum(span.duration for span in speech) / words if words else None


def _shifted(utterance: Utterance, seconds: float) -> Utterance:
    words = tuple(replace(word, span=_later(word.span, seconds)) for word in utterance.words)
    return Utterance(_later(utterance.span, seconds), words)


def _later(span: Span, seconds: float) -> Span:
    return Span(span.start + seconds, span.end + seconds)
