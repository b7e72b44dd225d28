"""Stretches decoded beside one another give what one decoder gives, whatever befalls them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narratrace.data.frames import Frame, PackedFrame
from narratrace.decode import DecodeOptions, packed, pyav, stretches
from narratrace.decode.packed import PackingDecoder, StretchDecoder
from narratrace.decode.planes import PictureSizes, PlaneReader
from narratrace.decode.prefetch import Channel
from narratrace.decode.pyav import PyavDecoder
from narratrace.decode.stretches import Stretch
from narratrace.errors import DecodeTimeout
from narratrace.ops.packed import merged, pack, unpacked
from narratrace.source import probe
from narratrace.watchdog import HangCallback
from tests.decode.conftest import assert_threads_end
from tests.support.media import make_video, zero_packets

TIMEOUT = 0.4


def frames_of(path: Path, **options: Any) -> list[PackedFrame]:
    with PyavDecoder(probe(path), DecodeOptions(**{"frames": "all", **options})) as decoder:
        return [frame for batch in decoder.packed_batches() for frame in batch]


def plain_frames_of(path: Path, **options: Any) -> Iterator[Frame]:
    with PyavDecoder(probe(path), DecodeOptions(**{"frames": "all", **options})) as decoder:
        for batch in decoder.batches():
            yield from batch


def assert_same(found: list[PackedFrame], wanted: Iterator[Frame]) -> None:
    for a, b in zip(unpacked(found), wanted, strict=True):
        assert (a.pts, a.t, a.key) == (b.pts, b.t, b.key)
        for got, right in zip((a.y, a.u, a.v), (b.y, b.u, b.v), strict=True):
            np.testing.assert_array_equal(got, right)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine groups of pictures, six of them long enough to be stretches."""
    folder = tmp_path_factory.mktemp("packed")
    return make_video(folder / "a.mp4", seconds=12, gop=40, bframes=3, width=320, height=180).path


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("frames", ["all", "auto"])
def test_stretches_beside_one_another_are_the_recording(threads: int, frames: str, recording: Path) -> None:
    found = frames_of(recording, threads=threads, frames=frames)
    assert_same(found, plain_frames_of(recording, frames=frames))
    assert len(found) == 360 or frames == "auto"


def test_only_what_differs_is_kept(recording: Path) -> None:
    found = frames_of(recording, threads=2)
    whole = max(frame.packed.bytes for frame in found)
    assert np.median([frame.packed.bytes for frame in found]) < whole / 3
    assert sum(frame.packed.bytes == whole for frame in found) >= 9


