"""One pass over a file on a hardware decoder; pictures stay in device memory.

Note [The first picture]
~~~~~~~~~~~~~~~~~~~~~~~~
H.264, HEVC, VP8, VP9 and AV1 define every bit of a decoded picture, so a hardware decoder must give exactly
what FFmpeg gives. Where it does not, something is misunderstood: a crop, a broken link at the start, a reused
session, a driver's fault. So the first picture of every recording is decoded on the CPU as well, some 20 ms,
and compared bit for bit. If it differs, the recording is left to the CPU, and says so. No table of codecs and
drivers would find as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from narratrace.container import open_container
from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary, MediaInfo
from narratrace.decode.account import PassAccount
from narratrace.decode.bitstream import elementary_feed
from narratrace.decode.contract import DecodeOptions, DeviceGaveUp, Unsuitable
from narratrace.decode.nv12 import BatchPool
from narratrace.decode.packets import wanted_packets
from narratrace.decode.prefetch import Prefetch
from narratrace.decode.pyav import first_picture
from narratrace.decode.sessions import Picture, Session, SessionKey, SessionPool
from narratrace.errors import NarratraceError
from narratrace.timebase import pts_to_seconds
from narratrace.watchdog import stalled

_BATCHES = 2
"""Batches of a pass: one with the consumer, one being filled."""

_MOST_PENDING = 256
"""Packets whose picture is awaited; older ones will never come."""


@dataclass(frozen=True, slots=True)
class _Stamp:
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
        self._last: list[Picture] = []  # what was still in the session at the end
        self._session: Session | None = None
        self._prefetch = Prefetch[tuple[Any, list[Frame]]](1, options.stall_timeout_s)
        self._container = open_container(media.path, options.stall_timeout_s, station="decode")
        try:
            self._open_session()
            self._batches = self._prefetch.run(self._produce)
            self._first = self._checked_first()
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
        item: tuple[Any, list[Frame]] | None = self._first
        while item is not None:
            batch, frames = item
            yield frames
            self._memory.give(batch)
            item = self._next()
        self._account.finish()

    def summary(self) -> DecodeSummary:
        """See :meth:`narratrace.decode.contract.Decoder.summary`."""
        return self._account.summary()

    def close(self) -> None:
        """Give everything back; safe to call twice."""
        session, self._session = self._session, None
        ended = self._prefetch.stop()
        if ended:
            self._container.close()
        if session is None:
            return
        if ended and self._flush(session):
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
        self._feed = feed
        coded = (context.coded_width, context.coded_height)
        self._key = SessionKey(video.codec, video.pixel_format, coded, (video.width, video.height))
        try:
            self._session = self._pool.take(self._key)
        except RuntimeError as error:
            raise Unsuitable(f"no decoder session: {error}") from error
        pictures = self._options.device_batch_size
        session = self._session
        self._memory = BatchPool(lambda: session.batch(video.width, video.height, pictures), _BATCHES)

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
        got = [session.to_host(plane) for plane in (frame.y, frame.u, frame.v)]
        if frame.pts != pts:
            raise Unsuitable(f"its first picture is that of pts {frame.pts}, FFmpeg's that of {pts}")
        if not all(np.array_equal(a, b) for a, b in zip(got, planes, strict=True)):
            raise Unsuitable("its first picture differs from FFmpeg's")
        return item

    def _produce(self) -> Iterator[tuple[Any, list[Frame]]]:
        """Batches of frames; runs in the decoding thread."""
        session = self._session
        assert session is not None
        batch = self._memory.take(self._prefetch.beat)
        frames: list[Frame] = []
        for stamp, picture in self._pictures(session):
            self._prefetch.beat()
            placed = self._place(session, stamp, picture)
            if placed is None:
                continue
            frames.append(self._frame(placed, session.copy(picture, batch, len(frames))))
            if len(frames) == self._options.device_batch_size:
                session.wait()
                yield batch, frames
                batch, frames = self._memory.take(self._prefetch.beat), []
        if frames:
            session.wait()
            yield batch, frames

    def _pictures(self, session: Session) -> Iterator[tuple[_Stamp, Any]]:
        """Decoded pictures with what their packets say."""
        anew = True
        for packet in wanted_packets(
            self._container, self._stream, self._video, self._options, self._account
        ):
            stamp = self._note(packet)
            try:
                pictures = session.decode(self._feed(packet), stamp, anew=anew)
            except RuntimeError as error:
                raise self._gave_up(str(error)) from error
            anew = False
            yield from self._known(pictures)
            self._prefetch.beat()
        if self._flush(session):
            yield from self._known(self._last)

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
        shown, size = (self._video.width, self._video.height), session.size(picture)
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

    def _flush(self, session: Session) -> bool:
        """Empties a session, once; whether that went well, so that it can be used for another recording."""
        if not self._flushed:
            try:
                self._last = session.finish()
                session.wait()
            except RuntimeError:
                return False
            self._flushed = True
        return True
