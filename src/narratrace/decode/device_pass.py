"""One pass over a file on a hardware decoder; pictures stay in device memory.

Note [The first picture]
~~~~~~~~~~~~~~~~~~~~~~~~
H.264, HEVC, VP8, VP9 and AV1 define every bit of a decoded picture, so a hardware decoder must give exactly
what FFmpeg gives. Where it does not, something is misunderstood: a crop, a broken link at the start, a reused
session, a driver's fault. So the first picture of every recording is decoded on the CPU as well, some 20 ms,
and compared bit for bit. If it differs, the recording is left to the CPU, and says so. No table of codecs and
drivers would find as much.

Note [Damage and devices]
~~~~~~~~~~~~~~~~~~~~~~~~~
A hardware decoder conceals damage: it gives a picture that looks sound, where FFmpeg tells that it is not. So
a recording is left to the CPU as soon as damage shows before the decoder: in the container, in a packet's
flag, or in a packet that holds nothing. What shows only within a picture's data PyNvVideoCodec does not tell;
it prints a line, which belongs to no recording.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from msgspec import Struct

from narratrace.container import open_container
from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary, MediaInfo
from narratrace.decode.account import PassAccount
from narratrace.decode.bitstream import NotForParser, elementary_feed
from narratrace.decode.contract import DecodeOptions, Unsuitable
from narratrace.decode.nv12 import BatchPool
from narratrace.decode.packets import wanted_packets
from narratrace.decode.prefetch import Prefetch
from narratrace.decode.pyav import first_picture
from narratrace.decode.sessions import DEVICE_ERRORS, Picture, Session, SessionKey, SessionPool
from narratrace.errors import DeviceGaveUp, NarratraceError
from narratrace.timebase import pts_to_seconds
from narratrace.watchdog import stalled

T = TypeVar("T")

_BATCHES = 2
"""Batches of a pass: one with the consumer, one being filled."""

_MOST_PENDING = 256
"""Packets whose picture is awaited; older ones will never come."""


class _Stamp(Struct, frozen=True):
    """What is known about a picture from its packet."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    hidden: bool


