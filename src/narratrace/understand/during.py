"""Leaving out words that are not spoken while there is a picture."""

from __future__ import annotations

from msgspec.structs import replace

from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.timebase import Span


def during(transcript: Transcript, shown: Span) -> Transcript:
    """The words whose middle lies in ``shown``, cut to it, with a warning about those that are left out.

    Args:
        transcript: All that was heard or read.
        shown: From the first picture to the end of the last.
    """
    kept = [
        Utterance(utterance.span.cut(shown), words)
        for utterance in transcript.utterances
        if (words := _words_during(utterance, shown))
    ]
    left_out = len(transcript.words) - sum(len(utterance.words) for utterance in kept)
    if not left_out:
        return replace(transcript, utterances=tuple(kept))
    warning = (
        f"{left_out} of {len(transcript.words)} words lie outside the video "
        f"({shown.start:.3f} s to {shown.end:.3f} s): left out"
    )
    return replace(transcript, utterances=tuple(kept), warnings=(*transcript.warnings, warning))


def _words_during(utterance: Utterance, shown: Span) -> tuple[Word, ...]:
    return tuple(
        replace(word, span=word.span.cut(shown))
        for word in utterance.words
        if shown.contains(word.span.middle)
    )
