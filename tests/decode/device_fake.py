"""Stands in for a hardware decoder session, for tests of the logic around it.

It decodes for real, with FFmpeg's bare decoders, what a session is given: elementary streams without a
container. So its pictures are right only if the packets were prepared rightly. Like PyNvVideoCodec it scales
pictures that become smaller to the size of the first, without a word. What cards do on top of that (damage
that goes unnoticed, invented times, refusals, hangs) is set by the test.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import pytest

from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary
from narratrace.decode import DecodeOptions, open_decoder
from narratrace.decode import open as opening
from narratrace.decode.device_pass import DeviceDecoder
from narratrace.decode.planes import view
from narratrace.decode.sessions import Picture, SessionKey, SessionPool
from narratrace.device import parse_device
from narratrace.source import probe


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
    """Another size of all pictures, from the first on."""
    fails: Callable[[str, int], BaseException | None] = lambda what, i: None
    """What the i-th call of a recording raises: of ``batch``, ``copy``, ``wait`` or ``to_host``."""
    finish: bool = False
    """Whether the end of a stream raises."""
    finish_hangs: bool = False
    """Whether the end of a stream does not come back."""


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
    memory: list[weakref.ref[Any]] = field(default_factory=list)
    closed: bool = False
    packets: int = 0
    pictures: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    asked: Counter[str] = field(default_factory=Counter)
    copying: set[int] = field(default_factory=set)
    """Batches into which copies are under way."""
    lost: list[int] = field(default_factory=list)
    """Of these, those whose memory went all the same."""
    target: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._new_decoder()

    def _new_decoder(self) -> None:
        self._codec = av.CodecContext.create("libdav1d" if self.key.codec == "av1" else self.key.codec, "r")
        self._codec.thread_count = 1
        self.packets = self.pictures = 0
        self.asked.clear()

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
        if self.faults.finish_hangs:
            self.released.wait(60)
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
        self._ask("batch")
        self.calls.append("batch")
        memory = np.zeros((pictures, height + (height + 1) // 2, width + width % 2 + 6), np.uint8)
        self.memory.append(weakref.ref(memory))
        number = id(memory)
        weakref.finalize(memory, lambda: self.lost.append(number) if number in self.copying else None)
        return memory

    def copy(self, picture: FakePicture, batch: Any, place: int) -> tuple[Any, Any, Any]:
        assert picture.call == len(self.calls), "the surface has been overwritten"
        self._ask("copy")
        y, u, v = picture.planes
        height, width = y.shape
        high, wide = u.shape
        self.copying.add(id(batch))
        memory = batch[place]
        memory[:height, :width] = y
        pairs = memory[height : height + high, : 2 * wide]
        pairs[:, 0::2], pairs[:, 1::2] = u, v
        return memory[:height, :width], pairs[:, 0::2], pairs[:, 1::2]

    def wait(self) -> None:
        self._ask("wait")
        self.copying.clear()

    def to_host(self, plane: Any) -> Any:
        self._ask("to_host")
        return plane

    def close(self) -> None:
        self.calls.append("close")
        self.closed = True

    def _ask(self, what: str) -> None:
        number = self.asked[what]
        self.asked[what] += 1
        error = self.faults.fails(what, number)
        if error is not None:
            raise error

    def _scaled(self, planes: list[Any]) -> list[Any]:
        height, width = planes[0].shape
        self.target = self.target or (width, height)
        if width > self.target[0] or height > self.target[1]:
            raise RuntimeError("reconfigure beyond the maximum")
        if (width, height) == self.target:
            return planes
        wide, high = self.target
        sizes = (high, wide), *[((high + 1) // 2, (wide + 1) // 2)] * 2
        return [
            plane[np.arange(h) * plane.shape[0] // h][:, np.arange(w) * plane.shape[1] // w]
            for plane, (h, w) in zip(planes, sizes, strict=True)
        ]

    def _out(self, frames: list[Any]) -> list[Picture]:
        out = []
        for frame in frames:
            number, self.pictures = self.pictures, self.pictures + 1
            if self.faults.lose(number):
                continue
            y, u, v = self._scaled([view(plane).copy() for plane in frame.planes])
            if self.faults.spoil:
                y[-1, -1] ^= 1
            out.append((self.faults.stamp(number, frame.pts), FakePicture((y, u, v), len(self.calls))))
        return out


class FakeCard:
    """A card: a pool of fake sessions that share their faults."""

    def __init__(self, most: int = 3, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.sessions: list[FakeSession] = []
        self.memory: list[weakref.ref[Any]] = []
        self.pool = SessionPool(self._make, most)

    def put_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Has ``open_decoder`` take it for a card of this machine; its frames are in host memory."""
        monkeypatch.setattr(opening, "check_device", parse_device)
        monkeypatch.setattr(opening, "_why_not_card", lambda index: "")
        monkeypatch.setattr(
            opening,
            "_on_card",
            lambda media, options, index: DeviceDecoder(media, options, self.pool, "in memory"),
        )

    def _make(self, key: SessionKey) -> FakeSession:
        session = FakeSession(key, self.faults, memory=self.memory)
        self.sessions.append(session)
        return session


Seen = list[tuple[int, float, bool, tuple[Any, Any, Any]]]


def copied(frame: Frame) -> tuple[int, float, bool, tuple[Any, Any, Any]]:
    return frame.pts, frame.t, frame.key, (frame.y.copy(), frame.u.copy(), frame.v.copy())


def on_fake(path: Path, card: FakeCard, **options: Any) -> tuple[Seen, DecodeSummary]:
    with DeviceDecoder(probe(path), DecodeOptions(**options), card.pool, "nvdec:0") as decoder:
        seen = [copied(frame) for batch in decoder.batches() for frame in batch]
        return seen, decoder.summary()


def on_cpu(path: Path, **options: Any) -> tuple[Seen, DecodeSummary]:
    with open_decoder(probe(path), DecodeOptions(**options)) as decoder:
        return [copied(frame) for batch in decoder.batches() for frame in batch], decoder.summary()


def assert_same(got: Seen, wanted: Seen) -> None:
    assert [(pts, t, key) for pts, t, key, _ in got] == [(pts, t, key) for pts, t, key, _ in wanted]
    for (*_, a), (*_, b) in zip(got, wanted, strict=True):
        for p, q in zip(a, b, strict=True):
            np.testing.assert_array_equal(p, q)
