"""The one rule that decides which droppable pictures are dropped.

A picture is dropped when no other needs it (see ``nonref.py``) and the pictures kept on both sides of it stay
within the largest gap the analysis allows. The gap is one of presentation order, while packets come in
decoding order, so packets wait in a small window until their neighbours in presentation order are known:
every packet still to come is presented after the decoding time of the last one seen.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import Generic, TypeVar

from msgspec import Struct

from narratrace.decode.nonref import Traits

T = TypeVar("T")

WINDOW = 64
"""Most packets that wait. Reordering reaches 16 pictures in H.264 and HEVC; a stream that would need more
room loses some drops, never a picture."""


class _Waiting(Struct, Generic[T], eq=False):
    item: T
    pts: int | None
    droppable: bool
    drop: bool = False
    decided: bool = False


class DropWindow(Generic[T]):
    """Packets on their way to the decoder, and the decision which of them never get there.

    With pictures kept at presentation times ``k[0] < k[1] < ...``, ``k[i + 1] - k[i]`` exceeds ``max_gap``
    only where the source has no picture in between. The first and the last picture are always kept.

    Args:
        max_gap: Largest gap between kept pictures that dropping may cause, in pts units.
    """

    def __init__(self, max_gap: int) -> None:
        self._max_gap = max_gap
        self._queue: deque[_Waiting[T]] = deque()  # decoding order
        self._ahead: list[tuple[int, int, _Waiting[T]]] = []  # heap in presentation order
        self._count = 0
        self._horizon: float = -math.inf  # whatever is still to come is presented later than this
        self._current: _Waiting[T] | None = None  # next to be decided
        self._passed: float = -math.inf  # presentation time up to which the order is settled
        self._last_kept: int | None = None

    def push(self, item: T, *, pts: int | None, dts: int | None, traits: Traits) -> list[tuple[T, bool]]:
        """Add the next packet in decoding order.

        Args:
            item: Whatever the caller wants back.
            pts: Presentation time; None for packets that are not shown or whose time is unknown: such
                packets are always kept, and play no part in the gaps.
            dts: Decoding time, None when unknown.
            traits: What the packet's header says.

        Returns:
            The packets decided by now, in decoding order, each with whether it is to be dropped.
        """
        if traits.inherits and self._queue:
            self._queue[-1].droppable = False
        entry = _Waiting(item, pts, traits.droppable and pts is not None)
        self._queue.append(entry)
        if pts is not None:
            if pts > self._passed:
                heapq.heappush(self._ahead, (pts, self._count, entry))
                self._count += 1
            else:  # the container lied about its order; a picture too many does no harm
                entry.droppable = False
            if dts is not None:
                self._horizon = max(self._horizon, min(dts, pts))
        self._decide()
        return self._leave()

    def flush(self) -> list[tuple[T, bool]]:
        """The remaining packets, after the last was pushed."""
        self._horizon = math.inf
        self._decide()
        for entry in self._queue:
            entry.decided = True
        return self._leave()

    def _decide(self) -> None:
        while self._ahead and self._ahead[0][0] <= self._horizon:
            following, _, entry = heapq.heappop(self._ahead)
            if self._current is not None:
                self._settle(self._current, following)
            self._current = entry
            self._passed = following

    def _settle(self, entry: _Waiting[T], following: int) -> None:
        last = self._last_kept
        fits = last is not None and following - last <= self._max_gap
        entry.drop = entry.droppable and not entry.decided and fits
        entry.decided = True
        if not entry.drop:
            self._last_kept = entry.pts

    def _leave(self) -> list[tuple[T, bool]]:
        leaving = []
        queue = self._queue
        while queue and (queue[0].decided or not queue[0].droppable or len(queue) > WINDOW):
            entry = queue.popleft()
            entry.decided = True
            leaving.append((entry.item, entry.drop))
        return leaving
