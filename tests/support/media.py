"""Small videos whose content and times are known exactly, made with PyAV alone (no ffmpeg binary).

    made = make_video(tmp_path / "clip.mp4", fps=30, seconds=2, audio="tone")
    made.times      # presentation seconds of every frame, as the file carries them
    made.luma(i)    # luma that was drawn for frame i, before compression

``draw(i, t)`` paints frame ``i`` at ``t`` seconds and returns uint8 luma (h, w) or RGB (h, w, 3).
Everything is deterministic: the same call writes the same pictures at the same times.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange

FIXTURES = Path(__file__).parent / "fixtures"
"""Samples of codecs that PyAV cannot encode; see its README."""

U8 = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]
Draw = Callable[[int, float], U8]
Wave = Callable[[F64], F64]

TICKS = 90_000
"""Presentation ticks per second wherever the container can carry them (Matroska rounds to 1 ms)."""

_DEFAULT_OPTIONS: dict[str, dict[str, str]] = {
    "libx264": {"preset": "veryfast"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "0"},
    "libsvtav1": {"preset": "12"},
}


@dataclass(frozen=True)
class MadeVideo:
    """A generated file and the truth about it.

    Attributes:
        path: The file.
        times: Presentation seconds of every frame as wanted; containers with a coarse time base round them.
        width, height: Coded size in pixels.
        draw: Painter of frame ``i`` at ``t`` seconds.
    """

    path: Path
    times: F64
    width: int
    height: int
    draw: Draw

    @property
    def frames(self) -> int:
        return len(self.times)

    def luma(self, i: int) -> U8:
        """What was drawn for frame ``i``, as limited-range luma where it was painted as luma."""
        picture = self.draw(i, float(self.times[i]))
        assert picture.ndim == 2, "this video was painted in colour"
        return picture


def make_video(
    path: Path,
    *,
    width: int = 160,
    height: int = 96,
    fps: float = 30.0,
    seconds: float = 2.0,
    times: Sequence[float] | None = None,
    start: float = 0.0,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 30,
    bframes: int = 0,
    crf: int | None = 20,
    options: Mapping[str, str] | None = None,
    full_range: bool = False,
    interlaced: bool = False,
    sample_aspect: Fraction | None = None,
    rotation: int = 0,
    audio: str | Wave | None = None,
    audio_codec: str | None = None,
    audio_start: float | None = None,
    audio_gaps: Sequence[tuple[float, float]] = (),
    audio_warp: Callable[[float], float] | None = None,
    container_options: Mapping[str, str] | None = None,
    draw: Draw | None = None,
) -> MadeVideo:
    """Write a video file and tell what is in it.

    Args:
        path: Target; the suffix picks the container (.mp4 .mov .webm .mkv .avi .ts ...).
        width, height: Coded size in pixels; odd ones need another encoder than libx264 in 4:2:0.
        fps, seconds: Constant frame rate and length, unless ``times`` is given.
        times: Presentation seconds of every frame, strictly increasing, for irregular rates.
        start: Seconds added to every video time (and to the audio, unless ``audio_start`` is given).
        codec: Encoder, for instance ``libx264``, ``libvpx-vp9``, ``libsvtav1``, ``mpeg4``, ``ffv1``.
        pix_fmt: Coded pixel format; luma painted at 8 bits keeps its values in 8-bit YUV formats.
        gop: Largest distance of random access points in frames.
        bframes: Consecutive B pictures.
        crf: Constant quality where the encoder knows it; None leaves the encoder's default.
        options: Further encoder options.
        full_range: Mark (and, for RGB painters, convert) the picture as 0..255.
        interlaced: Encode as fields, top first.
        sample_aspect: Width of a pixel divided by its height.
        rotation: Clockwise degrees for display, written as display matrix (mp4, mov).
        audio: ``tone`` (440 Hz), ``silence``, a function of seconds on the video's clock, or None.
        audio_codec: Encoder; the container's usual one by default. Mono, 48 kHz.
        audio_start: First audio time in seconds, ``start`` by default.
        audio_gaps: Half-open intervals in seconds of which the packets are left out.
        audio_warp: Time written for the block of sound that is heard at a time; must increase.
        container_options: Muxer options, for instance ``{"movflags": "faststart"}``.
        draw: Painter; a textured background with a moving square by default.
    """
    wanted = np.asarray(times if times is not None else np.arange(round(fps * seconds)) / fps, float) + start
    painter = draw or moving_square(width, height)
    with _ordinary_priority(), av.open(str(path), "w", options=dict(container_options or {})) as container:
        video = _add_video(container, codec, fps, width, height, pix_fmt, gop, bframes, crf, options)
        ctx = video.codec_context
        if full_range:
            ctx.color_range = ColorRange.JPEG
        if sample_aspect is not None:
            ctx.sample_aspect_ratio = sample_aspect
        if interlaced:
            ctx.options = {**ctx.options, "flags": "+ilme+ildct", "x264-params": "tff=1"}
        streams: list[Iterator[Any]] = [_encoded(video, wanted, painter, full_range=full_range)]
        if audio is not None:
            sound = container.add_stream(audio_codec or _usual_audio(path), rate=48_000, layout="mono")
            first = start if audio_start is None else audio_start
            end = float(wanted[-1]) + 1.0 / fps
            streams.append(_audio_packets(sound, _wave(audio), first, end, audio_gaps, audio_warp))
        container.start_encoding()
        _mux_in_order(container, streams)
    if rotation:
        set_rotation(path, rotation)
    return MadeVideo(path, wanted, width, height, painter)


@contextmanager
def _ordinary_priority() -> Iterator[None]:
    """Gives the calling thread its scheduling back: SVT-AV1 makes it a real-time one when run by root, and
    a test run that keeps both cores for itself starves every other process of the machine."""
    try:
        yield
    finally:
        if hasattr(os, "sched_setscheduler"):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def moving_square(width: int, height: int, side: int = 16, seed: int = 0) -> Draw:
    """A painter: fixed smooth texture, and a bright square that moves by two pixels a frame."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 160, (-(-height // 16), -(-width // 16)), dtype=np.uint8)
    ground = np.kron(coarse, np.ones((16, 16), np.uint8))[:height, :width]

    def draw(i: int, t: float) -> U8:
        picture: U8 = ground.copy()
        x = (2 * i) % max(1, width - side)
        y = (height - side) // 2
        picture[y : y + side, x : x + side] = 220
        return picture

    return draw


