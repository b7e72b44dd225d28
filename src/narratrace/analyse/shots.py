"""What kind of change lies between two still pictures: a new shot, or a change within one.

Note [Shots and changes]
~~~~~~~~~~~~~~~~~~~~~~~~
A new slide takes content away and puts other content in its place; a bullet or an annotation only adds
some, a pop-up that closes only takes away. So the measure is not how many pixels differ, but how many edges
are gone and how many came. Small changes are judged place by place: a pop-up that closes while a bullet
comes elsewhere replaces nothing, and what the encoder did elsewhere does not make a new label faint; but
the lines of a slide that are replaced one by one count together. A message that pops up over a window hides
as many edges as it brings; but it is a sheet that changes every pixel under it, where a new label leaves
the paper around its letters alone. Several things begin a shot though little comes: most of the writing
goes away, because the next page has but a title, or with it the tint of the paper; or the picture is empty
in between, because nobody dips to black for a bullet. Photographs have few edges: that one gives way to
another is told by both standing out from the page around them, and by most of their pixels. What changes
less, as from slice to slice of a scan, is one view, unless it dissolves: Note [Dissolves]. A view that is
zoomed or panned loses edges too, but while it moves each frame is the one before it, moved a little: Note
[Registration].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from narratrace.analyse.aligning import kind_of_motion
from narratrace.analyse.glyphs import contrast
from narratrace.analyse.registration import moved, parts_of
from narratrace.analyse.scrolling import U16, page_motion
from narratrace.analyse.shot_options import ShotOptions
from narratrace.analyse.tiles import I64, Bool, TileBox, components, cut, grow, tile_box, tiles_within
from narratrace.data.shots import Box, ChangeKind, Transition
from narratrace.ops.sparse import TILE, U8, Difference, Planes, compare, tile_grid

_STRONG = 8  # strongly changed pixels of a tile that has changed
_APART = 4  # tiles between what belongs to one place
_MOSTLY = 0.5  # share of a tile that changes strongly, at least, within a sheet
_RIM = 2  # tiles around the inside of a sheet: its outermost ones, and those that changed in part
_BESIDE = 0.25  # share of what changes strongly that may lie beside a sheet
_RECTANGLE = 0.85  # share of its box that the inside of a sheet fills
_MIN_INSIDE = 6  # tiles that tell a sheet from thick letters
_SHEET = 0.8  # share of a sheet that changes strongly, and share of its tiles
_TINT = 8  # levels from which on paper has another tint
_BAR = 0.1  # of the picture's height, that a bar along its edge has at most
_ALL_ALONG = 0.97  # of the picture's width, that such a bar has at least
_EVERYWHERE = 0.97  # share of strongly changed pixels from which on nothing has merely moved
_COMPACT = 0.75  # share of its box that a single picture changes, or more
_MIN_MOVING = 4  # tiles on each side of a picture that is zoomed or panned
_MAX_PLACES = 6  # more are a change of the whole picture


class Verdict(Struct, frozen=True, kw_only=True):
    """What a change between two stills is.

    Attributes:
        shot: Whether a new shot begins.
        kind: Kind of change, where it is none.
        box: Where the picture changed.
        changed: Share of the picture's pixels that differ.
        replaced: Tiles whose content was replaced, if it is a shot.
    """

    shot: bool
    kind: ChangeKind
    box: Box
    changed: float
    replaced: I64 | None = None


def thumbnail_step(height: int) -> int:
    """How many times the thumbnails of a transition are shrunk: to about 90 rows, where motion shows best."""
    return max(1, min(8, height // 90))


def shrunk(luma: U8, step: int) -> npt.NDArray[np.float32]:
    """Means of squares of ``step`` pixels, as thumbnails have them; what is left over is cut off."""
    rows, columns = luma.shape[0] // step, luma.shape[1] // step
    # Whole rows are added first, which is many times faster than adding up square by square; and by einsum,
    # which takes half as long as sum does.
    whole = luma[: rows * step, : columns * step].reshape(rows, step, columns * step)
    lines = np.einsum("ijk->ik", whole, dtype=np.uint16, casting="unsafe").reshape(rows, columns, step)
    sums = np.einsum("ijk->ij", lines, dtype=np.uint32, casting="unsafe")
    small: npt.NDArray[np.float32] = sums.astype(np.float32) / np.float32(step**2)
    return small


def judge(
    a: Planes,
    b: Planes,
    ignore: U8,
    difference: Difference,
    thumbnails: Sequence[U8],
    rows: Callable[[], Sequence[U16]],
    options: ShotOptions,
) -> Verdict:
    """The verdict on a change from one plate to another.

    Args:
        a, b: The plates.
        ignore: Nonzero for tiles that do not count.
        difference: Of the two plates.
        thumbnails: Luma of the first plate, of the frames in between and of the second plate, shrunk
            :func:`thumbnail_step` times.
        rows: Gives their rows, and more frames' in between, see :func:`narratrace.analyse.scrolling.striped`.
        options: Thresholds.
    """
    height, width = a[0].shape
    _, columns = tile_grid(width, height)
    tiles = np.flatnonzero(difference.tile_strong >= _STRONG)
    box = tile_box(tiles, columns).within(width, height) if len(tiles) else Box(x0=0, y0=0, x1=0, y1=0)
    changed = difference.changed / max(1, difference.pixels)
    dipped = dips(thumbnails, options)
    places = (box,) if dipped else _replaced_places(a, b, ignore, difference, box, options)
    if not dipped:
        everywhere = difference.strong >= _EVERYWHERE * max(1, difference.pixels)
        kind = None if everywhere else _followed((width, height), ignore, box, thumbnails, rows, options)
        if kind is None and places:
            kind = _aligned(thumbnails, thumbnail_step(height), box, options)
        if kind is not None and kind != "push":
            return Verdict(shot=False, kind=kind, box=box, changed=changed)
    if not places:
        return Verdict(shot=False, kind="build", box=box, changed=changed)
    replaced = tiles[np.logical_or.reduce([tiles_within(tiles, columns, place) for place in places])]
    return Verdict(shot=True, kind="other", box=box, changed=changed, replaced=replaced)


def _followed(
    size: tuple[int, int],
    ignore: U8,
    box: Box,
    thumbnails: Sequence[U8],
    rows: Callable[[], Sequence[U16]],
    options: ShotOptions,
) -> ChangeKind | Literal["push"] | None:
    """How a picture of that size moved, if that can be followed from frame to frame; see :func:`judge`."""
    page = page_motion(rows, ignore, box, size, options.scrolling)
    return page or moved(thumbnails, thumbnail_step(size[1]), box, options.motion)


def _aligned(thumbnails: Sequence[U8], step: int, box: Box, options: ShotOptions) -> ChangeKind | None:
    """How it moved, if what it shows at the end was there before; see Note [Alignment]."""
    # The outermost tiles are in part of what is around the picture, and that stays.
    inner = Box(x0=box.x0 + TILE, y0=box.y0 + TILE, x1=box.x1 - TILE, y1=box.y1 - TILE)
    if len(thumbnails) < 3 or min(inner.x1 - inner.x0, inner.y1 - inner.y0) < _MIN_MOVING * TILE:
        return None
    motion = options.motion
    return kind_of_motion(
        parts_of(thumbnails, step, inner), options.alignment, motion.min_scale, motion.min_shift
    )


def dips(thumbnails: Sequence[U8], options: ShotOptions) -> bool:
    """Whether the picture was empty in between: slides that look alike are still two with a dip to black."""
    first, *passing, last = (float(part.std()) if part.size else 0.0 for part in thumbnails)
    return min(passing, default=float("inf")) < options.motion.max_flat * min(first, last)


def _replaced_places(
    a: Planes, b: Planes, ignore: U8, difference: Difference, box: Box, options: ShotOptions
) -> tuple[Box, ...]:
    """Places where content replaced content; all of ``box`` if that happened to nearly all there was."""
    if _is_bar(box, a[0].shape):
        return ()
    wiped = difference.lost >= options.wiped_lost * max(1, difference.edges_a)
    if wiped and _replaced(difference, _exchanged(difference), options):
        return (box,)
    if _fills(difference, box, options) or _is_other_page(a, b, ignore, difference, options):
        return (box,)
    places = list(_places(a, b, ignore, difference, box, options))
    if _cleared([place for _, place in places], options):
        return (box,)
    exchanged = sum(_exchanged(place) for _, place in places)
    replaced = tuple(where for where, place in places if _replaced(place, exchanged, options))
    if not replaced and (lines := [(w, p) for w, p in places if _gave_way(p, options)]):
        together = [place for _, place in lines]
        if _replaced(_sum(together), exchanged, options):
            return tuple(where for where, _ in lines)
    if not replaced and _is_other_picture(a, b, ignore, difference, options):
        return (box,)
    return replaced


def _is_bar(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether all that changed is a bar along the picture's top or bottom, such as a player's controls."""
    height, width = shape
    high = _BAR * height
    return box.x1 - box.x0 >= _ALL_ALONG * width and (box.y1 <= high or box.y0 >= height - high)


