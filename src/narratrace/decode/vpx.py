"""As much of VP8's and VP9's frame headers as it takes to see the size of a picture.

Section numbers are those of the VP9 bitstream specification (version 0.6) and of RFC 6386 for VP8.
"""

from __future__ import annotations

from collections.abc import Iterator

from narratrace.decode.bits import BitReader

Size = tuple[int, int]
"""Width and height in luma pixels."""

_SYNC_CODE = 0x498342
_RGB = 7


def vp8_sizes(packet: memoryview) -> Iterator[Size]:
    """The size that a frame states: key frames alone do (9.1).

    Raises:
        ValueError, IndexError: the header cannot be read.
    """
    if packet[0] & 1:
        return
    if bytes(packet[3:6]) != b"\x9d\x01\x2a" or len(packet) < 10:
        raise ValueError("no start code")
    yield packet[6] | (packet[7] & 0x3F) << 8, packet[8] | (packet[9] & 0x3F) << 8


def vp9_sizes(packet: memoryview) -> Iterator[Size]:
    """The sizes that the frames of a packet state; those that take over another frame's state none.

    Raises:
        ValueError, IndexError: a header cannot be read, or is not of profile 0 (8 bits, 4:2:0).
    """
    for frame in _frames(packet):
        size = _vp9_size(BitReader(frame[:32]))
        if size is not None:
            yield size


def _frames(packet: memoryview) -> Iterator[memoryview]:
    """The frames of a packet, which may be a superframe (annex B)."""
    marker = packet[-1]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = 2 + count * width
    if marker & 0xE0 != 0xC0 or len(packet) < index or packet[-index] != marker:
        yield packet
        return
    at = 0
    for i in range(count):
        place = len(packet) - index + 1 + i * width
        size = int.from_bytes(packet[place : place + width], "little")
        if size:
            yield packet[at : at + size]
        at += size


def _vp9_size(bits: BitReader) -> Size | None:
    """The size that an uncompressed header states (6.2), None when it states none."""
    if bits.bits(2) != 2:
        raise ValueError("no frame marker")
    if bits.bits(2):
        raise ValueError("not profile 0")
    if bits.flag():  # shows a frame decoded earlier
        return None
    inter, shown, resilient = bits.flag(), bits.flag(), bits.flag()
    if not inter:
        _check_sync(bits)
        if bits.bits(3) == _RGB:
            raise ValueError("RGB in profile 0")
        bits.skip(1)  # range
        return _stated(bits)
    intra = 0 if shown else bits.flag()
    bits.skip(0 if resilient else 2)  # reset_frame_context
    if intra:
        _check_sync(bits)
        bits.skip(8)  # refresh_frame_flags
        return _stated(bits)
    bits.skip(8 + 3 * 4)  # refresh_frame_flags; three references, each with a sign
    if any(bits.flag() for _ in range(3)):  # the size of that reference
        return None
    return _stated(bits)


def _check_sync(bits: BitReader) -> None:
    if bits.bits(24) != _SYNC_CODE:
        raise ValueError("no sync code")


def _stated(bits: BitReader) -> Size:
    return bits.bits(16) + 1, bits.bits(16) + 1
