"""Reading packets of any kind, broken ones too."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.decode.bits import BitReader, leb128, nal_units
from narratrace.decode.nonref import packet_reader
from tests.support.media import FIXTURES, make_video

CODECS = ["h264", "hevc", "vp9", "av1"]


def example(codec: str, folder: Path) -> Path:
    if codec == "hevc":
        return FIXTURES / "hevc_layers.mkv"
    encoder = {"h264": "libx264", "vp9": "libvpx-vp9", "av1": "libsvtav1"}[codec]
    return make_video(folder / f"{codec}.mkv", codec=encoder, bframes=2, seconds=1).path


@pytest.fixture(scope="module")
def packets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, list[bytes]]]:
    """By codec: extradata, and some packets."""
    found = {}
    for codec in CODECS:
        with av.open(str(example(codec, tmp_path_factory.mktemp("packets")))) as container:
            stream = container.streams.video[0]
            data = [bytes(packet) for packet in container.demux(stream) if packet.size]
            found[codec] = (stream.codec_context.extradata or b"", data)
    return found


@pytest.mark.parametrize("codec", CODECS)
@given(data=st.data())
def test_broken_packets_are_never_an_error(
    codec: str, packets: dict[str, tuple[bytes, list[bytes]]], data: st.DataObject
) -> None:
    extra, whole = packets[codec]
    reader = packet_reader(codec, extra)
    assert reader is not None
    broken = bytearray(data.draw(st.sampled_from(whole)))
    for at in data.draw(st.lists(st.integers(0, len(broken) - 1), max_size=5)):
        broken[at] = data.draw(st.integers(0, 255))
    reader(memoryview(bytes(broken[: data.draw(st.integers(0, len(broken)))])))


@pytest.mark.parametrize("codec", CODECS)
@given(noise=st.binary(max_size=200))
def test_broken_configurations_are_never_an_error(codec: str, noise: bytes) -> None:
    for extra in (noise, b"\x01" + noise, b"\x81" + noise, None):
        reader = packet_reader(codec, extra)
        if reader is not None:
            reader(memoryview(noise))


def test_unknown_codecs_have_no_reader() -> None:
    assert packet_reader("mjpeg", None) is None
    assert packet_reader("hevc", b"") is None, "without the parameter set the highest sub-layer is unknown"


def test_h264_parameter_sets_in_band_are_needed() -> None:
    reader = packet_reader("h264", None)
    assert reader is not None
    slice_, parameters = b"\0\0\1\x01\x9a\x02", b"\0\0\0\1\x67\x42\x00"
    assert reader(memoryview(slice_)).droppable
    assert not reader(memoryview(parameters + slice_)).droppable
    assert not reader(memoryview(slice_ + b"\0\0\1\x21\x9a\x02")).droppable, "one slice is referred to"
    assert not reader(memoryview(b"\0\0\1\x06\x05")).droppable, "no slice at all"


def test_hevc_lower_sub_layers_are_needed(packets: dict[str, tuple[bytes, list[bytes]]]) -> None:
    extra, _ = packets["hevc"]  # two temporal sub-layers
    reader = packet_reader("hevc", extra)
    assert reader is not None

    def trail_n(sublayer: int) -> memoryview:
        unit = bytes([0 << 1, sublayer + 1, 0x80])
        return memoryview(len(unit).to_bytes(4, "big") + unit)

    assert reader(trail_n(1)).droppable
    assert not reader(trail_n(0)).droppable


def test_vp9_superframes_and_shown_again_frames_are_needed() -> None:
    reader = packet_reader("vp9", None)
    assert reader is not None
    # Frame marker 10, profile 00, not shown again 0, inter 1, shown 1, resilient 1; then no refresh.
    resilient = bytes([0b10000111, 0b00000000, 0, 0])
    assert reader(memoryview(resilient)) == (True, False)
    assert not reader(memoryview(resilient + b"\xc0")).droppable
    assert not reader(memoryview(bytes([0b10001000, 0, 0]))).droppable
    assert reader(memoryview(bytes([0b10000110, 0, 0, 0]))).inherits


@given(st.integers(0, 2**35))
def test_leb128_round_trip(value: int) -> None:
    coded, rest = bytearray(), value
    while True:
        coded.append((rest & 0x7F) | (0x80 if rest > 0x7F else 0))
        rest >>= 7
        if not rest:
            break
    assert leb128(memoryview(bytes(coded) + b"\xff"), 0) == (value, len(coded))


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: b"\0\0" not in b and b[-1:] != b"\0")))
def test_units_are_found_in_both_packings(units: list[bytes]) -> None:
    prefixed = b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)
    assert [bytes(unit) for unit in nal_units(memoryview(prefixed), 4)] == units
    coded = b"".join(b"\0\0\1" + unit for unit in units)
    assert [bytes(unit) for unit in nal_units(memoryview(coded), 0)] == units


def test_bits_end_with_an_error() -> None:
    bits = BitReader(b"\xa5")
    assert (bits.flag(), bits.bits(3), bits.bits(4)) == (1, 2, 5)
    with pytest.raises(IndexError):
        bits.flag()
