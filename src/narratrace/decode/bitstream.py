"""Packets of containers as a bare parser of elementary streams wants them.

NVIDIA's parser knows no container: H.264 and HEVC must come with start codes, and with the parameter sets
that MP4 and Matroska keep in their headers. They are put before every random access point, as broadcasts do:
a decoder that is reused must not go by those of the recording before, and a stream may begin with a recovery
point instead of an IDR picture. AV1 needs its sequence header there for the same reason.

Note [Changing sequences]
~~~~~~~~~~~~~~~~~~~~~~~~~
A hardware decoder is set up once, by what the stream says about all its pictures: their size, their cropping,
and how many are kept to be referred to. When a stream comes to say something else, PyNvVideoCodec does not
tell: it scales smaller pictures to the size of the first, and where more pictures must be kept it overwrites
some that are still needed. So packets are searched for such a change.

H.264 and HEVC say it in sequence parameter sets: in the file's header, and again in packets, where they must
be the same bit for bit. AV1 says it in sequence headers; of that in the file's header only what matters here
must be right, because SVT-AV1 guesses the rest. A frame of AV1 may also have a size of its own. VP8 and VP9
say the size in frames. The last three always keep the same number of pictures, but for film grain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from narratrace.decode.av1 import Av1Reader, configured_units, stated_pictures
from narratrace.decode.bits import nal_units
from narratrace.decode.nonref import avcc_units, hvcc_units, length_size
from narratrace.decode.packets import stream_header
from narratrace.decode.vpx import Size, vp8_sizes, vp9_sizes

_START = b"\0\0\0\1"


class NotForParser(Exception):
    """A packet that a hardware decoder must not get; the text says why."""


class Feed(Protocol):
    """Makes the parser's bytes of the packets of one stream, in decoding order."""

    sequence: bytes | None
    """What the header says about all pictures, see Note [Changing sequences]: the same for streams that
    need the same of a decoder. Empty for codecs whose headers say nothing of the kind. None where a header
    should, but does not, or not for certain."""

    def __call__(self, packet: Any) -> bytes:
        """The parser's bytes of the next packet; none if nothing in it can be decoded.

        Raises:
            NotForParser: from here on the pictures are of another kind, or may be.
        """


def elementary_feed(codec: str, extradata: bytes | None) -> Feed | None:
    """How packets of a stream are handed to a parser, None for codecs this does not know.

    Args:
        codec: Decoder name: ``h264``, ``hevc``, ``vp8``, ``vp9`` or ``av1``.
        extradata: The stream's codec configuration.
    """
    extra = extradata or b""
    if codec == "h264":
        size = length_size(extra, 4)
        return _NalFeed(size, avcc_units(extra) if size else [], extra, _h264_sequence)
    if codec == "hevc":
        size = length_size(extra, 21)
        return _NalFeed(size, hvcc_units(extra) if size else [], extra, _hevc_sequence)
    if codec == "av1":
        return _Av1Feed(extra)
    if codec in ("vp8", "vp9"):
        return _VpxFeed(vp8_sizes if codec == "vp8" else vp9_sizes, extra)
    return None


class _Feed:
    """What all feeds have in common.

    Args:
        extra: The stream's codec configuration.
    """

    sequence: bytes | None = b""

    def __init__(self, extra: bytes) -> None:
        self._extra = extra

    def __call__(self, packet: Any) -> bytes:
        """See :meth:`Feed.__call__`."""
        if stream_header(packet, self._extra) != self._extra:
            raise NotForParser("the stream's header changes midway")
        try:
            return self._bytes(packet)
        except (ValueError, IndexError) as error:
            raise NotForParser(f"a packet's header cannot be read: {error}") from error

    def _bytes(self, packet: Any) -> bytes:
        raise NotImplementedError


class _NalFeed(_Feed):
    """H.264 and HEVC.

    Args:
        length_size: Bytes of each length prefix, 0 for start codes.
        sets: Parameter sets of the header, where packets have lengths.
        extra: The header.
        sequence_of: What a NAL unit says about all pictures, empty when nothing.
    """

    def __init__(
        self,
        length_size: int,
        sets: list[memoryview],
        extra: bytes,
        sequence_of: Callable[[memoryview], bytes],
    ) -> None:
        super().__init__(extra)
        self._length_size = length_size
        self._header = b"".join(_START + bytes(unit) for unit in sets) if length_size else extra
        self._sequence_of = sequence_of
        said = self._said(sets if length_size else nal_units(memoryview(extra), 0))
        self.sequence = said.pop() if len(said) == 1 else None

    def _bytes(self, packet: Any) -> bytes:
        data = bytes(packet)
        try:
            units = list(nal_units(memoryview(data), self._length_size))
        except ValueError:  # damaged
            return b""
        if self._said(units) - {self.sequence}:
            raise NotForParser("its sequence parameters are not, or no longer, those of its header")
        body = b"".join(part for unit in units for part in (_START, unit)) if self._length_size else data
        return self._header + body if packet.is_keyframe and body else body

    def _said(self, units: Iterable[memoryview]) -> set[bytes]:
        return {said for unit in units if len(unit) > 2 and (said := self._sequence_of(unit))}


def _h264_sequence(unit: memoryview) -> bytes:
    """A sequence parameter set without its header, which says how much it matters, and padding."""
    return bytes(unit[1:]).rstrip(b"\0") if unit[0] & 0x1F == 7 else b""


def _hevc_sequence(unit: memoryview) -> bytes:
    """A sequence parameter set of the base layer, the one that is decoded."""
    base = not (unit[0] & 1 or unit[1] >> 3)
    return bytes(unit[2:]).rstrip(b"\0") if unit[0] >> 1 & 0x3F == 33 and base else b""


class _Av1Feed(_Feed):
    """AV1."""

    def __init__(self, extra: bytes) -> None:
        super().__init__(extra)
        self._header = configured_units(extra)
        self._reader = Av1Reader(self._header)
        try:
            self.sequence = stated_pictures(memoryview(self._header))
        except (ValueError, IndexError):
            self.sequence = None

    def _bytes(self, packet: Any) -> bytes:
        data = bytes(packet)
        said = stated_pictures(memoryview(data))
        if said not in (None, self.sequence):
            raise NotForParser("its pictures are not, or no longer, as the file's header says")
        if self._reader.own_size(memoryview(data)):
            raise NotForParser("it has frames with a size of their own")
        return self._header + data if packet.is_keyframe and said is None else data


class _VpxFeed(_Feed):
    """VP8 and VP9.

    Args:
        sizes: Reads the sizes that a packet states.
        extra: The header.
    """

    def __init__(self, sizes: Callable[[memoryview], Iterator[Size]], extra: bytes) -> None:
        super().__init__(extra)
        self._sizes = sizes
        self._size: Size | None = None

    def _bytes(self, packet: Any) -> bytes:
        data = bytes(packet)
        for size in self._sizes(memoryview(data)):
            self._size = self._size or size
            if size != self._size:
                raise NotForParser("the size of its pictures changes: {} x {}".format(*size))
        return data
