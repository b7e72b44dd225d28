"""The visual analysis of one recording, fed frame by frame by a decoder.

Frames are compared with the screen once and kept as changes (Note [Sparse video]); each stretch without a
change of the whole picture is worked out as soon as it ends, so memory depends on how much changes in a
stretch, not on how long the recording is.

Note [Frames that stay]
~~~~~~~~~~~~~~~~~~~~~~~
Recorders of still screens send a frame only when something changes: a slide may be a single frame that stays
for minutes. Stills are measured from frame to frame, so a frame that stays long enough to be one is looked
at twice more, just after it came and just before the next.
"""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from time import perf_counter
from typing import Annotated

from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.analyse.dwell import DwellOptions, find_dwells
from narratrace.analyse.glyphs import GlyphOptions
from narratrace.analyse.in_order import InOrder
from narratrace.analyse.keyframes import KeyframeOptions, PictureMaker
from narratrace.analyse.moving import MovingFinder, MovingOptions
from narratrace.analyse.pointer import PointerFinder, Still
from narratrace.analyse.scrolling import row_step
from narratrace.analyse.shot_options import ShotOptions
from narratrace.analyse.shots import thumbnail_step
from narratrace.analyse.sight import Draft, PointerOptions, Sought
from narratrace.analyse.stills import StillOptions, find_changes, settled, stretches, view_segment
from narratrace.analyse.timeline import Timeline
from narratrace.analyse.trace import TrackOptions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import AnyFrame, Frame, PackedFrame
from narratrace.data.media import DecodeSummary, VideoStreamInfo
from narratrace.ops.sparse import (
    U8,
    ChangeOptions,
    EpochOptions,
    History,
    Recorder,
    Segment,
    make_recorder,
    release_memory,
    thumbnails,
    why_not_recorder,
)
from narratrace.options import option
from narratrace.threads import map_ahead, usable_cores

_MAX_HELD = 4
"""Stills that end without a pointer and wait for the next that has one; each keeps its stretch in memory."""
_BESIDE_S = 0.04
"""How far a repeated frame is from the one that came and from the next: as at 25 Hz."""


_RELEASE_BYTES = 64_000_000
"""Memory of finished stills after which what is free is given back."""
_AHEAD = 0.2
"""Bytes of stretches that wait to be worked out, as a share of the largest one. With 0.5 it took 25 MB more
at 1080p, and the same time."""
_PICTURES = 4
"""Pictures that come and go with a still, or more."""


class AnalyseOptions(Struct, frozen=True, kw_only=True):
    """How a recording's pictures are analysed."""

    max_segment_mb: Annotated[
        float,
        option(
            "changes kept before a stretch is worked out",
            unit="MB",
            gt=0,
            source="bounds memory: 60 s of a 300 px webcam inset at 1080p30 are about 280 MB",
        ),
    ] = 96.0
    threads: Annotated[
        int, option("threads of the pointer search, 0 for every core this process may use (at most 8)", ge=0)
    ] = 0
    max_waiting_mb: Annotated[
        float,
        option(
            "changes of finished stretches kept until later ones have taught how the pointer looks",
            unit="MB",
            ge=0,
            source="a recording of average length fits as a whole",
        ),
    ] = 96.0
    max_waiting_s: Annotated[
        float,
        option(
            "longest that a finished stretch waits for the same, in time of the recording",
            unit="s",
            ge=0,
            source="choice: a pointer in use shows its looks within a minute; waiting is slow",
        ),
    ] = 60.0
    change: ChangeOptions = field(default_factory=ChangeOptions)
    epochs: EpochOptions = field(default_factory=EpochOptions)
    moving: MovingOptions = field(default_factory=MovingOptions)
    stills: StillOptions = field(default_factory=StillOptions)
    shots: ShotOptions = field(default_factory=ShotOptions)
    glyphs: GlyphOptions = field(default_factory=GlyphOptions)
    pointer: PointerOptions = field(default_factory=PointerOptions)
    track: TrackOptions = field(default_factory=TrackOptions)
    dwells: DwellOptions = field(default_factory=DwellOptions)
    keyframes: KeyframeOptions = field(default_factory=KeyframeOptions)

    @property
    def worker_threads(self) -> int:
        """How many threads the pointer search really takes."""
        return self.threads or min(8, usable_cores())


@functools.cache
def why_not_analysing(index: int) -> str:
    """Why card ``index`` can analyse no recording at all, empty when it can; tried once."""
    return why_not_recorder(index)


