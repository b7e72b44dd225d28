"""Reading single bits of codec headers."""

from __future__ import annotations

from collections.abc import Iterator


class BitReader:
    """Most significant bit first, as all video codecs write their headers.

    Raises:
        IndexError: from the reading methods, at the end of the data.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = data
        self._at = 0

    def flag(self) -> int:
        """The next bit, 0 or 1."""
        at = self._at
        self._at = at + 1
        return (self._data[at >> 3] >> (7 - (at & 7))) & 1

    def bits(self, count: int) -> int:
        """The next ``count`` bits as an unsigned number."""
        value = 0
        for _ in range(count):
            value = value << 1 | self.flag()
        return value

    def skip(self, count: int) -> None:
        """Pass over ``count`` bits."""
        self._at += count

    def skip_uvlc(self) -> None:
        """Pass over a variable-length number of AV1: as many bits behind the first 1 as zeros before it."""
        zeros = 0
        while not self.flag():
            zeros += 1
        self.skip(zeros)


def leb128(data: memoryview, at: int) -> tuple[int, int]:
    """AV1's variable-length number at byte ``at``: its value, and where the next byte is.

    Raises:
        IndexError: the data ends within the number.
    """
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80 or shift > 56:
            return value, at


def nal_units(data: memoryview, length_size: int) -> Iterator[memoryview]:
    """The NAL units of one H.264 or HEVC packet, without their prefixes.

    Args:
        data: The packet.
        length_size: Bytes of each length prefix, 0 for start codes (Annex B).

    Raises:
        ValueError: a length that points past the end.
    """
    return _prefixed(data, length_size) if length_size else _start_coded(data)


def _prefixed(data: memoryview, length_size: int) -> Iterator[memoryview]:
    at, end = 0, len(data)
    while at + length_size <= end:
        start = at + length_size
        at = start + int.from_bytes(data[at:start], "big")
        if at > end:
            raise ValueError("a NAL unit reaches past the end of its packet")
        if at > start:
            yield data[start:at]


def _start_coded(data: memoryview) -> Iterator[memoryview]:
    raw = bytes(data)
    start = raw.find(b"\0\0\1")
    while start >= 0:
        start += 3
        following = raw.find(b"\0\0\1", start)
        unit = data[start : following if following >= 0 else len(raw)]
        if len(unit):
            yield unit
        start = following
