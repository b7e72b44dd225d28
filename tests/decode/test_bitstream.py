"""Packets without their container: decoders that have never seen its header must make the same of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from narratrace.decode.av1 import SEQUENCE, open_bitstream_units
from narratrace.decode.bits import nal_units
from narratrace.decode.bitstream import elementary_feed
from narratrace.decode.nonref import avcc_units, hvcc_units
from tests.support.media import FIXTURES, make_video


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
