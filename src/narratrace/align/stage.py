"""The stage that aligns words, pointer and pictures on one timeline and makes samples of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from time import perf_counter

from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.align.boxes import BoxOptions
from narratrace.align.chunker import ChunkOptions, chunk_keyframes, pair_chunk_time
from narratrace.align.clips import ClipOptions, clip_events, clip_spans
from narratrace.align.gesture import Gesture
from narratrace.align.meta import chunk_meta
from narratrace.align.passages import find_passages
from narratrace.align.pictures import Picture, find_pictures, is_medical
from narratrace.align.pointing import PointingOptions, find_gestures
from narratrace.align.samples import SampleMaker, TraceOptions
from narratrace.align.text import TextOptions, cut_speech
from narratrace.align.words_trace import WordTraceOptions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample
from narratrace.data.transcript import Transcript, Utterance
from narratrace.errors import NarratraceError
from narratrace.timebase import Span

_log = logging.getLogger(__name__)


class AlignOptions(Struct, frozen=True, kw_only=True):
    """How samples are made of what is known about a recording."""

    chunks: ChunkOptions = field(default_factory=ChunkOptions)
    text: TextOptions = field(default_factory=TextOptions)
    words: WordTraceOptions = field(default_factory=WordTraceOptions)
    pointing: PointingOptions = field(default_factory=PointingOptions)
    boxes: BoxOptions = field(default_factory=BoxOptions)
    traces: TraceOptions = field(default_factory=TraceOptions)
    clips: ClipOptions = field(default_factory=ClipOptions)


class Align:
    """The stage that fills in ``samples``, and logs a warning where there are none.

    Args:
        options: How.
    """

    name = "align"

    def __init__(self, options: AlignOptions | None = None) -> None:
        self._options = options or AlignOptions()

    def open(self) -> None:
        """Nothing to load."""

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """One outcome per recording in the same order."""
        return [self._run(recording) for recording in batch]

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, recording: Recording) -> Outcome[Recording]:
        began = perf_counter()
        try:
            samples = align(recording, self._options)
        except Exception as error:
            return Failed.from_exception(
                error, video_id=recording.video_id, uri=recording.input.uri, station=self.name
            )
        if not samples:
            _log.warning("%s gives no samples: %s", recording.video_id, _why_none(recording))
        return Kept(recording.with_(self.name, perf_counter() - began, samples=samples))


def align(recording: Recording, options: AlignOptions) -> tuple[AlignedSample, ...]:
    """The samples of a recording: pairs, then traces, then clips, each kind in time order.

    No word is in two samples of a kind. A recording without words, or without a picture of a (medical) stable
    span, has no samples.

    Raises:
        NarratraceError: the recording was not analysed, or its labels are not one per stable span.
    """
    visual, transcript = _visual(recording), recording.transcript or Transcript()
    spw = transcript.seconds_per_word
    if spw is None or not _has_pictures(visual):
        return ()
    stable, chunk_time = visual.stable_spans, pair_chunk_time(spw, options.chunks)
    whole = Span(visual.video.start_pts_s, max(visual.video.duration, stable[-1].span.end))
    chunks = chunk_keyframes(
        [picture.span.start for picture in stable], is_medical(stable, recording.labels), chunk_time, whole
    )
    pictures = find_pictures(stable, recording.labels, chunks)
    gestures = _gestures(visual, pictures, options.pointing)
    sentences = cut_speech(transcript.utterances, [picture.times for picture in pictures], options.text)
    maker = SampleMaker(
        video_id=recording.video_id,
        visual=visual,
        meta=chunk_meta(recording.input, transcript, spw, chunk_time, chunks, stable, gestures),
        words=options.words,
        boxes=options.boxes,
        traces=options.traces,
    )
    passages = find_passages(pictures, sentences, gestures, options.boxes.lead_s, options.text)
    pairs = [maker.pair(index, passage) for index, passage in enumerate(passages)]
    traces: list[AlignedSample] = []
    for passage in passages:
        if sample := maker.trace(len(traces), passage):
            traces.append(sample)
    return (*pairs, *traces, *_clips(maker, pictures, gestures, sentences, whole, options.clips))


def _why_none(recording: Recording) -> str:
    """Why an analysed recording has no samples, for a person."""
    visual, transcript = _visual(recording), recording.transcript or Transcript()
    if not transcript.words:
        return "; ".join(("it has no words", *transcript.warnings))
    if not visual.stable_spans:
        return "no picture stays the same for long enough"
    if not _has_pictures(visual):
        return "no keyframe pictures were asked for (analyse.keyframes.pictures)"
    if not any(is_medical(visual.stable_spans, recording.labels)):
        return "no picture is medical"
    return "nothing is said while a picture stays the same"


def _has_pictures(visual: VisualAnalysis) -> bool:
    return any(stable.keyframe is not None for stable in visual.stable_spans)


def _visual(recording: Recording) -> VisualAnalysis:
    """The recording's analysis, checked against its labels."""
    visual, labels = recording.visual, recording.labels
    if visual is None:
        raise NarratraceError("was not analysed", station="align", expected="a visual analysis")
    if labels is not None and len(labels) != len(visual.stable_spans):
        raise NarratraceError(
            f"has {len(labels)} labels for {len(visual.stable_spans)} stable spans",
            station="align",
            expected="a label per stable span",
        )
    return visual


def _gestures(visual: VisualAnalysis, pictures: Sequence[Picture], options: PointingOptions) -> list[Gesture]:
    """The gestures over all medical pictures in time order, found span by span: none crosses a change.

    A rest that begins before its picture, or outlasts it, is judged as a whole and cut to the picture's time.
    """
    found: list[Gesture] = []
    for shown in (time for picture in pictures if picture.chunk is not None for time in picture.times):
        dwells = [dwell for dwell in visual.dwells if shown.contains(dwell.span.middle)]
        trace = visual.trace.within(shown)
        meant = find_gestures(trace, dwells, visual.video.width, visual.video.height, options)
        found += [replace(gesture, span=gesture.span.cut(shown)) for gesture in meant]
    return sorted(found, key=lambda gesture: gesture.span)


def _clips(
    maker: SampleMaker,
    pictures: Sequence[Picture],
    gestures: Sequence[Gesture],
    sentences: Sequence[Utterance],
    whole: Span,
    options: ClipOptions,
) -> list[AlignedSample]:
    """The clips of all shots; each has the medical picture that its gestures are on for its own."""
    medical = [picture for picture in pictures if picture.chunk is not None]
    events = clip_events(gestures, options)
    shots = [shot.span for shot in maker.visual.shots] or [whole]
    clips: list[AlignedSample] = []
    for span in (span for shot in shots for span in clip_spans(events, sentences, shot, options)):
        shown = [sum(time.overlap(span) for time in picture.times) for picture in medical]
        sample = maker.clip(len(clips), span, sentences, gestures, medical[shown.index(max(shown))])
        if sample is not None:
            clips.append(sample)
    return clips
