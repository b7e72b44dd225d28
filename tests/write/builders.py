"""Finished recordings, small but complete, made from a seed; and ways to read outputs back."""

from __future__ import annotations

import contextlib
import hashlib
import io
import resource
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from PIL import Image as Pillow

from narratrace.data.analysis import VideoStats, VisualAnalysis
from narratrace.data.frames import Image
from narratrace.data.media import DecodeSummary, VideoInput
from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample, Clip, RegionBox, SampleKind, WordPosition
from narratrace.data.shots import Box, ChangeEvent, MovingRegion, Shot, StableSpan
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.timebase import Span
from narratrace.write.bundle import write_bundle
from narratrace.write.options import BundleOptions, ShardOptions
from narratrace.write.shards import Assembler

WIDTH, HEIGHT = 1280, 720


@lru_cache
def picture(seed: int) -> Image:
    """A real JPEG of half the video's size, different for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 16, 3), dtype=np.uint8)
    out = io.BytesIO()
    Pillow.fromarray(pixels).resize((WIDTH // 2, HEIGHT // 2)).save(out, "JPEG", quality=30)
    return Image(jpeg=out.getvalue(), width=WIDTH // 2, height=HEIGHT // 2, scale=0.5)


def make_trace(span: Span, seed: int = 0) -> Trace:
    """A pointer at 10 Hz that wanders over the picture and is out of sight in the middle third."""
    rng = np.random.default_rng(seed)
    t = span.start + np.arange(0.0, span.duration, 0.1) + rng.uniform(0, 1e-4)
    t = t[(t < span.start + span.duration / 3) | (t >= span.start + 2 * span.duration / 3)]
    x, y = rng.uniform(0, WIDTH, len(t)), rng.uniform(0, HEIGHT, len(t))
    return Trace(t, x, y, rng.uniform(0.5, 1.0, len(t)))


def make_sample(kind: SampleKind, video_id: str, index: int, seed: int = 0) -> AlignedSample:
    """A sample with something in every field its kind has."""
    span = Span(10.0 * index + 1 / 3, 10.0 * index + 6 + 1 / 3)
    words = tuple(
        Word(Span(span.start + 0.5 * i, span.start + 0.5 * i + 0.4), text, 0.9)
        for i, text in enumerate(["look", "at", "this", "dark", f"spot{index},", "naïve"])
    )
    utterances = tuple(
        Utterance(Span(part[0].span.start, part[-1].span.end), part) for part in (words[:3], words[3:])
    )
    trace = Trace.empty() if kind is SampleKind.PAIR else make_trace(span, seed)
    pointing = kind is not SampleKind.PAIR
    mp4 = hashlib.sha256(f"{video_id}{index}".encode()).digest() * 40
    return AlignedSample(
        kind=kind,
        key=f"{video_id}_{index}",
        video_id=video_id,
        index=index,
        span=span,
        text=" ".join(word.text for word in words),
        utterances=utterances,
        image=picture(seed % 7),
        image_t=span.middle,
        stable_span=span.pad(1, 1),
        trace=trace,
        word_positions=tuple(
            WordPosition(word=w, x=100.04 * i if pointing else None, y=50.0 if pointing else None)
            for i, w in enumerate(words)
        ),
        boxes=(
            RegionBox(
                box=Box(x0=10, y0=20, x1=110.55, y1=220),
                span=span,
                text="dark spot",
                method="dwell",
                score=1 / 3,
            ),
        )
        if pointing
        else (),
        dwells=(Dwell(span=span, x=60.123, y=70.456, radius=12.0),) if pointing else (),
        clip=Clip(mp4=mp4, span=span, offset=span.start + 0.01, method="encode", frames=180)
        if kind is SampleKind.CLIP
        else None,
        labels={"mri": 0.7, "ct": 0.6, "ultrasound": 0.01},
        meta={"spw": 0.4, "pair_chunk_time": 8.0},
    )


def make_visual(seed: int = 0, duration: float = 60.0) -> VisualAnalysis:
    """An analysis with something in every list."""
    span = Span(0.5, duration)
    return VisualAnalysis(
        video=DecodeSummary(
            codec="h264",
            width=WIDTH,
            height=HEIGHT,
            start_pts_s=0.0,
            duration=duration,
            frames_decoded=1800,
            frames_skipped=3,
            packets=1803,
            corrupt=0,
            fps_mean=29.97002997,
            vfr=True,
            backend="pyav",
            warnings=("one packet was damaged",),
        ),
        shots=(
            Shot(span=Span(0.0, 20.0), transition="none", settled=0.0),
            Shot(span=Span(20.0, duration), transition="fade", settled=20.5),
        ),
        changes=(
            ChangeEvent(span=Span(5, 5.5), kind="build", box=Box(x0=1, y0=2, x1=3, y1=4.44), changed=1 / 7),
        ),
        stable_spans=(
            StableSpan(
                span=Span(1, 5), keyframe_t=3.0, keyframe=picture(seed % 7), phash=2**63 + seed, group=0
            ),
            StableSpan(span=Span(6, 19.99999), keyframe_t=9.0, keyframe=None, phash=1, group=0),
        ),
        moving_regions=(MovingRegion(box=Box(x0=0, y0=0, x1=64, y1=48), span=span),),
        trace=make_trace(Span(0, duration), seed),
        dwells=(Dwell(span=Span(2, 3), x=1.0, y=2.0, radius=3.0),),
        timings={"decode_s": 1.23456},
    )


def make_recording(sequence: int, counts: tuple[int, int, int] = (3, 2, 1), **changes: object) -> Recording:
    """A recording ready to be written.

    Args:
        sequence: Position in the run; also the seed.
        counts: Number of pairs, traces and clips.
        changes: Fields to replace.
    """
    video_id = f"vid-{sequence:04d}"
    samples = [
        make_sample(kind, video_id, index, seed=sequence + index)
        for kind, count in zip(SampleKind, counts, strict=True)
        for index in range(count)
    ]
    words = tuple(u for s in samples if s.kind is SampleKind.PAIR for u in s.utterances)
    recording = Recording(
        input=VideoInput(
            video_id=video_id,
            uri=f"/media/lecture {sequence}.mp4",
            title=f"Lecture {sequence}",
            channel="Dr. Example",
            link=f"https://video.example/{sequence}",
            licence="CC-BY-4.0",
            extra={"views": 12, "ratio": 0.123456789012, "spw": "never displaces ours"},
        ),
        sequence=sequence,
        visual=make_visual(sequence),
        transcript=Transcript(utterances=words, language="en", source="captions:x.vtt"),
        stats=VideoStats(
            duration=60.0,
            speech_share=0.5,
            stable_share=0.9,
            pointer_share=0.3,
            narrative_score=None,
            medical_share=None,
            spw=0.4,
            words=18,
        ),
        samples=tuple(samples),
        timings={"analyse": 0.5},
    )
    return replace(recording, **changes)  # type: ignore[arg-type]


def make_bundles(folder: Path, recordings: list[Recording | None]) -> list[Path | None]:
    """Bundles of the recordings, None for those that were dropped."""
    folder.mkdir(parents=True, exist_ok=True)
    return [r and write_bundle(r, folder, BundleOptions()) for r in recordings]


def assemble(
    out: Path, bundles: list[Path | None], options: ShardOptions, order: list[int] | None = None
) -> None:
    """A whole run of the assembler, in the given order of completion."""
    with Assembler(out, options) as assembler:
        for sequence in order or range(len(bundles)):
            assembler.submit(sequence, bundles[sequence])
        assembler.finish()


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows over ``size`` bytes meanwhile: what a full disk does to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def tree(out: Path) -> dict[str, str]:
    """Every file below ``out``, hidden ones included, with its hash."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
