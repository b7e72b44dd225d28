"""Encoding one clip: H.264 or HEVC with AAC in an MP4 whose bytes depend on nothing but content and options.

Note [Deterministic clips]
~~~~~~~~~~~~~~~~~~~~~~~~~~
Decoder and encoders run on one thread each: the number of threads shapes what an encoder writes, and what a
decoder makes of a damaged H.264 stream (seen: 164 of 180 frames on two threads, 167 on one, other pictures).
Workers, and clips encoded at the same time, fill the machine. Encoders and muxer run in FFmpeg's bit-exact
mode, which leaves out version tags and dates. There are no B-frames: decoding and presentation order agree,
the first picture has time stamp 0 without an edit list, and every reader finds the same frames.
The source's time base is kept, so irregular frame times survive to the tick.

On x86 x264 is held to SSE 4.2, so clips are the same on every processor since 2009. Its AVX-512 version of
the macroblock tree takes 8 macroblocks at a time and reads past the last one: at widths that do not fill a
multiple of 128 pixels the clip depends on what lay in the memory before. This costs up to a tenth of the
encoder's time; without the tree clips are up to twice as large.
"""

from __future__ import annotations

import contextlib
import platform
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from narratrace.timebase import seconds_to_pts
from narratrace.write.clip_source import Picture, Sound
from narratrace.write.files import disk_errors
from narratrace.write.options import ClipOptions

_MP4_OPTIONS = {"movflags": "+faststart", "fflags": "+bitexact"}
_X264_ON_X86 = "asm=MMX2,SSE2Fast,SSSE3,SSE4.2"
_WHOLE_PIXELS = "me=dia:subme=0"
_AAC_OPTIONS = {"aac_coder": "fast"}  # FFmpeg's advice from 64 kbit/s on; 2.5 times as fast
_NOMINAL_RATE = 30  # only a hint for rate control: every picture carries its own time
_QUARTER_TURNS = {90: ("transpose=cclock",), 180: ("hflip", "vflip"), 270: ("transpose=clock",)}


class Fitter:
    """Turns pictures as coded into pictures as displayed, in yuv420p with even width and height.

    An odd last row or column is cut off: the rest keeps its pixels and its place. Pictures that change their
    size within a clip are scaled to the size of the clip's first one.
    """

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._source: tuple[Any, ...] | None = None
        self._graph: Any = None

    def fit(self, picture: Picture) -> Any:
        """The picture for the encoder; the input itself where nothing is to be done."""
        frame = picture.frame
        source = (frame.width, frame.height, frame.format.name, frame.rotation % 360)
        if source != self._source:
            self._source, self._graph = source, self._build(source, picture.time_base)
        if self._graph is None:
            return frame
        self._graph.push(frame)
        return self._graph.pull()

    def _build(self, source: tuple[int, int, str, int], time_base: Fraction) -> Any:
        width, height, pixel_format, rotation = source
        steps = list(_QUARTER_TURNS.get(rotation, ()))
        shown = (height, width) if rotation in (90, 270) else (width, height)
        even = (shown[0] & ~1, shown[1] & ~1)
        self._size = self._size or even
        if even != shown:
            steps.append(f"crop={even[0]}:{even[1]}:0:0")
        if even != self._size:
            steps.append(f"scale={self._size[0]}:{self._size[1]}")
        if pixel_format != "yuv420p":
            steps.append("format=yuv420p")
        return _chain(steps, width, height, pixel_format, time_base) if steps else None


def _chain(steps: list[str], width: int, height: int, pixel_format: str, time_base: Fraction) -> Any:
    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(
            width=width,
            height=height,
            format=av.VideoFormat(pixel_format, width, height),
            time_base=time_base,
        ),
        *(graph.add(*step.split("=", 1)) for step in steps),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    return graph


