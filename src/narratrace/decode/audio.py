"""Sound as 16 kHz mono on the video's clock.

Note [Sound on the video's clock]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
Every decoded block says when it is heard. As long as blocks follow each other they form a run, which goes
through one resampler and stays free of seams; a block whose time is off by more than a small tolerance ends
the run. Each run is then laid at its own time: a gap before it becomes silence, an overlap is cut off. So
the sound never drifts from the pictures by more than the tolerance, however long the recording and whatever
is missing. Encoder delay and edit lists are already in the times: FFmpeg trims the priming samples and
moves the first block accordingly, which may leave it before zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import av
import av.error
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.container import open_container
from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.data.media import MediaInfo
from narratrace.demux import Resets, read_packets
from narratrace.errors import MediaError
from narratrace.options import option
from narratrace.watchdog import HangCallback, Watchdog

F32 = npt.NDArray[np.float32]

_MOST_EXPECTED_S = 4 * 3600.0
"""Longest duration a header is believed when memory is set aside; longer sound just grows it."""


class AudioOptions(Struct, frozen=True, kw_only=True):
    """How the sound of a recording is read."""

    tolerance_s: Annotated[
        float,
        option(
            "jitter of block times that does not count as a gap",
            unit="s",
            source="choice: above Matroska's rounding of 1 ms, below the 5 ms of a visible lip lag",
            ge=0,
        ),
    ] = 0.004
    longest_gap_s: Annotated[
        float,
        option(
            "gap that is still filled with silence; the sound ends where a longer one begins",
            unit="s",
            source="choice: a longer jump is a broken clock, and would fill the memory",
            gt=0,
        ),
    ] = 3600.0
    stall_timeout_s: Annotated[
        float, option("longest wait for sound before the recording is given up", unit="s", gt=0)
    ] = 60.0


def load_audio(
    media: MediaInfo, options: AudioOptions | None = None, *, on_hang: HangCallback | None = None
) -> Audio | None:
    """All sound of a file, None when it has none.

    Holds 64 kB for each second of sound; :class:`AudioReader` gives it in blocks.

    Args:
        media: The file, as it was probed.
        options: How to read it, the defaults when None.
        on_hang: See Note [Two ways to end a hang].

    Raises:
        MediaError: the file has an audio stream, but less than half of its packets can be decoded.
        DecodeTimeout: nothing could be read for ``stall_timeout_s``.
    """
    if media.audio is None:
        return None
    reader = AudioReader(media, options or AudioOptions(), on_hang=on_hang)
    expected = min(media.duration or 0.0, _MOST_EXPECTED_S) + 1.0
    samples, count, start = np.empty(int(expected * SAMPLE_RATE), np.float32), 0, 0.0
    for block in reader:
        if count == 0:
            start = block.start
        end = count + len(block.samples)
        if end > len(samples):
            samples = np.concatenate([samples[:count], np.empty(max(count, end - count), np.float32)])
        samples[count:end] = block.samples
        count = end
    return Audio(samples[:count], start, reader.warnings()) if count else None


class AudioReader:
    """Iterates over the sound of a file once, in blocks that follow each other without gap or overlap.

    Args:
        media: The file, as it was probed; it must have an audio stream.
        options: How to read it.
        on_hang: See Note [Two ways to end a hang].
    """

    def __init__(
        self, media: MediaInfo, options: AudioOptions, *, on_hang: HangCallback | None = None
    ) -> None:
        if media.audio is None:
            raise MediaError("no audio stream", station="decode", input=media.path)
        self._media = media
        self._index = media.audio.index
        self._options = options
        self._on_hang = on_hang
        self._packets = self._damaged = 0
        self._resets = Resets()
        self._silence = self._trimmed = 0  # output samples

    def warnings(self) -> tuple[str, ...]:
        """What was met so far, one line each."""
        lines = [
            (self._damaged, f"{self._damaged} of {self._packets} audio packets were lost to damage"),
            (self._resets.count, self._resets.warning()),
            (self._silence, f"{self._silence / SAMPLE_RATE:.3f} s of gaps in the sound filled with silence"),
            (self._trimmed, f"{self._trimmed / SAMPLE_RATE:.3f} s of overlapping sound cut off"),
        ]
        return tuple(line for count, line in lines if count)

    def __iter__(self) -> Iterator[Audio]:
        """Blocks of sound in time order.

        Raises:
            MediaError: less than half of the packets could be decoded.
            DecodeTimeout: nothing could be read for ``stall_timeout_s``.
        """
        position: int | None = None  # of the next sample, in output samples since presentation time 0
        for start, samples in self._timed():
            if position is None:
                position = start
            elif start - position > self._options.longest_gap_s * SAMPLE_RATE:
                break
            elif start > position:
                self._silence += start - position
                yield Audio(np.zeros(start - position, np.float32), position / SAMPLE_RATE)
                position = start
            cut = min(position - start, len(samples))
            self._trimmed += cut
            if cut < len(samples):
                yield Audio(samples[cut:], position / SAMPLE_RATE)
                position += len(samples) - cut
        if 2 * self._damaged > self._packets:
            raise MediaError(
                f"{self._damaged} of {self._packets} audio packets could not be decoded",
                station="decode",
                input=self._media.path,
                expected="at most half of them",
                cause="a damaged or incomplete file",
            )

    def _timed(self) -> Iterator[tuple[int, F32]]:
        """Resampled blocks, each with its place in output samples."""
        run: _Run | None = None
        for frame in self._frames():
            if run is not None and not run.continued_by(frame, self._options.tolerance_s):
                yield from run.rest()
                run = None
            if run is None:
                run = _Run(frame)
            yield from run.add(frame)
        if run is not None:
            yield from run.rest()

    def _frames(self) -> Iterator[Any]:
        """Decoded blocks that say when they are heard."""
        timeout = self._options.stall_timeout_s
        with (
            Watchdog(timeout, input=self._media.path, on_hang=self._on_hang) as watchdog,
            open_container(self._media.path, timeout, station="decode") as container,
        ):
            stream = container.streams[self._index]
            for packet in read_packets(container, stream, self._resets, watchdog.beat):
                self._packets += 1
                for frame in self._decode(stream, packet) if packet is not None else self._lose():
                    watchdog.pause()
                    yield frame
                    watchdog.resume()
            yield from self._decode(stream, None)

    def _decode(self, stream: Any, packet: Any | None) -> list[Any]:
        try:
            frames = stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            return self._lose()
        return [frame for frame in frames if frame.pts is not None and frame.samples]

    def _lose(self) -> list[Any]:
        self._damaged += 1
        return []


class _Run:
    """Blocks that follow each other, of one sample rate and layout."""

    def __init__(self, first: Any) -> None:
        self._kind = (first.sample_rate, first.layout.name, first.format.name)
        self._start = first.pts * first.time_base
        self._heard = 0  # input samples
        self._place = round(self._start * SAMPLE_RATE)
        # Channels are averaged here: FFmpeg's own downmix may exceed full scale.
        self._resampler = av.AudioResampler(format="fltp", layout=first.layout, rate=SAMPLE_RATE)

    def continued_by(self, frame: Any, tolerance_s: float) -> bool:
        """Whether the block begins where the run ends, to within the tolerance."""
        if (frame.sample_rate, frame.layout.name, frame.format.name) != self._kind:
            return False
        end = float(self._start) + self._heard / frame.sample_rate
        return bool(abs(frame.pts * frame.time_base - end) <= tolerance_s)

    def add(self, frame: Any) -> Iterator[tuple[int, F32]]:
        self._heard += frame.samples
        frame.pts = None  # the run keeps the time; jitter must not make the resampler stretch
        yield from self._out(self._resampler.resample(frame))

    def rest(self) -> Iterator[tuple[int, F32]]:
        """What the resampler still holds."""
        yield from self._out(self._resampler.resample(None))

    def _out(self, frames: list[Any]) -> Iterator[tuple[int, F32]]:
        for frame in frames:
            if frame is None:  # a resampler with nothing to do passes even the flush through
                continue
            samples: F32 = frame.to_ndarray().mean(axis=0, dtype=np.float32)
            place, self._place = self._place, self._place + len(samples)
            yield place, samples