def _fills(difference: Difference, box: Box, options: ShotOptions) -> bool:
    """Whether a page came onto a blank screen; a picture that comes onto a page fills its own box."""
    changed = difference.changed / max(1, difference.pixels)
    _, gained = _edges(difference)
    several = difference.changed <= _COMPACT * box.area
    return changed >= options.wiped_changed and gained >= options.filled_gained and several


def _is_other_page(a: Planes, b: Planes, ignore: U8, difference: Difference, options: ShotOptions) -> bool:
    """Whether the page itself has another tint, and most of what was on it is gone.

    Of two slides on white and on cream paper, little else may differ by much.
    """
    if difference.lost < options.wiped_lost * max(1, difference.edges_a):
        return False
    tints_a, tints_b = (_tints(picture).reshape(-1, 3)[ignore == 0] for picture in (a, b))
    tinted = contrast(tints_a, tints_b) >= _TINT
    return bool(tinted.mean() >= options.page_tinted) if tinted.size else False


def _cleared(places: Sequence[Difference], options: ShotOptions) -> bool:
    """Whether most of the writing went away: a page with nothing but a title came after one that was full."""
    if not places:
        return False
    pixels, edges = max(1, places[0].pixels), max(1, places[0].edges_a)
    changed = sum(place.changed for place in places)
    if not options.min_changed <= changed / pixels < options.small_changed:
        return False
    clear = sum(place.strong for place in places) >= options.min_strong * changed
    return clear and sum(place.lost for place in places) >= options.wiped_lost * edges


