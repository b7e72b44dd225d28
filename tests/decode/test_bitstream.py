"""Packets without their container: decoders that have never seen its header must make the same of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from narratrace.decode.av1 import SEQUENCE, open_bitstream_units
from narratrace.decode.bits import nal_units
from narratrace.decode.bitstream import Feed, NotForParser, elementary_feed
from narratrace.decode.nonref import avcc_units, hvcc_units
from narratrace.decode.vpx import vp9_sizes
from tests.conftest import EVAL
from tests.support.media import FIXTURES, make_video, moving_square


def lumas(frames: list[Any]) -> list[Any]:
    return [luma(frame) for frame in frames]


def luma(frame: Any) -> npt.NDArray[np.uint8]:
    """Bytes of the luma samples, without the rows' padding; PyAV 17 makes no arrays of 10 bits."""
    plane, row = frame.planes[0], frame.width * -(-frame.format.components[0].bits // 8)
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, :row].copy()


def decoded(path: Path, feed_it: bool) -> list[Any]:
    """All luma, by a decoder that knows the container's header or one that gets elementary packets alone."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        if not feed_it:
            return lumas([frame for packet in container.demux(stream) for frame in packet.decode()])
        feed = elementary_feed(context.name if context.name != "libdav1d" else "av1", context.extradata)
        assert feed is not None
        bare = av.CodecContext.create(context.name, "r")
        out = []
        for packet in container.demux(stream):
            if packet.size:
                out += bare.decode(av.Packet(feed(packet)))
        return lumas(out + bare.decode(None))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"bframes": 2}),
        ("a.mkv", {"bframes": 2}),
        ("a.ts", {}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("b.webm", {"codec": "libvpx"}),
        ("b.mkv", {"codec": "libsvtav1"}),
        ("c.mp4", {"codec": "libsvtav1"}),
        (str(FIXTURES / "hevc_10bit.mp4"), None),
        (str(FIXTURES / "hevc_layers.mkv"), None),
    ],
)
def test_elementary_packets_decode_to_the_same(name: str, how: dict[str, Any] | None, tmp_path: Path):
    path = Path(name) if how is None else make_video(tmp_path / name, seconds=1, gop=10, **how).path
    wanted = decoded(path, False)
    got = decoded(path, True)
    assert len(got) == len(wanted) > 10
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_random_access_point_brings_its_parameter_sets(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=1, gop=10)
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        feed = elementary_feed("h264", stream.codec_context.extradata)
        assert feed is not None
        for packet in container.demux(stream):
            if packet.size:
                kinds = [unit[0] & 31 for unit in nal_units(memoryview(feed(packet)), 0)]
                assert (7 in kinds and 8 in kinds) == packet.is_keyframe


def test_av1_units_keep_a_sequence_header_of_their_own(tmp_path: Path):
    made = make_video(tmp_path / "a.mkv", codec="libsvtav1", seconds=0.2)
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        extra = stream.codec_context.extradata
        feed = elementary_feed("av1", extra)
        assert feed is not None
        packet = next(container.demux(stream))
        data = bytes(packet)
        assert feed(packet) == data  # the encoder has put one there
        (sequence,) = [
            bytes(unit) for kind, unit in open_bitstream_units(memoryview(data)) if kind == SEQUENCE
        ]
        stripped = av.Packet(data[data.index(sequence) + len(sequence) :])
        stripped.is_keyframe = True
        restored = feed(stripped)
        kinds = [kind for kind, _ in open_bitstream_units(memoryview(restored))]
        assert kinds == [kind for kind, _ in open_bitstream_units(memoryview(data))]


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_damaged_records_do_no_harm(cut: int, tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=0.1)
    with av.open(str(made.path)) as container:
        extra = container.streams.video[0].codec_context.extradata
    assert isinstance(avcc_units(extra[:cut]), list)
    with av.open(str(FIXTURES / "hevc_10bit.mp4")) as container:
        extra = container.streams.video[0].codec_context.extradata
    assert isinstance(hvcc_units(extra[:cut]), list)
    for codec in ("h264", "hevc"):
        feed = elementary_feed(codec, extra[:cut])
        assert feed is not None
        assert isinstance(feed(av.Packet(b"\0\0\1\xff damaged")), bytes)


def test_other_codecs_are_not_fed():
    assert elementary_feed("mpeg4", None) is None


def feed_of(path: Path, codec: str) -> Feed:
    """The file's feed, after all of its packets have gone through it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        feed = elementary_feed(codec, stream.codec_context.extradata)
        assert feed is not None
        for packet in container.demux(stream):
            if packet.size:
                assert feed(packet)
        return feed


