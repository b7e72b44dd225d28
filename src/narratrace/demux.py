"""Reading packets past damage, and past clocks that are set anew in the middle of a file.

Note [Reset clocks]
~~~~~~~~~~~~~~~~~~~
A recorder that was started again, or files joined byte by byte, leave a transport stream whose clock goes
back (or, since times there wrap around, far ahead). A player shows the parts one after another. So from a
reset on all times are moved, as far as it takes for the first packet behind it to follow what was before.

How far must not depend on which stream is read, or sound and pictures would come apart. It is found from the
packets of both, in file order, whoever reads. Around a reset those of the two parts may be mixed: each stream
passes from part to part by itself, when its own times are nearer to the later one. Such a file cannot be
searched for a time.

Note [Late streams]
~~~~~~~~~~~~~~~~~~~
A transport stream tells of a stream where it begins, perhaps in the middle of the file: with a part that has
sound, behind one that has none. PyAV lists the streams when it opens a file, and with another one may raise
IndexError, as it does when it flushes the streams at the end. Nothing of the listed streams is lost by that:
demuxing is begun again, and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import av.error
from av.container import InputContainer

from narratrace.container import best_audio, best_video, has_free_clock, states_length

_READ_ATTEMPTS = 16
"""Errors in a row after which the rest of a file counts as unreadable."""

_BACK_S = 1.0
"""Further back goes no decoding time that is only inexact."""

_AHEAD_S = 3600.0
"""No recording pauses for longer; a wrapped clock jumps by a day."""


class Resets:
    """Moves packets of one file, whose streams come in file order, to times that go on."""

    def __init__(self) -> None:
        self._moves = [0.0]  # seconds added, by part
        self._parts: dict[int, int] = {}  # in which each stream is
        self._last: dict[int, float] = {}  # decoding time of each stream's last packet, moved
        self._before: dict[int, float] = {}  # of the one before
        self._end = 0.0  # of what has come so far
        self._ends: dict[int, int] = {}  # end of each stream so far, in units of its own
        self._units: dict[int, Fraction] = {}

    @property
    def count(self) -> int:
        """Resets met so far."""
        return len(self._moves) - 1

    def warning(self) -> str:
        """A line about them, empty without any."""
        times = f"{self.count} times" if self.count > 1 else "once"
        return f"the clock was set anew {times}: its parts follow one another" if self.count else ""

    def mend(self, packet: Any) -> None:
        """Move the packet's times to where they belong."""
        stream, base = packet.stream_index, packet.time_base
        if packet.dts is not None:
            self._parts[stream] = self._part(packet)
        ticks = round(self._moves[self._parts.get(stream, 0)] / base)
        if packet.pts is not None:
            packet.pts += ticks
        if packet.dts is not None:
            packet.dts += ticks
            if stream in self._last:
                self._before[stream] = self._last[stream]
            self._last[stream] = float(packet.dts * base)
            self._end = max(self._end, _shown(packet) + float((packet.duration or 0) * base))

    def note_end(self, packet: Any) -> None:
        """Remember where the packet ends; for every packet of a long file, so there is little to it."""
        stream, shown = packet.stream_index, packet.pts if packet.pts is not None else packet.dts
        if shown is None:
            return
        end = shown + (packet.duration or 0)
        if stream not in self._ends:
            self._ends[stream], self._units[stream] = end, packet.time_base
        elif end > self._ends[stream]:
            self._ends[stream] = end

    @property
    def end(self) -> float | None:
        """End of the last packet of any stream in seconds; None where the format's header tells no length."""
        return max((float(end * self._units[stream]) for stream, end in self._ends.items()), default=None)

    def _part(self, packet: Any) -> int:
        """The part a packet belongs to; a new one where its time makes no sense in any."""
        decoded, last = float(packet.dts * packet.time_base), self._last.get(packet.stream_index)
        part = min(
            range(self._parts.get(packet.stream_index, 0), len(self._moves)),
            key=lambda part: abs(decoded + self._moves[part] - (self._end if last is None else last)),
        )
        placed = decoded + self._moves[part]
        if last is None or -_BACK_S <= placed - last <= _AHEAD_S:
            return part
        # A single wrong time stamp is no reset: the next one goes on from the one before.
        if abs(placed - self._before.get(packet.stream_index, last)) <= _BACK_S:
            return part
        self._moves.append(self._end - _shown(packet))
        return self.count


def known_packets(container: InputContainer, *streams: Any) -> Iterator[Any]:
    """The packets of some streams as ``container.demux`` gives them, see Note [Late streams]."""
    packets = container.demux(*streams)
    while True:
        try:
            yield next(packets)
        except StopIteration:
            return
        except IndexError:
            packets = container.demux(*streams)


def demuxed(
    container: InputContainer, stream: Any, resets: Resets, beat: Callable[[], None] = lambda: None
) -> Iterator[Any]:
    """The packets of one stream, their times mended, see Note [Reset clocks].

    Args:
        container: The open file.
        stream: One of its streams.
        resets: Of this file; counts them.
        beat: Called with every packet of pictures or sound: a stream may have long gaps, or end early.
    """
    free, stated = has_free_clock(container), states_length(container)
    both = {s.index: s for s in (best_video(container), best_audio(container), stream) if s is not None}
    # The stated length is that of the longest stream, which may be a second language.
    for packet in known_packets(container, *(container.streams if stated else both.values())):
        beat()
        if packet.size:  # the demuxer ends with empty packets
            if free:
                resets.mend(packet)
            elif stated:
                resets.note_end(packet)
        if packet.stream.index == stream.index:  # empty packets know their stream, but not its index
            yield packet


def read_packets(
    container: InputContainer, stream: Any, resets: Resets, beat: Callable[[], None] = lambda: None
) -> Iterator[Any | None]:
    """The packets of one stream in file order; None for every place that could not be read.

    Reading goes on behind a damaged place until the demuxer finds nothing more.

    Args:
        container: The open file.
        stream: One of its streams.
        resets: Of this file; counts them.
        beat: See :func:`demuxed`.
    """
    failures = 0
    packets = demuxed(container, stream, resets, beat)
    while failures < _READ_ATTEMPTS:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.error.FFmpegError:
            failures += 1
            packets = demuxed(container, stream, resets, beat)
            yield None
            continue
        if packet.size:  # the demuxer ends with an empty packet
            failures = 0
            yield packet


def _shown(packet: Any) -> float:
    return float((packet.pts if packet.pts is not None else packet.dts) * packet.time_base)