def hevc_luma(i: int) -> U8:
    """What frame ``i`` of the HEVC samples shows, at 8 bits."""
    y, x = np.mgrid[:48, :96]
    picture: U8 = (60 + 40 * ((x // 16 + y // 16) % 2)).astype(np.uint8)
    picture[16:32, 2 * i : 2 * i + 16] += 100
    return picture


def flash(width: int, height: int, at: Sequence[float], length: float = 0.1) -> Draw:
    """A painter: black, and white during ``length`` seconds from each time of ``at``."""

    def draw(i: int, t: float) -> U8:
        lit = any(a - 1e-6 <= t < a + length - 1e-6 for a in at)
        return np.full((height, width), 235 if lit else 16, np.uint8)

    return draw


def clicks(at: Sequence[float], length: float = 0.01) -> Wave:
    """A sound: silence, and a 1 kHz burst of ``length`` seconds from each time of ``at``."""

    def wave(t: F64) -> F64:
        out = np.zeros_like(t)
        for a in at:
            inside = (t >= a) & (t < a + length)
            out[inside] = 0.9 * np.cos(2 * np.pi * 1000.0 * (t[inside] - a))
        return out

    return wave


def frame_from_luma(luma: U8, chroma: int = 128) -> av.VideoFrame:
    """A yuv420p frame with exactly this luma and one flat colour; any size, odd ones too."""
    height, width = luma.shape
    frame = av.VideoFrame(width, height, "yuv420p")
    for index, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        rows[:, : plane.width] = luma if index == 0 else chroma
    return frame


def truncate(path: Path, target: Path, keep: float) -> Path:
    """The first ``keep`` (0..1) of the file's bytes."""
    data = path.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


def flip_bits(path: Path, target: Path, *, share: float, seed: int = 0, bits: int = 8) -> Path:
    """A copy in which a ``share`` (0..1) of the video packets, never the first, has ``bits`` bits flipped.

    The container's own structure stays whole, so every packet is still found.
    """
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    spots = _packet_places(path)[1:]
    chosen = rng.permutation(len(spots))[: round(len(spots) * share)]
    for offset, size in (spots[i] for i in sorted(chosen.tolist())):
        first = min(5, size - 1)  # behind the length field and NAL header: the payload itself
        for position in rng.integers(first, size, bits).tolist():
            data[offset + position] ^= 1 << int(rng.integers(8))
    target.write_bytes(data)
    return target


def zero_packets(path: Path, target: Path, *, share: float, seed: int = 0, kind: str = "video") -> Path:
    """A copy in which a ``share`` (0..1) of the packets of a ``kind``, never the first, holds only zeros."""
    data = bytearray(path.read_bytes())
    spots = _packet_places(path, kind)[1:]
    chosen = np.random.default_rng(seed).permutation(len(spots))[: round(len(spots) * share)]
    for offset, size in (spots[i] for i in sorted(chosen.tolist())):
        data[offset : offset + size] = bytes(size)
    target.write_bytes(data)
    return target


def strip_moov(path: Path, target: Path) -> Path:
    """A copy of an mp4 without its ``moov`` box: what an interrupted recording leaves behind."""
    data = path.read_bytes()
    target.write_bytes(b"".join(box for kind, box in _boxes(data) if kind != b"moov"))
    return target


def set_rotation(path: Path, degrees: int) -> None:
    """Write a display matrix into the first video track of an mp4: turn by ``degrees`` clockwise."""
    one, corner = 0x10000, 0x40000000
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees % 360]
    matrix = struct.pack(">9i", cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, corner)
    data = bytearray(path.read_bytes())
    box = data.index(b"tkhd")
    version = data[box + 4]
    start = box + 4 + (40 if version == 0 else 52)
    data[start : start + 36] = matrix
    path.write_bytes(data)


def make_size_change(
    path: Path,
    sizes: Sequence[tuple[int, int]],
    *,
    frames: int = 20,
    codec: str = "libx264",
    presets: Sequence[str] = (),
) -> MadeVideo:
    """A stream whose picture size changes midway: ``frames`` at 30 Hz of each size.

    ``luma`` of the result is only right for the first size.

    Args:
        path: Target: .ts for H.264, .mkv for the others.
        sizes: Width and height of each part.
        frames: Of each part.
        codec: Encoder.
        presets: Of libx264, for each part; ``veryfast`` without them.
    """
    base = Fraction(1, TICKS)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30)
        for part, (width, height) in enumerate(sizes):
            encoder: Any = stream.codec_context if part == 0 else av.CodecContext.create(codec, "w")
            encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
            encoder.time_base, encoder.framerate, encoder.thread_count = base, Fraction(30), 1
            encoder.options = dict(_DEFAULT_OPTIONS.get(codec, {}))
            if codec == "libx264":
                encoder.options = {"preset": presets[part] if presets else "veryfast", "bf": "0"}
            draw = moving_square(width, height)
            times = (part * frames + np.arange(frames)) / 30
            for packet in _encoded(encoder, times, draw, full_range=False):
                packet.stream = stream
                container.mux(packet)
    width, height = sizes[0]
    return MadeVideo(path, np.arange(len(sizes) * frames) / 30, width, height, moving_square(width, height))


def with_cover(path: Path, target: Path) -> Path:
    """A copy that also carries a cover picture larger than the video."""
    with av.open(str(path)) as source, av.open(str(target), "w") as out:
        cover = out.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 640, 640, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic.value
        pairs = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        out.start_encoding()
        picture = av.VideoFrame.from_ndarray(np.full((640, 640, 3), 200, np.uint8), format="rgb24")
        picture.pts, picture.time_base = 0, Fraction(1, 1)
        out.mux(cover.encode(picture))
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = pairs[packet.stream_index]
                out.mux(packet)
    return target


def _add_video(
    container: Any,
    codec: str,
    fps: float,
    width: int,
    height: int,
    pix_fmt: str,
    gop: int,
    bframes: int,
    crf: int | None,
    options: Mapping[str, str] | None,
) -> Any:
    chosen = dict(_DEFAULT_OPTIONS.get(codec, {}))
    if crf is not None and codec in ("libx264", "libvpx-vp9", "libsvtav1"):
        chosen["crf"] = str(crf)
    if codec == "libvpx-vp9":
        chosen["b"] = "0"
    if codec == "libx264":
        chosen["bf"] = str(bframes)
    stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=chosen)
    stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
    ctx = stream.codec_context
    ctx.gop_size = gop
    ctx.thread_count = 1  # the same bytes on every machine
    if codec != "libx264":
        ctx.max_b_frames = bframes
    # mpeg4 refuses clocks finer than 1/65535.
    ctx.time_base = Fraction(1, TICKS) if codec != "mpeg4" else Fraction(1, 30_000)
    stream.time_base = ctx.time_base
    ctx.options = {**chosen, **(options or {})}
    return stream