class VisualAnalyser:
    """Turns frames into a :class:`VisualAnalysis`. Not thread-safe; one object a recording.

    Args:
        video: Facts of the stream the frames come from.
        options: How to analyse, the defaults when None.
        device: Where the frames are: ``cpu`` or ``cuda:N``.

    Raises:
        DeviceError: there is no recorder for that device.
    """

    def __init__(
        self, video: VideoStreamInfo, options: AnalyseOptions | None = None, device: str = "cpu"
    ) -> None:
        self._options = options or AnalyseOptions()
        self._device = device
        self._recorder: Recorder | None = None
        self._latest: AnyFrame | None = None
        self._shown_at = -math.inf
        self._goes_on = False  # whether the open stretch is the rest of one that ended for its size
        self._seconds = 0.0
        threads = self._options.worker_threads
        self._work = InOrder(apart=threads > 1, max_waiting=_AHEAD * 1e6 * self._options.max_segment_mb)
        self._pool: ThreadPoolExecutor | None = None
        self._released = 0
        self._held: list[Still] = []
        self._drafts: deque[Draft] = deque()
        self._moving = MovingFinder(self._options.moving)
        self._finder = PointerFinder(
            self._options.glyphs,
            self._options.pointer,
            self._options.stills,
            self._options.epochs,
            self._options.track,
        )
        self._timeline = Timeline(
            self._options.shots,
            self._options.stills,
            self._finder,
            PictureMaker(video, self._options.keyframes),
        )
        self._add: Callable[[Still], None] = self._timeline.add

    def push(self, frames: Sequence[AnyFrame]) -> None:
        """Takes the next frames in presentation order; planes that can be written to are not kept.

        Args:
            frames: All of a recording are of the same kind.

        Raises:
            ValueError: a frame has another size than the first.
        """
        begun = perf_counter()
        if frames and self._recorder is None:
            first = frames[0]
            self._recorder = make_recorder(first.width, first.height, self._options.change, self._device)
        if self._recorder is not None and frames:
            self._look(self._recorder, [shown for frame in frames for shown in self._until(frame)])
            self._latest = _lasting(frames[-1], self._recorder)
        self._seconds += perf_counter() - begun

    def finish(self, summary: DecodeSummary) -> VisualAnalysis:
        """The analysis, after the last frame; the analyser is of no more use.

        Args:
            summary: What the decode pass saw.
        """
        try:
            return self._finish(summary)
        finally:
            self.close()

    def close(self) -> None:
        """Ends what is under way, and gives device memory back; the analyser is of no more use.

        To be called by the thread that pushed the frames.
        """
        self._work.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._latest = None  # its planes may be the recorder's
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def _finish(self, summary: DecodeSummary) -> VisualAnalysis:
        begun = perf_counter()
        if self._recorder is not None:
            self._look(self._recorder, self._stays(summary.duration))
            if self._recorder.frames:
                self._close(self._recorder)
        self._work.wait()
        with closing(InOrder(apart=self._options.worker_threads > 1, max_waiting=_MAX_HELD)) as line:
            # Nothing more is learned, so what the timeline asks the finder no longer depends on when.
            add = self._timeline.add  # not by way of self, which would then refer to itself
            self._add = lambda still: line.do(partial(add, still), weight=1)
            self._resolve(-1.0, math.inf)
            self._release()
            line.wait()
        self._give_back()
        result = self._timeline.finish(summary.start_pts_s, summary.duration)
        dwells = find_dwells(result.trace, summary.height, self._options.dwells)
        self._seconds += perf_counter() - begun
        return VisualAnalysis(
            video=summary,
            shots=result.shots,
            changes=result.changes,
            stable_spans=result.stable_spans,
            moving_regions=result.moving_regions,
            trace=result.trace,
            dwells=dwells,
            timings={"analyse_s": self._seconds},
        )

    def _until(self, frame: AnyFrame) -> list[AnyFrame]:
        """The next frame, and before it the one that was on the screen until then, if it stayed for long."""
        shown = [*self._stays(frame.t), frame]
        self._latest = frame
        return shown

    def _stays(self, until: float) -> list[AnyFrame]:
        """The latest frame again, twice, if it stays ``until`` then, see Note [Frames that stay]."""
        last, shortest = self._latest, max(self._options.shots.min_settled_s, 3 * _BESIDE_S)
        if last is None or until - last.t <= shortest:
            return []
        return [replace(last, t=t) for t in (last.t + _BESIDE_S, until - _BESIDE_S)]

    def _look(self, recorder: Recorder, frames: Sequence[AnyFrame]) -> None:
        recorder.ahead([(frame.t, frame.y, frame.u, frame.v) for frame in frames if isinstance(frame, Frame)])
        for frame in frames:
            self._take(recorder, frame)

    def _take(self, recorder: Recorder, frame: AnyFrame) -> None:
        if isinstance(frame, Frame):
            recorder.push(frame.t, frame.y, frame.u, frame.v)
        else:
            recorder.push_packed(frame.t, frame.packed)
        if not recorder.stored:
            if recorder.frames:
                self._close(recorder)
            self._goes_on = False
            t, shown = frame.t, self._shown(recorder, frame)
            self._work.do(lambda: self._timeline.disturbed(t, shown))
        elif recorder.bytes > self._options.max_segment_mb * 1e6:
            self._close(recorder)
            self._goes_on = True

    def _shown(self, recorder: Recorder, frame: AnyFrame) -> tuple[U8, U8] | None:
        """The screen as the timeline wants it; None if it has one of just before."""
        if frame.t - self._shown_at < self._options.shots.passing_s:
            return None
        self._shown_at = frame.t
        return recorder.thumbnail(thumbnail_step(frame.height)), recorder.thumbnail(row_step(frame.height))

    def _close(self, recorder: Recorder) -> None:
        """Has the stretch that has ended worked out."""
        segment = recorder.take()
        goes_on, self._goes_on = self._goes_on, False
        self._work.do(lambda: self._work_out(segment, goes_on), _held_bytes(segment))

    def _work_out(self, segment: Segment, goes_on: bool) -> None:
        max_pointer = self._options.stills.max_pointer * segment.height
        history = History(segment)
        epochs = history.epochs(0, len(segment.times), self._options.epochs)
        areas, regions = self._moving.find(segment, epochs, max_pointer)
        view = view_segment(segment, areas, regions, history, max_pointer, goes_on=goes_on)
        self._timeline.regions(regions)
        first, last = settled(view, self._options.stills)
        self._eased(segment, 0, first)
        changes = find_changes(view, epochs, self._options.epochs, self._options.stills)
        for begin, end in stretches(changes, first, last):
            seconds = view.times[end - 1] - view.times[begin]
            if seconds >= self._options.shots.min_settled_s or (goes_on and begin == 0):
                self._drafts.append(self._finder.draft(view.during(begin, end), begin, end))
        self._eased(segment, last, len(view.times))
        self._resolve(
            self._options.max_waiting_mb * 1e6, float(segment.times[-1]) - self._options.max_waiting_s
        )

    def _eased(self, segment: Segment, begin: int, end: int) -> None:
        """Frames of a stretch that are moments of a transition."""
        coarse, fine = (
            thumbnails(segment, begin, end, 1, step(segment.height)) for step in (thumbnail_step, row_step)
        )
        for t, *shown in zip(segment.times[begin:end].tolist(), coarse, fine, strict=True):
            self._timeline.disturbed(t, (shown[0], shown[1]))

    def _resolve(self, budget: float, until: float) -> None:
        """Finishes the oldest stills: what ended by ``until``, and more while all need over ``budget``."""
        ready: list[Draft] = []
        while self._drafts and (_ended(self._drafts[0]) <= until or _waiting_bytes(self._drafts) > budget):
            ready.append(self._drafts.popleft())
        for found in self._seek(ready):
            for sought in found:
                still = self._finder.finish(sought)
                self._hold(still)
                self._released += _PICTURES * sum(plane.nbytes for plane in still.plate)
            self._give_back()

    def _give_back(self) -> None:
        """Returns what finished stills left free, if it is much."""
        if self._released > _RELEASE_BYTES:
            release_memory()
            self._released = 0

    def _seek(self, drafts: Sequence[Draft]) -> Iterator[list[Sought]]:
        """What is found in each draft, the next ones in threads while the caller looks at one."""
        threads = self._options.worker_threads
        # The threads go to single stills when there are few.
        seek = partial(self._finder.seek, threads=max(1, threads // max(1, len(drafts))))
        if threads < 2:
            yield from map(seek, drafts)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads, "narratrace-analyse")
        yield from map_ahead(self._pool, seek, drafts, threads + 1)

    def _hold(self, still: Still) -> None:
        """Keeps stills that end without a pointer until it is known where it was right after them."""
        if len(still.trace):
            place = still.trace.x[0], still.trace.y[0]
            for i in reversed(range(len(self._held))):
                found = self._held[i] = self._finder.revisit(self._held[i], place)
                if len(found.trace) == 0:
                    break
                place = found.trace.x[0], found.trace.y[0]
            self._release()
        self._held.append(still)
        if still.open_s < self._options.pointer.rest.min_s or len(self._held) > _MAX_HELD:
            self._release()

    def _release(self) -> None:
        for still in self._held:
            self._add(still)
        self._held.clear()


def _ended(draft: Draft) -> float:
    """Time of its last frame, in seconds."""
    return float(draft.view.times[draft.end - 1])


def _waiting_bytes(drafts: Iterable[Draft]) -> int:
    segments = {id(draft.view.segment): draft.view.segment for draft in drafts}
    return sum(_held_bytes(segment) for segment in segments.values())


def _lasting(frame: AnyFrame, recorder: Recorder) -> AnyFrame:
    """The frame as it can be kept. A packed one can; what it differs from may have been shown for long."""
    if isinstance(frame, PackedFrame):
        return frame
    y, u, v = recorder.lasting(frame.y, frame.u, frame.v)
    return replace(frame, y=y, u=u, v=v)


def _held_bytes(segment: Segment) -> int:
    """A segment also holds its first picture, 1.5 bytes a pixel."""
    return segment.bytes + 3 * segment.width * segment.height // 2