def test_streams_that_need_the_same_of_a_decoder_say_the_same(tmp_path: Path):
    def said(**how: Any) -> bytes | None:
        path = tmp_path / f"a{how.pop('suffix', '.mp4')}"
        return feed_of(make_video(path, seconds=0.5, **how).path, "h264").sequence

    usual = said()
    assert usual
    assert said(draw=moving_square(160, 96, seed=5)) == said(suffix=".ts") == said(suffix=".mkv") == usual
    others = [said(height=90), said(options={"preset": "veryslow"}), said(bframes=2), said(full_range=True)]
    assert len({usual, *others}) == 5


def test_real_recordings_stay_as_they_began():
    for name, codec in (("v01.mp4", "h264"), ("v02.webm", "vp9"), ("v03.mp4", "h264"), ("v04.mkv", "h264")):
        if not (EVAL / name).exists():
            pytest.skip(f"needs the shared evaluation recordings ({EVAL})")
        assert feed_of(EVAL / name, codec).sequence is not None


def test_film_grain_is_said(tmp_path: Path):
    """With it a decoder keeps two pictures for each."""
    plain, grain = (
        feed_of(
            make_video(
                tmp_path / f"{i}.mp4", codec="libsvtav1", seconds=0.3, options={"svtav1-params": params}
            ).path,
            "av1",
        ).sequence
        for i, params in enumerate(["film-grain=0", "film-grain=10"])
    )
    assert plain
    assert grain
    assert plain != grain


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_a_header_that_says_nothing(codec: str):
    feed = elementary_feed(codec, None)
    assert feed is not None
    assert feed.sequence is None


@dataclass
class Renewed:
    """A packet with a codec configuration, as where an MP4 goes on with its next sample description."""

    data: bytes
    extra: bytes
    is_keyframe = False

    def __bytes__(self) -> bytes:
        return self.data

    def has_sidedata(self, kind: str) -> bool:
        return kind == "new_extradata"

    def get_sidedata(self, kind: str) -> bytes:
        return self.extra


def test_a_header_that_changes_midway(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=0.2)
    with av.open(str(made.path)) as container:
        extra = container.streams.video[0].codec_context.extradata
        data = bytes(next(container.demux(video=0)))
    feed = elementary_feed("h264", extra)
    assert feed is not None
    assert feed(Renewed(data, extra))
    with pytest.raises(NotForParser, match="header changes midway"):
        feed(Renewed(data, extra[:-1] + b"\1"))


def bits(*fields: tuple[int, int]) -> bytes:
    """Values and their numbers of bits, as bytes."""
    text = "".join(f"{value:0{count}b}" for value, count in fields)
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big") + bytes(32)


SYNC, SIZE = (0x498342, 24), ((319, 16), (175, 16))
VP9 = ((2, 2), (0, 2), (0, 1))  # marker, profile, no repetition
KEY = bits(*VP9, (0, 1), (1, 1), (0, 1), SYNC, (2, 3), (0, 1), *SIZE)
INTRA = bits(*VP9, (1, 1), (0, 1), (0, 1), (1, 1), (0, 2), SYNC, (255, 8), *SIZE)
RESILIENT_INTRA = bits(*VP9, (1, 1), (0, 1), (1, 1), (1, 1), SYNC, (255, 8), *SIZE)
LIKE_THE_SECOND = bits(*VP9, (1, 1), (1, 1), (0, 1), (0, 2), (1, 8), (0, 12), (0, 1), (1, 1), *SIZE)
RESIZED = bits(*VP9, (1, 1), (1, 1), (0, 1), (0, 2), (1, 8), (0, 12), (0, 3), *SIZE)
REPEATED = bits((2, 2), (0, 2), (1, 1), (3, 3))


@pytest.mark.parametrize(
    ("frame", "size"),
    [
        (KEY, True), (INTRA, True), (RESILIENT_INTRA, True), (RESIZED, True),
        (LIKE_THE_SECOND, False), (REPEATED, False),
    ],
)  # fmt: skip
def test_sizes_that_frames_of_vp9_state(frame: bytes, size: bool):
    wanted = [(320, 176)] if size else []
    assert list(vp9_sizes(memoryview(frame))) == wanted
    lengths = b"".join(len(part).to_bytes(2, "little") for part in (REPEATED, frame))
    marker = bytes([0xC0 | 1 << 3 | 1])
    assert list(vp9_sizes(memoryview(REPEATED + frame + marker + lengths + marker))) == wanted


@pytest.mark.parametrize("damage", [b"\0", b"\x82\x49\x83", bits((2, 2), (1, 2)), KEY[:1] + bytes(40)])
def test_unreadable_frames_of_vp9_are_not_for_the_parser(damage: bytes):
    feed = elementary_feed("vp9", None)
    assert feed is not None
    with pytest.raises(NotForParser, match="cannot be read"):
        feed(av.Packet(damage))