def _is_other_picture(a: Planes, b: Planes, ignore: U8, difference: Difference, options: ShotOptions) -> bool:
    """Whether a large picture gave way to another: what was there stood out from the page, and what is does.

    Photographs and radiographs may have next to no edges, so that few are gone, or few came. What a viewer
    has around its picture may have many: those of the picture's box count. From slice to slice of a scan, or
    from step to step of a loop, they all may change, but not most of the pixels.
    """
    if difference.changed < options.picture_changed * difference.pixels:
        return False
    box = largest_place(a, ignore, difference)
    if box is None:
        return False
    here = within(a, b, ignore, box)
    if here.changed < options.picture_filled * here.pixels or max(_edges(here)) < options.picture_edges:
        return False
    return all(
        _shown(picture, ignore, box, options.stands_out) >= options.picture_shown for picture in (a, b)
    )


def faded_place(
    a: Planes, b: Planes, ignore: U8, difference: Difference, options: ShotOptions
) -> TileBox | None:
    """Where one picture faded into another, if those in between say so, see Note [Dissolves].

    The place is no smaller than what makes a change large, as pop-ups are, nor a sheet, as windows are.
    """
    box = largest_place(a, ignore, difference)
    if box is None or (box.x1 - box.x0) * (box.y1 - box.y0) < options.small_changed * difference.pixels:
        return None
    here = within(a, b, ignore, box)
    if min(_edges(here)) < options.picture_edges:
        return None
    height, width = a[0].shape
    strong = np.pad(difference.tile_strong.reshape(tile_grid(width, height))[_tiles_of(box)], 1)
    return None if _is_sheet(np.ones(strong.shape, dtype=bool), strong) else box


