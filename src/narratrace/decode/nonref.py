"""Which coded pictures can be left undecoded without changing any other: read from their packets.

Note [Droppable pictures]
~~~~~~~~~~~~~~~~~~~~~~~~~
A picture that no other refers to can be dropped before the decoder, at the cost of looking at a few header
bytes. Measured on recorded lectures, H.264 with B pictures, 480p to 1080p, this takes 0.44 to 0.56 of the
processor time of a full decode, the same as FFmpeg's own skip_frame; but that one cannot keep a rate. Not
referred to is not enough, though: nothing of the decoder's state may flow through the picture either.

- H.264: all slices have ``nal_ref_idc`` 0, and no parameter set travels in the packet.
- HEVC: all slices are sub-layer non-reference types and of the highest temporal sub-layer, because a higher
  one may still refer to them; no parameter set travels in the packet.
- AV1: all frames of the temporal unit have ``refresh_frame_flags`` 0. State is carried by reference slots
  alone, so nothing else can flow.
- VP9: ``refresh_frame_flags`` 0 is not enough. The next frame inherits motion vectors, segmentation, loop
  filter deltas and probabilities of the frame decoded before it, unless it is error resilient. So both the
  picture and the one after it must be error resilient, as in recordings of video conferences. Ordinary VP9
  refreshes a reference with every frame, and gains nothing here.

Whatever cannot be read with certainty counts as needed.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from narratrace.decode.av1 import Av1Reader, configured_units
from narratrace.decode.bits import BitReader, nal_units


class Traits(NamedTuple):
    """What a packet's header says about its place among the others.

    Attributes:
        droppable: No other picture refers to it.
        inherits: Its decoding uses state of the packet right before it, in decoding order.
    """

    droppable: bool
    inherits: bool = False


class PacketReader(Protocol):
    """Reads the traits of packets, which come in decoding order."""

    def __call__(self, data: memoryview) -> Traits:
        """Traits of the next packet."""


NEEDED = Traits(droppable=False)


def packet_reader(codec: str, extradata: bytes | None) -> PacketReader | None:
    """A reader for the codec, None where no picture can safely be dropped.

    Args:
        codec: Codec name, for instance ``h264``.
        extradata: The stream's codec configuration (avcC, hvcC, av1C, or Annex B parameter sets).
    """
    extra = extradata or b""
    if codec == "h264":
        return _NalReader(length_size(extra, 4), _h264_droppable)
    if codec == "hevc":
        return _hevc_reader(extra)
    if codec == "vp9":
        return _read_vp9
    if codec == "av1":
        return _Av1(extra)
    return None


class _NalRule(Protocol):
    def __call__(self, unit: memoryview) -> bool | None:
        """Whether the unit lets its picture be dropped; None when it has no say."""


class _NalReader:
    """H.264 and HEVC: every NAL unit of the packet must agree, and at least one must be a slice."""

    def __init__(self, length_size: int, rule: _NalRule) -> None:
        self._length_size = length_size
        self._rule = rule

    def __call__(self, data: memoryview) -> Traits:
        try:
            verdicts = [self._rule(unit) for unit in nal_units(data, self._length_size)]
        except (ValueError, IndexError):
            return NEEDED
        return Traits(True in verdicts and False not in verdicts)


def length_size(extra: bytes, at: int) -> int:
    """Bytes of the length prefix by avcC (``at`` 4) or hvcC (``at`` 21); 0 when there is neither."""
    is_configuration = len(extra) > at and extra[0] == 1
    return (extra[at] & 3) + 1 if is_configuration else 0


def _h264_droppable(unit: memoryview) -> bool | None:
    kind = unit[0] & 0x1F
    if 1 <= kind <= 5:  # slices and slice partitions
        return unit[0] & 0x60 == 0
    return False if kind in (7, 8, 13, 15, 20, 21) else None  # parameter sets; slices of other layers


def _hevc_reader(extra: bytes) -> PacketReader | None:
    prefix = length_size(extra, 21)
    highest = _highest_sublayer(extra, bool(prefix))
    if highest is None:
        return None

    def droppable(unit: memoryview) -> bool | None:
        kind, layer, sublayer = unit[0] >> 1 & 0x3F, (unit[0] & 1) << 5 | unit[1] >> 3, (unit[1] & 7) - 1
        if kind < 32:
            # Even types below 16 are the sub-layer non-reference ones (TRAIL_N, TSA_N, ... RASL_N).
            return layer == 0 and kind < 16 and kind % 2 == 0 and sublayer == highest
        return False if kind <= 34 else None  # VPS, SPS, PPS

    return _NalReader(prefix, droppable)


def _highest_sublayer(extra: bytes, configuration: bool) -> int | None:
    """The highest temporal sub-layer by the video parameter set, None when there is none in sight."""
    for unit in hvcc_units(extra) if configuration else nal_units(memoryview(extra), 0):
        if len(unit) > 3 and unit[0] >> 1 & 0x3F == 32:
            # Behind the 2 header bytes: 12 bits of identity and layers, then max_sub_layers_minus1.
            return unit[3] >> 1 & 7
    return None


def avcc_units(extra: bytes) -> list[memoryview]:
    """The parameter sets in an avcC record."""
    units, view, at = [], memoryview(extra), 5
    for mask in (0x1F, 0xFF):  # sequence parameter sets, then picture parameter sets
        count = view[at] & mask if at < len(view) else 0
        at += 1
        for _ in range(count):
            size = int.from_bytes(view[at : at + 2], "big")
            units.append(view[at + 2 : at + 2 + size])
            at += 2 + size
    return units


def hvcc_units(extra: bytes) -> list[memoryview]:
    """The parameter sets in an hvcC record."""
    units, view, at = [], memoryview(extra), 23
    for _ in range(extra[22] if len(extra) > 22 else 0):
        count = int.from_bytes(view[at + 1 : at + 3], "big")
        at += 3
        for _ in range(count):
            size = int.from_bytes(view[at : at + 2], "big")
            units.append(view[at + 2 : at + 2 + size])
            at += 2 + size
    return units


def _read_vp9(data: memoryview) -> Traits:
    if len(data) < 2 or data[-1] & 0xE0 == 0xC0:  # a superframe holds several frames
        return Traits(droppable=False, inherits=True)
    bits = BitReader(data[:16])
    try:
        return _vp9_traits(bits)
    except IndexError:
        return Traits(droppable=False, inherits=True)


def vp9_shows_earlier(bits: BitReader) -> bool:
    """Reads the beginning of a frame header: whether it shows a frame decoded earlier, decoding nothing."""
    bits.skip(2)  # frame marker
    profile = bits.flag() | bits.flag() << 1
    bits.skip(1 if profile == 3 else 0)
    return bool(bits.flag())


def _vp9_traits(bits: BitReader) -> Traits:
    if vp9_shows_earlier(bits):
        return Traits(droppable=False, inherits=True)
    inter, shown, resilient = bits.flag(), bits.flag(), bits.flag()
    if not inter:
        return Traits(droppable=False, inherits=False)
    droppable = bool(shown and resilient and bits.bits(8) == 0)
    return Traits(droppable, inherits=not resilient)


class _Av1:
    def __init__(self, extra: bytes) -> None:
        self._reader = Av1Reader(configured_units(extra))

    def __call__(self, data: memoryview) -> Traits:
        return Traits(self._reader.droppable(data))
