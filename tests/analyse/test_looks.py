"""Which learned looks are believed, and what is made of half seen ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from msgspec.structs import replace

from narratrace.analyse.glyph_book import GlyphBook
from narratrace.analyse.glyphs import SAMPLE, GlyphOptions, LearnedPointer, Look, learn, whole_look
from narratrace.analyse.hot_spots import hot_spot, pointing_part
from narratrace.analyse.worth import WorthOptions, reward, worth
from narratrace.ops.sparse import (
    BLOB,
    Blobs,
    Candidates,
    ChangeOptions,
    Planes,
    Segment,
    find_on_screen,
    make_recorder,
)

from .screen import CANDIDATE, DARK_ARROW, copied, flat, put

OPTIONS = GlyphOptions()
ROWS, COLUMNS = np.mgrid[:100, :100]
DISC = np.hypot(ROWS - 50, COLUMNS - 50) <= 40
TIP_UP = (ROWS >= 50) & (ROWS < 70) & (COLUMNS >= 50) & (COLUMNS - 50 <= 0.6 * (ROWS - 50))


def maps_of(differs: npt.NDArray[np.float64], opaque: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[Any]]:
    return {
        "color": np.full((100, 100, 3), 128, np.uint8),
        "differs": differs.astype(np.float32),
        "steady": opaque.astype(np.float32),
        "apart": np.full((100, 100), 255, np.float32),
        "opaque": opaque.astype(np.uint8),
    }


def learned(maps: dict[str, npt.NDArray[Any]], travel: float) -> LearnedPointer:
    look = Look.from_maps(maps)
    part = pointing_part(look.shape, OPTIONS.min_symmetry)
    return LearnedPointer(look.glyph(part), look, look.size, 10, 0.9, travel, part)


def test_a_halo_of_which_most_samples_miss_a_half_points_with_its_centre():
    """Where the paper has the halo's brightness, only its other half differs."""
    rng = np.random.default_rng(0)
    differs = np.where(ROWS < 50, 0.9, 0.4) * DISC + rng.normal(0, 0.08, DISC.shape)
    maps = maps_of(np.clip(differs, 0, 1) * DISC, TIP_UP)
    look, part = whole_look(Look.from_maps(maps), maps, OPTIONS)
    assert part == pointing_part(look.shape, OPTIONS.min_symmetry) == "centre"
    assert np.abs(np.subtract(hot_spot(look.shape, part), 40)).max() <= 2


def test_an_arrow_with_a_faint_shadow_still_points_with_its_tip():
    shadow = np.roll(TIP_UP, (3, 3), (0, 1))
    maps = maps_of(np.where(TIP_UP, 0.95, 0.4 * shadow), TIP_UP)
    look, part = whole_look(Look.from_maps(maps), maps, OPTIONS)
    assert part == pointing_part(look.shape, OPTIONS.min_symmetry) == "top"
    assert look.shape.sum() == TIP_UP.sum()


@pytest.mark.parametrize(("width", "height", "believed"), [(11, 5, False), (13, 3, True)])
def test_what_fills_its_box_is_what_an_encoder_refines(width: int, height: int, *, believed: bool):
    """Patch after patch; but the stroke of a small I-beam on its side fills its box as well."""
    paper = flat(235, 320, 192)
    recorder = make_recorder(320, 192, ChangeOptions(), "cpu")
    recorder.push(0.0, *paper)
    samples = np.zeros(8, SAMPLE)
    for i in range(8):
        y, u, v = copied(paper)
        left, top = 20 + 30 * i, 40 + 10 * (i % 2)
        y[top : top + height, left : left + width] = 190
        recorder.push(1.0 + i, y, u, v)
        samples[i] = (i + 1, left, top, left + width, top + height)
    assert (learn(recorder.take(), paper, samples, OPTIONS) is not None) == believed


def test_a_pointer_learned_on_paper_is_known_without_its_shadow():
    """Before a dark picture the shadow is dark, and only the pointer itself looks as it did."""
    paper = flat(235, 320, 192)
    recorder = make_recorder(320, 192, ChangeOptions(), "cpu")
    recorder.push(0.0, *paper)
    samples = np.zeros(8, SAMPLE)
    for i in range(8):
        spot = 20 + 30 * i, 40 + 10 * (i % 2)
        recorder.push(1.0 + i, *with_shadow(paper, spot))
        samples[i] = (i + 1, spot[0], spot[1], spot[0] + 19, spot[1] + 27)
    pointer = learn(recorder.take(), paper, samples, OPTIONS)
    assert pointer is not None
    before = make_recorder(320, 192, ChangeOptions(), "cpu")
    before.push(0.0, *with_shadow(flat(60, 320, 192), (150, 90)))
    found = find_on_screen(
        before.take(), np.zeros(1, np.int32), pointer.glyph, (140, 80, 160, 100), OPTIONS.tolerance
    )
    best = found.table[np.argmax(found.table["similarity"])]
    assert best["similarity"] >= 0.6
    assert np.hypot(best["x"] - 150.5, best["y"] - 90.5) <= 2.5