def largest_place(a: Planes, ignore: U8, difference: Difference) -> TileBox | None:
    """The whole box of the largest thing that changed: two pictures may have the same black corners."""
    height, width = a[0].shape
    _, columns = tile_grid(width, height)
    own = np.flatnonzero((difference.tile_strong >= _STRONG) & (ignore == 0))
    places = list(components(own, columns, reach=2))
    return tile_box(own[max(places, key=len)], columns) if places else None


def within(a: Planes, b: Planes, ignore: U8, box: TileBox) -> Difference:
    """The difference of two pictures in a box."""
    height, width = a[0].shape
    rows, columns = tile_grid(width, height)
    hidden = ignore.reshape(rows, columns)[_tiles_of(box)]
    return compare(cut(a, box), cut(b, box), np.ascontiguousarray(hidden).ravel())


def _tiles_of(box: TileBox) -> tuple[slice, slice]:
    """Rows and columns of the tiles of a box."""
    return slice(box.y0 // TILE, box.y1 // TILE), slice(box.x0 // TILE, box.x1 // TILE)


def _shown(picture: Planes, ignore: U8, box: TileBox, levels: int) -> float:
    """Share of a box that stands out from the page around it; of letters, the paper between them counts.

    Args:
        levels: Contrast of what stands out.
    """
    height, width = picture[0].shape
    rows, columns = tile_grid(width, height)
    inside = np.zeros((rows, columns), dtype=bool)
    inside[_tiles_of(box)] = True
    page = grow(grow(inside.ravel(), rows, columns), rows, columns).reshape(rows, columns) & ~inside
    inside &= (ignore == 0).reshape(rows, columns)
    if not (page.any() and inside.any()):
        return 0.0
    tints = _tints(picture)
    return float((contrast(tints[inside], np.median(tints[page], axis=0)) >= levels).mean())


def _tints(picture: Planes) -> npt.NDArray[np.float64]:
    """Median Y, U and V of each tile, shape (rows, columns, 3)."""
    medians = map(_tile_medians, picture, (TILE, TILE // 2, TILE // 2))
    return np.stack(list(medians), axis=-1)


def _tile_medians(plane: U8, size: int) -> npt.NDArray[np.float64]:
    """The median of each tile of a plane, ``size`` pixels wide there, shape (rows, columns)."""
    height, width = plane.shape
    whole = np.pad(plane, ((0, -height % size), (0, -width % size)), mode="edge")
    tiles = whole.reshape(len(whole) // size, size, -1, size).swapaxes(1, 2)
    medians: npt.NDArray[np.float64] = np.median(tiles, axis=(2, 3))
    return medians


def _edges(difference: Difference) -> tuple[float, float]:
    """Shares of edges: gone, of those of the first picture, and new, of those of the second."""
    return difference.lost / max(1, difference.edges_a), difference.gained / max(1, difference.edges_b)


def _exchanged(difference: Difference) -> float:
    """Share of edges that others replaced: of those gone or those new, whatever is less."""
    return min(_edges(difference))


def _places(
    a: Planes, b: Planes, ignore: U8, difference: Difference, whole: Box, options: ShotOptions
) -> Iterator[tuple[Box, Difference]]:
    """The differences of each place by itself, measured by the whole picture; a large one as it is.

    Places where a sheet was laid down or taken away are left out.
    """
    height, width = a[0].shape
    rows, columns = tile_grid(width, height)
    tiles = np.flatnonzero(difference.tile_strong >= _STRONG)
    places = list(components(tiles, columns, reach=_APART))
    if difference.changed >= options.small_changed * difference.pixels or len(places) > _MAX_PLACES:
        yield whole, difference
        return
    for members in places:
        own = np.zeros(rows * columns, dtype=bool)
        own[tiles[members]] = True
        own = grow(own, rows, columns)
        box = tile_box(np.flatnonzero(own), columns)
        hidden = (ignore.astype(bool) | ~own).reshape(rows, columns)
        x, y = slice(box.x0 // TILE, box.x1 // TILE), slice(box.y0 // TILE, box.y1 // TILE)
        if _is_sheet(own.reshape(rows, columns), difference.tile_strong.reshape(rows, columns)):
            continue
        here = compare(cut(a, box), cut(b, box), np.ascontiguousarray(hidden[y, x].astype(np.uint8)).ravel())
        here = replace(here, pixels=difference.pixels, edges_a=difference.edges_a, edges_b=difference.edges_b)
        yield tile_box(tiles[members], columns).within(width, height), here


def _is_sheet(own: Bool, strong: npt.NDArray[np.uint16]) -> bool:
    """Whether something without holes was laid over a place, or taken away: its inside changed all over.

    What changed beside it, such as the line under a word that a note explains, may be little.

    Args:
        own: Tiles of the place and the ones around it, shape (rows, columns).
        strong: Strongly changed pixels of each tile, of the same shape.
    """
    changed = np.where(own, strong, 0)
    inside = _eroded(changed >= _MOSTLY * TILE**2)
    if inside.sum() < _MIN_INSIDE or (changed[inside] >= _SHEET * TILE**2).mean() < _SHEET:
        return False
    rows, columns = (np.ptp(at) + 1 for at in np.nonzero(inside))
    if inside.sum() < _RECTANGLE * rows * columns:
        return False
    sheet = inside.ravel()
    for _ in range(_RIM):
        sheet = grow(sheet, *inside.shape)
    return float(changed[~sheet.reshape(inside.shape)].sum()) <= _BESIDE * float(changed.sum())


def _eroded(tiles: Bool) -> Bool:
    """Without its outermost tiles; beyond the picture's edge, where tiles may be cut, is outside too."""
    padded = np.pad(tiles, 1)
    inside: Bool = tiles & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inside


def _replaced(difference: Difference, exchanged: float, options: ShotOptions) -> bool:
    """Whether content went away and other content came, see Note [Shots and changes].

    Args:
        difference: Of a place.
        exchanged: Share of edges that others replaced, in all places.
        options: Thresholds.
    """
    changed = difference.changed / max(1, difference.pixels)
    lost, _ = _edges(difference)
    if changed >= options.all_changed or (changed >= options.wiped_changed and lost >= options.wiped_lost):
        return True
    faint = difference.strong < options.min_strong * difference.changed
    if faint and changed < options.small_changed and exchanged < options.faint_replaced:
        return False  # a highlighted line, a hovered button
    return changed >= options.min_changed and lost >= options.min_lost and _gave_way(difference, options)


def _gave_way(place: Difference, options: ShotOptions) -> bool:
    """Whether as much of a place's content went away as came, or nearly."""
    few, many = sorted(_edges(place))
    return few > 0.0 and few >= options.min_replaced * many


def _sum(places: Sequence[Difference]) -> Difference:
    """The difference of several places, at least one, together."""
    return replace(
        places[0],
        changed=sum(place.changed for place in places),
        strong=sum(place.strong for place in places),
        lost=sum(place.lost for place in places),
        gained=sum(place.gained for place in places),
    )


def is_passing(before: Planes, passing: Planes, after: Planes) -> bool:
    """Whether a picture is a blend of the ones before and after it, or empty: a moment of a fade or a dip."""
    a, p, b = (planes[0][::2, ::2].astype(np.int16) for planes in (before, passing, after))
    if np.abs(p - np.median(p)).max() <= 24:
        return True
    low, high = np.minimum(a, b), np.maximum(a, b)
    moved = np.abs(p - a) > 24
    apart = high - low > 64
    foreign = (p < low - 24) | (p > high + 24)
    # Of what fades, most is under way; of a slide with content of its own, some lies beyond either neighbour.
    under_way = apart & (p > low + 16) & (p < high - 16)
    return bool(foreign.mean() < 0.002 and (under_way.sum() > 0.5 * apart.sum() or moved.mean() < 0.002))


def transition(seconds: float, options: ShotOptions) -> Transition:
    """Name of a transition that takes ``seconds``."""
    return "fade" if seconds > options.fade_s else "cut"
