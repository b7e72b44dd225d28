"""The packets of a pass that are to be decoded: demuxed, counted, thinned by one rule for all decoders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from narratrace.data.media import VideoStreamInfo
from narratrace.decode.account import PassAccount
from narratrace.decode.contract import DecodeOptions
from narratrace.decode.droppable import DropWindow
from narratrace.decode.nonref import packet_reader
from narratrace.demux import read_packets


def wanted_packets(
    container: Any, stream: Any, video: VideoStreamInfo, options: DecodeOptions, account: PassAccount
) -> Iterator[Any]:
    """The packets to be decoded, in decoding order; what is left out is booked as skipped.

    Args:
        container: The open file.
        stream: Its video stream.
        video: What the probe says about that stream.
        options: Whether pictures are dropped, and which rate is kept.
        account: Keeps the books.
    """
    packets = _counted(container, stream, account)
    reader = packet_reader(video.codec, stream.codec_context.extradata) if options.frames == "auto" else None
    if reader is None:
        yield from packets
        return
    window = DropWindow[Any](math.floor(1 / (options.analysis_rate_hz * video.time_base)))
    for packet in packets:
        shown = None if packet.is_discard else packet.pts
        traits = reader(memoryview(packet))
        yield from _kept(window.push(packet, pts=shown, dts=packet.dts, traits=traits), account)
    yield from _kept(window.flush(), account)


def _counted(container: Any, stream: Any, account: PassAccount) -> Iterator[Any]:
    for packet in read_packets(container, stream, account.resets):
        if packet is None:
            account.damaged += 1
            continue
        account.packets += 1
        account.hidden += packet.is_discard
        yield packet


def _kept(decided: list[tuple[Any, bool]], account: PassAccount) -> Iterator[Any]:
    for packet, drop in decided:
        if drop:
            account.skip(packet.pts)
        else:
            yield packet


def stream_header(packet: Any, before: bytes) -> bytes:
    """The stream's codec configuration from a packet on: MP4 and FLV may bring another one midway."""
    if not hasattr(packet, "has_sidedata"):  # an older PyAV
        return before
    return bytes(packet.get_sidedata("new_extradata")) if packet.has_sidedata("new_extradata") else before
