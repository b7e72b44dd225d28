"""Stills in time order joined to shots, changes and stable spans; keeps only the latest plates."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.analyse.boundaries import Boundary, without_moving, without_played
from narratrace.analyse.dissolving import dissolves
from narratrace.analyse.keyframes import Keyframe, PictureMaker
from narratrace.analyse.orders import median
from narratrace.analyse.pointer import PointerFinder, Still
from narratrace.analyse.registration import part_of, parts_of
from narratrace.analyse.scrolling import U16, row_step, striped
from narratrace.analyse.shot_options import ShotOptions
from narratrace.analyse.shots import (
    Verdict,
    dips,
    faded_place,
    is_passing,
    judge,
    shrunk,
    thumbnail_step,
    transition,
)
from narratrace.analyse.slices import are_slices
from narratrace.analyse.stills import StillOptions, changed_tiles, is_content
from narratrace.analyse.subtitles import find_strip, is_strip
from narratrace.analyse.tiles import Bool, TileBox, components, tile_box, tiles_within
from narratrace.data.shots import Box, ChangeEvent, MovingRegion, Shot, StableSpan
from narratrace.data.trace import Trace
from narratrace.ops.sparse import TILE, U8, Difference, Planes, compare, shrink, thumbnails
from narratrace.timebase import Span

_MAX_PASSING = 64
"""Most thumbnails kept of one transition: some seconds; of a playing video, its beginning and its end."""
_FEW_PASSING = 2
"""Those that tell of a video, after a picture that did not stay."""
_APART_S = 0.5
"""Disturbances closer than this belong to one transition."""
_FAR = 0.8
"""A video's pictures differ from what comes after it by at least this share of the usual difference."""
F32 = npt.NDArray[np.float32]
_NO_PLATE: Planes = (np.zeros((0, 0), np.uint8),) * 3


class Moment(NamedTuple):
    """A frame of a transition: its time, and its luma as a thumbnail and as rows of stripes."""

    t: float
    thumbnail: U8
    rows: U16


class _Scene(Struct):
    """A still picture on the screen, possibly over several stills."""

    start: float
    end: float
    plate: Planes
    picture: Planes
    ignore: U8
    keyframe: Keyframe | None = None
    shown: tuple[float, float] | None = None  # of the picture, where it is less than the scene


def _joined(a: _Scene, b: _Scene) -> _Scene:
    """Two scenes as one, with the picture that was shown longer."""
    pieces = [(scene.shown or (scene.start, scene.end), scene.keyframe) for scene in (a, b)]
    shown, keyframe = max(pieces, key=lambda p: p[1] is not None and p[0][1] - p[0][0])
    return replace(a, end=b.end, keyframe=keyframe, shown=shown)


class TimelineResult(Struct, frozen=True, kw_only=True):
    """See :class:`narratrace.data.analysis.VisualAnalysis`."""

    shots: tuple[Shot, ...]
    changes: tuple[ChangeEvent, ...]
    stable_spans: tuple[StableSpan, ...]
    moving_regions: tuple[MovingRegion, ...]
    trace: Trace