def test_a_long_stretch_between_short_ones(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stretches, "_MOST_BYTES", recording.stat().st_size // 8)
    assert_same(frames_of(recording, threads=3), plain_frames_of(recording))
    monkeypatch.setattr(stretches, "_MOST", 40)
    assert_same(frames_of(recording, threads=3), plain_frames_of(recording))


@pytest.mark.parametrize("name", ["a.avi", "a.flv", "a.h264", "a.mkv", "a.mpg", "a.ts"])
def test_all_containers(name: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / name, codec="libx264", bframes=2, seconds=4, gop=35)
    found = frames_of(made.path, threads=2)
    assert_same(found, plain_frames_of(made.path))
    # Where presentation times are missing, pictures are dropped, but not what they change.
    assert (len(found) < made.frames) == (name in ("a.avi", "a.mpg"))


def test_merged_pictures_are_both() -> None:
    rng = np.random.default_rng(0)
    size, chroma = (50, 70), (25, 35)
    pictures = [
        (
            rng.integers(0, 256, size, np.uint8),
            rng.integers(0, 256, chroma, np.uint8),
            rng.integers(0, 256, chroma, np.uint8),
        )
    ]
    for i in range(2):
        y, u, v = (plane.copy() for plane in pictures[-1])
        y[20 + 20 * i, 10:60] ^= 1
        v[3, 3 + i] ^= 1
        pictures.append((y, u, v))
    first, second, third = (pack(b, a) for a, b in zip([None, *pictures], pictures, strict=False))
    assert len(merged(second, third).tiles) < len(second.tiles) + len(third.tiles)
    both = PackedFrame(1.0, 1, merged(second, third))
    *_, last = unpacked([PackedFrame(0.0, 0, first), both])
    for got, wanted in zip((last.y, last.u, last.v), pictures[-1], strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_damage_stays_in_its_stretch(tmp_path: Path, recording: Path) -> None:
    bad = zero_packets(recording, tmp_path / "bad.mp4", share=0.1)
    with PyavDecoder(probe(bad), DecodeOptions(frames="all", threads=3)) as decoder:
        times = [frame.t for batch in decoder.packed_batches() for frame in batch]
        summary = decoder.summary()
    assert summary.corrupt > 0
    assert summary.frames_decoded == len(times) >= 180


def test_a_stretch_that_fills_its_room_waits_for_its_turn(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 0
    put = Channel._put

    def counted(channel: Channel[Any], item: object, weight: int = 1) -> None:
        nonlocal most
        put(channel, item, weight)
        most = max(most, channel._items.qsize())

    monkeypatch.setattr(Channel, "_put", counted)
    monkeypatch.setattr(packed, "_ROOM_BYTES", 400_000)
    assert_same(frames_of(recording, threads=3, batch_size=1), plain_frames_of(recording))
    whole = 320 * 192 * 3 // 2
    assert 100_000 <= most <= 100_000 + 2 * whole


def test_threads_end_with_their_decoder(recording: Path) -> None:
    before = threading.active_count()
    for taken in (1, 5, 1000):
        with PyavDecoder(probe(recording), DecodeOptions(threads=3)) as decoder:
            for _ in zip(range(taken), decoder.packed_batches(), strict=False):
                pass
    assert_threads_end(before)


def test_a_pass_is_made_once(recording: Path) -> None:
    with PyavDecoder(probe(recording), DecodeOptions()) as decoder:
        next(decoder.packed_batches())
        with pytest.raises(RuntimeError):
            next(decoder.packed_batches())
        with pytest.raises(RuntimeError):
            next(decoder.batches())


class Faulty:
    """A decoder that fails, or hangs, at the third stretch, which begins with frame 80."""

    def __init__(self, context: Any, what: threading.Event | Exception) -> None:
        self._context, self._what = context, what
        self.flush_buffers = context.flush_buffers

    def decode(self, packet: Any) -> Any:
        if packet is not None and packet.is_keyframe and round(30 * packet.pts * packet.time_base) == 80:
            if isinstance(self._what, Exception):
                raise self._what
            self._what.wait(20)
        return self._context.decode(packet)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Any]:
    what = request.param() if isinstance(request.param, type) else request.param
    alone = pyav._alone
    monkeypatch.setattr(pyav, "_alone", lambda like: Faulty(alone(like), what))
    yield what
    if isinstance(what, threading.Event):
        what.set()


def frames_before_error(
    path: Path, on_hang: HangCallback | None = None, **options: Any
) -> tuple[int, Exception | None]:
    """How many frames come, and what is raised behind them."""
    seen = 0
    chosen = DecodeOptions(**{"frames": "all", **options})
    with PyavDecoder(probe(path), chosen, on_hang=on_hang) as decoder:
        try:
            for batch in decoder.packed_batches():
                seen += len(batch)
        except Exception as error:
            return seen, error
    return seen, None


@pytest.mark.parametrize("faulty", [threading.Event], indirect=True)
def test_a_decoder_that_hangs_in_its_thread_is_left_behind(faulty: object, recording: Path) -> None:
    began = time.monotonic()
    hung: list[DecodeTimeout] = []
    seen, error = frames_before_error(recording, on_hang=hung.append, threads=2, stall_timeout_s=TIMEOUT)
    assert isinstance(error, DecodeTimeout)
    assert (error.input, error.station, seen) == (str(recording), "decode", 80)
    assert not hung, "the process need not end"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("faulty", [MemoryError("none left")], indirect=True)
def test_what_a_thread_raises_comes_behind_its_pictures(faulty: object, recording: Path) -> None:
    assert frames_before_error(recording, threads=2) == (80, faulty)


def test_the_first_picture_decides_the_size_whoever_decodes_it() -> None:
    """Later stretches are begun only when it is known."""
    given: list[int] = []

    class Context:
        def decode(self, packet: Any) -> list[Any]:
            return []

        def flush_buffers(self) -> None:
            pass

    def source() -> Iterator[Stretch]:
        for i in range(4):
            given.append(i)
            yield Stretch([], at_hand=True)

    sizes = PictureSizes()
    own, *beside = (PackingDecoder(Context(), PlaneReader(0, False, sizes), 4) for _ in range(4))
    decoder = StretchDecoder(own, beside, sizes, 5.0)
    waiting = source()
    decoder._begin(waiting)
    assert given == [0]
    sizes.first = (16, 16)
    decoder._begin(waiting)
    assert given == [0, 1, 2, 3]
    decoder.close()
