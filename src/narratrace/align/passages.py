"""One picture and the stretch of speech that goes with it: what pairs and traces are made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from narratrace.align.gesture import Gesture
from narratrace.align.pictures import Picture
from narratrace.align.text import TextOptions, deal_sentences, fill_windows
from narratrace.data.trace import Trace
from narratrace.data.transcript import Utterance, Word
from narratrace.timebase import Span


class Passage(Struct, frozen=True, kw_only=True):
    """A picture with at most ``max_words`` of its text.

    Attributes:
        picture: The picture.
        sentences: Its text, in time order, never empty.
        gestures: What is pointed out on the picture meanwhile, in time order.
    """

    picture: Picture
    sentences: tuple[Utterance, ...]
    gestures: tuple[Gesture, ...] = ()

    @property
    def spoken(self) -> Span:
        """From the first word to the end of the last."""
        return Span(self.sentences[0].span.start, max(sentence.span.end for sentence in self.sentences))

    @property
    def words(self) -> tuple[Word, ...]:
        """All words, in time order."""
        return tuple(word for sentence in self.sentences for word in sentence.words)


def find_passages(
    pictures: Sequence[Picture],
    sentences: Sequence[Utterance],
    gestures: Sequence[Gesture],
    lead_s: float,
    options: TextOptions,
) -> list[Passage]:
    """The passages of all medical pictures, by the time of their first word.

    Args:
        pictures: Of the whole recording, those that are not medical included.
        sentences: All speech, in time order.
        gestures: All gestures, in time order.
        lead_s: How long before a gesture its words may be spoken.
        options: How text is dealt out to pictures.
    """
    dealt = deal_sentences(sentences, [picture.times for picture in pictures], options)
    found = []
    for picture, own in zip(pictures, dealt, strict=True):
        if picture.chunk is not None:
            windows, times = list(fill_windows(own, options.max_words)), picture.times
            shown = [g for g in gestures if any(time.contains(g.span.middle) for time in times)]
            found += [
                Passage(picture=picture, sentences=window, gestures=tuple(meant))
                for window, meant in zip(windows, _deal_gestures(shown, windows, lead_s), strict=True)
            ]
    return sorted(found, key=lambda passage: passage.spoken)


def over_picture(trace: Trace, picture: Picture, span: Span) -> Trace:
    """The trace points of ``span`` at which the picture is on the screen."""
    kept = np.zeros(len(trace), bool)
    for time in picture.during(span):
        a, b = np.searchsorted(trace.t, [time.start, time.end])
        kept[a:b] = True
    return Trace(trace.t[kept], trace.x[kept], trace.y[kept], trace.score[kept])


def _deal_gestures(
    gestures: Sequence[Gesture], windows: Sequence[Sequence[Utterance]], lead_s: float
) -> list[list[Gesture]]:
    """The gestures of each window: each gesture to the window with most speech during it and just before."""
    dealt: list[list[Gesture]] = [[] for _ in windows]
    for gesture in gestures:
        heard = gesture.span.pad(lead_s, 0.0)
        shares = [sum(heard.overlap(sentence.span) for sentence in window) for window in windows]
        if any(shares):
            dealt[shares.index(max(shares))].append(gesture)
    return dealt
