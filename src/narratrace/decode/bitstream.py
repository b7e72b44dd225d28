"""Packets of containers as a bare parser of elementary streams wants them.

NVIDIA's parser knows no container: H.264 and HEVC must come with start codes, and with the parameter sets
that MP4 and Matroska keep in their headers. They are put before every random access point, as broadcasts do:
a decoder that is reused must not go by those of the recording before, and a stream may begin with a recovery
point instead of an IDR picture. AV1 needs its sequence header there for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from narratrace.decode.av1 import SEQUENCE, configured_units, open_bitstream_units
from narratrace.decode.bits import nal_units
from narratrace.decode.nonref import avcc_units, hvcc_units, length_size

_START = b"\0\0\0\1"

Feed = Callable[[Any], bytes]
"""Makes the parser's bytes of one packet."""


def elementary_feed(codec: str, extradata: bytes | None) -> Feed | None:
    """How packets of a stream are handed to a parser, None for codecs this does not know.

    Args:
        codec: Decoder name: ``h264``, ``hevc``, ``vp8``, ``vp9`` or ``av1``.
        extradata: The stream's codec configuration.
    """
    extra = extradata or b""
    if codec == "h264":
        size = length_size(extra, 4)
        return _NalFeed(size, avcc_units(extra) if size else [], extra)
    if codec == "hevc":
        size = length_size(extra, 21)
        return _NalFeed(size, hvcc_units(extra) if size else [], extra)
    if codec == "av1":
        return _Av1Feed(configured_units(extra))
    return bytes if codec in ("vp8", "vp9") else None


class _NalFeed:
    """H.264 and HEVC."""

    def __init__(self, length_size: int, sets: list[memoryview], extra: bytes) -> None:
        self._length_size = length_size
        self._header = b"".join(_START + bytes(unit) for unit in sets) if length_size else extra

    def __call__(self, packet: Any) -> bytes:
        head = self._header if packet.is_keyframe else b""
        if not self._length_size:
            return head + bytes(packet)
        try:
            units = list(nal_units(memoryview(packet), self._length_size))
        except ValueError:  # damaged: the parser gets what can still be told apart
            units = []
        return head + b"".join(part for unit in units for part in (_START, unit))


class _Av1Feed:
    """AV1."""

    def __init__(self, header: bytes) -> None:
        self._header = header

    def __call__(self, packet: Any) -> bytes:
        data = bytes(packet)
        return self._header + data if packet.is_keyframe and not _has_sequence(data) else data


def _has_sequence(unit: bytes) -> bool:
    try:
        return any(kind == SEQUENCE for kind, _ in open_bitstream_units(memoryview(unit)))
    except (ValueError, IndexError):
        return False