class DeviceDecoder:
    """A :class:`narratrace.decode.contract.Decoder` on a session of a device.

    Args:
        media: The file, as it was probed.
        options: How to read it.
        pool: Where sessions come from.
        backend: Name of the decoder, for the summary.

    Raises:
        Unsuitable: the recording should be decoded on the CPU.
        InputError: the file is gone.
        MediaError: it cannot be opened.
        DecodeTimeout: no picture came in time.
    """

    def __init__(self, media: MediaInfo, options: DecodeOptions, pool: SessionPool, backend: str) -> None:
        if media.video is None:
            raise Unsuitable("there is no video stream")
        self.backend = backend
        self._media, self._video, self._options, self._pool = media, media.video, options, pool
        self._account = PassAccount(media, backend)
        self._pending: dict[int, _Stamp] = {}
        self._begun = self._flushed = False
        self._broken = False  # whether the session has raised
        self._last: list[Picture] = []  # what was still in the session at the end
        self._session: Session | None = None
        self._memory: BatchPool | None = None
        self._prefetch = Prefetch[tuple[Any, list[Frame]]](1, options.stall_timeout_s)
        self._container = open_container(media.path, options.stall_timeout_s, station="decode")
        try:
            self._open_session()
            self._batches: Iterator[tuple[Any, list[Frame]]] = self._prefetch.run(self._produce)
            self._first: tuple[Any, list[Frame]] | None = self._checked_first()
        except BaseException:
            self.close()
            raise

    @property
    def info(self) -> MediaInfo:
        """Facts of the file, as they were handed in."""
        return self._media

    def batches(self) -> Iterator[list[Frame]]:
        """See :meth:`narratrace.decode.contract.Decoder.batches`."""
        if self._begun:
            raise RuntimeError("a decoder makes one pass; open another one")
        self._begun = True
        memory = self._memory
        assert memory is not None
        item, self._first = self._first, None
        while item is not None:
            batch, frames = item
            yield frames
            memory.give(batch)
            item = self._next()
        self._account.finish()

    def summary(self) -> DecodeSummary:
        """See :meth:`narratrace.decode.contract.Decoder.summary`."""
        return self._account.summary()

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        session, self._session = self._session, None
        ended = self._prefetch.stop()
        # Device memory goes now: what is suspended here is part of a cycle.
        self._first, self._batches, self._memory = None, iter(()), None
        if ended:
            self._container.close()
        if session is None:
            return
        self._last = []
        if ended and self._flushed and not self._broken:
            self._pool.give(self._key, session)
        else:  # a thread that hangs in a session keeps it, and the file
            self._pool.drop(session if ended else None)

    def __enter__(self) -> DeviceDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open_session(self) -> None:
        video = self._video
        by_index = {stream.index: stream for stream in self._container.streams.video}
        self._stream: Any = by_index[video.index]
        context = self._stream.codec_context
        feed = elementary_feed(video.codec, context.extradata)
        if feed is None:
            raise Unsuitable(f"{video.codec} is not a codec of NVDEC")
        if feed.sequence is None:
            raise Unsuitable("its header does not say for certain of what kind its pictures are")
        self._feed = feed
        shown = (video.width, video.height)
        self._key = SessionKey(video.codec, video.pixel_format, shown, feed.sequence)
        try:
            session = self._session = self._pool.take(self._key)
        except DEVICE_ERRORS as error:
            raise Unsuitable(f"no decoder session: {error}") from error
        pictures = self._options.device_batch_size
        try:
            self._memory = BatchPool(lambda: self._ask(session.batch, *shown, pictures), _BATCHES)
        except DeviceGaveUp as error:
            raise Unsuitable(error.message) from error

    def _next(self) -> tuple[Any, list[Frame]] | None:
        try:
            return next(self._batches, None)
        except DeviceGaveUp as error:
            if not self._begun:
                raise Unsuitable(error.message) from error
            raise
        except TimeoutError as error:
            raise stalled(self._options.stall_timeout_s, self._media.path) from error

    def _checked_first(self) -> tuple[Any, list[Frame]]:
        """The first batch, if its first picture is the right one, see Note [The first picture]."""
        item = self._next()
        if item is None:
            raise Unsuitable("no picture came out of it")
        frame, session = item[1][0], self._session
        assert session is not None
        try:
            pts, planes = first_picture(self._media, self._options.stall_timeout_s)
        except NarratraceError as error:
            raise Unsuitable(f"there is no picture to check it by: {error.message}") from error
        try:
            got = [self._ask(session.to_host, plane) for plane in (frame.y, frame.u, frame.v)]
        except DeviceGaveUp as error:
            raise Unsuitable(error.message) from error
        if frame.pts != pts:
            raise Unsuitable(f"its first picture is that of pts {frame.pts}, FFmpeg's that of {pts}")
        if not all(np.array_equal(a, b) for a, b in zip(got, planes, strict=True)):
            raise Unsuitable("its first picture differs from FFmpeg's")
        return item

    def _produce(self) -> Iterator[tuple[Any, list[Frame]]]:
        """Batches of frames; runs in the decoding thread."""
        session, memory = self._session, self._memory
        assert session is not None
        assert memory is not None
        batch = memory.take(self._prefetch.beat)
        frames: list[Frame] = []
        try:
            for stamp, picture in self._pictures(session):
                self._prefetch.beat()
                placed = self._place(session, stamp, picture)
                if placed is None:
                    continue
                planes = self._ask(session.copy, picture, batch, len(frames))
                frames.append(self._frame(placed, planes))
                if len(frames) == self._options.device_batch_size:
                    self._ask(session.wait)
                    yield batch, frames
                    batch, frames = memory.take(self._prefetch.beat), []
            if frames:
                self._ask(session.wait)
                yield batch, frames
        finally:  # while this still holds the batch, whose memory may serve another thread next
            self._wind_up(session)

    def _pictures(self, session: Session) -> Iterator[tuple[_Stamp, Any]]:
        """Decoded pictures with what their packets say."""
        anew = True
        for packet in wanted_packets(
            self._container, self._stream, self._video, self._options, self._account
        ):
            stamp, data = self._note(packet), self._checked(packet)
            pictures = self._ask(session.decode, data, stamp, anew=anew)
            anew = False
            yield from self._known(pictures)
            self._prefetch.beat()
        self._ask(self._flush, session)
        yield from self._known(self._last)

    def _checked(self, packet: Any) -> bytes:
        """The packet as the session gets it, see Note [Damage and devices]."""
        try:
            data = self._feed(packet)
        except NotForParser as error:
            raise self._gave_up(str(error)) from error
        if self._account.damaged or packet.is_corrupt or not data:
            raise self._gave_up("the file is damaged")
        return data

    def _note(self, packet: Any) -> int:
        """Remembers a packet; the stamp its picture will come back with."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None or (packet.pts is None and not self._pending):
            raise self._gave_up("packets carry no presentation times")
        self._pending[stamp] = _Stamp(
            packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe, packet.is_discard
        )
        return int(stamp)

    def _known(self, pictures: list[Picture]) -> Iterator[tuple[_Stamp, Any]]:
        for stamp, picture in pictures:
            known = self._pending.get(stamp) or _Stamp(None, None, 0, False, False)
            if len(self._pending) > _MOST_PENDING:
                self._pending = {key: value for key, value in self._pending.items() if key >= stamp}
            if not known.hidden:
                yield known, picture

    def _place(self, session: Session, stamp: _Stamp, picture: Any) -> tuple[int, bool] | None:
        """Presentation time of a picture, and whether it is a key picture; None if it is left out."""
        shown, size = (self._video.width, self._video.height), self._ask(session.size, picture)
        if size != shown:
            raise self._gave_up(f"it gives pictures of {size[0]} x {size[1]}, not {shown[0]} x {shown[1]}")
        # The decoding time says nothing here where the presentation time is known: pictures are reordered.
        dts = stamp.dts if stamp.pts is None else None
        pts = self._account.place(stamp.pts, dts, stamp.duration, size)
        return None if pts is None else (pts, stamp.key)

    def _frame(self, placed: tuple[int, bool], planes: tuple[Any, Any, Any]) -> Frame:
        pts, key = placed
        y, u, v = planes
        return Frame(t=pts_to_seconds(pts, self._video.time_base), pts=pts, y=y, u=u, v=v, key=key)

    def _gave_up(self, why: str) -> DeviceGaveUp:
        return DeviceGaveUp(
            f"{self.backend} cannot go on: {why}",
            station="decode",
            input=self._media.path,
            expected="--device cpu",
        )

    def _ask(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """What a session answers; if it raises, neither it nor the pass is of more use."""
        try:
            return call(*args, **kwargs)
        except DEVICE_ERRORS as error:
            self._broken = True
            raise self._gave_up(f"{error}" or type(error).__name__) from error

    def _wind_up(self, session: Session) -> None:
        """Empties a session, however the pass ends, and waits until it writes to no memory of ours."""
        with contextlib.suppress(DeviceGaveUp):
            if not (self._flushed or self._broken):
                self._ask(self._flush, session)
        with contextlib.suppress(DeviceGaveUp):
            self._ask(session.wait)

    def _flush(self, session: Session) -> None:
        self._last = session.finish()
        session.wait()
        self._flushed = True
