"""Cutting short clips around what the lecturer points out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Struct

from narratrace.align.gesture import Gesture
from narratrace.data.transcript import Utterance
from narratrace.errors import OptionError
from narratrace.options import option
from narratrace.timebase import Span

_OURS = "choice of ours"


class ClipOptions(Struct, frozen=True, kw_only=True):
    """How long clips are, and around what.

    Raises:
        OptionError: the longest clip is shorter than the shortest.
    """

    events: Annotated[
        Literal["strokes", "all", "none"],
        option("gestures to clip: circles and underlines, dwells too, or none", source=_OURS),
    ] = "strokes"
    before_s: Annotated[float, option("padding before a gesture", unit="s", source=_OURS, ge=0)] = 1.5
    after_s: Annotated[float, option("padding after a gesture", unit="s", source=_OURS, ge=0)] = 1.0
    min_s: Annotated[
        float, option("shortest clip; shots shorter than that give none", unit="s", source=_OURS, gt=0)
    ] = 3.0
    max_s: Annotated[float, option("longest clip", unit="s", source=_OURS, gt=0)] = 15.0

    def __post_init__(self) -> None:
        if self.max_s < self.min_s:
            raise OptionError(
                f"the longest clip ({self.max_s} s) is shorter than the shortest ({self.min_s} s)",
                station="align",
                input="align.clips.max_s",
                expected="align.clips.max_s >= align.clips.min_s",
            )


def clip_events(gestures: Sequence[Gesture], options: ClipOptions) -> list[Span]:
    """When the gestures worth a clip happen, in time order."""
    if options.events == "none":
        return []
    return sorted(g.span for g in gestures if g.kind != "dwell" or options.events == "all")


def clip_spans(
    events: Sequence[Span], sentences: Sequence[Utterance], shot: Span, options: ClipOptions
) -> list[Span]:
    """Where to cut the clips of one shot: in time order, apart, within the shot and the limits of length.

    Events whose padded spans touch share a clip as long as it fits into the longest. A clip then begins and
    ends with whole sentences where length and neighbours allow it, otherwise with whole words. Events that
    are left without a clip take no room from their neighbours.

    Args:
        events: In time order; those whose middle lies outside the shot are left out.
        sentences: All speech, in time order.
        shot: Clips do not leave it: another picture begins there.
        options: Paddings and lengths.
    """
    cores = _cores([event for event in events if shot.contains(event.middle)], options)
    while True:
        clips = _cut(cores, sentences, shot, options)
        if len(clips) == len(cores):
            return list(clips.values())
        cores = list(clips)


def _cut(
    cores: Sequence[Span], sentences: Sequence[Utterance], shot: Span, options: ClipOptions
) -> dict[Span, Span]:
    """Each core's clip, in time order; none for cores that the clip before covers, or leaves no room."""
    clips: dict[Span, Span] = {}
    low = shot.start
    following = [core.start - options.before_s for core in cores[1:]] + [shot.end]
    for core, next_start in zip(cores, following[: len(cores)], strict=True):
        high = min(shot.end, max(core.end, next_start))
        covered = core.middle < low
        if not covered and high - low >= options.min_s:
            free = Span(low, high)
            clips[core] = _whole(_sized(core, free, options), core, free, sentences, options)
            low = clips[core].end
    return clips


def _cores(events: Sequence[Span], options: ClipOptions) -> list[Span]:
    """Events that share a clip as one span each, without padding."""
    padding = options.before_s + options.after_s
    cores: list[Span] = []
    for event in events:
        if cores:
            both = Span(cores[-1].start, max(cores[-1].end, event.end))
            if event.start - cores[-1].end <= padding and both.duration + padding <= options.max_s:
                cores[-1] = both
                continue
        cores.append(event)
    return cores


def _sized(core: Span, free: Span, options: ClipOptions) -> Span:
    """The core with its padding, at least the shortest and at most the longest clip, within ``free``."""
    start = max(free.start, core.start - options.before_s)
    end = min(free.end, core.end + options.after_s, start + options.max_s)
    missing = max(0.0, options.min_s - (end - start))
    start = max(free.start, min(start - 0.5 * missing, free.end - options.min_s))
    return Span(start, max(end, min(free.end, start + options.min_s)))


def _whole(clip: Span, core: Span, free: Span, sentences: Sequence[Utterance], options: ClipOptions) -> Span:
    """The clip with ends that cut no sentence, or at least no word, as far as they can move.

    An end grows within ``free`` or shrinks without touching the core, and keeps to the limits of length.
    """
    start, end = clip.start, clip.end
    for edge in _edges(start, sentences):
        if free.start <= edge <= core.start and options.min_s <= end - edge <= options.max_s:
            start = edge
            break
    for edge in _edges(end, sentences, growing=-1):
        if core.end <= edge <= free.end and options.min_s <= edge - start <= options.max_s:
            end = edge
            break
    return Span(start, end)


def _edges(t: float, sentences: Sequence[Utterance], growing: int = 1) -> Iterator[float]:
    """Where a cut at ``t`` may go instead: around the sentence it cuts, past it, around the word, past it.

    ``growing`` is 1 for a clip's start, which grows to a start, and -1 for its end.
    """
    for sentence in sentences:
        if sentence.span.start < t < sentence.span.end:
            words = [word.span for word in sentence.words if word.span.start < t < word.span.end]
            for span in (sentence.span, *words):
                yield from (span.start, span.end)[::growing]
