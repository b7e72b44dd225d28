"""Decoding on the CPU with PyAV, which carries FFmpeg's decoders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, TypeVar

import av
import av.error
from av.codec.context import ThreadType

from narratrace.container import open_container
from narratrace.data.frames import Frame, PackedFrame
from narratrace.data.media import DecodeSummary, MediaInfo
from narratrace.decode.account import PassAccount
from narratrace.decode.contract import DecodeOptions
from narratrace.decode.packed import DecodedPicture, PackingDecoder, StretchDecoder
from narratrace.decode.packets import wanted_packets
from narratrace.decode.planes import PictureSizes, PlaneReader, Planes
from narratrace.decode.splits import Splitter, packet_splitter
from narratrace.decode.stretches import Stretches
from narratrace.errors import MediaError
from narratrace.ops.packed import PackedPicture, merged
from narratrace.threads import usable_cores
from narratrace.timebase import pts_to_seconds
from narratrace.watchdog import HangCallback, Watchdog, stalled

T = TypeVar("T")

_MOST_THREADS = 16
"""FFmpeg's own advice; every further thread costs frames of memory and gains little."""

_MOST_BESIDE = 4
"""Stretches decoded at once; what looks at their pictures, one after the other, is no faster than as many."""


class PyavDecoder:
    """A :class:`narratrace.decode.contract.Decoder` on FFmpeg's software decoders.

    Args:
        media: The file, as it was probed.
        options: How to read it.
        on_hang: See Note [Two ways to end a hang].
        notes: Warnings that the summary is to show beside the pass's own.

    Raises:
        InputError: the file is gone.
        MediaError: it has no video stream, or cannot be opened.
    """

    backend = "pyav"

    def __init__(
        self,
        media: MediaInfo,
        options: DecodeOptions,
        *,
        on_hang: HangCallback | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        if media.video is None:
            raise MediaError(
                "no video stream", station="decode", input=media.path, expected="a file with moving pictures"
            )
        self._media = media
        self._video = media.video
        self._options = options
        self._account = PassAccount(media, self.backend)
        for note in notes:
            self._account.warn(note)
        self._sizes = PictureSizes()
        self._planes = self._plane_reader()
        self._begun = False
        self._hidden: PackedPicture | None = None  # what pictures that are not handed on have changed
        self._watchdog = Watchdog(options.stall_timeout_s, input=media.path, on_hang=on_hang)
        try:
            self._container = open_container(media.path, options.stall_timeout_s, station="decode")
            by_index = {stream.index: stream for stream in self._container.streams.video}
            self._stream: Any = by_index[media.video.index]
            context = self._stream.codec_context
            context.thread_type, context.thread_count = (
                ThreadType.AUTO,
                options.threads or min(_MOST_THREADS, usable_cores()),
            )
            self._watchdog.pause()
        except BaseException:
            self._watchdog.close()
            raise

    @property
    def info(self) -> MediaInfo:
        """Facts of the file, as they were handed in."""
        return self._media

    def batches(self) -> Iterator[list[Frame]]:
        """See :meth:`narratrace.decode.contract.Decoder.batches`."""
        self._begin()
        batch: list[Frame] = []
        for frame in self._frames():
            self._watchdog.beat()
            batch.append(frame)
            if len(batch) == self._options.batch_size:
                self._watchdog.pause()
                yield batch
                self._watchdog.resume()
                batch = []
        self._watchdog.pause()
        if batch:
            yield batch
        self._account.finish()

    def packed_batches(self) -> Iterator[list[PackedFrame]]:
        """The frames of :meth:`batches`, packed: see Note [Decoding beside]. They last.

        Raises:
            MediaError, DecodeTimeout: as :meth:`batches` does.
        """
        self._begin()
        packets = wanted_packets(self._container, self._stream, self._video, self._options, self._account)
        splitter = self._splitter()
        with closing(self._stretch_decoder(apart=splitter is not None)) as decoder:
            batches = decoder.batches(Stretches(packets, splitter))
            while (batch := self._next(batches)) is not None:
                self._watchdog.beat()
                frames = [frame for picture in batch if (frame := self._admit_packed(picture)) is not None]
                if frames:
                    self._watchdog.pause()
                    yield frames
                    self._watchdog.resume()
        self._watchdog.pause()
        self._account.finish()

    def summary(self) -> DecodeSummary:
        """See :meth:`narratrace.decode.contract.Decoder.summary`."""
        for width, height in sorted(self._sizes.others)[:3]:
            self._account.warn(f"pictures of {width} x {height} were rescaled to the size of the first")
        return self._account.summary()

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        self._watchdog.close()
        self._stream = None
        self._container.close()

    def __enter__(self) -> PyavDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self) -> None:
        if self._begun:
            raise RuntimeError("a decoder makes one pass; open another one")
        self._begun = True
        self._watchdog.resume()

    def _splitter(self) -> Splitter | None:
        # AVI has decoding times alone: which picture has which depends on all that were decoded before.
        if "avi" in self._media.container.split(","):
            return None
        return packet_splitter(self._video.codec, self._stream.codec_context.extradata)

    def _plane_reader(self) -> PlaneReader:
        return PlaneReader(self._video.rotation, self._video.full_range, self._sizes)

    def _stretch_decoder(self, *, apart: bool) -> StretchDecoder:
        options, context = self._options, self._stream.codec_context
        threads = options.threads or min(_MOST_BESIDE, usable_cores())
        beside = [_alone(context) for _ in range(threads)] if apart and threads > 1 else []
        own, *others = (
            PackingDecoder(each, self._plane_reader(), options.batch_size) for each in (context, *beside)
        )
        return StretchDecoder(own, others, self._sizes, options.stall_timeout_s)

    def _next(self, batches: Iterator[T]) -> T | None:
        try:
            return next(batches, None)
        except TimeoutError:
            self._watchdog.close()  # whoever hangs is left behind, and this thread does not hang
            raise stalled(self._options.stall_timeout_s, self._media.path) from None

    def _admit_packed(self, picture: DecodedPicture | None) -> PackedFrame | None:
        if picture is None:
            self._account.damaged += 1
            return None
        packed = merged(self._hidden, picture.packed)
        pts = self._account.place(picture.pts, picture.dts, picture.duration, (packed.width, packed.height))
        self._hidden = packed if pts is None else None
        if pts is None:
            return None
        return PackedFrame(pts_to_seconds(pts, self._video.time_base), pts, packed, picture.key)

    def _frames(self) -> Iterator[Frame]:
        for packet in wanted_packets(
            self._container, self._stream, self._video, self._options, self._account
        ):
            yield from self._decode(packet)
        yield from self._decode(None)

    def _decode(self, packet: Any | None) -> Iterator[Frame]:
        try:
            pictures = self._stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            self._account.damaged += 1
            return
        for picture in pictures:
            if picture.is_corrupt:
                self._account.damaged += 1
            elif (frame := self._admit(picture)) is not None:
                yield frame

    def _admit(self, picture: av.VideoFrame) -> Frame | None:
        y, u, v = self._planes(picture)
        height, width = y.shape
        pts = self._account.place(picture.pts, picture.dts, picture.duration or 0, (width, height))
        if pts is None:
            return None
        t = pts_to_seconds(pts, self._video.time_base)
        return Frame(t=t, pts=pts, y=y, u=u, v=v, key=bool(picture.key_frame))


def _alone(like: Any) -> Any:
    """A decoder with one thread for the stream of another."""
    context: Any = av.CodecContext.create(like.codec, "r")
    context.extradata = like.extradata
    context.color_range = like.color_range
    context.thread_count = 1
    if like.codec.name == "h264":
        # Where the stream does not say how far pictures are reordered, this does not find out by trial.
        context.options = {"strict": "1"}
    return context


def first_picture(media: MediaInfo, timeout_s: float) -> tuple[int, Planes]:
    """Presentation time, in pts units, and a copy of the first picture that is sound.

    Args:
        media: The file, as it was probed.
        timeout_s: Longest time without a picture in seconds.

    Raises:
        MediaError, DecodeTimeout: there is none.
    """
    options = DecodeOptions(frames="all", threads=1, batch_size=1, stall_timeout_s=timeout_s)
    with PyavDecoder(media, options) as decoder:
        (frame,) = next(decoder.batches())
        return frame.pts, (frame.y.copy(), frame.u.copy(), frame.v.copy())