def _after_video(pictures: Sequence[tuple[float, npt.NDArray[Any]]], max_cut: float) -> float:
    """When another shot begins during or after a video: at its cut, or when its pictures begin to give way.

    Args:
        pictures: Times and thumbnails, the last one of what comes after the video.
        max_cut: Difference that makes a cut, as a multiple of the usual one.
    """

    def apart(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
        return float(np.abs(b.astype(np.float32) - a).mean())

    # In the middle of a long video, pictures are missing.
    steps = [apart(a, b) if t - s < _APART_S else 0.0 for (s, a), (t, b) in pairwise(pictures)]
    if max(steps) > max_cut * median(steps):
        return pictures[int(np.argmax(steps)) + 1][0]
    left = [apart(picture, pictures[-1][1]) for _, picture in pictures[:-1]]
    far = np.flatnonzero(np.array(left) >= _FAR * median(left))
    return pictures[int(far[-1]) + 1][0]


def _ignored(a: U8, b: U8) -> U8:
    """Tiles that move by themselves in either of two stills; none if that leaves nothing to compare."""
    either = a | b
    return np.zeros_like(either) if either.all() else either


class Timeline(Struct):
    """Collects what the stretches of a recording show."""

    shot_options: ShotOptions
    still_options: StillOptions
    finder: PointerFinder
    picture_maker: PictureMaker
    _scenes: list[_Scene] = field(default_factory=list)
    _boundaries: list[Boundary] = field(default_factory=list)
    _traces: list[Trace] = field(default_factory=list)
    _regions: list[MovingRegion] = field(default_factory=list)
    _passing: deque[Moment] = field(default_factory=deque)
    _passing_count: int = 0  # of the latest transition
    _disturbed: list[float] = field(default_factory=list)
    _size: tuple[int, int] = (0, 0)

    def disturbed(self, t: float, shown: tuple[U8, U8] | None) -> None:
        """The whole picture changed at ``t``.

        Args:
            shown: The picture, shrunk :func:`thumbnail_step` and :func:`row_step` times; None if another was
                handed in no more than ``passing_s`` before.
        """
        if not self._disturbed or t - self._disturbed[-1] > _APART_S:
            self._passing_count = 0
        self._disturbed.append(t)
        if shown is None or (self._passing and t - self._passing[-1].t < self.shot_options.passing_s):
            return
        if self._passing_count < _MAX_PASSING:
            self._passing_count += 1
        elif len(self._passing) >= _MAX_PASSING // 2:
            del self._passing[-_MAX_PASSING // 2]
        self._passing.append(Moment(t, shown[0], striped(shown[1])))

    def regions(self, regions: Sequence[MovingRegion]) -> None:
        """Moving regions of the stretch that comes next."""
        self._regions += regions

    def add(self, still: Still) -> None:
        """The next still."""
        times = still.view.times
        start, end = float(times[still.begin]), float(times[still.end - 1])
        if end - start < self.shot_options.min_settled_s:
            self._lengthen(still, end)
            return
        if len(still.trace):
            self._traces.append(still.trace)
        self._size = still.view.segment.width, still.view.segment.height
        scene = _Scene(start, end, still.plate, still.picture, still.view.ignore)
        self._drop_passing(scene)
        last = self._scenes[-1] if self._scenes else None
        if last is not None:
            ignore = _ignored(last.ignore, scene.ignore)
            difference = compare(last.plate, scene.plate, ignore)
            inset = self._inset_between(last.end, still)
            same = self._same(difference, still)
            if same and not inset.any():
                last.end = end
                return
            if same:
                difference = compare(last.plate, scene.plate, (~inset).astype(np.uint8))
            step = thumbnail_step(self._size[1])
            old, new = (shrunk(plate[0], step) for plate in (last.plate, scene.plate))
            passing = [moment.thumbnail for moment in self._passing if last.end < moment.t < start]
            thumbnails = [old.astype(np.uint8), *passing, new.astype(np.uint8)]
            rows = partial(self._rows_between, last, scene, still)
            verdict = judge(last.plate, scene.plate, ignore, difference, thumbnails, rows, self.shot_options)
            begins = self._begins(last, scene, old, new)
            if same:
                verdict = replace(verdict, shot=False, kind="popup")
            elif verdict.kind == "build" and (
                faded := faded_place(last.plate, scene.plate, ignore, difference, self.shot_options)
            ):
                between = self._between(last.end, still, step)
                if self._dissolves(faded, old, new, between, step):
                    tiles = changed_tiles(difference, still.view.moving.size, self.still_options)
                    replaced = tiles[tiles_within(tiles, still.view.columns, faded)]
                    verdict = replace(verdict, shot=True, kind="other", replaced=replaced)
                    begins = between[0][0]
            elif verdict.shot and self._are_slices(verdict, thumbnails, last.end, still):
                verdict = replace(verdict, shot=False, kind="motion", replaced=None)
            place = self._place(difference, still)
            self._boundaries.append(Boundary(last.end, start, verdict, place, begins))
            self._settle(last, self._may_be_subtitles(len(self._scenes) - 1))
        self._scenes.append(scene)
        # No later still can reach back beyond the one before this.
        while self._passing and self._passing[0].t < self._scenes[-2 if last else -1].end:
            self._passing.popleft()

    def _lengthen(self, still: Still, end: float) -> None:
        """Adds a still too short to count for itself to the latest scene, if it is the rest of that."""
        if not (self._scenes and still.view.goes_on and still.begin == 0):
            return
        last = self._scenes[-1]
        if self._same(compare(last.plate, still.plate, _ignored(last.ignore, still.view.ignore)), still):
            last.end = end
            if len(still.trace):
                self._traces.append(still.trace)

    def _begins(self, last: _Scene, scene: _Scene, old: F32, new: F32) -> float:
        """When the picture begins to change from one scene to the next.

        What came or went shortly before a cut, a subtitle or a pop-up, changes little of what the cut does.

        Args:
            old, new: Luma of the two, shrunk as the pictures that passed.
        """
        passing = [(t, picture) for t, picture, _ in self._passing if last.end < t <= scene.start]
        if len(passing) >= (_MAX_PASSING if self._stays(last) else _FEW_PASSING):
            pictures: list[tuple[float, npt.NDArray[Any]]] = [(last.end, old), *passing, (scene.start, new)]
            return _after_video(pictures, self.shot_options.motion.max_cut)
        least = self.shot_options.begun * float(np.abs(new - old).sum())
        for t, picture in passing:
            if np.abs(picture - old).sum() >= least:
                return t
        return next((t for t in self._disturbed if last.end < t <= scene.start), scene.start)

    def _are_slices(self, verdict: Verdict, ends: Sequence[U8], end: float, still: Still) -> bool:
        """Whether a stack was walked through since ``end``, see Note [Slices].

        Args:
            ends: Thumbnails, the first one of the picture at ``end``, the last one of the still.
        """
        options, step = self.shot_options.slices, thumbnail_step(self._size[1])
        if verdict.changed > options.max_changed:
            return False
        between = [picture for _, picture in self._between(end, still, step)]
        pictures = [ends[0], *between, ends[-1]]
        # Between dark slides, a dip to black changes little, and is kept.
        if dips(pictures, self.shot_options):
            return False
        return are_slices(parts_of(pictures, step, verdict.box), options)

    def _dissolves(
        self, place: TileBox, old: F32, new: F32, between: Sequence[tuple[float, U8]], step: int
    ) -> bool:
        """Whether one picture fades into another at a place, by thumbnails of both and of those between."""
        part = part_of(place, step)
        pictures = [picture[part] for _, picture in between]
        return dissolves(old[part], new[part], pictures, self.shot_options.dissolve_left)

    def _rows_between(self, last: _Scene, scene: _Scene, still: Still) -> list[U16]:
        """Rows of the pictures of two scenes and of what passed between them."""
        step = row_step(self._size[1])
        first, final = (striped(shrink(plate[0], step)) for plate in (last.plate, scene.plate))
        passing = [(t, rows) for t, _, rows in self._passing if last.end < t < scene.start]
        passing += [(t, striped(picture)) for t, picture in self._kept_between(last.end, still, step)]
        return [first, *(rows for _, rows in sorted(passing, key=lambda p: p[0])), final]

    def _between(self, end: float, still: Still, step: int) -> list[tuple[float, U8]]:
        """Times and thumbnails of what passed between ``end`` and a still."""
        start = still.view.times[still.begin]
        passing = [(t, picture) for t, picture, _ in self._passing if end < t < start]
        return sorted([*passing, *self._kept_between(end, still, step)], key=lambda p: p[0])

    def _kept_between(self, end: float, still: Still, step: int) -> list[tuple[float, U8]]:
        """The same, shrunk ``step`` times, where so little changed that all of it has been kept."""
        times = still.view.times
        first = int(np.searchsorted(times, end, side="right"))
        if first >= still.begin:
            return []
        every = max(1, (still.begin - first) // _MAX_PASSING)
        kept = thumbnails(still.view.segment, first, still.begin, every, step)
        return list(zip(times[first : still.begin : every].tolist(), kept, strict=True))

    def _place(self, difference: Difference, still: Still) -> Box:
        """Box of what differs, without pointers that rest in either plate."""
        columns = still.view.columns
        tiles = changed_tiles(difference, still.view.moving.size, self.still_options)
        places = [tiles[members] for members in components(tiles, columns, reach=2)]
        large = [p for p in places if tile_box(p, columns).size > still.view.max_pointer] or places
        if not large:
            return Box(x0=0, y0=0, x1=0, y1=0)
        return tile_box(np.concatenate(large), columns).within(*self._size)

    def _inset_between(self, end: float, still: Still) -> Bool:
        """Tiles where something that moves by itself has come or gone since ``end``, Note [Insets]."""
        view = still.view
        tiles = np.zeros(view.rows * view.columns, dtype=bool)
        for frame, mask in view.areas.edges(len(view.times)).items():
            if frame <= still.begin and view.times[frame] > end:
                tiles |= mask
        return tiles

    def _same(self, difference: Difference, still: Still) -> bool:
        """Whether a still shows the latest scene again: a stretch that ended for its size, or a flash."""
        tiles = changed_tiles(difference, still.view.moving.size, self.still_options)
        if len(tiles) == 0:
            return True
        if is_content(tiles, still.view.columns, still.view.max_pointer, self.still_options):
            return False
        # A pointer that rests in either plate does not make another picture.
        places = [
            tile_box(tiles[m], still.view.columns) for m in components(tiles, still.view.columns, reach=1)
        ]
        plate = self._scenes[-1].plate
        return all(
            self._in_status_line(place)
            or self._beside_moving(place, still)
            or self.finder.is_pointer(plate, still.plate, place)
            for place in places
        )

    def _beside_moving(self, place: TileBox, still: Still) -> bool:
        """Whether a small place is in the corner of what moves, such as of the frame around who speaks."""
        view, ignore = still.view, self._scenes[-1].ignore & still.view.ignore
        around = TileBox(place.x0 - TILE, place.y0 - TILE, place.x1 + TILE, place.y1 + TILE)
        boxes = [region.box for region in view.regions]
        within = any(
            b.x0 <= place.x0 and b.y0 <= place.y0 and place.x1 <= b.x1 and place.y1 <= b.y1 for b in boxes
        )
        return within and bool(tiles_within(np.flatnonzero(ignore), view.columns, around).any())

    def _in_status_line(self, place: TileBox) -> bool:
        """Whether a small place is where windows and desktops have their clock; slides are numbered below."""
        return place.y1 <= max(TILE, self.still_options.status_line * self._size[1])

    def _drop_passing(self, scene: _Scene) -> None:
        """Forgets the latest scene if it was only a moment of a slow transition into ``scene``."""
        if len(self._scenes) < 2:
            return
        before, passing = self._scenes[-2:]
        if passing.end - passing.start > self.shot_options.max_passing_s or before.plate is _NO_PLATE:
            return
        if is_passing(before.plate, passing.plate, scene.plate):
            self._scenes.pop()
            self._boundaries.pop()

    def _stays(self, scene: _Scene) -> bool:
        """Whether a scene lasts long enough to be looked at."""
        return scene.end - scene.start >= self.shot_options.min_stable_s

    def _may_be_subtitles(self, scene: int) -> bool:
        """Whether subtitles may have come or gone right before or after a scene."""
        size, options = self._size, self.shot_options.subtitles
        return any(is_strip(b.place, size, options) for b in self._boundaries[max(0, scene - 1) : scene + 1])

    def _settle(self, scene: _Scene, always: bool = False) -> None:
        """Makes the scene's keyframe if it may be needed; lets go of what earlier ones are compared by."""
        if scene.keyframe is None and (always or self._stays(scene)):
            scene.keyframe = self.picture_maker(scene.picture)
        for old in self._scenes[-3:-1]:
            old.plate = old.picture = _NO_PLATE
            old.ignore = _NO_PLATE[0]

    def finish(self, start: float, end: float) -> TimelineResult:
        """Everything, after the last still."""
        if self._scenes:
            self._settle(self._scenes[-1], self._may_be_subtitles(len(self._scenes) - 1))
        self._drop_subtitles()
        boundaries = without_moving(self._boundaries, self._regions, self._size)
        stays = [self._stays(scene) for scene in self._scenes]
        self._boundaries = without_played(boundaries, stays, self._size)
        return TimelineResult(
            shots=self._shots(start, end),
            changes=tuple(
                ChangeEvent(
                    span=Span(b.before, b.after),
                    kind=b.verdict.kind,
                    box=b.verdict.box,
                    changed=b.verdict.changed,
                )
                for b in self._boundaries
                if not b.verdict.shot
            ),
            stable_spans=self._stable(),
            moving_regions=tuple(self._regions),
            trace=self._trace(),
        )

    def _drop_subtitles(self) -> None:
        """Joins the scenes between which only subtitles changed, see Note [Subtitles]."""
        changes = [(b.after, b.place) for b in self._boundaries]
        strip = find_strip(changes, self._size, self.shot_options.subtitles)
        if strip is None:
            return
        times = changes[strip.changes[0]][0], changes[strip.changes[-1]][0]
        self._regions.append(MovingRegion(box=strip.box, span=Span(*times)))
        scenes = self._scenes[:1]
        for i, scene in enumerate(self._scenes[1:]):
            if i in strip.changes:
                scenes[-1] = _joined(scenes[-1], scene)
            else:
                scenes.append(scene)
        self._scenes = scenes
        self._boundaries = [b for i, b in enumerate(self._boundaries) if i not in strip.changes]

    def _shots(self, start: float, end: float) -> tuple[Shot, ...]:
        begins: list[tuple[float, float, str]] = [(start, start, "none")]
        begins += [
            (b.begins, b.after, transition(b.after - b.begins, self.shot_options))
            for b in self._boundaries
            if b.verdict.shot
        ]
        ends = [b[0] for b in begins[1:]] + [max(end, begins[-1][0])]
        return tuple(
            Shot(span=Span(t, e), transition=kind, settled=settled)  # type: ignore[arg-type]
            for (t, settled, kind), e in zip(begins, ends, strict=True)
        )

    def _stable(self) -> tuple[StableSpan, ...]:
        spans: list[StableSpan] = []
        frames: list[Keyframe] = []
        for scene in self._scenes:
            if scene.keyframe is None or not self._stays(scene):
                continue
            same = next(
                (i for i, other in enumerate(frames) if self.picture_maker.same(other, scene.keyframe)),
                len(frames),
            )
            frames.append(scene.keyframe)
            spans.append(
                StableSpan(
                    span=Span(scene.start, scene.end),
                    keyframe_t=0.5 * sum(scene.shown or (scene.start, scene.end)),
                    keyframe=scene.keyframe.image,
                    phash=scene.keyframe.phash,
                    group=same,
                )
            )
        return tuple(spans)

    def _trace(self) -> Trace:
        if not self._traces:
            return Trace.empty()
        columns = (np.concatenate([getattr(t, c) for t in self._traces]) for c in ("t", "x", "y", "score"))
        return Trace(*columns)
