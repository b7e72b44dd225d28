"""A pointer that stays where it is while something else changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.analyse.glyph_book import Entry, GlyphBook
from narratrace.analyse.glyphs import GlyphOptions
from narratrace.analyse.staying import Seen
from narratrace.data.trace import Trace

from .screen import HEIGHT, WIDTH, Planes, Pointer, analyse, copied, film, flat, put, recall
from .test_looks import learned
from .test_rest import thin_cross

CROSS = thin_cross()
PLACE = (160.5, 96.5)


def cells(seed: int) -> Planes:
    """A picture of dark nuclei, of about the luma of the pointer, around where it rests."""
    rng = np.random.default_rng(seed)
    planes = flat(190)
    for _ in range(400):
        x, y = rng.integers(0, WIDTH - 8), rng.integers(0, HEIGHT - 8)
        planes[0][y : y + 8, x : x + 8] = rng.integers(45, 90)
    return planes


def entry_of(pointer: Pointer) -> Entry:
    """The pointer as if it had been learned on paper."""
    cover = np.pad(pointer.cover, 20) > 0
    color = np.full((*cover.shape, 3), 128, np.uint8)
    color[cover, 0] = 16
    shown = cover.astype(np.float32)
    maps = {
        "color": color,
        "differs": shown,
        "steady": shown,
        "apart": 219 * shown,
        "opaque": cover.astype(np.uint8),
    }
    return GlyphBook(GlyphOptions()).add(learned(maps, 9.0))


def seen_on(screen: Planes, entry: Entry) -> Seen:
    trace = Trace(*(np.array([value]) for value in (1.0, *PLACE, 0.8)))
    return Seen.at(screen, trace, [entry], 48)


def test_it_is_where_nothing_has_changed() -> None:
    screen = put(cells(1), CROSS, PLACE)
    seen = seen_on(screen, entry_of(CROSS))
    after = copied(screen)
    after[0][:60] = 235  # something else
    after[0][80:120, 140:180] += 6  # the encoder's
    found = seen.stays(after, 28, 48)
    assert found is not None
    assert (found.x, found.y, found.similarity) == (*PLACE, 0.8)


@pytest.mark.parametrize("after", [cells(1), cells(2), put(cells(1), CROSS, (200.5, 96.5))])
def test_it_is_not_where_the_place_has_changed(after: Planes) -> None:
    seen = seen_on(put(cells(1), CROSS, PLACE), entry_of(CROSS))
    assert seen.stays(after, 28, 48) is None


def test_a_halo_that_differs_little_from_nothing_has_gone() -> None:
    ring = np.hypot(*np.mgrid[-20:21, -20:21]) <= 20
    halo = Pointer(np.full((41, 41, 3), (180, 128, 128), np.uint8), 1.0 * ring, (20, 20))
    entry = entry_of(halo)
    color = entry.pointer.look.color.copy()
    color[..., 0] = 180
    entry = replace(entry, glyph=replace(entry.pointer.look, color=color).glyph("centre"))
    seen = seen_on(put(flat(205), halo, PLACE), entry)
    assert seen.stays(put(flat(205), halo, PLACE), 28, 48) is not None
    assert seen.stays(flat(205), 28, 48) is None


def test_it_is_followed_over_a_change_elsewhere() -> None:
    """A thin line lets some of the paper through, and rests on black; then lines of text come."""
    pale = dataclasses.replace(CROSS, cover=0.7 * CROSS.cover)
    picture = flat(200)
    picture[0][60:, 100:] = 60

    def show(t: float) -> Planes:
        out = copied(picture)
        for k in range(int(t >= 6) + int(t >= 9)):
            out[0][10 + 24 * k : 20 + 24 * k, 10:150:3] = 250
        return out

    def at(t: float) -> tuple[float, float]:
        done = min(1.0, t / 4)
        return round(40 + 120 * done), round(30 + 90 * done**3 + 20 * np.sin(6 * done) * (1 - done))

    result = analyse(film(12.0, show, at, pale))
    assert recall(result.trace, at, 0.5, 12.0) >= 0.95


def test_a_look_of_its_own_is_searched_where_it_was_learned() -> None:
    entry = entry_of(CROSS)
    assert entry.as_in(entry.pointer, 0.6) is entry
    look = entry.pointer.look
    color = look.color.copy()
    color[..., 0] += 40
    pale = replace(look, color=color)
    own = entry.as_in(replace(entry.pointer, look=pale), 0.6)
    assert own is not entry
    assert own.pointer.look is pale
    assert own.glyph.box == entry.glyph.box
    assert own.votes is entry.votes
