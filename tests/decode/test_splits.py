"""Where decoding may begin anew, and the stretches between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.decode.splits import packet_splitter
from narratrace.decode.stretches import Stretches
from tests.support.media import FIXTURES, make_video

SPS, OTHER_SPS, PPS = b"\x67\x42\x00\x1e", b"\x67\x42\x00\x28", b"\x68\xce\x38\x80"
IDR, SLICE = b"\x65\x88\x84\x00", b"\x41\x9a\x00\x00"


def packets_of(path: Path) -> tuple[Any, list[Any]]:
    """The stream and its packets."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream, [packet for packet in container.demux(stream) if packet.size]


def splits_of(path: Path) -> tuple[list[int], list[int]]:
    """Places of splits among the packets, and of random access points by the container."""
    stream, packets = packets_of(path)
    splitter = packet_splitter(stream.codec_context.codec.canonical_name, stream.codec_context.extradata)
    assert splitter is not None
    splits = [i for i, packet in enumerate(packets) if splitter(packet)]
    return splits, [i for i, packet in enumerate(packets) if packet.is_keyframe]


def unit_stream(*units: bytes) -> bytes:
    return b"".join(b"\0\0\1" + unit for unit in units)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"bframes": 3}),
        ("a.ts", {"bframes": 2}),
        ("a.mkv", {}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.mkv", {"codec": "libsvtav1"}),
    ],
)
def test_closed_groups_of_pictures_are_split(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    made = make_video(tmp_path / name, seconds=4, gop=30, **options)
    splits, keys = splits_of(made.path)
    assert splits == keys
    assert len(splits) >= 4


def test_hevc_is_split_where_it_begins() -> None:
    splits, _ = splits_of(FIXTURES / "hevc_10bit.mp4")
    assert splits[:1] == [0]


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_open_groups_of_pictures_are_not_split(name: str, tmp_path: Path) -> None:
    options = {"x264-params": "open-gop=1:scenecut=0"}
    made = make_video(tmp_path / name, seconds=4, gop=30, bframes=3, options=options)
    splits, keys = splits_of(made.path)
    assert splits == [0]
    assert len(keys) >= 4


def test_other_codecs_are_not_split() -> None:
    assert packet_splitter("mpeg4", b"") is None


@pytest.mark.parametrize("prefixed", [False, True])
def test_parameters_that_came_in_packets_must_come_again(prefixed: bool) -> None:
    extra = b"\x01\x42\x00\x1e\xff\xe0\x00" if prefixed else b""  # avcC without parameter sets

    def packet(*units: bytes) -> bytes:
        if prefixed:
            return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
        return unit_stream(*units)

    splitter = packet_splitter("h264", extra)
    assert splitter is not None
    assert splitter(packet(SPS, PPS, IDR))
    assert not splitter(packet(SLICE))
    assert splitter(packet(SPS, PPS, IDR))
    assert not splitter(packet(SPS, IDR))
    assert not splitter(packet(OTHER_SPS, SLICE))
    assert not splitter(packet(SPS, PPS, IDR))
    assert splitter(packet(SPS, OTHER_SPS, PPS, IDR))


def test_parameters_of_the_header_need_not_come_again() -> None:
    extra = b"\x01\x42\x00\x1e\xff\xe1" + len(SPS).to_bytes(2, "big") + SPS + b"\x01\x00\x04" + PPS
    splitter = packet_splitter("h264", extra)
    assert splitter is not None
    first, later = (
        b"".join(len(unit).to_bytes(4, "big") + unit for unit in units) for units in ([SPS, PPS, IDR], [IDR])
    )
    assert splitter(first)
    assert splitter(later)


def test_no_splits_once_the_header_has_changed() -> None:
    class NewHeader(bytes):
        def has_sidedata(self, kind: str) -> bool:
            return kind == "new_extradata"

        def get_sidedata(self, kind: str) -> bytes:
            return kind.encode()

    packet = unit_stream(SPS, PPS, IDR)
    splitter = packet_splitter("h264", b"")
    assert splitter is not None
    assert splitter(packet)
    assert not splitter(NewHeader(packet))
    assert not splitter(packet)


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
@given(data=st.binary(max_size=40))
def test_damage_is_no_split_and_raises_nothing(codec: str, data: bytes) -> None:
    splitter = packet_splitter(codec, b"")
    assert splitter is not None
    assert splitter(data) in (True, False)
    assert not splitter(b"")


class Numbered:
    """A packet: its number, whether it can be split before, and its size."""

    def __init__(self, number: int, split: bool, size: int = 1) -> None:
        self.number, self.split, self.size = number, split, size


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 40), st.integers(1, 50))
def test_stretches_are_the_packets_and_begin_with_splits(splits: list[bool], fewest: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("narratrace.decode.stretches._FEWEST", fewest)
        patch.setattr("narratrace.decode.stretches._MOST", most)
        packets = [Numbered(i, split) for i, split in enumerate(splits)]
        found = [(list(s.packets), s.at_hand) for s in Stretches(packets, lambda packet: packet.split)]
    assert [packet for stretch, _ in found for packet in stretch] == packets
    for stretch, at_hand in found:
        assert at_hand == (len(stretch) < most)
        assert not any(packet.split for packet in stretch[fewest:])
    for stretch, _ in found[1:]:
        assert stretch[0].split
    for stretch, _ in found[:-1]:
        assert len(stretch) >= fewest


def test_large_packets_are_not_gathered() -> None:
    packets = [Numbered(i, split=i % 40 == 0, size=1_000_000) for i in range(80)]
    first, second = (s.at_hand for s in _taken(Stretches(packets, lambda packet: packet.split)))
    assert (first, second) == (False, False)


def test_the_splitter_sees_every_packet_once() -> None:
    seen: list[int] = []

    def splitter(packet: Any) -> bool:
        seen.append(packet.number)
        return packet.number % 50 == 0

    for _ in _taken(Stretches([Numbered(i, False) for i in range(120)], splitter)):
        pass
    assert seen == list(range(120))


def _taken(stretches: Stretches) -> Any:
    for stretch in stretches:
        for _ in stretch.packets:
            pass
        yield stretch
