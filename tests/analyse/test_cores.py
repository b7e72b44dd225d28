"""An opaque pointer in a translucent halo: what of it is the same before every picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from narratrace.analyse.cores import core
from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyphs import RIM, GlyphOptions, LearnedPointer, Look
from narratrace.analyse.hot_spots import Bool2, pointing_part
from narratrace.analyse.resting import RestFinder, RestOptions
from narratrace.analyse.worth import WorthOptions, worth
from narratrace.ops.sparse import BLOB, Blobs, Candidates

from .screen import (
    CANDIDATE,
    HEIGHT,
    WIDTH,
    Planes,
    Point,
    Pointer,
    analyse,
    errors,
    film,
    flat,
    put,
    recall,
    slide_of,
    wander,
)  # fmt: skip

OPTIONS = GlyphOptions()
SIDE = 31
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
DISC = np.hypot(ROWS - 15, COLUMNS - 15) <= 15
SLIDES = [slide_of(seed, paper=paper) for seed, paper in ((21, 235), (22, 60), (23, 180), (24, 110))]


def arrow_mask(tip: tuple[int, int] = (15, 15)) -> Bool2:
    canvas = Image.new("L", (SIDE, SIDE), 0)
    x, y = tip
    ImageDraw.Draw(canvas).polygon([(x, y), (x, y + 14), (x + 4, y + 11), (x + 10, y + 10)], fill=1)
    return np.asarray(canvas) > 0


def highlighted(opacity: float) -> Pointer:
    """A black arrow whose tip is in the middle of a translucent yellow disc."""
    arrow = arrow_mask()
    color = np.zeros((SIDE, SIDE, 3), np.uint8)
    color[...] = 200, 20, 150
    color[arrow] = 16, 128, 128
    return Pointer(color, np.where(arrow, 1.0, opacity * DISC), (15, 15))


def entry_of(inner: Bool2, steady: float = 1.0) -> Entry:
    """The look of a disc with something black in it."""
    color = np.zeros((SIDE, SIDE, 3), np.uint8)
    color[...] = 210, 60, 140
    color[inner] = 16, 128, 128
    maps = {
        "color": color,
        "differs": 1.0 * DISC,
        "steady": np.where(inner, steady, 1.0 * DISC),
        "apart": np.full(DISC.shape, 255, np.float32),
        "opaque": DISC.astype(np.uint8),
    }
    look = Look.from_maps(maps)
    part = pointing_part(look.shape, OPTIONS.min_symmetry)
    pointer = LearnedPointer(look.glyph(part), look, look.size, 10, 0.9, 4.0, part)
    return GlyphBook(OPTIONS).add(pointer)


def core_of(entry: Entry, min_size: float = 15.0) -> Entry | None:
    return core(entry, min_size, OPTIONS.min_symmetry)


def test_the_core_of_a_halo_is_what_hides_the_picture_and_points_with_the_disc():
    disc = entry_of(arrow_mask())
    inner = core_of(disc)
    assert inner is not None
    assert inner.disc is disc
    assert inner.distinct
    assert not disc.distinct
    own = inner.pointer.look.opaque[RIM:-RIM, RIM:-RIM]
    ys, xs = np.nonzero(arrow_mask())
    assert (own == arrow_mask()[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]).mean() > 0.98
    x0, y0, x1, y1 = inner.glyph.box
    assert abs(x0) <= 1
    assert abs(y0) <= 1, "the tip is at the hot spot"
    assert 6 <= x1 <= 12
    assert 10 <= y1 <= 15


@pytest.mark.parametrize(
    ("inner", "steady"),
    [
        (np.zeros((SIDE, SIDE), bool), 1.0),
        (DISC & (COLUMNS < 15), 1.0),
        (np.hypot(ROWS - 15, COLUMNS - 15) <= 2, 1.0),
        (DISC & (np.hypot(ROWS - 15, COLUMNS - 15) >= 13), 1.0),
        (arrow_mask(), 0.7),
    ],
    ids=["nothing", "half of it", "a speck", "its rim", "what changes"],
)
def test_what_is_no_pointer_is_no_core(inner: Bool2, steady: float):
    assert core_of(entry_of(inner, steady)) is None


def test_what_is_too_small_for_a_halo_has_no_core():
    assert core_of(entry_of(arrow_mask()), min_size=60.0) is None


def test_a_highlighted_pointer_at_rest_is_found_wherever_it_is():
    """Its disc was learned on the first slide, and has other colours on all others."""
    rests = [(150.0, 110.0), (60.0, 40.0), (250.0, 150.0)]

    def show(t: float) -> Planes:
        return SLIDES[max(0, int(t / 4.0) - 1)]

    def at(t: float) -> Point:
        return wander(t) if t < 8.0 else rests[min(int(t / 4.0) - 2, 2)]

    trace = analyse(film(20.0, show, at, highlighted(0.5))).trace
    assert recall(trace, at, 0.0, 20.0) >= 0.95
    assert np.mean(errors(trace, at) <= 4.0) >= 0.98


def test_a_highlighted_pointer_is_followed_where_its_disc_can_hardly_be_seen():
    rng = np.random.default_rng(5)
    photograph = flat(150)
    photograph[0][...] = rng.choice([175, 200, 225], (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1)
    photograph[1][...], photograph[2][...] = 30, 148  # as yellow as the disc, and as bright

    def show(t: float) -> Planes:
        return flat(130) if t < 6.0 else photograph

    trace = analyse(film(12.0, show, wander, highlighted(0.3))).trace
    assert np.percentile(trace.score, 25) >= 0.85  # its colours tell, not what differs around it
    assert recall(trace, wander, 0.0, 12.0) >= 0.95


@pytest.mark.parametrize("whole", [True, False], ids=["with its disc", "the arrow alone"])
def test_what_is_most_like_the_core_counts_where_the_disc_is(whole: bool):
    """Neither stands out enough for itself: only their agreement tells."""
    options = RestOptions(similarity=1.0, margin=1.0, typical=1.0, clear_margin=1.0, single_similarity=1.0)
    disc = entry_of(arrow_mask())
    inner = core_of(disc)
    assert inner is not None
    color = np.zeros((SIDE, SIDE, 3), np.uint8)
    color[...] = 210, 60, 140
    color[arrow_mask()] = 40, 128, 128
    pointer = Pointer(color, 1.0 * (DISC if whole else arrow_mask()), (15, 15))
    plate = put(slide_of(31), pointer, (100.0, 90.0))
    found = RestFinder(options, 48).anywhere(plate, [disc, inner])
    assert (found is not None) == whole
    assert found is None or max(abs(found.x - 100.5), abs(found.y - 90.5)) <= 1


def test_a_core_is_found_where_nothing_of_its_disc_can_be_seen():
    inner = core_of(entry_of(arrow_mask()))
    assert inner is not None
    color = np.zeros((SIDE, SIDE, 3), np.uint8)
    color[...] = 16, 128, 128
    plate = put(flat(200), Pointer(color, 1.0 * arrow_mask(), (15, 15)), (100.0, 90.0))
    found = RestFinder(RestOptions(), 48).near(plate, [inner], (102.0, 88.0), 2.0, lone=False)
    assert found is not None
    assert max(abs(found.x - 100.5), abs(found.y - 90.5)) <= 1


def test_a_core_is_worth_its_colours_alone_where_no_more_than_its_disc_differs():
    """It says nothing about what differs around it, so how well it fits does not count."""
    disc = entry_of(arrow_mask())
    inner = core_of(disc)
    assert inner is not None
    blobs = Blobs(np.zeros(2, BLOB), np.zeros(1, np.uint32), np.full(1, 2, np.uint32))
    blobs.table["area"] = disc.area, 10 * disc.area
    table = np.zeros(3, CANDIDATE)
    table["fit"], table["similarity"], table["blob"] = 0.95, (0.9, 0.2, 0.9), (0, 0, 1)
    found = Candidates(table, np.zeros(1, np.uint32), np.full(1, 3, np.uint32))
    alike, unlike, crowded = worth(found, blobs, [inner], WorthOptions())
    assert alike == pytest.approx(0.85 * 0.9)
    assert unlike == pytest.approx(0.85 * 0.2)
    assert crowded < 0
