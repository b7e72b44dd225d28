"""Cutting a clip without decoding: the coded packets as they are, in an MP4 of their own.

Note [Copied clips]
~~~~~~~~~~~~~~~~~~~
A copy begins with the last random access point at or before the wanted start and ends with the last packet
whose picture begins before the wanted end; pictures that this one needs come along even if they are shown
later. The clip's time 0 is the random access point, which ``Clip.offset`` records, and every later time is
the source's minus that.
"""

from __future__ import annotations

import logging
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av

from narratrace.data.sample import Clip
from narratrace.timebase import Span, pts_to_seconds
from narratrace.write.clip_source import Source, chosen_stream, open_media, packet_time, packets_from
from narratrace.write.files import disk_errors

_log = logging.getLogger(__name__)


def copy_clip(source: Source, span: Span) -> Clip | None:
    """The clip of ``span`` as a stream copy, see Note [Copied clips].

    Returns:
        The clip; None when the recording shows no picture in ``span``, or MP4 cannot hold its streams.

    Raises:
        MediaError: the file cannot be read.
        DiskError: the temporary folder takes no file of that size.
    """
    video = _stretch(source, "video", span.start, span.end)
    if not video or max(_end(packet) for packet in video) <= span.start:
        return None
    zero = packet_time(video[0])
    # Pictures of an open group that precede its random access point cannot be decoded without the one before.
    video = [packet for packet in video if packet.pts >= video[0].pts]
    sound = [packet for packet in _stretch(source, "audio", zero, span.end) if packet_time(packet) >= zero]
    try:
        mp4 = _mux(source, video, sound, zero)
    except (av.error.FFmpegError, ValueError) as error:
        _log.info("%s cannot be copied into MP4: %s", source.path, error)
        return None
    return Clip(mp4=mp4, span=span, offset=zero, method="copy", frames=len(video))


def _stretch(source: Source, kind: Literal["video", "audio"], start: float, end: float) -> list[Any]:
    """Packets in coded order from a random access point at or before ``start`` to the last before ``end``.

    Damaged ones are left out; without presentation times there is nothing to copy by, and no packet comes.
    """
    packets: list[Any] = []
    keep = 0
    for packet in packets_from(source, kind, start):
        if packet.is_corrupt or not packet.size:
            continue  # cut off in the middle, or the empty packet at the end of the file
        if packet.pts is None:
            return []
        if packet.dts is not None and pts_to_seconds(packet.dts, packet.time_base) >= end:
            break
        packets.append(packet)
        if packet_time(packet) < end:
            keep = len(packets)
    return _completed(packets[:keep])


def _completed(packets: list[Any]) -> list[Any]:
    """The packets with the times filled in that some demuxers leave out, without which MP4 hides pictures."""
    shown = sorted(packets, key=lambda packet: packet.pts)
    length = 0
    for number, packet in enumerate(shown, start=1):
        length = shown[number].pts - packet.pts if number < len(shown) else length
        packet.duration = packet.duration or length
    later = None
    for packet in reversed(packets):
        if packet.dts is None:
            packet.dts = min(packet.pts, packet.pts if later is None else later.dts - max(1, packet.duration))
        later = packet
    return packets


def _end(packet: Any) -> float:
    return packet_time(packet) + pts_to_seconds(packet.duration or 0, packet.time_base)


def _mux(source: Source, video: list[Any], sound: list[Any], zero: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="narratrace-clip-") as folder, open_media(source) as media:
        target = Path(folder, "clip.mp4")
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with disk_errors(target), av.open(str(target), "w", options=options) as container:
            copies = []
            for original, packets in (
                (chosen_stream(media, "video"), video),
                (chosen_stream(media, "audio"), sound),
            ):
                if packets:
                    stream = container.add_stream_from_template(original)
                    copies += [_moved(packet, stream, zero) for packet in packets]
            container.mux(sorted(copies, key=lambda packet: packet.dts * packet.time_base))
        return target.read_bytes()


def _moved(packet: Any, stream: Any, zero: float) -> Any:
    shift = round(Fraction(zero) / packet.time_base)
    packet.pts -= shift
    packet.dts -= shift
    packet.stream = stream
    return packet
