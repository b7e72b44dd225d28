"""A generated lecture with everything the report shows: two pictures, a pointer, words, sound, a clock.

Alignment and clips are made of it by the engine itself; only the visual analysis and the words are truth.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from narratrace.align.stage import Align
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import Image
from narratrace.data.media import DecodeSummary, VideoInput
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.data.shots import Box, ChangeEvent, MovingRegion, Shot, StableSpan
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.timebase import Span
from narratrace.write.clips import CutClips
from narratrace.write.options import ClipOptions
from tests.support.media import make_video

WIDTH, HEIGHT, FPS, SECONDS = 640, 360, 12, 24
CUT = 14.0

SENTENCES: tuple[tuple[float, float, str], ...] = (
    (0.6, 3.4, "Here is an axial slice through the skull,"),
    (3.6, 6.8, "and this bright lesion lies next to the ventricle."),
    (7.4, 10.6, "Notice the dark rim that runs below it."),
    (14.4, 17.6, "The second picture shows how it grows."),
    (18.0, 22.6, "Follow the curve from the first visit up to the last one."),
)

_ELLIPSES = (  # x, y, rx, ry, grey: a head, brain, ventricles, a lesion
    (320, 180, 150, 170, 225),
    (320, 180, 138, 158, 70),
    (282, 170, 26, 62, 28),
    (358, 170, 26, 62, 28),
    (385, 245, 22, 16, 190),
    (320, 300, 52, 10, 40),
)


def lecture(folder: Path, video_id: str = "generated", title: str = "A generated lecture") -> Recording:
    """The recording, processed and ready to be written; its media file lies in ``folder``."""
    path = folder / f"{video_id}.mp4"
    slides = [np.asarray(_head()), np.asarray(_chart())]
    make_video(
        path, width=WIDTH, height=HEIGHT, fps=FPS, seconds=SECONDS, crf=30,
        draw=lambda i, t: _with_pointer(slides[t >= CUT], t), audio="tone",
    )  # fmt: skip
    source = VideoInput(
        video_id=video_id, uri=str(path), title=title, channel="Test & Sons", licence="CC0-1.0",
        link=f"https://video.example/{video_id}",
    )  # fmt: skip
    words = Transcript(
        utterances=tuple(_utterance(*s) for s in SENTENCES), language="en", source="captions:made"
    )
    return process(Recording(input=source, sequence=0, visual=_visual(slides), transcript=words))


def process(recording: Recording) -> Recording:
    """Alignment and clips of a recording whose analysis and words are known."""
    (aligned,) = Align().run([recording])
    assert isinstance(aligned, Kept), aligned
    (cut,) = CutClips(ClipOptions(preset="ultrafast", crf=30)).run([aligned.value])
    assert isinstance(cut, Kept), cut
    return cut.value


def as_image(picture: npt.NDArray[np.uint8]) -> Image:
    """The picture as a keyframe."""
    out = io.BytesIO()
    Pillow.fromarray(picture).save(out, "JPEG", quality=85)
    return Image(jpeg=out.getvalue(), width=picture.shape[1], height=picture.shape[0])


def dwells_of(trace: Trace, radius: float = 12.0, shortest: float = 0.7) -> tuple[Dwell, ...]:
    """Where the trace stays within ``radius`` pixels of a point for ``shortest`` seconds."""
    found, first = [], 0
    for i in range(1, len(trace) + 1):
        away = (
            i == len(trace) or math.dist((trace.x[i], trace.y[i]), (trace.x[first], trace.y[first])) > radius
        )
        if away:
            if trace.t[i - 1] - trace.t[first] >= shortest:
                x, y = (float(np.mean(c[first:i])) for c in (trace.x, trace.y))
                found.append(
                    Dwell(span=Span(float(trace.t[first]), float(trace.t[i - 1])), x=x, y=y, radius=radius)
                )
            first = i
    return tuple(found)


def pointer(t: float) -> tuple[float, float] | None:
    """Where the pointer is at ``t``: circles the lesion, underlines the rim, hides, follows the curve."""
    if t < 3.6:
        return 200.0 + 40 * min(t, 1.0), 90.0
    if t < 6.6:
        turn = 2 * math.pi * (t - 3.6) / 2.0
        return 385 + 30 * math.cos(turn), 245 + 24 * math.sin(turn)
    if t < 7.8:
        return 385.0, 245.0
    if t < 10.2:
        return 270 + 100 * (t - 7.8) / 2.4, 314.0
    if t < 17.8:
        return None
    x = 110 + 420 * min(1.0, (t - 17.8) / 4.4)
    return x, _curve(x) - 4


def _visual(slides: Sequence[npt.NDArray[np.uint8]]) -> VisualAnalysis:
    t = np.arange(0.0, SECONDS, 0.1)
    seen = [(a, *p, 0.9) for a in t.tolist() if (p := pointer(a)) is not None]
    trace = Trace(*np.array(seen).T.copy())
    spans = (Span(0.0, CUT), Span(CUT + 0.1, float(SECONDS)))
    stable = tuple(
        StableSpan(span=s, keyframe_t=s.middle, keyframe=as_image(picture), phash=i, group=i)
        for i, (s, picture) in enumerate(zip(spans, slides, strict=True))
    )
    return VisualAnalysis(
        video=DecodeSummary(
            codec="h264", width=WIDTH, height=HEIGHT, start_pts_s=0.0, duration=float(SECONDS),
            frames_decoded=FPS * SECONDS, frames_skipped=0, packets=FPS * SECONDS, corrupt=0,
            fps_mean=float(FPS), vfr=False, backend="pyav", warnings=("one packet was damaged",),
        ),
        shots=(
            Shot(span=Span(0.0, CUT), transition="none", settled=0.0),
            Shot(span=Span(CUT, float(SECONDS)), transition="fade", settled=CUT + 0.1),
        ),
        changes=(
            ChangeEvent(
                span=Span(7.0, 7.4), kind="build", box=Box(x0=0, y0=300, x1=640, y1=360), changed=0.1
            ),
        ),
        stable_spans=stable,
        moving_regions=(MovingRegion(box=Box(x0=560, y0=0, x1=640, y1=60), span=Span(0.0, 9.0)),),
        trace=trace,
        dwells=dwells_of(trace),
        timings={"decode_s": 0.21, "analyse_s": 0.34},
    )  # fmt: skip


def _utterance(start: float, end: float, text: str) -> Utterance:
    words = text.split()
    step = (end - start) / len(words)
    return Utterance(
        Span(start, end),
        tuple(
            Word(Span(start + i * step, start + (i + 0.9) * step), word, 0.95) for i, word in enumerate(words)
        ),
    )


def _head() -> Pillow.Image:
    picture = Pillow.new("RGB", (WIDTH, HEIGHT), (8, 9, 12))
    draw = ImageDraw.Draw(picture)
    for x, y, rx, ry, grey in _ELLIPSES:
        draw.ellipse((x - rx, y - ry, x + rx, y + ry), fill=(grey, grey, grey + 8))
    return picture


def _curve(x: float) -> float:
    return 300 - 200 / (1 + math.exp(-(x - 320) / 60))


def _chart() -> Pillow.Image:
    picture = Pillow.new("RGB", (WIDTH, HEIGHT), (250, 250, 247))
    draw = ImageDraw.Draw(picture)
    draw.line([(90, 60), (90, 320), (560, 320)], fill=(60, 60, 70), width=2)
    draw.line([(x, _curve(x)) for x in range(100, 550, 5)], fill=(30, 90, 160), width=4)
    return picture


def _with_pointer(slide: npt.NDArray[np.uint8], t: float) -> npt.NDArray[np.uint8]:
    place = pointer(t)
    if place is None:
        return slide
    picture = Pillow.fromarray(slide)
    x, y = place
    arrow = [(x, y), (x, y + 17), (x + 4, y + 13), (x + 11, y + 12)]
    ImageDraw.Draw(picture).polygon(arrow, fill=(255, 255, 255), outline=(0, 0, 0))
    return np.asarray(picture)
