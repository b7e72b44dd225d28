"""Reading stretches of a recording for its clips: pictures with their times on show, and sound.

Note [Seeking]
~~~~~~~~~~~~~~
A seek lands where the container's index says, which some demuxers look up by decoding time and others do not
have at all; both can end up after the wanted picture. So a seek is believed only once a random access point
at or before the wanted time has come out of it; otherwise it is repeated further back, and in the end the
file is read from its beginning. Seeks go by the video stream for sound too: containers index that one.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from narratrace.container import best_audio, best_video, open_container
from narratrace.demux import Resets, demuxed
from narratrace.errors import MediaError
from narratrace.timebase import Span, pts_to_seconds, seconds_to_pts

STATION = "clips"
_BACK_OFF_S = (0.0, 4.0, 30.0, math.inf)
_SOUND_PREROLL_S = 1.0
_SOUND_SNAP_S = 0.05
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)

F32 = npt.NDArray[np.float32]


class Source(Struct, frozen=True):
    """A recording that clips are cut from.

    Attributes:
        path: Media file.
        timeout_s: Longest wait for remote storage in seconds.
        seekable: Whether its clock goes on, so that a time is a place; see Note [Reset clocks].
        beat: Called with every packet, a sign of life; may raise to end the reading.
    """

    path: str
    timeout_s: float
    seekable: bool
    beat: Callable[[], None]


class Picture(Struct, frozen=True, eq=False):
    """A decoded picture and when it is on show.

    Attributes:
        frame: The picture as coded, not rotated.
        pts: Its time stamp in units of ``time_base``.
        time_base: Seconds per unit.
        aspect: Width of a pixel divided by its height, as coded.
        t: Presentation time in seconds, see Note [One clock].
        end: When the next picture takes its place, or the recording ends.
    """

    frame: av.VideoFrame
    pts: int
    time_base: Fraction
    aspect: Fraction
    t: float
    end: float


class Sound(Struct, frozen=True, eq=False):
    """A stretch of sound, exactly as long as the interval asked for; silent where there is none.

    Attributes:
        samples: float32, shape (channels, n), one or two channels.
        rate: Samples per second, one that AAC knows.
    """

    samples: F32
    rate: int


@contextlib.contextmanager
def open_media(source: Source) -> Iterator[Any]:
    """The file opened for reading.

    Raises:
        InputError: the file is gone.
        MediaError: it cannot be opened, or an error of FFmpeg leaves the block.
        DecodeTimeout: the storage did not answer in time.
    """
    try:
        with open_container(source.path, source.timeout_s, station=STATION) as container:
            yield container
    except av.error.FFmpegError as error:
        raise MediaError(
            f"cannot be cut: {error.strerror or error}",
            station=STATION,
            input=source.path,
            cause="the file is damaged, or was moved since it was analysed",
        ) from error


def chosen_stream(container: Any, kind: Literal["video", "audio"]) -> Any | None:
    """The stream the analysis looked at; None when there is no such stream at all."""
    return best_video(container) if kind == "video" else best_audio(container)


def packets_from(source: Source, kind: Literal["video", "audio"], start: float) -> Iterator[Any]:
    """Packets of the chosen stream from a random access point at or before ``start`` to the end of the file.

    The first packet is the random access point itself, unless the file has none; see Note [Seeking]. An
    empty packet that flushes the decoder ends the sequence.

    Raises:
        MediaError: the file cannot be opened or read.
        DecodeTimeout: it gave nothing in time.
    """
    for back in _BACK_OFF_S if source.seekable else (math.inf,):
        with open_media(source) as container:
            stream = chosen_stream(container, kind)
            if stream is None:
                return
            stream.codec_context.thread_count = 1  # see Note [Deterministic clips]
            if back == math.inf:
                packets = demuxed(container, stream, Resets(), source.beat)
                yield from packets if source.seekable else _skipping(packets, start)
                return
            packets = _after_seek(container, stream, start - back, source)
            first = next((packet for packet in packets if packet.is_keyframe), None)
            if first is not None and packet_time(first) <= start:
                yield first
                yield from packets
                return


def _skipping(packets: Iterator[Any], start: float) -> Iterator[Any]:
    """The packets without those that the pictures from ``start`` on do not need."""
    held: list[Any] = []
    for packet in packets:
        if packet.is_keyframe and packet_time(packet) <= start:
            held = []
        held.append(packet)
        if packet_time(packet) > start:
            break
    yield from held
    yield from packets


def without_unseen(packets: Iterator[Any], start: float) -> Iterator[Any]:
    """The packets, their decoder told to leave out what nobody sees or refers to.

    That is, of the pictures before the one on show at ``start``, those that no other is made from.
    Packets since a random access point are held.
    """
    held: list[Any] = []
    for packet in packets:
        t = packet_time(packet)
        if packet.is_keyframe and t <= start:
            yield from _seen_from(t, held)
            held = []
        held.append(packet)
        if t >= start:
            break
    shown = max((t for packet in held if (t := packet_time(packet)) <= start), default=-math.inf)
    yield from _seen_from(shown, held)
    yield from packets


def _seen_from(shown: float, packets: Iterable[Any]) -> Iterator[Any]:
    for packet in packets:
        unseen = packet_time(packet) < shown
        packet.stream.codec_context.skip_frame = "NONREF" if unseen else "DEFAULT"
        yield packet


def packet_time(packet: Any) -> float:
    """Presentation time of a packet in seconds; its decoding time without one, infinite without either."""
    pts = packet.pts if packet.pts is not None else packet.dts
    return math.inf if pts is None else pts_to_seconds(pts, packet.time_base)


def _after_seek(container: Any, stream: Any, t: float, source: Source) -> Iterator[Any]:
    guide = chosen_stream(container, "video") or stream
    try:
        container.seek(seconds_to_pts(t, guide.time_base), stream=guide, backward=True)
    except av.error.FFmpegError:
        return iter(())
    return demuxed(container, stream, Resets(), source.beat)


def decoded(packets: Iterator[Any]) -> Iterator[tuple[Any, int, Any]]:
    """Frames of the packets with their pts and stream; what is damaged or has no time is skipped."""
    for packet in packets:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        for frame in frames:
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is not None:
                yield frame, pts, packet.stream


def pictures(source: Source, start: float) -> Iterator[Picture]:
    """Pictures in presentation order, from one on show at or before ``start`` (if there is one) to the end.

    Raises:
        MediaError: the file cannot be opened or read.
    """
    packets = without_unseen(packets_from(source, "video", start), start)
    waiting: Picture | None = None
    for frame, pts, stream in decoded(packets):
        t = pts_to_seconds(pts, stream.time_base)
        if waiting is not None:
            if t <= waiting.t:
                continue
            yield replace(waiting, end=t)
        length = pts_to_seconds(frame.duration or 0, stream.time_base)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        waiting = Picture(frame, pts, stream.time_base, aspect, t, t + length)
    if waiting is not None:
        yield waiting


def read_sound(source: Source, span: Span) -> Sound | None:
    """The sound of ``span``; None when the recording has none at all.

    Frames that follow each other within 50 ms of their time stamps are joined without a seam (containers
    round time stamps to a millisecond); larger gaps are kept as silence.

    Raises:
        MediaError: the file cannot be opened or read.
    """
    with open_media(source) as container:
        stream = chosen_stream(container, "audio")
        if stream is None or not stream.codec_context.sample_rate:
            return None
        rate = stream.codec_context.sample_rate if stream.codec_context.sample_rate in _AAC_RATES else 48_000
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    samples = np.zeros((1 if layout == "mono" else 2, round(span.duration * rate)), np.float32)
    expected = -math.inf
    for t, block in _blocks(source, span, layout, rate):
        place = round((t - span.start) * rate)
        if abs(place - expected) <= _SOUND_SNAP_S * rate:
            place = int(expected)
        expected = place + block.shape[1]
        a, b = max(place, 0), min(place + block.shape[1], samples.shape[1])
        if a < b:
            samples[:, a:b] = block[:, a - place : b - place]
    return Sound(samples, rate)


def _blocks(source: Source, span: Span, layout: str, rate: int) -> Iterator[tuple[float, F32]]:
    """Decoded sound around ``span`` as (time, float32 of shape (channels, n)), in file order."""
    resampler, kind = None, None
    for frame, pts, stream in decoded(packets_from(source, "audio", span.start - _SOUND_PREROLL_S)):
        t = pts_to_seconds(pts, stream.time_base)
        if t >= span.end:
            return
        if resampler is None or (frame.sample_rate, frame.format.name, frame.layout.name) != kind:
            kind = (frame.sample_rate, frame.format.name, frame.layout.name)
            resampler = av.AudioResampler("fltp", layout, rate)
        frame.pts, frame.time_base = pts, stream.time_base
        for part in resampler.resample(frame):
            yield float(part.time or 0.0), np.asarray(part.to_ndarray(), np.float32)
