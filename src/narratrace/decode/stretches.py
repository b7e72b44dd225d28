"""The packets of a recording in stretches that can be decoded apart, see Note [Split points]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from msgspec import Struct

from narratrace.decode.splits import Splitter

_FEWEST = 32
"""Packets of a stretch: a decoder that begins anew takes as long as for a picture or two."""
_MOST = 1024
_MOST_BYTES = 32_000_000
"""Packets of a stretch that wait at once; those between split points are 250, or 10 s, by most encoders."""


class Stretch(Struct, frozen=True):
    """Packets in decoding order; no other picture depends on them, nor do theirs on others.

    Attributes:
        packets: They. If they are not at hand, all must be taken before the next stretch is asked for.
        at_hand: Whether they have been read. If not, there are too many of them.
    """

    packets: Iterable[Any]
    at_hand: bool


class Stretches:
    """Splits packets into stretches; makes one pass.

    Args:
        packets: In decoding order.
        splitter: Says which packets are split points; none is without it.
    """

    def __init__(self, packets: Iterable[Any], splitter: Splitter | None) -> None:
        self._packets = iter(packets)
        self._splitter = splitter or (lambda _: False)
        self._next = next(self._packets, None)

    def __iter__(self) -> Iterator[Stretch]:
        if self._next is not None:
            self._splitter(self._next)  # which is to see every packet
        while self._next is not None:
            rest = self._until_split()
            held, size = [], 0
            for packet in rest:
                held.append(packet)
                size += packet.size
                if len(held) == _MOST or size > _MOST_BYTES:
                    yield Stretch(chain(held, rest), at_hand=False)
                    break
            else:
                yield Stretch(held, at_hand=True)

    def _until_split(self) -> Iterator[Any]:
        packet, count = self._next, 0
        self._next = None
        while packet is not None:
            yield packet
            count += 1
            packet = next(self._packets, None)
            if packet is not None and self._splitter(packet) and count >= _FEWEST:
                self._next = packet
                return
