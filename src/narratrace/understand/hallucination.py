"""Text a recogniser invents: which figures give it away.

Note [Hallucinations]
~~~~~~~~~~~~~~~~~~~~~
On silence, noise and music Whisper does not say nothing; it says something likely: a phrase over and over,
or the closing line of a video. Voice detection removes most of the occasions. What is left is judged by four
figures, any of which condemns the text, because a training corpus is better off without a sentence than with
an invented one:

- compression ratio: text that deflates too well is a loop;
- repetition: an n-gram repeated back to back is a loop too short to show in the compression ratio;
- average log probability per token: the recogniser itself does not believe it;
- no-speech probability, together with a middling log probability: it was not sure anyone spoke.

A condemned window is first searched again (Note [Reproducible decoding]).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Annotated

from msgspec import Struct

from narratrace.data.spacing import split_text
from narratrace.options import option

LONGEST_NGRAM = 12
"""Words of the longest phrase looked for in a loop; longer loops show in the compression ratio."""


class RejectionOptions(Struct, frozen=True, kw_only=True):
    """Limits beyond which recognised text is taken for invented, see Note [Hallucinations]."""

    max_compression_ratio: Annotated[
        float, option("UTF-8 bytes of the text by its deflated bytes", source="openai/whisper", gt=0)
    ] = 2.4
    max_repeats: Annotated[
        int,
        option(
            "times in a row a word or phrase may occur", source="ours: 'very, very, very' is speech", ge=1
        ),
    ] = 4
    min_avg_logprob: Annotated[
        float, option("mean natural log probability per token", source="openai/whisper", le=0)
    ] = -1.0
    max_no_speech_prob: Annotated[
        float, option("probability that nobody speaks", source="openai/whisper", ge=0, le=1)
    ] = 0.6
    no_speech_avg_logprob: Annotated[
        float,
        option(
            "below this mean log probability a high no-speech probability is believed",
            source="ours; openai/whisper's -1.0 is already condemned by min_avg_logprob",
            le=0,
        ),
    ] = -0.5


def compression_ratio(text: str) -> float:
    """UTF-8 bytes of ``text`` divided by its deflated bytes; about 1 to 2 for speech, high for loops."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def longest_run(words: Sequence[str]) -> tuple[int, int]:
    """The most back-to-back occurrences of any n-gram of up to :data:`LONGEST_NGRAM` words.

    Args:
        words: Words in spoken order; case and surrounding punctuation do not count.

    Returns:
        Occurrences in a row and the n-gram's length in words; (1, 1) when nothing repeats, (0, 0) for
        no words.
    """
    plain = [word.strip(".,;:!?-\"'()、。，！？").casefold() for word in words]  # noqa: RUF001
    if not plain:
        return 0, 0
    best = (1, 1)
    for n in range(1, min(LONGEST_NGRAM, len(plain) // 2) + 1):
        matches = 0  # consecutive words equal to the word n places before
        for i in range(n, len(plain)):
            matches = matches + 1 if plain[i] == plain[i - n] else 0
            best = max(best, (matches // n + 1, n), key=lambda run: run[0])
    return best


def fault(text: str, avg_logprob: float, no_speech_prob: float, limits: RejectionOptions) -> str | None:
    """Why ``text`` is taken for invented, one phrase with the figures, or None when it is believed.

    Args:
        text: A window's or a segment's text.
        avg_logprob: Mean natural log probability of its tokens.
        no_speech_prob: Probability that its window holds no speech.
        limits: What is still believed.
    """
    ratio = compression_ratio(text)
    if ratio > limits.max_compression_ratio:
        return f"compression ratio {ratio:.2f} > {limits.max_compression_ratio}"
    repeats, length = longest_run([word for word, _ in split_text(text)])
    if repeats > limits.max_repeats:
        return f"{repeats} repeats of {length} word{'s' if length > 1 else ''} > {limits.max_repeats}"
    if avg_logprob < limits.min_avg_logprob:
        return f"mean log probability {avg_logprob:.2f} < {limits.min_avg_logprob}"
    if no_speech_prob > limits.max_no_speech_prob and avg_logprob < limits.no_speech_avg_logprob:
        return f"no-speech probability {no_speech_prob:.2f} > {limits.max_no_speech_prob}"
    return None
