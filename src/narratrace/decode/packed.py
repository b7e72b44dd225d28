"""Stretches of a recording decoded beside one another, their pictures packed.

Note [Decoding beside]
~~~~~~~~~~~~~~~~~~~~~~
FFmpeg's threads share the work on pictures that depend on one another. Screen recordings gain little by that:
most of a picture is copied from the one before, and the threads wait for each other. Two took 2.7 s for what
one did in 3.6 s, and 1.25 times the processor time. What lies between split points shares nothing: two
decoders of one thread took 2.0 s (222 s of H.264, 720p, two cores).

Pictures of later stretches wait until those of earlier ones have been seen; packed, they take little room. A
stretch that fills its room, as full-screen films do, goes on when its turn comes. Tasks are taken in order,
so the stretch whose turn it is always has a decoder. One without an end in sight is decoded by FFmpeg's
threads, in the thread that asks.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import av.error

from narratrace.decode.planes import PictureSizes, PlaneReader, Planes
from narratrace.decode.prefetch import Channel
from narratrace.decode.stretches import Stretch
from narratrace.ops.packed import PackedPicture, pack, planar

_ROOM_BYTES = 96_000_000
"""Packed pictures that wait for their turn, in all."""
_JOIN_S = 2.0


class DecodedPicture(NamedTuple):
    """What a decoder gives: a picture's times in units of the stream's time base, and what differs."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    packed: PackedPicture


Batch = list[DecodedPicture | None]
"""Pictures in the order the decoder gives them; None for what was lost to damage."""


class PackingDecoder:
    """One of FFmpeg's decoders, whose pictures are packed; used by one thread.

    Args:
        context: The decoder.
        planes: Makes planes of its pictures.
        batch_size: Pictures handed over at once.
    """

    def __init__(self, context: Any, planes: PlaneReader, batch_size: int) -> None:
        self._context = context
        self._planes = planes
        self._batch_size = batch_size

    def batches(self, packets: Iterable[Any], go_on: Callable[[], None] = lambda: None) -> Iterator[Batch]:
        """Decodes a stretch to its end; its first picture is whole.

        Args:
            packets: Those of the stretch.
            go_on: Asked before each packet; may raise.
        """
        batch: Batch = []
        before: Planes | None = None
        for packet in chain(packets, (None,)):
            go_on()
            for picture in self._decode(packet):
                if picture is None or picture.is_corrupt:
                    batch.append(None)
                    continue
                planes = planar(*self._planes(picture))
                packed = pack(planes, before)
                times = picture.pts, picture.dts, picture.duration or 0
                batch.append(DecodedPicture(*times, bool(picture.key_frame), packed))
                before = planes
            if len(batch) >= self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch
        self._context.flush_buffers()

    def _decode(self, packet: Any | None) -> Sequence[Any]:
        try:
            pictures: list[Any] = self._context.decode(packet)
            return pictures
        except av.error.FFmpegError:
            return [None]


class StretchDecoder:
    """Decodes stretches of one recording in order, several at a time: Note [Decoding beside].

    Args:
        own: For stretches whose packets are not at hand, in the thread that asks.
        beside: For the others, one a thread; without any, all are decoded by ``own``.
        sizes: Of the pictures, by all decoders; the first picture decides, so that stretch comes first.
        timeout_s: Longest time without a picture.
    """

    def __init__(
        self, own: PackingDecoder, beside: Sequence[PackingDecoder], sizes: PictureSizes, timeout_s: float
    ) -> None:
        self._own = own
        self._sizes = sizes
        self._timeout_s = timeout_s
        self._room = _ROOM_BYTES // (len(beside) + 1)
        self._tasks: queue.SimpleQueue[tuple[Channel[Batch], Iterable[Any]] | None] = queue.SimpleQueue()
        self._line: deque[Iterable[Batch]] = deque()  # of the stretches under way, in order
        self._full = False  # no stretch can be begun before the last one has ended
        self._threads = [
            threading.Thread(target=self._serve, args=(decoder,), name="narratrace-decode", daemon=True)
            for decoder in beside
        ]
        for thread in self._threads:
            thread.start()

    def batches(self, stretches: Iterable[Stretch]) -> Iterator[Batch]:
        """The pictures of all stretches.

        Raises:
            TimeoutError: no picture came for ``timeout_s``.
        """
        waiting = iter(stretches)
        while True:
            self._begin(waiting)
            if not self._line:
                return
            for batch in self._line[0]:
                yield batch
                self._begin(waiting)
            self._line.popleft()
            self._full = self._full and bool(self._line)

    def close(self) -> None:
        """Ends the threads; safe to call twice."""
        for batches in self._line:
            if isinstance(batches, Channel):
                batches.stop()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join(_JOIN_S)

    def _begin(self, waiting: Iterator[Stretch]) -> None:
        """Begins as many stretches as keep the threads busy while one is looked at."""
        most = len(self._threads) + 1 if self._sizes.first else 1
        while len(self._line) < most and not self._full and (stretch := next(waiting, None)) is not None:
            if stretch.at_hand and self._threads:
                channel = Channel[Batch](self._room, self._timeout_s, _bytes)
                self._line.append(channel)
                self._tasks.put((channel, stretch.packets))
            else:
                self._line.append(self._own.batches(stretch.packets))
                self._full = True

    def _serve(self, decoder: PackingDecoder) -> None:
        while (task := self._tasks.get()) is not None:
            channel, packets = task
            channel.fill(partial(decoder.batches, packets, channel.require_wanted))


def _bytes(batch: Batch) -> int:
    return sum(picture.packed.bytes for picture in batch if picture is not None)
