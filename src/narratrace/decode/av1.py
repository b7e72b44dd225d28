"""As much of AV1's headers as it takes to see what a temporal unit refreshes, and which size it has.

Section numbers are those of the AV1 bitstream specification (version 1.0.0 with errata 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from narratrace.decode.bits import BitReader, leb128

SEQUENCE, _FRAME_HEADER, _FRAME, _REDUNDANT_HEADER = 1, 3, 6, 7
_KEY, _INTRA_ONLY, _SWITCH = 0, 2, 3
_SELECT = 2  # SELECT_SCREEN_CONTENT_TOOLS and SELECT_INTEGER_MV: each frame says it for itself


class _Sequence(Struct, frozen=True):
    """Fields of the sequence header that shape frame headers, and what it says of all pictures.

    Attributes:
        screen_content, integer_mv, order_hint_bits: See 5.5.
        pictures: Profile, largest size, whether there is film grain, and layers that can be chosen, as bytes.
    """

    screen_content: int
    integer_mv: int
    order_hint_bits: int
    pictures: bytes


class _Frame(NamedTuple):
    """The beginning of a frame header, up to its size."""

    kind: int
    shown: int
    resilient: int
    own_size: int


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

    def begins_anew(self, unit: memoryview) -> bool:
        """Whether the temporal unit begins with a key frame to be shown, which refreshes all slots.

        Raises:
            ValueError, IndexError: the headers cannot be read.
        """
        for kind, payload in open_bitstream_units(unit):
            if kind == SEQUENCE:
                self._sequence = _sequence_header(BitReader(payload))
            elif kind in (_FRAME, _FRAME_HEADER):
                if self._sequence is None:
                    return False
                frame = _frame(BitReader(payload), self._sequence)
                return frame is not None and frame.kind == _KEY and bool(frame.shown)
        return False

    def own_size(self, unit: memoryview) -> bool:
        """Whether a frame of the temporal unit may have another size than its sequence.

        Raises:
            ValueError, IndexError: the headers cannot be read.
        """
        for kind, payload in open_bitstream_units(unit):
            if kind == SEQUENCE:
                self._sequence = _sequence_header(BitReader(payload))
            elif kind in (_FRAME, _FRAME_HEADER, _REDUNDANT_HEADER):
                if self._sequence is None:
                    raise ValueError("frame headers of an unknown form")
                frame = _frame(BitReader(payload), self._sequence)
                if frame is not None and frame.own_size:
                    return True
        return False


def stated_pictures(unit: memoryview) -> bytes | None:
    """What a temporal unit's sequence header says of all pictures, None without one.

    Raises:
        ValueError, IndexError: it is of a form that is not known.
    """
    said = None
    for kind, payload in open_bitstream_units(unit):
        if kind == SEQUENCE:
            sequence = _sequence_header(BitReader(payload))
            if sequence is None:
                raise ValueError("a sequence header of an unknown form")
            said = sequence.pictures
    return said


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
    """The needed fields (5.5), None for streams with a decoder model or frame numbers, as for broadcast."""
    profile = bits.bits(3)
    bits.skip(1)  # still picture
    if bits.flag():  # reduced still picture header
        return None
    if bits.flag():  # timing info
        bits.skip(64)
        if bits.flag():  # equal intervals
            bits.skip_uvlc()
        if bits.flag():  # decoder model
            return None
    delays = bits.flag()
    layers = []
    for _ in range(bits.bits(5) + 1):
        layers.append(bits.bits(12))
        bits.skip(1 if bits.bits(5) > 7 else 0)
        if delays and bits.flag():
            bits.skip(4)
    wide, high = bits.bits(4) + 1, bits.bits(4) + 1
    size = bits.bits(wide) + 1, bits.bits(high) + 1
    if bits.flag():  # frame numbers
        return None
    bits.skip(3 + 4)  # superblocks, intra tools; compound tools
    ordered = bits.flag()
    bits.skip(2 if ordered else 0)
    screen_content = _SELECT if bits.flag() else bits.flag()
    integer_mv = _SELECT
    if screen_content:
        integer_mv = _SELECT if bits.flag() else bits.flag()
    order_hint_bits = bits.bits(3) + 1 if ordered else 0
    bits.skip(3)  # superres, cdef, restoration
    _skip_colours(bits, profile)
    pictures = repr((profile, *size, bits.flag(), layers)).encode()
    return _Sequence(screen_content, integer_mv, order_hint_bits, pictures)


def _skip_colours(bits: BitReader, profile: int) -> None:
    """Passes over 5.5.2."""
    high = bits.flag()
    twelve = bits.flag() if profile == 2 and high else 0
    mono = 0 if profile == 1 else bits.flag()
    described = bits.bits(24) if bits.flag() else None
    if mono:
        bits.skip(1)  # range
        return
    if described == 1 << 16 | 13 << 8:  # sRGB
        bits.skip(1)
        return
    bits.skip(1)  # range
    across = down = profile == 0
    if profile == 2:
        across = bool(bits.flag()) if twelve else True
        down = bool(bits.flag()) if twelve and across else False
    bits.skip(3 if across and down else 1)  # place of chroma samples; separate steps of the quantizer


def _frame(bits: BitReader, sequence: _Sequence) -> _Frame | None:
    """The beginning of a frame header (5.9.2), None for one that shows a frame decoded earlier."""
    if bits.flag():  # show_existing_frame
        return None
    kind, shown = bits.bits(2), bits.flag()
    if not shown:
        bits.skip(1)  # showable_frame
    resilient = 1 if kind == _SWITCH or (kind == _KEY and shown) else bits.flag()
    bits.skip(1)  # disable_cdf_update
    screen_content = bits.flag() if sequence.screen_content == _SELECT else sequence.screen_content
    if screen_content and sequence.integer_mv == _SELECT:
        bits.skip(1)  # force_integer_mv
    return _Frame(kind, shown, resilient, 1 if kind == _SWITCH else bits.flag())


def _refreshes(bits: BitReader, sequence: _Sequence) -> bool:
    """Whether the frame writes a reference slot, or shows one, which may refresh all (5.9.2)."""
    frame = _frame(bits, sequence)
    if frame is None or frame.kind == _SWITCH or (frame.kind == _KEY and frame.shown):
        return True
    bits.skip(sequence.order_hint_bits)
    if not (frame.kind in (_KEY, _INTRA_ONLY) or frame.resilient):
        bits.skip(3)  # primary_ref_frame
    return bits.bits(8) != 0
