"""What windows and players lay over the content, or show beside it, begins no shot and parts no slide."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from narratrace.data.analysis import VisualAnalysis

from .screen import Planes, analyse, blend, boundaries, copied, film, flat, write

SIZE = 640, 384


def page(paper: int, ink: int, lines: int = 12) -> Planes:
    planes = flat(paper, *SIZE)
    for line in range(lines):
        write(planes, np.random.default_rng(line), 24, 30 + 28 * line, 500, 10, ink)
    return planes


def laid(below: Planes, box: tuple[int, int, int, int], luma: int, ink: int) -> Planes:
    """A pop-up with two lines in it."""
    x0, y0, x1, y1 = box
    out = copied(below)
    out[0][y0:y1, x0:x1] = luma
    for line in range(2):
        write(out, np.random.default_rng(50 + line), x0 + 6, y0 + 6 + 12 * line, x1 - x0 - 14, 6, ink)
    return out


def shown(other: Planes, usual: Planes) -> VisualAnalysis:
    """A page, and for a while another picture."""
    return analyse(film(12.0, lambda t: other if 4.0 <= t < 8.0 else usual))


def test_a_note_and_the_line_under_its_word_begin_no_shot() -> None:
    below = page(20, 200, lines=6)
    note = laid(below, (152, 100, 312, 164), 220, 120)
    note[0][178:182, 160:300] = 220
    result = shown(note, below)
    assert boundaries(result) == []
    assert len(result.changes) == 2


def test_a_menu_over_a_margin_of_its_own_colour_begins_no_shot() -> None:
    below = flat(60, *SIZE)
    rng = np.random.default_rng(3)
    below[0][48:240, 192:432] = np.repeat(np.repeat(rng.choice([110, 235], (24, 30)), 8, 0), 8, 1)
    menu = copied(below)
    menu[0][64:176, 128:288] = 60
    for line in range(4):
        write(menu, np.random.default_rng(50 + line), 132, 70 + 24 * line, 56, 9, 150)
    result = shown(menu, below)
    assert boundaries(result) == []
    assert len(result.changes) == 2


def scan(width: int, bright: int) -> Planes:
    planes = flat(16, *SIZE)
    image = Image.fromarray(planes[0])
    draw = ImageDraw.Draw(image)
    draw.ellipse((320 - width, 60, 320 + width, 324), fill=bright)
    rng = np.random.default_rng(width)
    for x, y in rng.integers(-80, 80, (60, 2)):
        draw.ellipse((314 + x, 188 + y, 326 + x, 200 + y), fill=int(rng.integers(30, 220)))
    planes[0][...] = np.asarray(image)
    return planes


def test_a_round_picture_that_another_fades_into_is_no_sheet() -> None:
    first, second = scan(128, 120), scan(120, 190)
    result = analyse(film(8.0, lambda t: blend(first, second, min(1.0, max(0.0, (t - 4.0) / 0.6)))))
    assert boundaries(result) == pytest.approx([4.1], abs=0.2)


def test_the_controls_of_a_player_begin_no_shot() -> None:
    usual = scan(120, 90)
    write(usual, np.random.default_rng(3), 0, 370, 640, 12, 90)
    paused = copied(usual)
    paused[0][350:] = 0
    paused[0][354:360, 120:520] = 200
    write(paused, np.random.default_rng(1), 4, 352, 100, 10, 220)
    write(paused, np.random.default_rng(2), 530, 352, 106, 10, 220)
    assert boundaries(shown(paused, usual)) == []


@pytest.mark.parametrize(("top", "spans"), [(4, 1), (374, 2)], ids=["clock", "page number"])
def test_a_clock_above_parts_no_slide_but_a_page_number_does(top: int, spans: int) -> None:
    def at(minute: int) -> Planes:
        planes = page(235, 30)
        write(planes, np.random.default_rng(minute), 590, top, 30, 8)
        return planes

    before, after = at(1), at(2)
    result = analyse(film(10.0, lambda t: before if t < 5.0 else after))
    assert len(result.stable_spans) == spans
