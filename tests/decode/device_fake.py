"""Stands in for a hardware decoder session, for tests of the logic around it.

It decodes for real, with FFmpeg's bare decoders, what a session is given: elementary streams without a
container. So its pictures are right only if the packets were prepared rightly. What cards do on top of that
(damage that goes unnoticed, invented times, refusals, hangs) is set by the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import av
import av.error
import numpy as np

from narratrace.decode.planes import view
from narratrace.decode.sessions import Picture, SessionKey, SessionPool


@dataclass
class Faults:
    """What goes wrong, by picture or packet number of the recording, from 0."""

    lose: Callable[[int], bool] = lambda i: False
    """Pictures that never come out."""
    refuse: Callable[[int], bool] = lambda i: False
    """Packets that raise."""
    hang_at: int = -1
    """Packet at which the session stops coming back."""
    spoil: bool = False
    """One sample of every picture is wrong."""
    stamp: Callable[[int, int], int] = lambda i, stamp: stamp
    """The stamp that a picture comes back with."""
    size: tuple[int, int] | None = None
    """Another size of all pictures."""
    finish: bool = False
    """Whether the end of a stream raises."""


@dataclass(eq=False)
class FakePicture:
    """A decoded picture, valid until the session is called again."""

    planes: tuple[Any, Any, Any]
    call: int


@dataclass(eq=False)
class FakeSession:
    """A :class:`narratrace.decode.sessions.Session` in host memory."""

    key: SessionKey
    faults: Faults
    calls: list[str] = field(default_factory=list)
    closed: bool = False
    packets: int = 0
    pictures: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._new_decoder()

    def _new_decoder(self) -> None:
        self._codec = av.CodecContext.create("libdav1d" if self.key.codec == "av1" else self.key.codec, "r")
        self._codec.thread_count = 1
        self.packets = self.pictures = 0

    def decode(self, data: bytes, stamp: int, *, anew: bool) -> list[Picture]:
        assert not self.closed
        self.calls.append("anew" if anew else "decode")
        if anew:
            self._new_decoder()
        number, self.packets = self.packets, self.packets + 1
        if number == self.faults.hang_at:
            self.released.wait(60)
        if self.faults.refuse(number):
            raise RuntimeError("refused")
        packet = av.Packet(data)
        packet.pts = stamp
        try:
            return self._out(self._codec.decode(packet))
        except av.error.FFmpegError as error:
            raise RuntimeError(str(error)) from error

    def finish(self) -> list[Picture]:
        self.calls.append("finish")
        if self.faults.finish:
            raise RuntimeError("cannot be flushed")
        try:
            return self._out(self._codec.decode(None))
        except av.error.FFmpegError:
            return []

    def size(self, picture: FakePicture) -> tuple[int, int]:
        height, width = picture.planes[0].shape
        return self.faults.size or (width, height)

    def batch(self, width: int, height: int, pictures: int) -> Any:
        self.calls.append("batch")
        return np.zeros((pictures, height + (height + 1) // 2, width + width % 2 + 6), np.uint8)

    def copy(self, picture: FakePicture, batch: Any, place: int) -> tuple[Any, Any, Any]:
        assert picture.call == len(self.calls), "the surface has been overwritten"
        y, u, v = picture.planes
        height, width = y.shape
        high, wide = u.shape
        memory = batch[place]
        memory[:height, :width] = y
        pairs = memory[height : height + high, : 2 * wide]
        pairs[:, 0::2], pairs[:, 1::2] = u, v
        return memory[:height, :width], pairs[:, 0::2], pairs[:, 1::2]

    def wait(self) -> None:
        pass

    def to_host(self, plane: Any) -> Any:
        return plane

    def close(self) -> None:
        self.calls.append("close")
        self.closed = True

    def _out(self, frames: list[Any]) -> list[Picture]:
        out = []
        for frame in frames:
            number, self.pictures = self.pictures, self.pictures + 1
            if self.faults.lose(number):
                continue
            y, u, v = (view(plane).copy() for plane in frame.planes)
            if self.faults.spoil:
                y[-1, -1] ^= 1
            out.append((self.faults.stamp(number, frame.pts), FakePicture((y, u, v), len(self.calls))))
        return out


class FakeCard:
    """A card: a pool of fake sessions that share their faults."""

    def __init__(self, most: int = 3, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.sessions: list[FakeSession] = []
        self.pool = SessionPool(self._make, most)

    def _make(self, key: SessionKey) -> FakeSession:
        session = FakeSession(key, self.faults)
        self.sessions.append(session)
        return session
