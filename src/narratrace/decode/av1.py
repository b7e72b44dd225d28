"""As much of AV1's headers as it takes to see whether a temporal unit refreshes a reference slot.

Section numbers are those of the AV1 bitstream specification (version 1.0.0 with errata 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from narratrace.decode.bits import BitReader, leb128

SEQUENCE, _FRAME_HEADER, _FRAME, _REDUNDANT_HEADER = 1, 3, 6, 7
_KEY, _INTRA_ONLY, _SWITCH = 0, 2, 3
_SELECT = 2  # SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV: each frame says it for itself


@dataclass(frozen=True, slots=True)
class _Sequence:
    """Fields of the sequence header that shape frame headers."""

    screen_content: int
    integer_mv: int
    order_hint_bits: int


class Av1Reader:
    """Reads temporal units in decoding order.

    Args:
        header: Low-overhead bitstream with the sequence header, or nothing when it comes in band.
    """

    def __init__(self, header: bytes) -> None:
        self._sequence: _Sequence | None = None
        self.droppable(memoryview(header))

    def droppable(self, unit: memoryview) -> bool:
        """Whether no frame of the temporal unit refreshes a reference slot, for certain."""
        seen = False
        try:
            for kind, payload in open_bitstream_units(unit):
                if kind == SEQUENCE:
                    self._sequence = _sequence_header(BitReader(payload))
                    return False
                if kind in (_FRAME, _FRAME_HEADER, _REDUNDANT_HEADER):
                    if self._sequence is None or _refreshes(BitReader(payload), self._sequence):
                        return False
                    seen = True
        except (IndexError, ValueError):
            return False
        return seen


def configured_units(extradata: bytes) -> bytes:
    """The sequence header in a container's configuration (av1C), behind its four bytes of summary."""
    return extradata[4:] if extradata[:1] == b"\x81" else b""


def open_bitstream_units(unit: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Type and payload of every open bitstream unit (5.3).

    Raises:
        ValueError, IndexError: the data is cut off.
    """
    at = 0
    while at < len(unit):
        kind, extended, sized = unit[at] >> 3 & 15, unit[at] >> 2 & 1, unit[at] >> 1 & 1
        at += 1 + extended
        size = len(unit) - at
        if sized:
            size, at = leb128(unit, at)
        if size > len(unit) - at:
            raise ValueError("an open bitstream unit reaches past the end of its packet")
        yield kind, unit[at : at + size]
        at += size


def _sequence_header(bits: BitReader) -> _Sequence | None:
    """The needed fields (5.5), None for streams with timing or frame numbers, which screen video lacks."""
    bits.skip(4)  # profile, still picture
    if bits.flag():  # reduced still picture header
        return None
    if bits.flag():  # timing info
        return None
    delays = bits.flag()
    for _ in range(bits.bits(5) + 1):
        bits.skip(12)
        bits.skip(1 if bits.bits(5) > 7 else 0)
        if delays and bits.flag():
            bits.skip(4)
    wide, high = bits.bits(4) + 1, bits.bits(4) + 1
    bits.skip(wide + high)
    if bits.flag():  # frame numbers
        return None
    bits.skip(3 + 4)  # superblocks, intra tools; compound tools
    ordered = bits.flag()
    bits.skip(2 if ordered else 0)
    screen_content = _SELECT if bits.flag() else bits.flag()
    integer_mv = _SELECT
    if screen_content:
        integer_mv = _SELECT if bits.flag() else bits.flag()
    return _Sequence(screen_content, integer_mv, bits.bits(3) + 1 if ordered else 0)


def _refreshes(bits: BitReader, sequence: _Sequence) -> bool:
    """Whether the frame writes a reference slot, or shows one, which may refresh all (5.9.2)."""
    if bits.flag():  # show_existing_frame
        return True
    kind, shown = bits.bits(2), bits.flag()
    if not shown:
        bits.skip(1)  # showable_frame
    if kind == _SWITCH or (kind == _KEY and shown):
        return True
    resilient = bits.flag()
    bits.skip(1)  # disable_cdf_update
    screen_content = bits.flag() if sequence.screen_content == _SELECT else sequence.screen_content
    if screen_content and sequence.integer_mv == _SELECT:
        bits.skip(1)  # force_integer_mv
    bits.skip(1 + sequence.order_hint_bits)  # frame_size_override_flag, order_hint
    if not (kind in (_KEY, _INTRA_ONLY) or resilient):
        bits.skip(3)  # primary_ref_frame
    return bits.bits(8) != 0
