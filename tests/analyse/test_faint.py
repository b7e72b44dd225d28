"""Changes that hardly show: of pictures with little contrast, between dark slides, and within videos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from .screen import HEIGHT, WIDTH, Planes, analyse, blend, boundaries, copied, film, flat, slide_of, write


def dim(seed: int) -> Planes:
    """A picture over the whole screen whose greys are 40 levels apart at most."""
    coarse = np.random.default_rng(seed).integers(100, 141, (5, 8), dtype=np.uint8)
    planes = flat(0)
    planes[0][...] = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    return planes


def enlarged(planes: Planes, factor: float) -> Planes:
    """What is left of the middle, ``factor`` times as large."""
    out = copied(planes)
    w, h = WIDTH / factor, HEIGHT / factor
    part = (0.3 * (WIDTH - w), 0.3 * (HEIGHT - h), 0.3 * (WIDTH - w) + w, 0.3 * (HEIGHT - h) + h)
    picture = Image.fromarray(planes[0]).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=part)
    out[0][...] = np.asarray(picture)
    return out


def test_a_zoom_into_a_picture_of_little_contrast_divides_spans():
    picture = dim(6)

    def show(t: float) -> Planes:
        inward, outward = (min(1.0, max(0.0, (t - at) / 1.2)) for at in (5.0, 11.0))
        return enlarged(picture, 1 + 2 * (inward - outward))

    result = analyse(film(17.0, show))
    assert boundaries(result) == []
    (_, left), (came, gone), (back, _) = ((s.span.start, s.span.end) for s in result.stable_spans)
    assert 4.9 <= left < came <= 6.3
    assert 10.9 <= gone < back <= 12.3


def scan_on(page: Planes, slice_: int) -> Planes:
    """A dark slide with a bright square, and in it a round picture that is another for each number."""
    out = copied(page)
    rows, columns = np.mgrid[:112, :112]
    round_ = np.hypot(rows - 56, columns - 56) < 50
    coarse = np.random.default_rng(slice_).integers(20, 230, (12, 12), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((112, 112), Image.Resampling.BICUBIC))
    out[0][50:162, 190:302] = np.where(round_, picture, 235)
    return out


@pytest.mark.parametrize("fade", [0.4, 0.6])
def test_a_dip_to_black_between_dark_slides_is_a_shot(fade: float):
    """So little of the picture changes that all of it is kept."""
    page, black = slide_of(5, paper=20, ink=200, lines=2, picture=False), flat(16)
    first, second = scan_on(page, 1), scan_on(page, 2)

    def show(t: float) -> Planes:
        s = (t - 5.0) / fade
        return blend(first, black, max(0.0, s)) if s < 1.0 else blend(black, second, min(1.0, s - 1.0))

    result = analyse(film(11.0, show))
    (start,) = boundaries(result)
    assert 4.7 <= start <= 5.3 + 2 * fade


def playing(t: float) -> Planes:
    """A slide on which a video plays: three quarters of a second of each thing, while the camera moves."""
    out = slide_of(6, lines=0, picture=False)
    write(out, np.random.default_rng(7), 12, 172, 200, 10)
    shot, since = divmod(t, 0.8)
    coarse = np.random.default_rng(40 + int(shot)).integers(20, 235, (8, 20), dtype=np.uint8)
    x = round(12 * max(0.0, since - 0.5) / 0.3)
    scene = np.asarray(Image.fromarray(coarse).resize((300, 124), Image.Resampling.BICUBIC))
    out[0][36:160, 40:280] = scene[:, x : x + 240]
    return out


def test_the_cuts_of_a_video_on_a_slide_are_no_shots():
    before, after = slide_of(8), slide_of(9)
    result = analyse(film(20.0, lambda t: before if t < 5.0 else playing(t) if t < 15.0 else after))
    starts = boundaries(result)
    assert len(starts) == 2
    assert starts == pytest.approx([5.0, 15.0], abs=0.9)