def with_shadow(planes: Planes, spot: tuple[int, int]) -> Planes:
    """An arrow and its shadow, which lets four fifths of the light through."""
    x, y = spot
    shaded = copied(planes)
    for row in range(20):
        under = shaded[0][y + 3 + row, x + 3 : x + 4 + 2 * row // 3]
        under[:] = 4 * (under // 5)
    return put(shaded, DARK_ARROW, spot)


def test_a_dot_is_learned_from_where_its_trail_is_short():
    """Most samples show it with a long one, each time to another side."""
    segment, paper, samples = trailing_dot([*(i % 4 for i in range(12)), *(None for _ in range(5))])
    dot = learn(segment, paper, samples, OPTIONS)
    assert dot is not None
    assert (dot.size, dot.points_with, dot.samples) == (17, "centre", 5)
    assert learn(segment, paper, samples[:12], OPTIONS) is None


def test_a_dot_is_learned_rather_than_a_trail_that_no_more_samples_agree_on():
    trails = [2, 0, 2, 1, 2, 0, 2, 1, 2, 0, 2, 1]  # six to one side
    segment, paper, samples = trailing_dot([*trails, *(None for _ in range(7))])
    dot = learn(segment, paper, samples, OPTIONS)
    assert dot is not None
    assert (dot.size, dot.points_with, dot.samples) == (17, "centre", 7)
    trailing = learn(segment, paper, samples[:16], OPTIONS)  # and four of the dot
    assert trailing is not None
    assert (trailing.size, trailing.samples) == (57, 6)


def trailing_dot(trails: Sequence[int | None]) -> tuple[Segment, Planes, npt.NDArray[Any]]:
    """A dot of 17 px on paper, with a trail of 40 px to one of four sides or without, and its blobs."""
    paper = flat(235, 320, 192)
    recorder = make_recorder(320, 192, ChangeOptions(), "cpu")
    recorder.push(0.0, *paper)
    rows, columns = np.mgrid[:192, :320]
    samples = np.zeros(len(trails), SAMPLE)
    for i, trail in enumerate(trails):
        x, y = 60 + 40 * (i % 6), 60 + 30 * (i // 6)
        dx, dy = ((1, 0), (-1, 0), (0, 1), (0, -1))[trail or 0]
        planes = copied(paper)
        for step in range(0 if trail is None else 40, -1, -4):
            at = np.hypot(columns - x - step * dx, rows - y - step * dy) <= 8
            planes[0][at] = 40 + 4 * step
        recorder.push(1.0 + i, *planes)
        ys, xs = np.nonzero(planes[0] != 235)
        samples[i] = (i + 1, xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    return recorder.take(), paper, samples


def test_nothing_is_searched_before_something_has_travelled():
    """The mouth in a webcam picture moves all the time, but stays where it is."""
    mouth, arrow = maps_of(0.9 * DISC, DISC), maps_of(0.9 * TIP_UP, TIP_UP)
    book = GlyphBook(OPTIONS)
    near = book.add(learned(mouth, 0.5 * OPTIONS.min_travel))
    assert book.best() == []
    far = book.add(learned(arrow, 2 * OPTIONS.min_travel))
    assert set(map(id, book.best())) == {id(near), id(far)}


def test_a_look_has_travelled_once_it_did_so_anywhere():
    book = GlyphBook(OPTIONS)
    pointer = learned(maps_of(0.9 * TIP_UP, TIP_UP), 2 * OPTIONS.min_travel)
    entry = book.add(pointer)
    assert book.add(replace(pointer, travel=0.0)) is entry
    assert book.best() == [entry]


def test_a_place_with_none_of_the_pointers_colours_is_worth_nothing():
    """A bar at the edge of the picture differs where an arrow's tip would, and nothing else is to be seen."""
    entry = GlyphBook(OPTIONS).add(learned(maps_of(0.9 * TIP_UP, TIP_UP), 2 * OPTIONS.min_travel))
    blobs = Blobs(np.zeros(1, BLOB), np.zeros(1, np.uint32), np.ones(1, np.uint32))
    blobs.table["area"] = entry.area
    table = np.zeros(2, CANDIDATE)
    table["fit"], table["similarity"] = 0.6, (0.0, 0.5)
    found = Candidates(table, np.zeros(1, np.uint32), np.full(1, 2, np.uint32))
    bare, coloured = worth(found, blobs, [entry], WorthOptions())
    assert bare <= 0.0
    assert coloured >= 0.6 - 1e-6


def test_a_speck_in_a_place_like_the_pointer_is_worth_nothing():
    """A pixel of noise on a picture as dark as the look; not the outline of a pointer that moved a little."""
    entry = GlyphBook(OPTIONS).add(learned(maps_of(0.9 * TIP_UP, TIP_UP), 2 * OPTIONS.min_travel))
    blobs = Blobs(np.zeros(2, BLOB), np.zeros(1, np.uint32), np.full(1, 2, np.uint32))
    blobs.table["area"] = (0.01 * entry.area, 0.1 * entry.area)
    table = np.zeros(3, CANDIDATE)
    table["fit"] = table["similarity"] = 0.9
    table["blob"], table["background"] = (0, 0, 1), (0.88, 0.5, 0.88)
    found = Candidates(table, np.zeros(1, np.uint32), np.full(1, 3, np.uint32))
    speck, new, moved = worth(found, blobs, [entry], WorthOptions())
    assert speck <= 0.0
    assert min(new, moved) >= 0.9 - 1e-6


def test_what_has_the_sides_of_the_pointer_is_worth_more():
    """A poor fit, as of thin lines that blend with what is behind; a shape of other sides is less."""
    entry = GlyphBook(OPTIONS).add(learned(maps_of(0.9 * TIP_UP, TIP_UP), 2 * OPTIONS.min_travel))
    x0, y0, x1, y1 = entry.glyph.box
    blobs = Blobs(np.zeros(2, BLOB), np.zeros(1, np.uint32), np.full(1, 2, np.uint32))
    blobs.table["area"] = entry.area
    blobs.table["x1"], blobs.table["y1"] = (x1 - x0, 2 * (x1 - x0)), (y1 - y0, y1 - y0)
    table = np.zeros(2, CANDIDATE)
    table["fit"], table["similarity"], table["blob"] = 0.42, 0.1, (0, 1)
    found = Candidates(table, np.zeros(1, np.uint32), np.full(1, 2, np.uint32))
    sized, other = worth(found, blobs, [entry], WorthOptions(sized=0.1))
    assert sized == pytest.approx(other + 0.1)


def test_a_dot_is_searched_and_not_the_dot_with_its_trail():
    dot = np.hypot(ROWS - 50, COLUMNS - 50) <= 10
    trail = dot | ((np.abs(ROWS - 50) <= 9) & (COLUMNS >= 50) & (COLUMNS < 85))
    book = GlyphBook(OPTIONS)
    comet = book.add(learned(maps_of(0.9 * trail, trail), 2 * OPTIONS.min_travel))
    assert book.best(comet) == [comet]
    alone = book.add(learned(maps_of(0.9 * dot, dot), 2 * OPTIONS.min_travel))
    assert book.best(comet) == [alone]


def test_a_dot_is_searched_and_not_the_dot_with_a_trail_that_bends():
    dot = np.hypot(ROWS - 50, COLUMNS - 50) <= 10
    along = (np.abs(ROWS - 50) <= 9) & (COLUMNS >= 50) & (COLUMNS < 75)
    bent = dot | along | ((np.abs(COLUMNS - 66) <= 9) & (ROWS >= 50) & (ROWS < 78))
    book = GlyphBook(OPTIONS)
    comet = book.add(learned(maps_of(0.9 * bent, bent), 2 * OPTIONS.min_travel))
    other = book.add(learned(maps_of(0.9 * TIP_UP, TIP_UP), 2 * OPTIONS.min_travel))
    assert book.best(comet) == [comet, other]
    alone = book.add(learned(maps_of(0.9 * dot, dot), 2 * OPTIONS.min_travel))
    assert alone in book.best(comet)
    assert comet not in book.best(comet)
    assert other in book.best(comet)


def seen(maps: dict[str, npt.NDArray[Any]], samples: int) -> LearnedPointer:
    return replace(learned(maps, 2 * OPTIONS.min_travel), samples=samples)


def test_what_compression_left_of_a_large_look_is_not_searched():
    """A piece of a ring that was late, now and then; what is seen as often is a pointer of its own."""
    large, small = maps_of(0.9 * DISC, DISC), maps_of(0.9 * TIP_UP, TIP_UP)
    for samples, searched in ((4, False), (30, True)):
        book = GlyphBook(OPTIONS)
        usual = book.add(seen(large, 40))
        other = book.add(seen(small, samples))
        assert (other in book.best(other)) == searched
        assert usual in book.best()


def test_a_torn_piece_of_a_disc_is_not_searched():
    """Of a halo, half may be as dark as what is behind it."""
    half = DISC & (ROWS < 66) & (ROWS + COLUMNS < 112)
    book = GlyphBook(OPTIONS)
    disc = book.add(seen(maps_of(0.9 * DISC, DISC), 40))
    torn = book.add(seen(maps_of(0.9 * half, half), 4))
    assert torn is not disc
    assert torn.points_with == "top"
    assert book.best(torn) == [disc]


def test_a_look_whose_own_samples_differ_is_not_held_to_more_than_they_show():
    pointer = learned(maps_of(0.9 * TIP_UP, TIP_UP), 2 * OPTIONS.min_travel)
    table = np.zeros(1, CANDIDATE)
    found = Candidates(table, np.zeros(1, np.uint32), np.ones(1, np.uint32))
    value = np.full(1, 0.45, np.float32)
    clear, blurred = (
        reward(value, found, [GlyphBook(OPTIONS).add(replace(pointer, similarity=s))], 0.5, WorthOptions())
        for s in (0.95, 0.75)
    )
    assert clear < 0 < blurred


def test_pieces_that_come_and_go_are_less_shown_than_a_pointer():
    """Of a picture that fades in, tile by tile, every sample shows other parts."""
    rng = np.random.default_rng(0)
    pieces = np.kron(rng.random((10, 10)) < 0.5, np.ones((10, 10), bool))
    parts = Look.from_maps(maps_of(np.where(pieces, 0.4, 0.0), pieces))
    pointer = Look.from_maps(maps_of(np.where(TIP_UP, 0.9, 0.0), TIP_UP))
    assert parts.shown < OPTIONS.min_shown < pointer.shown


def shaded(shape: npt.NDArray[np.bool_], samples: int) -> LearnedPointer:
    """A look of that shape no two parts of which are alike."""
    maps = maps_of(shape.astype(np.float64), shape)
    maps["color"][..., 0] = np.random.default_rng(0).integers(0, 256, (100, 100))
    return seen(maps, samples)


@pytest.mark.parametrize(("samples", "above"), [(10, 8), (30, 0)])
def test_a_part_points_where_the_whole_does_that_was_seen_more_often(samples: int, above: int):
    """On black, only the lower half of a black arrow shows; its own topmost pixels are no tip."""
    book = GlyphBook(OPTIONS)
    book.add(shaded(TIP_UP, 20))
    part = book.add(shaded(TIP_UP & (ROWS >= 58), samples))
    assert part in book.best()
    assert part.glyph.box[1] == above


def test_what_might_be_at_several_places_of_another_look_is_no_part_of_it():
    """Such as a plain black arrow in a larger one; nor is a dot a part of it and its trail."""
    large = (ROWS >= 20) & (ROWS < 80) & (COLUMNS >= 30) & (COLUMNS - 30 <= 0.6 * (ROWS - 20))
    book = GlyphBook(OPTIONS)
    book.add(seen(maps_of(large.astype(np.float64), large), 20))
    wide = (ROWS >= 50) & (ROWS < 70) & (COLUMNS >= 50) & (COLUMNS - 50 <= 0.9 * (ROWS - 50))
    small = book.add(seen(maps_of(wide.astype(np.float64), wide), 10))
    assert small in book.best()
    assert small.glyph.box[1] == 0

    dot = np.hypot(ROWS - 40, COLUMNS - 60) <= 10
    comet = dot | ((np.abs(ROWS + COLUMNS - 100) <= 16) & (COLUMNS < 60) & (COLUMNS > 20))
    book = GlyphBook(OPTIONS)
    whole = book.add(shaded(comet, 10))
    assert whole.points_with != "centre"
    alone = book.add(shaded(dot, 10))
    assert alone in book.best()
    x0, y0, x1, y1 = alone.glyph.box
    assert max(abs(x0 + x1), abs(y0 + y1)) <= 1