class ClipEncoder:
    """One clip in the making: pictures go in, the file comes out.

    Attributes:
        frames: Pictures taken so far.

    Raises:
        av.error.FFmpegError: FFmpeg refuses pictures or options (also from the methods).
        DiskError: the temporary folder takes no file of that size (from :meth:`finish`).
    """

    def __init__(self, first: Picture, start: float, options: ClipOptions) -> None:
        self.frames = 0
        self._options = options
        self._time_base = first.time_base
        self._zero = seconds_to_pts(start, first.time_base)
        self._fitter = Fitter()
        self._packets: list[Any] = []
        self._end = 0
        self._folder = tempfile.TemporaryDirectory(prefix="narratrace-clip-")
        self._path = Path(self._folder.name, "clip.mp4")
        self._container = av.open(str(self._path), "w", options=_MP4_OPTIONS)
        self._stream: Any = None

    def add(self, picture: Picture, t: float, end: float) -> None:
        """Append a picture that is on show from ``t`` to ``end`` seconds on the recording's clock."""
        frame = self._fitter.fit(picture)
        self._stream = self._stream or self._add_video(frame, picture)
        frame.pts = seconds_to_pts(t, self._time_base) - self._zero
        frame.time_base = self._time_base
        frame.pict_type = 0  # the source's choice of I, P and B pictures is not the encoder's
        self._packets += self._stream.encode(frame)
        self._end = seconds_to_pts(end, self._time_base) - self._zero
        self.frames += 1

    def finish(self, sound: Sound | None) -> bytes:
        """The whole file, with ``sound`` from the same start; the encoder is spent."""
        try:
            self._packets += self._stream.encode(None)
            _set_durations(self._packets, self._end)
            if sound is not None and sound.samples.size:
                self._packets += self._encode_sound(sound)
            self._packets.sort(key=lambda packet: packet.dts * packet.time_base)
            with disk_errors(self._path):
                self._container.mux(self._packets)
                self._container.close()
                return self._path.read_bytes()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Give back what the encoder holds."""
        with contextlib.suppress(av.error.FFmpegError):  # a full disk, which whoever wrote has met
            self._container.close()
        self._folder.cleanup()

    def _add_video(self, frame: Any, picture: Picture) -> Any:
        stream: Any = self._container.add_stream(
            self._options.codec, rate=_NOMINAL_RATE, options=_encoder_options(self._options)
        )
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p"
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        context.max_b_frames = 0
        context.sample_aspect_ratio = 1 / picture.aspect if picture.frame.rotation % 180 else picture.aspect
        context.color_range, context.colorspace = frame.color_range, frame.colorspace
        context.color_primaries, context.color_trc = frame.color_primaries, frame.color_trc
        if self._options.codec == "libx265":
            context.codec_tag = "hvc1"
        _make_deterministic(context)
        return stream

    def _encode_sound(self, sound: Sound) -> list[Any]:
        layout = "mono" if len(sound.samples) == 1 else "stereo"
        stream: Any = self._container.add_stream("aac", rate=sound.rate, layout=layout, options=_AAC_OPTIONS)
        stream.bit_rate = self._options.audio_bitrate
        _make_deterministic(stream.codec_context)
        frame = av.AudioFrame.from_ndarray(sound.samples, format="fltp", layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = sound.rate, Fraction(1, sound.rate), 0
        packets: list[Any] = [*stream.encode(frame), *stream.encode(None)]
        return packets


def _encoder_options(options: ClipOptions) -> dict[str, str]:
    common = {"crf": str(options.crf), "preset": options.preset}
    if options.codec == "libx265":  # which is no faster without parts of a pixel
        return {**common, "x265-params": "log-level=none:info=0:pools=1:frame-threads=1"}
    own = [] if options.subpixel else [_WHOLE_PIXELS]
    if platform.machine().lower() in ("x86_64", "amd64"):
        own.append(_X264_ON_X86)
    return {**common, "x264-params": ":".join(own)}


def _make_deterministic(context: Any) -> None:
    """One thread and no version tags, see Note [Deterministic clips]."""
    context.thread_count = 1
    context.flags |= av.codec.context.Flags.bitexact


def _set_durations(packets: list[Any], end: int) -> None:
    """Each picture lasts until the next one: what an encoder guesses is wrong for irregular frame rates."""
    following = [packet.pts for packet in packets[1:]] + [end]
    for packet, next_pts in zip(packets, following, strict=True):
        packet.duration = max(1, next_pts - packet.pts)
