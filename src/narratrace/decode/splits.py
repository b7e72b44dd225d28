"""Before which packets decoding can begin anew, without anything that came before.

Note [Split points]
~~~~~~~~~~~~~~~~~~~
Containers mark random access points, but what they promise differs: behind a recovery point or an open group
of pictures some pictures still refer to earlier ones. So packets are read. A recording can be split before

- an IDR picture of H.264 or HEVC;
- a key frame of VP9, which resets all that frames inherit;
- a temporal unit of AV1 that begins with a key frame to be shown.

What is decoded apart must also know the parameters in force. Those of the file's header are known to every
decoder. As soon as others have come in packets, a split point must bring all of them again; and behind a
header that changes midway there is none.

The price is paid where a split point itself is damaged: what depends on it is lost and counted. A single
decoder goes on from older pictures, and what it then gives looks sound and is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct

from narratrace.decode.av1 import SEQUENCE, Av1Reader, configured_units, open_bitstream_units
from narratrace.decode.bits import BitReader, nal_units
from narratrace.decode.nonref import avcc_units, hvcc_units, length_size, vp9_shows_earlier
from narratrace.decode.packets import stream_header

Splitter = Callable[[Any], bool]
"""Says of the packets of a stream, which come in decoding order, whether they are split points."""


class _Beginning(NamedTuple):
    """What the beginning of a packet says.

    Attributes:
        anew: Whether its first picture, and all behind it, depend on no earlier one.
        sets: The parameters it carries.
    """

    anew: bool
    sets: frozenset[bytes]


def packet_splitter(codec: str, extradata: bytes | None) -> Splitter | None:
    """How split points are found in a stream, None for codecs in which they are not.

    Args:
        codec: Decoder name: ``h264``, ``hevc``, ``vp9`` or ``av1``.
        extradata: The stream's codec configuration.
    """
    extra = extradata or b""
    if codec == "h264":
        size = length_size(extra, 4)
        return _Splitter(extra, _NalUnits(size, _H264, avcc_units(extra) if size else []))
    if codec == "hevc":
        size = length_size(extra, 21)
        return _Splitter(extra, _NalUnits(size, _HEVC, hvcc_units(extra) if size else []))
    if codec == "vp9":
        return _Splitter(extra, _vp9_beginning)
    if codec == "av1":
        return _Splitter(extra, _Av1Units(extra))
    return None


class _Splitter:
    """A :data:`Splitter`; keeps the parameters that have come in packets."""

    def __init__(self, extra: bytes, read: Callable[[memoryview], _Beginning]) -> None:
        self._extra = extra
        self._read = read
        self._sets: frozenset[bytes] = frozenset()
        self._changed = False  # the header, midway

    def __call__(self, packet: Any) -> bool:
        self._changed = self._changed or stream_header(packet, self._extra) != self._extra
        if self._changed:
            return False
        try:
            anew, sets = self._read(memoryview(packet))
        except (ValueError, IndexError):  # damaged
            return False
        known = sets >= self._sets
        self._sets |= sets
        return anew and known


class _NalTypes(Struct, frozen=True):
    """What NAL unit types mean: slices, those of pictures that begin anew, and parameter sets."""

    of: Callable[[int], int]
    slices: range
    anew: frozenset[int]
    sets: frozenset[int]


_H264 = _NalTypes(lambda byte: byte & 0x1F, range(1, 6), frozenset({5}), frozenset({7, 8, 13, 15}))
_HEVC = _NalTypes(lambda byte: byte >> 1 & 0x3F, range(32), frozenset({19, 20}), frozenset({32, 33, 34}))


class _NalUnits:
    """Reads the units of an H.264 or HEVC packet up to its first slice, behind which are no parameters."""

    def __init__(self, length_size: int, types: _NalTypes, header: list[memoryview]) -> None:
        self._length_size = length_size
        self._types = types
        self._header = frozenset(bytes(unit) for unit in header)

    def __call__(self, data: memoryview) -> _Beginning:
        types = self._types
        sets: list[bytes] = []
        for unit in nal_units(data, self._length_size):
            kind = types.of(unit[0])
            if kind in types.slices:
                return _Beginning(kind in types.anew, frozenset(sets) - self._header)
            if kind in types.sets:
                sets.append(bytes(unit))
        return _Beginning(False, frozenset(sets) - self._header)


def _vp9_beginning(data: memoryview) -> _Beginning:
    bits = BitReader(data[:2])
    shows_earlier, inter = vp9_shows_earlier(bits), bits.flag()
    return _Beginning(not (shows_earlier or inter), frozenset())


class _Av1Units:
    def __init__(self, extra: bytes) -> None:
        header = configured_units(extra)
        self._reader = Av1Reader(header)
        try:
            self._header = self._sequences(memoryview(header))
        except (ValueError, IndexError):  # then those in packets count
            self._header = frozenset()

    def __call__(self, data: memoryview) -> _Beginning:
        return _Beginning(self._reader.begins_anew(data), self._sequences(data) - self._header)

    @staticmethod
    def _sequences(data: memoryview) -> frozenset[bytes]:
        return frozenset(bytes(unit) for kind, unit in open_bitstream_units(data) if kind == SEQUENCE)
