"""Shots and changes within them, on drawn screens."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from narratrace.analyse.timeline import _after_video
from narratrace.data.analysis import VisualAnalysis

from .screen import (
    ARROW,
    FPS,
    HEIGHT,
    WIDTH,
    Path,
    Planes,
    Show,
    analyse,
    blend,
    boundaries,
    copied,
    film,
    flat,
    nowhere,
    recall,
    slide_of,
    wander,
    write,
)  # fmt: skip

A, B, C = slide_of(11), slide_of(12), slide_of(13)
POINTING = pytest.mark.parametrize("at", [wander, nowhere], ids=["pointer", "no pointer"])


def starts(result: VisualAnalysis) -> list[float]:
    return [shot.span.start for shot in result.shots[1:]]


@POINTING
def test_a_hard_cut_begins_a_shot(at: Path):
    result = analyse(film(12.0, lambda t: A if t < 5.0 else (B if t < 9.0 else C), at))
    assert starts(result) == pytest.approx([5.0, 9.0], abs=1.01 / FPS)
    assert [shot.transition for shot in result.shots] == ["none", "cut", "cut"]
    assert [span.span.start for span in result.stable_spans] == pytest.approx([0.0, 5.0, 9.0], abs=0.2)
    assert result.changes == ()


@POINTING
@pytest.mark.parametrize("seconds", [0.4, 0.7, 1.2])
def test_a_dissolve_is_one_shot(at: Path, seconds: float):
    def show(t: float) -> Planes:
        return A if t < 5.0 else blend(A, B, min(1.0, (t - 5.0) / seconds))

    result = analyse(film(11.0, show, at))
    (start,) = starts(result)
    assert 5.0 - 0.3 <= start <= 5.0 + seconds + 0.3
    assert result.shots[1].transition == "fade"
    assert 5.0 + 0.5 * seconds <= result.shots[1].settled <= 5.0 + seconds + 0.5
    assert len(result.stable_spans) == 2


@POINTING
@pytest.mark.parametrize("dark", [0.2, 0.6])
def test_a_dip_to_black_is_one_shot(at: Path, dark: float):
    black, down, up = flat(16), 0.4, 0.4

    def show(t: float) -> Planes:
        s = t - 5.0
        if s < down:
            return blend(A, black, max(0.0, s / down))
        if s < down + dark:
            return black
        return blend(black, B, min(1.0, (s - down - dark) / up))

    def pointing(t: float):
        return at(t) if t < 5.0 or t > 6.5 else None

    result = analyse(film(12.0, show, pointing))
    (start,) = starts(result)
    assert 5.0 - 0.3 <= start <= 5.0 + down + dark + up + 0.3
    assert len(result.stable_spans) == 2


@POINTING
def test_bullets_build_a_slide_up(at: Path):
    stages = [slide_of(14, lines=n, picture=False) for n in (0, 0, 0)]
    rng = np.random.default_rng(3)
    for k, planes in enumerate(stages):
        for line in range(2 * k):
            write(planes, np.random.default_rng(line), 14, 40 + 22 * line, 240, 8)
    del rng
    result = analyse(film(12.0, lambda t: stages[min(2, int(t // 4))], at))
    assert len(result.shots) == 1
    assert [c.kind for c in result.changes] == ["build", "build"]
    assert [c.span.middle for c in result.changes] == pytest.approx([4.0, 8.0], abs=0.3)
    assert [s.span.start for s in result.stable_spans] == pytest.approx([0.0, 4.0, 8.0], abs=0.3)


@POINTING
def test_a_popup_that_opens_and_closes_is_no_shot(at: Path):
    menu = copied(A)
    menu[0][50:150, 60:150] = 245
    menu[0][50:150, [60, 149]] = menu[0][[50, 149], 60:150] = 90
    for k in range(5):
        write(menu, np.random.default_rng(k), 66, 58 + 18 * k, 70, 7)
    result = analyse(film(13.0, lambda t: menu if 5.0 <= t < 8.0 else A, at))
    assert len(result.shots) == 1
    assert [c.span.middle for c in result.changes] == pytest.approx([5.0, 8.0], abs=0.3)
    boxes = [c.box for c in result.changes]
    assert all(
        b.x0 <= 64 and b.x1 >= 144 and b.y0 <= 64 and b.y1 >= 144 and b.area < 0.4 * WIDTH * HEIGHT
        for b in boxes
    )
    first, during, after = result.stable_spans
    assert (first.group, after.group) == (0, 0)
    assert during.group == 1


def test_a_message_over_the_corner_of_a_window_begins_no_shot():
    """It hides as much as it brings, on a page with little besides."""
    size = 640, 384
    page = tuple(np.full((size[1] // k, size[0] // k), v, np.uint8) for k, v in ((1, 70), (2, 128), (2, 128)))
    page[0][24:, 24:600] = 235
    page[0][24:40, 24:600] = 200
    for line in range(3):
        write(page, np.random.default_rng(line), 48, 60 + 30 * line, 150, 9)
    message = copied(page)
    message[0][8:60, 470:632] = 40
    for line in range(2):
        write(message, np.random.default_rng(9 + line), 520, 16 + 20 * line, 90, 9)
    result = analyse(film(12.0, lambda t: message if 4.0 <= t < 8.0 else page, nowhere))
    assert starts(result) == []
    assert [c.span.middle for c in result.changes] == pytest.approx([4.0, 8.0], abs=0.3)


@pytest.mark.parametrize("fades", [0.0, 0.5])
def test_a_shot_begins_where_a_video_ends(fades: float):
    """A video over the whole screen belongs to the slide on which it was begun."""
    white = flat(235)

    def show(t: float) -> Planes:
        if t < 2.0:
            return shifted(0)
        if t < 9.0:
            return shifted(int(40 * (t - 2.0)) % 900)
        share = (t - 9.0) / fades if fades else 1.0
        if share < 0.5:
            return blend(shifted(280), white, 2 * share)
        return blend(white, B, min(1.0, 2 * share - 1)) if fades else B

    result = analyse(film(14.0, show, nowhere))
    assert starts(result) == pytest.approx([9.0], abs=0.3)


def test_a_flicker_that_ends_in_one_of_its_pictures_has_a_beginning():
    dark, bright = (np.full((4, 6), level, np.uint8) for level in (16, 235))
    flicker = [(0.1 * i, dark if i % 3 else bright) for i in range(60)]
    assert _after_video([*flicker, (6.0, dark)], max_cut=2.0) in [t for t, _ in flicker[1:]] + [6.0]


def page(lines: int, seed: int = 0) -> Planes:
    """A slide with a heading and so many lines of text."""
    planes = copied(flat(235))
    write(planes, np.random.default_rng(100), 14, 12, 120, 6)
    for line in range(lines):
        write(planes, np.random.default_rng(seed + line), 14, 44 + 22 * line, 200, 5)
    return planes


@POINTING
def test_a_page_with_but_a_title_after_a_full_one_begins_a_shot(at: Path):
    full, bare, later = page(4), page(0), page(1, seed=50)
    result = analyse(film(12.0, lambda t: full if t < 4.0 else (bare if t < 8.0 else later), at))
    assert starts(result) == pytest.approx([4.0], abs=0.2)
    assert [c.kind for c in result.changes] == ["build"]


@POINTING
def test_what_takes_away_less_than_most_begins_none(at: Path):
    full, fewer = page(4), page(3)
    result = analyse(film(8.0, lambda t: full if t < 4.0 else fewer, at))
    assert starts(result) == []


@POINTING
def test_what_comes_after_a_blank_screen_begins_a_shot(at: Path):
    """The task bar is all there was; on a dark slide, most pixels stay dark."""
    dark = slide_of(31, paper=16, ink=200)
    blank = flat(16)
    for planes in (dark, blank):
        write(planes, np.random.default_rng(3), 10, HEIGHT - 12, 60, 6, 200)
    result = analyse(film(8.0, lambda t: blank if t < 4.0 else dark, at))
    assert starts(result) == pytest.approx([4.0], abs=0.2)


def test_slides_that_hardly_differ_are_two_with_a_dip_between():
    old, new = copied(A), copied(A)
    write(new, np.random.default_rng(77), 60, 150, 40, 8)

    def show(t: float) -> Planes:
        return old if t < 5.0 else (flat(16) if t < 5.5 else new)

    result = analyse(film(11.0, show, nowhere))
    (start,) = starts(result)
    assert 4.9 <= start <= 5.6
    without = analyse(film(11.0, lambda t: old if t < 5.0 else new, nowhere))
    assert starts(without) == []


WIDE = np.random.default_rng(21).integers(0, 256, (12, 80), dtype=np.uint8)


def shifted(x: int) -> Planes:
    """A view of a wide landscape, ``x`` pixels from its left, that also changes by itself."""
    planes = flat(128)
    land = np.asarray(Image.fromarray(WIDE).resize((1280, HEIGHT), Image.Resampling.BICUBIC), np.float64)
    wave = 20 * np.sin((np.arange(WIDTH) + 7 * x) / 9)
    planes[0][...] = np.clip(land[:, x : x + WIDTH] + wave, 16, 235)
    return planes


def zoomed(planes: Planes, factor: float) -> Planes:
    """The middle of a picture, magnified."""
    out = []
    for plane in planes:
        h, w = plane.shape
        dw, dh = w / 2 / factor, h / 2 / factor
        box = (w / 2 - dw, h / 2 - dh, w / 2 + dw, h / 2 + dh)
        out.append(np.asarray(Image.fromarray(plane).resize((w, h), Image.Resampling.BILINEAR, box=box)))
    return out[0], out[1], out[2]


def smooth(seed: int) -> Planes:
    """A photograph-like picture over the whole screen."""
    rng = np.random.default_rng(seed)
    planes = flat(128)
    luma = np.zeros((HEIGHT, WIDTH))
    for cell, strength in ((64, 0.5), (24, 0.35), (10, 0.25)):
        coarse = Image.fromarray(
            rng.integers(0, 256, (HEIGHT // cell + 2, WIDTH // cell + 2), dtype=np.uint8)
        )
        luma += strength * np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    planes[0][...] = np.clip(luma, 16, 235)
    return planes


@POINTING
def test_a_zoom_is_a_change_and_no_shot(at: Path):
    picture = smooth(1)

    def show(t: float) -> Planes:
        return zoomed(picture, 1 + min(1.0, max(0.0, (t - 5.0) / 1.2)))

    result = analyse(film(11.0, show, at))
    assert len(result.shots) == 1
    assert [c.kind for c in result.changes] == ["zoom"]
    assert result.changes[0].span.overlap(result.changes[0].span.__class__(5.0, 6.2)) >= 0.8
    assert len(result.stable_spans) == 2


def test_zooms_are_told_however_many_there_are():
    """The pictures of a transition are kept until it is judged, which may be at the end."""
    picture = smooth(1)

    def show(t: float) -> Planes:
        turn, since = divmod(t, 4.0)
        done = min(1.0, since / 1.2)
        return zoomed(picture, 2.0 - done if turn % 2 else 1.0 + done)

    result = analyse(film(100.0, show))
    assert len(result.shots) == 1
    assert [c.kind for c in result.changes] == ["zoom"] * 24


def test_a_pan_is_a_change_and_no_shot():
    wide = np.hstack([smooth(2)[0], smooth(3)[0]])
    wide = np.asarray(Image.fromarray(wide).resize((wide.shape[1] // 4, HEIGHT // 4), Image.Resampling.BOX))
    wide = np.asarray(Image.fromarray(wide).resize((2 * WIDTH, HEIGHT), Image.Resampling.BICUBIC))

    def show(t: float) -> Planes:
        x = round(100 * min(1.0, max(0.0, (t - 5.0) / 1.2)))
        _, u, v = flat(0)
        return wide[:, x : x + WIDTH].copy(), u, v

    result = analyse(film(11.0, show))
    assert len(result.shots) == 1
    assert [c.kind for c in result.changes] == ["pan"]


def framed(page: Planes, luma: int, vessels: int) -> Planes:
    """The page with a smooth picture on it, of a grey and with some dark lines."""
    out = copied(page)
    out[0][40:180, 60:260] = luma + np.linspace(-12, 12, 200).astype(np.int64)
    for k in range(vessels):
        out[0][44 + 8 * k : 46 + 8 * k, 64:256] = 20
    return out


@pytest.mark.parametrize("first", [True, False])
def test_a_smooth_picture_that_another_replaces_begins_a_shot(first: bool):
    """Next to no edges go, or come; but where a picture was, another is."""
    page = slide_of(31, lines=0, picture=False)
    pictures = [framed(page, 90, 0), framed(page, 160, 16)]
    a, b = pictures if first else pictures[::-1]
    assert boundaries(analyse(film(10.0, lambda t: a if t < 5.0 else b))) == pytest.approx([5.0], abs=0.1)


def test_a_picture_with_the_black_corners_of_the_one_before_begins_a_shot():
    """As films and scans have; around what changed in them is not the page, but their own corners."""
    page = slide_of(31, lines=0, picture=False)
    rows, columns = np.mgrid[-70:70, -100:100]
    inside = np.hypot(rows / 70, columns / 100) <= 0.97
    shown = [framed(page, 120, 16), framed(page, 70, 0)]
    for picture in shown:
        picture[0][40:180, 60:260][~inside] = 20
    assert boundaries(analyse(film(10.0, lambda t: shown[int(t >= 5.0)]))) == pytest.approx([5.0], abs=0.1)


def test_a_picture_that_comes_onto_a_page_begins_no_shot():
    page = slide_of(31, lines=0, picture=False)
    for luma, vessels in ((90, 0), (160, 16)):
        picture = framed(page, luma, vessels)
        result = analyse(film(10.0, lambda t, shown=picture: page if t < 5.0 else shown))
        assert boundaries(result) == []


def viewer(picture: Planes, x: int, y: int) -> Planes:
    """A picture in a viewer that lists files beside it, on a grey that photographs have too."""
    out = copied(flat(110))
    for line in range(15):
        write(out, np.random.default_rng(line), 4, 6 + 12 * line, 88, 7, 200)
    luma = picture[0]
    out[0][y : y + len(luma), x : x + luma.shape[1]] = luma
    return out


def soft(seed: int, width: int, height: int, low: int, high: int) -> Planes:
    """A picture without an edge."""
    coarse = np.random.default_rng(seed).integers(low, high, (5, 5), dtype=np.uint8)
    planes = flat(0, width, height)
    planes[0][...] = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return planes


def scan(*spots: tuple[int, int]) -> Planes:
    """A slice: a soft bright disc on black, and some spots at (x, y)."""
    rows, columns = np.mgrid[:96, :96]
    planes = flat(16, 96, 96)
    planes[0][...] = np.clip(4 * (52 - np.hypot(rows - 48, columns - 48)), 16, 180)
    for x, y in spots:
        planes[0][np.hypot(rows - y, columns - x) < 14] = 70
    return planes


def vessels() -> Planes:
    """An angiogram: dark lines on what is on average the grey around it."""
    planes = soft(5, 184, 180, 90, 170)
    for k in range(10):
        planes[0][8:172, 8 + 17 * k : 11 + 17 * k] = 20
    return planes


def test_another_picture_in_a_viewer_begins_a_shot():
    """Few edges come, or go, of all that the list of files has, and the page is as grey as the pictures."""
    shown = [
        viewer(scan((40, 40)), 152, 48),
        viewer(vessels(), 112, 6),
        viewer(soft(8, 184, 180, 20, 230), 112, 6),
    ]
    result = analyse(film(12.0, lambda t: shown[min(2, int(t // 4))], nowhere))
    assert boundaries(result) == pytest.approx([4.0, 8.0], abs=0.1)


def test_another_slice_of_a_scan_in_a_viewer_begins_none():
    """All edges within it may be others, and much of it, but not most."""
    stages = scan((26, 40)), scan((70, 40))
    stages[1][0][56:] += np.where(stages[1][0][56:] > 16, 50, 0).astype(np.uint8)
    large = [(stage[0].repeat(2, 0).repeat(2, 1)[6:186, 4:188],) * 3 for stage in stages]
    slices = [viewer(picture, 112, 6) for picture in large]
    result = analyse(film(8.0, lambda t: slices[int(t >= 4.0)], nowhere))
    assert boundaries(result) == []
    assert [c.kind for c in result.changes] == ["build"]


LOOP = [scan((30, 34), (66, 62)), scan((47, 30), (49, 68)), scan((64, 32), (32, 66))]
STEPS = [viewer(picture, 152, 48) for picture in LOOP]


def dissolving(t: float) -> Planes:
    return blend(STEPS[0], STEPS[2], min(1.0, max(0.0, (t - 4.0) / 0.4)))


def stepping(t: float) -> Planes:
    return STEPS[0] if t < 4.0 else STEPS[1 if t < 4.25 else 2]


@pytest.mark.parametrize(("show", "begins"), [(dissolving, [4.1]), (stepping, [])])
def test_stills_of_one_loop_are_two_shots_if_one_dissolves_into_the_other(show: Show, begins: list[float]):
    """That nobody steps through a scan in dissolves is all that tells them from its steps."""
    result = analyse(film(8.0, show, nowhere))
    assert boundaries(result) == pytest.approx(begins, abs=0.15)


def test_a_bullet_and_a_picture_that_fade_in_begin_no_shot():
    page = slide_of(31, lines=2, picture=False)
    more = framed(page, 160, 16)
    write(more, np.random.default_rng(5), 12, 70, 40, 7)
    result = analyse(film(8.0, lambda t: blend(page, more, min(1.0, max(0.0, (t - 4.0) / 0.4))), nowhere))
    assert boundaries(result) == []


def test_a_window_that_fades_in_begins_no_shot():
    """It hides as much as it brings, but it is a sheet."""
    below = viewer(flat(235, 200, 180), 112, 6)
    write(below, np.random.default_rng(40), 160, 80, 30, 7)
    window = copied(below)
    window[0][60:144, 140:230] = 60
    write(window, np.random.default_rng(41), 150, 110, 30, 7, 200)
    result = analyse(film(8.0, lambda t: blend(below, window, min(1.0, max(0.0, (t - 4.0) / 0.4))), nowhere))
    assert boundaries(result) == []


def test_a_flash_begins_no_shot():
    """One white frame, as capture programs and editors drop in, and the slide again."""
    result = analyse(film(10.0, lambda t: flat(235) if 5.0 <= t < 5.0 + 1.5 / FPS else A, wander))
    assert len(result.shots) == 1
    assert {span.group for span in result.stable_spans} == {0}


@pytest.mark.parametrize("seed", range(3))
def test_shots_partition_the_recording_and_spans_do_not_overlap(seed: int):
    """Whatever happens on the screen."""
    rng = np.random.default_rng(seed)
    slides = [
        slide_of(100 * seed + k, lines=int(rng.integers(1, 7)), picture=bool(rng.integers(2)))
        for k in range(6)
    ]
    cuts = np.cumsum(rng.uniform(0.3, 5.0, 6))
    shown = rng.permutation([k % 6 for k in range(7)])
    lengths = rng.choice([0.0, 0.5, 1.0], 6)

    def show(t: float) -> Planes:
        i = int(np.searchsorted(cuts, t, side="right"))
        if i == 0:
            return slides[shown[0]]
        done = (t - cuts[i - 1]) / max(lengths[i - 1], 1e-9)
        return slides[shown[i]] if done >= 1 else blend(slides[shown[i - 1]], slides[shown[i]], done)

    result = analyse(film(float(cuts[-1]) + 3.0, show, wander, ARROW))
    spans = [shot.span for shot in result.shots]
    assert spans[0].start == 0.0
    assert spans[-1].end == pytest.approx(result.video.duration)
    assert all(a.end == b.start and a.duration > 0 for a, b in pairwise(spans))
    still = [s.span for s in result.stable_spans]
    assert all(a.end <= b.start for a, b in pairwise(still))
    assert all(s.duration >= 2.0 for s in still)
    assert all(s.span.contains(s.keyframe_t) for s in result.stable_spans)
    assert all(s.group <= i for i, s in enumerate(result.stable_spans))
    assert (np.diff(result.trace.t) > 0).all()
    assert recall(result.trace, wander, still[-1].start, still[-1].end) >= 0.9
