"""Pages that are scrolled are told from pages that give way to others."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace.analyse.scrolling import shifts_of, striped
from narratrace.data.shots import Box
from narratrace.ops.sparse import TILE, tile_grid

from .screen import (
    HEIGHT,
    U8,
    WIDTH,
    Planes,
    Show,
    analyse,
    blend,
    boundaries,
    copied,
    film,
    flat,
    slide_of,
    write,
)

PAGE = Box(x0=16, y0=16, x1=304, y1=192)
NONE = np.zeros(np.prod(tile_grid(WIDTH, HEIGHT)), np.uint8)


def paper(seed: int, height: int = 900) -> Planes:
    """A long page: a line of words every 18 pixels."""
    rng = np.random.default_rng(seed)
    planes = flat(235, WIDTH, height)
    for y in range(8, height - 8, 18):
        write(planes, rng, 24, y, int(rng.integers(180, 270)), 8)
    return planes


def part(page: Planes, top: int) -> Planes:
    y, u, v = page
    return y[top : top + HEIGHT], u[top // 2 : (top + HEIGHT) // 2], v[top // 2 : (top + HEIGHT) // 2]


def compared(a: Planes, b: Planes, ignore: U8 = NONE) -> list[int]:
    return shifts_of([striped(a[0]), striped(b[0])], ignore, PAGE, (WIDTH, HEIGHT), 0.85)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(-110, 110).filter(bool), st.integers(0, 12))
def test_a_page_has_moved_by_so_many_rows(seed: int, rows: int, noise: int) -> None:
    page, rng = paper(seed), np.random.default_rng(seed)
    first, second = part(page, 300), copied(part(page, 300 + rows))
    grain = rng.integers(-noise, noise + 1, second[0].shape)
    second[0][...] = np.clip(second[0] + grain, 0, 255)
    assert compared(first, second) == [rows]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1001, 2000), st.integers(-9, 9))
def test_another_page_of_the_same_lines_has_not(first: int, second: int, rows: int) -> None:
    assert compared(part(paper(first), 300), part(paper(second), 300 + rows)) == []


def test_a_face_before_the_page_does_not_count() -> None:
    page = paper(3)
    first, second = copied(part(page, 200)), copied(part(page, 260))
    rows, columns = tile_grid(WIDTH, HEIGHT)
    ignore = np.zeros((rows, columns), np.uint8)
    ignore[7:, :6] = 1
    for seed, planes in enumerate((first, second)):
        bands = np.random.default_rng(seed).integers(0, 255, (HEIGHT - 7 * TILE, 1))
        planes[0][7 * TILE :, : 6 * TILE] = bands
    assert compared(first, second) == []
    assert compared(first, second, ignore.ravel()) == [60]


def scrolled(page: Planes, rows: int, turns: int) -> Show:
    """Shows a page that is scrolled by so many rows, in 0.1 s for each turn of a wheel."""

    def show(t: float) -> Planes:
        done = max(0, min(turns, 1 + math.floor((t - 4.0) / 0.1)))
        return part(page, rows * done // turns)

    return show


@pytest.mark.parametrize(("rows", "turns"), [(40, 1), (120, 2), (120, 6), (400, 6)])
def test_a_page_that_is_scrolled_begins_no_shot(rows: int, turns: int) -> None:
    """Nor if nothing of what was on the screen is left on it."""
    result = analyse(film(8.0, scrolled(paper(4), rows, turns)))
    assert boundaries(result) == []
    assert [change.kind for change in result.changes] == ["scroll"]


def test_a_heading_that_stays_does_not_make_it_another_page() -> None:
    show, bar = scrolled(paper(4), 400, 6), slide_of(2, lines=1, picture=False)

    def below(t: float) -> Planes:
        page = copied(show(t))
        for plane, own, rows in zip(page, bar, (64, 32, 32), strict=True):
            plane[:rows] = own[:rows]
        page[0][:, -24:] = 235 if t < 4.0 else 60  # beside the page too, so that the heading is amid it
        return page

    result = analyse(film(8.0, below))
    assert boundaries(result) == []
    assert [change.kind for change in result.changes] == ["scroll"]


def test_a_page_that_dissolves_into_one_with_the_same_lines_begins_one() -> None:
    page = paper(4)
    first, second = part(page, 0), part(page, 60)
    result = analyse(film(8.0, lambda t: blend(first, second, min(1.0, max(0.0, (t - 4.0) / 0.6)))))
    assert boundaries(result) == pytest.approx([4.1], abs=0.15)


def test_a_page_that_pushes_another_out_begins_one() -> None:
    page = paper(4)
    result = analyse(film(8.0, scrolled(page, HEIGHT, 6)))
    assert boundaries(result) == [4.0]


def test_a_page_that_is_exchanged_at_once_begins_one() -> None:
    page = paper(4)
    assert boundaries(analyse(film(8.0, lambda t: part(page, 0 if t < 4 else 120)))) == [4.0]


def test_a_narrow_upright_recording_is_analysed() -> None:
    """Too narrow for as many stripes."""
    first, second = (flat(luma, 144, 1280) for luma in (235, 180))
    for planes in (first, second):
        for y in range(8, 1270, 18):
            write(planes, np.random.default_rng(y + int(planes[0][0, 0])), 8, y, 128, 8)
    assert boundaries(analyse(film(6.0, lambda t: first if t < 3.0 else second))) == [3.0]