def _encoded(encoder: Any, times: F64, draw: Draw, *, full_range: bool) -> Iterator[Any]:
    """Packets of the painted frames; ``encoder`` is a stream or a codec context."""
    for i, t in enumerate(times.tolist()):
        frame = _to_frame(draw(i, t), encoder.pix_fmt, full_range)
        frame.pts, frame.time_base = round(t / encoder.time_base), encoder.time_base
        yield from encoder.encode(frame)
    yield from encoder.encode(None)


def _to_frame(picture: U8, pix_fmt: str, full_range: bool) -> av.VideoFrame:
    spread = ColorRange.JPEG if full_range else ColorRange.MPEG
    if picture.ndim == 3:
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        return frame.reformat(format=pix_fmt, dst_color_range=spread)
    if pix_fmt == "gray":
        return av.VideoFrame.from_ndarray(picture, format="gray")
    frame = frame_from_luma(picture)
    if pix_fmt in ("yuv420p", "yuvj420p"):
        frame.color_range = spread
        return frame
    return frame.reformat(format=pix_fmt, src_color_range=spread, dst_color_range=spread)


def _audio_packets(
    stream: Any,
    wave: Wave,
    first: float,
    end: float,
    gaps: Sequence[tuple[float, float]],
    warp: Callable[[float], float] | None,
) -> Iterator[Any]:
    rate, block = 48_000, 960
    for k in range(max(1, int(np.ceil((end - first) * rate / block)))):
        t = first + (k * block + np.arange(block)) / rate
        if any(a <= t[0] < b for a, b in gaps):
            continue
        samples = np.clip(wave(t), -1, 1).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(warp(t[0]) * rate) if warp else round(first * rate) + k * block
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _wave(audio: str | Wave) -> Wave:
    if callable(audio):
        return audio
    if audio == "tone":
        return lambda t: 0.3 * np.sin(2 * np.pi * 440.0 * t)
    if audio == "silence":
        return np.zeros_like
    raise ValueError(f"audio must be tone, silence or a function, got {audio!r}")


