"""Sound files, recordings and keyframes for the tests of this station."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from narratrace.data.analysis import VisualAnalysis
from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.data.frames import Image
from narratrace.data.media import DecodeSummary, VideoInput
from narratrace.data.recording import Recording
from narratrace.data.shots import StableSpan
from narratrace.data.trace import Trace
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.timebase import Span

SPEECH_FILE = Path(__file__).parent / "speech.ogg"
"""11.06 s: two sentences by two synthetic voices, silence elsewhere."""

SENTENCES = (Span(1.0, 3.52), Span(6.52, 9.56))
"""When they are spoken, measured on the waveform before compression."""


def read_audio(uri: str) -> Audio | None:
    """The sound of a file whose name ends in ``@SECONDS`` of its first sample; ``None`` without a stream."""
    path, _, start = uri.partition("@")
    with av.open(path) as container:
        if not container.streams.audio:
            return None
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        parts = [out.to_ndarray().ravel() for f in container.decode(audio=0) for out in resampler.resample(f)]
    return Audio(np.concatenate(parts) if parts else np.zeros(0, np.float32), float(start or 0))


def write_wav(path: Path, samples: npt.NDArray[np.float32]) -> str:
    """``samples`` as a 16-bit file; its name."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return str(path)


def video(video_id: str, uri: str = "", captions_uri: str | None = None) -> VideoInput:
    return VideoInput(video_id=video_id, uri=uri or video_id, captions_uri=captions_uri)


def recording(video_id: str, uri: str = "", captions_uri: str | None = None) -> Recording:
    return Recording(input=video(video_id, uri, captions_uri), sequence=0)


def picture(seed: int, size: tuple[int, int] = (320, 180)) -> Pil.Image:
    """A picture of random coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), np.uint8)
    return Pil.fromarray(blocks).resize(size, Pil.Resampling.NEAREST)


def keyframe(seed: int, size: tuple[int, int] = (320, 180)) -> Image:
    buffer = io.BytesIO()
    picture(seed, size).save(buffer, "JPEG", quality=95)
    return Image(buffer.getvalue(), *size)


def stable(
    start: float, end: float, image: Image | None = None, *, phash: int = 0, group: int = 0
) -> StableSpan:
    return StableSpan(span=Span(start, end), keyframe_t=start, keyframe=image, phash=phash, group=group)


def visual(
    spans: tuple[StableSpan, ...] = (),
    *,
    duration: float = 100.0,
    start: float = 0.0,
    trace: Trace | None = None,
) -> VisualAnalysis:
    summary = DecodeSummary(
        codec="h264",
        width=320,
        height=180,
        start_pts_s=start,
        duration=duration,
        frames_decoded=1,
        frames_skipped=0,
        packets=1,
        corrupt=0,
        fps_mean=0.0,
        vfr=False,
        backend="pyav",
    )
    return VisualAnalysis(
        video=summary,
        shots=(),
        changes=(),
        stable_spans=spans,
        moving_regions=(),
        trace=trace or Trace.empty(),
        dwells=(),
    )


def transcript(*spoken: tuple[float, float, str], language: str = "en") -> Transcript:
    """Utterances ``(start, end, text)`` with their words spread evenly."""
    utterances = []
    for start, end, text in spoken:
        edges = np.linspace(start, end, len(text.split()) + 1).tolist()
        words = [Word(Span(a, b), w) for a, b, w in zip(edges, edges[1:], text.split(), strict=False)]
        utterances.append(Utterance(Span(start, end), tuple(words)))
    return Transcript(utterances=tuple(utterances), language=language, source="captions")
