"""Writes frames and speech to a file as video sites deliver them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from .model import Image8
from .spec import Spec

BT709 = 1


def resample(wave: NDArray[np.float64], old: int, new: int) -> NDArray[np.int16]:
    """Linear resampling of mono sound; enough for synthetic speech."""
    n = int(len(wave) * new / old)
    values = np.interp(np.arange(n) * old / new, np.arange(len(wave)), wave)
    return np.clip(values, -32000, 32000).astype(np.int16)


def mix(
    waves: Sequence[tuple[float, NDArray[np.int16]]], rate: int, end: float, noise: float
) -> NDArray[np.float64]:
    """The sentences on one track of `end` s, with room noise of that standard deviation."""
    track = np.zeros(int(end * rate) + 1)
    for start, wave in waves:
        a = int(start * rate)
        piece = wave[: max(len(track) - a, 0)]
        track[a : a + len(piece)] += piece
    return track + np.random.default_rng(1).normal(0, noise, len(track)) if noise else track


class Writer:
    """An open output file. Frames must come in order of time."""

    def __init__(self, path: Path, spec: Spec, sound: NDArray[np.int16]) -> None:
        enc = spec.encoding
        self.spec, self.base = spec, enc.timebase()
        flags = {"movflags": "+faststart"} if enc.suffix == "mp4" else {}
        self.file = av.open(str(path), "w", options=flags)
        fps = Fraction(spec.clock.fps).limit_denominator(1001)
        quiet = {"x265-params": "log-level=error"} if enc.codec == "libx265" else {}
        self.video = self._stream(enc.codec, fps, {**quiet, **enc.options})
        self.video.width, self.video.height = spec.output
        self.video.pix_fmt = enc.pixels
        self.video.time_base = self.video.codec_context.time_base = self.base
        self.video.codec_context.framerate = fps
        self.video.codec_context.gop_size = enc.gop
        if enc.codec not in ("libsvtav1", "libvpx-vp9"):
            self.video.codec_context.max_b_frames = enc.bframes
        if enc.rate:
            self.video.bit_rate = enc.rate * 1000
        self._colours()
        self.audio: Any = self.file.add_stream(enc.audio, rate=enc.audio_rate, layout="mono")
        self.packets = self._speech(sound, spec.clock.start if spec.clock.start > 0.5 else 0.0)
        self.frame: av.VideoFrame | None = None

    def _stream(self, codec: str, fps: Fraction, options: dict[str, str]) -> Any:
        """A new video stream; Any, because PyAV types it as a union over all kinds of streams."""
        return self.file.add_stream(codec, rate=fps, options=options)

    def _colours(self) -> None:
        """Tags BT.709, limited or full range."""
        context = self.video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = ColorRange.JPEG if self.spec.encoding.full_range else ColorRange.MPEG

    def _speech(self, sound: NDArray[np.int16], start: float) -> list[Any]:
        """All audio packets, made ahead so that they can be interleaved by time."""
        rate = self.spec.encoding.audio_rate
        layout = "s16" if "opus" in self.spec.encoding.audio else "fltp"
        first, packets, size = int(start * rate), [], 960 if layout == "s16" else 1024
        for k in range(first, len(sound) - size, size):
            piece = sound[k : k + size]
            data: Any = piece[None, :] if layout == "s16" else (piece[None, :] / 32768).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=layout, layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, k, Fraction(1, rate)
            packets += self.audio.encode(frame)
        return [*packets, *self.audio.encode(None)]

    def write(self, picture: Image8 | None, t: float) -> None:
        """Adds a frame at time t (s); None repeats the last picture."""
        if picture is not None:
            space = Colorspace.ITU709
            limits = ColorRange.JPEG if self.spec.encoding.full_range else ColorRange.MPEG
            self.frame = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(
                *self.spec.output,
                self.spec.encoding.pixels,
                dst_colorspace=space,
                dst_color_range=limits,
                src_color_range=ColorRange.JPEG,
                interpolation=Interpolation[self.spec.scaler],
            )
        assert self.frame is not None
        self.frame.pts, self.frame.time_base = round(t / self.base), self.base
        self.frame.pict_type = 0
        for packet in self.video.encode(self.frame):
            self._mux(packet)

    def _mux(self, packet: Any) -> None:
        while (
            self.packets
            and packet.dts is not None
            and self.packets[0].pts * self.packets[0].time_base < packet.dts * packet.time_base
        ):
            self.file.mux(self.packets.pop(0))
        self.file.mux(packet)

    def close(self) -> None:
        """Writes what is left."""
        for packet in [*self.video.encode(None), *self.packets]:
            self.file.mux(packet)
        self.file.close()
        # SVT-AV1, run by root, leaves its caller a real-time process that starves the rest of the machine.
        if hasattr(os, "sched_setscheduler"):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def frame_times(path: Path) -> list[float]:
    """Times (s) of all frames of a file, as decoded."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = "AUTO"
        return [float(f.pts * f.time_base) for f in file.decode(stream)]
