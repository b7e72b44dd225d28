"""An opaque pointer in a translucent halo: what of it is the same before every picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from narratrace.analyse.cores import core
from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyphs import RIM, GlyphOptions, LearnedPointer, Look
from narratrace.analyse.hot_spots import Bool2, pointing_part

from .screen import Planes, Point, Pointer, analyse, errors, film, recall, slide_of, wander

OPTIONS = GlyphOptions()
SIDE = 31
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
DISC = np.hypot(ROWS - 15, COLUMNS - 15) <= 15
SLIDES = [slide_of(seed, paper=paper) for seed, paper in ((21, 235), (22, 60), (23, 180), (24, 110))]


def arrow_mask(tip: tuple[int, int] = (15, 15)) -> Bool2:
    canvas = Image.new("L", (SIDE, SIDE), 0)
    x, y = tip
    ImageDraw.Draw(canvas).polygon([(x, y), (x, y + 12), (x + 3, y + 9), (x + 8, y + 8)], fill=1)
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
    assert (own == arrow_mask()[: own.shape[0], : own.shape[1]]).mean() > 0.98
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


def test_a_highlighted_pointer_that_rests_from_slide_to_slide_is_found():
    """Its disc was learned on the last slide, and has other colours on all others."""

    def show(t: float) -> Planes:
        return SLIDES[min(int(t / 3.0), 3)]

    def at(t: float) -> Point:
        return (150.0, 110.0) if t < 9.0 else wander(t)

    trace = analyse(film(17.0, show, at, highlighted(0.5))).trace
    assert recall(trace, at, 0.0, 17.0) >= 0.95
    assert np.mean(errors(trace, at) <= 4.0) >= 0.98


def test_a_highlighted_pointer_is_followed_where_its_disc_can_hardly_be_seen():
    def show(t: float) -> Planes:
        return SLIDES[0] if t < 6.0 else SLIDES[2]

    trace = analyse(film(12.0, show, wander, highlighted(0.25))).trace
    assert recall(trace, wander, 0.0, 12.0) >= 0.95
