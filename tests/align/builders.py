"""Recordings put together by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from narratrace.data.analysis import FrameLabel, VisualAnalysis
from narratrace.data.frames import Image
from narratrace.data.media import DecodeSummary, VideoInput
from narratrace.data.recording import Recording
from narratrace.data.shots import Shot, StableSpan
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.timebase import Span


def words(text: str, start: float = 0.0, seconds: float = 0.4, pause: float = 0.0) -> tuple[Word, ...]:
    """The words of ``text``, spoken evenly, ``seconds`` each with ``pause`` after each."""
    step = seconds + pause
    return tuple(
        Word(Span(start + i * step, start + i * step + seconds), word) for i, word in enumerate(text.split())
    )


def utterance(text: str, start: float, end: float) -> Utterance:
    """``text`` spread evenly over ``[start, end)``."""
    return Utterance(Span(start, end), words(text, start, (end - start) / len(text.split())))


def transcript(*utterances: tuple[str, float, float]) -> Transcript:
    """Speech from ``(text, start, end)`` rows."""
    return Transcript(utterances=tuple(utterance(*row) for row in utterances))


def still(start: float, end: float, group: int, keyframe: bool = True) -> StableSpan:
    """A stable span with a keyframe that tells the groups apart."""
    image = Image(jpeg=str(group).encode(), width=8, height=8) if keyframe else None
    return StableSpan(
        span=Span(start, end), keyframe_t=0.5 * (start + end), keyframe=image, phash=0, group=group
    )


def line_trace(start: float, end: float, a: tuple[float, float], b: tuple[float, float]) -> Trace:
    """A pointer that travels from ``a`` to ``b`` at an even pace, 20 points a second."""
    t = np.arange(start, end, 0.05)
    s = (t - start) / (end - start)
    return Trace(t, a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1]), np.ones(len(t)))


def recording(
    *,
    stable: Sequence[tuple[float, float]],
    transcript: Transcript,
    trace: Trace | None = None,
    groups: Sequence[int] | None = None,
    shots: Sequence[tuple[float, float]] = (),
    dwells: Sequence[Dwell] = (),
    medical: Sequence[bool] | None = None,
    domains: Mapping[str, float] | None = None,
    size: tuple[int, int] = (1280, 720),
    duration: float | None = None,
    video_id: str = "lecture",
    extra: Mapping[str, Any] | None = None,
) -> Recording:
    """A recording that has passed everything before alignment."""
    video = DecodeSummary(
        codec="h264", width=size[0], height=size[1], start_pts_s=0.0,
        duration=duration if duration is not None else max((end for _, end in stable), default=0.0),
        frames_decoded=1, frames_skipped=0, packets=1, corrupt=0, fps_mean=30.0, vfr=False, backend="test",
    )  # fmt: skip
    numbers = range(len(stable)) if groups is None else groups
    visual = VisualAnalysis(
        video=video,
        shots=tuple(Shot(span=Span(*span), transition="none", settled=span[0]) for span in shots),
        changes=(),
        stable_spans=tuple(still(*span, group) for span, group in zip(stable, numbers, strict=True)),
        moving_regions=(),
        trace=trace if trace is not None else Trace.empty(),
        dwells=tuple(dwells),
    )
    labels = None
    if medical is not None:
        labels = tuple(FrameLabel(medical=m, probability=float(m), domains=domains or {}) for m in medical)
    source = VideoInput(video_id=video_id, uri=f"{video_id}.mp4", title="A title", extra=extra or {})
    return Recording(input=source, sequence=0, visual=visual, transcript=transcript, labels=labels)
