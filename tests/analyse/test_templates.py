"""Slides of one template, of which little differs, on drawn screens."""

from __future__ import annotations

import numpy as np
import pytest

from .screen import Planes, analyse, boundaries, copied, film, flat, slide_of, wander, write


def test_slides_of_one_template_are_shots():
    """A common heading and margin, other text: a third of the picture changes."""
    base = slide_of(15, picture=False, lines=0)
    slides = [copied(base) for _ in range(3)]
    for k, planes in enumerate(slides):
        for line in range(5):
            write(
                planes,
                np.random.default_rng(10 * k + line),
                14,
                40 + 24 * line,
                150 + 20 * ((k + line) % 5),
                9,
            )
    result = analyse(film(12.0, lambda t: slides[min(2, int(t // 4))], wander))
    assert boundaries(result) == pytest.approx([4.0, 8.0], abs=0.2)


def test_a_slide_on_other_paper_begins_a_shot():
    """Its picture has next to no edges, and little differs by much: neither the papers nor the greys."""
    tiled = copied(flat(235))
    cream = tuple(np.full_like(plane, level) for plane, level in zip(tiled, (222, 122, 133), strict=True))
    for planes, heading in ((tiled, 1), (cream, 2)):
        write(planes, np.random.default_rng(heading), 12, 10, 150, 8)
        planes[0][40:180, 80:220] = 90
        planes[1][20:90, 40:110] = planes[2][20:90, 40:110] = 128
    for k in range(8):
        tiled[0][44 + 17 * k : 46 + 17 * k, 80:220] = 150
        tiled[0][40:180, 84 + 17 * k : 86 + 17 * k] = 150
    assert boundaries(analyse(film(8.0, lambda t: tiled if t < 4.0 else cream))) == pytest.approx(
        [4.0], abs=0.2
    )


def test_a_slide_that_differs_in_few_lines_far_apart_begins_a_shot():
    """None of them changes enough by itself; one that changes alone begins none."""

    def slide(*words: tuple[int, int]) -> Planes:
        planes = copied(flat(235))
        write(planes, np.random.default_rng(100), 14, 12, 60, 6)
        for x, y in words:
            write(planes, np.random.default_rng(x + y), x, y, 36, 6)
        return planes

    first, other, alone = (
        slide((14, 60), (14, 160)),
        slide((66, 60), (66, 160)),
        slide((66, 60), (14, 160)),
    )
    assert boundaries(analyse(film(8.0, lambda t: first if t < 4.0 else other))) == pytest.approx(
        [4.0], abs=0.2
    )
    assert boundaries(analyse(film(8.0, lambda t: first if t < 4.0 else alone))) == []
