"""The books of one decode pass, the same for every backend: counts, warnings, summary."""

from __future__ import annotations

import heapq
from collections import Counter

from narratrace.data.media import DecodeSummary, MediaInfo
from narratrace.decode.clock import PresentationClock
from narratrace.demux import Resets
from narratrace.errors import MediaError
from narratrace.timebase import irregular, pts_to_seconds

_SEVERAL_PACKETS_A_PICTURE = frozenset({"vp8", "mpeg4", "msmpeg4v3"})
"""Codecs whose packets may hold no picture to show (hidden references, packed B pictures)."""

_MOST_INTERVALS = 4096
"""Distinct frame intervals that are told apart; a stream with more is irregular in any case."""


_SHORT_S, _SHORT_SHARE = 1.0, 0.02
"""Seconds, and share of the stated length, from which on a file is cut short: headers are inexact."""


class PassAccount:
    """What a decoder reports while it works.

    Args:
        media: The file being read; it must have a video stream.
        backend: Name of the decoder.

    Attributes:
        resets: Where the clock is set anew, see Note [Reset clocks].
        packets: Packets demuxed.
        hidden: Packets whose picture is not to be shown, by an edit list.
        skipped: Pictures left undecoded on purpose.
        damaged: Packets and pictures lost to damage for certain.
        pictures: Sound pictures that left the decoder.
        frames: Frames handed on.
    """

    def __init__(self, media: MediaInfo, backend: str) -> None:
        assert media.video is not None
        self._media = media
        self._video = media.video
        self._backend = backend
        self._clock = PresentationClock(media.video.time_base, media.video.average_rate)
        self._size = (0, 0)
        self._skipped_ahead: list[int] = []  # heap
        self._last_shown: int | None = None
        self._intervals: Counter[int] = Counter()
        self._warnings: list[str] = []
        self.resets = Resets()
        self.packets = self.hidden = self.skipped = self.damaged = self.pictures = self.frames = 0

    def skip(self, pts: int) -> None:
        """A picture presented at ``pts`` is left undecoded on purpose."""
        self.skipped += 1
        heapq.heappush(self._skipped_ahead, pts)

    def place(self, pts: int | None, dts: int | None, step: int, size: tuple[int, int]) -> int | None:
        """Presentation time of the next sound picture, or None if it has to be dropped.

        Args:
            pts: Its presentation time, None when the stream lost it.
            dts: Its decoding time, None when unknown.
            step: How long it is shown, in pts units, 0 when unknown.
            size: Its displayed width and height in pixels.
        """
        self.pictures += 1
        placed = self._clock.place(pts, dts, step)
        if placed is not None:
            if self.frames == 0:
                self._size = size
            self.frames += 1
            self._note_intervals(placed)
        return placed

    def warn(self, line: str) -> None:
        """Keep a warning that no count tells, once; the caller sees to it that there are few."""
        if line not in self._warnings:
            self._warnings.append(line)

    def finish(self) -> None:
        """Judge the finished pass.

        Raises:
            MediaError: no picture, or less than half of the packets, could be decoded and placed in time.
        """
        wanted = self._wanted()
        if self.frames == 0 or (self._one_to_one() and 2 * self.frames < wanted):
            placed = f", {self.frames} of them placed in time" if self.frames < self.pictures else ""
            raise MediaError(
                f"{self.pictures} of {wanted} video packets could be decoded{placed}",
                station="decode",
                input=self._media.path,
                expected="at least half of them",
                cause="a damaged or incomplete file" if self.packets else "no video packets in the file",
            )

    def summary(self) -> DecodeSummary:
        """The pass in figures.

        Raises:
            RuntimeError: no frame has been decoded yet.
        """
        first, last, end = self._clock.extent()
        base = self._video.time_base
        length = pts_to_seconds(last - first, base)
        return DecodeSummary(
            codec=self._video.codec,
            width=self._size[0],
            height=self._size[1],
            start_pts_s=pts_to_seconds(first, base),
            duration=pts_to_seconds(end, base),
            frames_decoded=self.frames,
            frames_skipped=self.skipped,
            packets=self.packets,
            corrupt=self._lost(),
            fps_mean=(self.frames + self.skipped - 1) / length if length > 0 else 0.0,
            vfr=irregular(self._intervals),
            resets=self.resets.count,
            backend=self._backend,
            warnings=tuple(self._count_warnings() + self._warnings),
        )

    def _note_intervals(self, pts: int) -> None:
        """Count the intervals of all pictures up to ``pts``, skipped ones included, in presentation order."""
        while self._skipped_ahead and self._skipped_ahead[0] < pts:
            self._count_interval(heapq.heappop(self._skipped_ahead))
        self._count_interval(pts)

    def _count_interval(self, pts: int) -> None:
        last, self._last_shown = self._last_shown, pts
        if last is None or pts <= last:
            return
        if pts - last in self._intervals or len(self._intervals) < _MOST_INTERVALS:
            self._intervals[pts - last] += 1

    def _one_to_one(self) -> bool:
        return self._video.codec not in _SEVERAL_PACKETS_A_PICTURE

    def _wanted(self) -> int:
        return self.packets - self.hidden - self.skipped

    def _lost(self) -> int:
        missing = self._wanted() - self.pictures if self._one_to_one() else 0
        return max(self.damaged, missing)

    def _count_warnings(self) -> list[str]:
        lost, clock, announced, cut = self._lost(), self._clock, self._announced(), self._missing()
        lines = [
            (lost, f"{lost} of {self.packets} video packets or pictures were lost to damage"),
            (clock.dropped, f"{clock.dropped} pictures dropped: their time does not increase"),
            (clock.untimed, f"{clock.untimed} pictures without a usable time stamp: placed by their order"),
            (
                announced > self.packets,
                f"cut short: the index lists {announced} pictures, the file holds {self.packets}",
            ),
            (cut, cut),
            (self.resets.count, self.resets.warning()),
            (self._video.interlaced, "interlaced: fields are not separated"),
        ]
        return [line for count, line in lines if count]

    def _missing(self) -> str:
        """A line about a file that ends before its header's length, see :func:`states_length`; else empty."""
        stated, end = self._media.duration, self.resets.end
        if stated is None or end is None or stated - end <= max(_SHORT_S, _SHORT_SHARE * stated):
            return ""
        return f"cut short: the header says {stated:.1f} s, the file holds {end:.1f} s"

    def _announced(self) -> int:
        """Pictures by an index that lists every one, 0 elsewhere: other headers only guess."""
        return self._video.frames if "mp4" in self._media.container.split(",") else 0