def _usual_audio(path: Path) -> str:
    return {".webm": "libopus", ".mkv": "libopus", ".avi": "pcm_s16le"}.get(path.suffix, "aac")


def _mux_in_order(container: Any, streams: list[Iterator[Any]]) -> None:
    """Drain the encoders so that their packets come in time order: muxers buffer only so much."""
    waiting = [(stream, next(stream, None)) for stream in streams]
    while waiting := [(stream, packet) for stream, packet in waiting if packet is not None]:
        index = min(range(len(waiting)), key=lambda k: float(waiting[k][1].dts * waiting[k][1].time_base))
        stream, packet = waiting[index]
        container.mux(packet)
        waiting[index] = (stream, next(stream, None))


def _packet_places(path: Path, kind: str = "video") -> list[tuple[int, int]]:
    """Offset and size in bytes of every packet's payload; in transport streams, of every unit's end."""
    data = path.read_bytes()
    with av.open(str(path)) as container:
        packets = [
            packet for packet in container.demux(**{kind: 0}) if packet.size and packet.pos is not None
        ]
        if path.suffix == ".ts":
            return [(at + 88, 100) for at in _transport_units(data, packets[0].pos)]
        # Matroska gives the place of the block around the payload.
        return [(data.index(bytes(packet), packet.pos), packet.size) for packet in packets]


def _transport_units(data: bytes, example: int) -> Iterator[int]:
    """Offsets of the transport units of the same stream as the unit at ``example``."""

    def stream(at: int) -> int:
        return (data[at + 1] & 0x1F) << 8 | data[at + 2]

    return (at for at in range(0, len(data) - 187, 188) if stream(at) == stream(example))


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Top-level boxes of an mp4: kind, and the whole box."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        elif size == 0:
            size = len(data) - at
        yield kind, data[at : at + size]
        at += size
