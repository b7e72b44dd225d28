"""Putting together the three kinds of samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from narratrace.align.boxes import BoxOptions, cluster_boxes, gesture_boxes
from narratrace.align.gesture import Gesture
from narratrace.align.passages import Passage, over_picture
from narratrace.align.pictures import Picture
from narratrace.align.sentences import as_utterance
from narratrace.align.words_trace import WordTraceOptions, word_positions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.sample import AlignedSample, Clip, SampleKind
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Utterance, join_words
from narratrace.options import option
from narratrace.timebase import Span


class TraceOptions(Struct, frozen=True, kw_only=True):
    """Which passages have enough of a pointer to be a trace sample."""

    min_seen: Annotated[
        float,
        option("words with a pointer position", unit="share of words", source="choice of ours", ge=0, le=1),
    ] = 0.2
    min_travel: Annotated[
        float,
        option(
            "extent of the trace; a parked pointer points at nothing",
            unit="frame diagonals",
            source="choice of ours: 29 px at 720p",
            ge=0,
        ),
    ] = 0.02


class SampleMaker(Struct, frozen=True, kw_only=True):
    """Makes the samples of one recording.

    Attributes:
        video_id: The recording.
        visual: Its visual analysis.
        meta: By chunk index, the fields of its samples' ``meta``.
        words: How words find their position.
        boxes: Which boxes are made.
        traces: What is enough of a pointer.
    """

    video_id: str
    visual: VisualAnalysis
    meta: Mapping[int, Mapping[str, Any]]
    words: WordTraceOptions
    boxes: BoxOptions
    traces: TraceOptions

    def pair(self, index: int, passage: Passage) -> AlignedSample:
        """The passage's picture with its text, and the pointer while the text is spoken over the picture."""
        span = passage.spoken
        return self._sample(
            SampleKind.PAIR,
            index,
            span,
            passage.sentences,
            passage.picture,
            trace=over_picture(self.visual.trace, passage.picture, span),
            dwells=self._dwells(passage.picture.during(span)),
        )

    def trace(self, index: int, passage: Passage) -> AlignedSample | None:
        """The passage with pointer, words' positions and boxes, None without enough of a pointer.

        The sample lasts from the first to the last word, longer where a gesture that goes with the words
        begins earlier or goes on.
        """
        inner = [passage.spoken, *(gesture.span for gesture in passage.gestures)]
        span = Span(min(part.start for part in inner), max(part.end for part in inner))
        trace, shown = over_picture(self.visual.trace, passage.picture, span), passage.picture.during(span)
        positions = word_positions(passage.words, trace, self.words, shown)
        seen = sum(position.x is not None for position in positions)
        enough = seen > 0 and seen >= self.traces.min_seen * len(positions)
        if not enough or self._travel(trace) < self.traces.min_travel:
            return None
        video = self.visual.video
        boxes = gesture_boxes(passage.gestures, passage.words, trace, self.boxes)
        boxes += cluster_boxes(trace, passage.sentences, video.width, video.height, self.boxes, shown)
        return self._sample(
            SampleKind.TRACE,
            index,
            span,
            passage.sentences,
            passage.picture,
            trace=trace,
            word_positions=positions,
            boxes=tuple(boxes),
            dwells=self._dwells(shown),
        )

    def clip(
        self,
        index: int,
        span: Span,
        sentences: Sequence[Utterance],
        gestures: Sequence[Gesture],
        picture: Picture,
    ) -> AlignedSample | None:
        """A clip over ``span`` that is still to be cut, None when nothing is said in it.

        A word is in the clip when its middle is; one that goes beyond it is cut to it, as it is heard there.
        """
        near = (s for s in sentences if s.span.start < span.end and s.span.end >= span.start)
        inside = [
            [replace(w, span=w.span.cut(span)) for w in s.words if span.contains(w.span.middle)] for s in near
        ]
        spoken = tuple(as_utterance(words) for words in inside if words)
        if not spoken:
            return None
        words = [word for utterance in spoken for word in utterance.words]
        trace = self.visual.trace.within(span)
        meant = [replace(g, span=g.span.cut(span)) for g in gestures if span.contains(g.span.middle)]
        return self._sample(
            SampleKind.CLIP,
            index,
            span,
            spoken,
            picture,
            trace=trace,
            word_positions=word_positions(words, trace, self.words),
            boxes=tuple(gesture_boxes(meant, words, trace, self.boxes)),
            dwells=self._dwells([span]),
            clip=Clip(mp4=b"", span=span, offset=span.start, method="encode", frames=0),
        )

    def _travel(self, trace: Trace) -> float:
        """Diagonal of the trace's extent, in frame diagonals."""
        if len(trace) == 0:
            return 0.0
        video = self.visual.video
        return float(np.hypot(np.ptp(trace.x), np.ptp(trace.y)) / np.hypot(video.width, video.height))

    def _dwells(self, times: Iterable[Span]) -> tuple[Dwell, ...]:
        """Fixations during each of the times, those with their middle in it, cut to it."""
        return tuple(
            replace(dwell, span=dwell.span.cut(time))
            for time in times
            for dwell in self.visual.dwells
            if time.contains(dwell.span.middle)
        )

    def _sample(
        self,
        kind: SampleKind,
        index: int,
        span: Span,
        utterances: Sequence[Utterance],
        picture: Picture,
        **parts: Any,
    ) -> AlignedSample:
        best = picture.best
        assert picture.chunk is not None
        return AlignedSample(
            kind=kind,
            key=f"{self.video_id}_{index}",
            video_id=self.video_id,
            index=index,
            span=span,
            text=join_words(word for utterance in utterances for word in utterance.words),
            utterances=tuple(utterances),
            image=best.keyframe,
            image_t=best.keyframe_t if best.keyframe is not None else None,
            stable_span=best.span,
            labels=dict(picture.label.domains) if picture.label else {},
            meta=self.meta[picture.chunk],
            **parts,
        )
