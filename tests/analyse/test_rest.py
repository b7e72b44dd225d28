"""The pointer where its motion does not show it: at rest in the plate, gone, changed, before something."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

from narratrace.analyse.resting import Find, shown
from narratrace.data.frames import Frame
from narratrace.data.trace import Trace
from narratrace.ops.sparse import BLOB, Blobs

from .screen import (
    ARROW,
    CROSS,
    DARK_ARROW,
    DOT,
    FPS,
    HALO,
    HEIGHT,
    WIDTH,
    Path,
    Planes,
    Point,
    Pointer,
    analyse,
    copied,
    errors,
    film,
    flat,
    put,
    recall,
    slide_of,
    ticks,
    wander,
)  # fmt: skip

FIRST, SECOND = slide_of(1), slide_of(4)
DARK = slide_of(7, lines=0, picture=False, paper=110)
PLAIN, OTHER = (slide_of(seed, lines=0, picture=False, paper=paper) for seed, paper in ((5, 235), (6, 180)))
AWAY: Point = (250.0, 150.0)
Draw = Callable[[Planes, float], Planes]


def thin_cross(size: int = 21) -> Pointer:
    """A cross of lines one pixel wide, without an edge."""
    cover = np.zeros((size, size))
    cover[size // 2], cover[:, size // 2] = 1.0, 1.0
    color = np.zeros((size, size, 3), np.uint8)
    color[...] = 16, 128, 128
    return Pointer(color, cover, (size // 2, size // 2))


def drawn(seconds: float, show: Callable[[float], Planes], draw: Draw) -> Iterator[Frame]:
    """Frames of ``show`` with whatever ``draw`` puts on them."""
    for t in ticks(seconds):
        y, u, v = draw(copied(show(t)), t)
        yield Frame(t=t, pts=round(t * 90_000), y=y, u=u, v=v)


def cut_at(seconds: float, first: Planes, second: Planes) -> Callable[[float], Planes]:
    return lambda t: first if t < seconds else second


def assert_followed(trace: Trace, at: Path, seconds: float) -> None:
    assert recall(trace, at, 0.0, seconds) >= 0.95
    assert np.mean(errors(trace, at) <= 4.0) >= 0.98


LOOKS = pytest.mark.parametrize(
    ("pointer", "first", "second"),
    [(ARROW, FIRST, SECOND), (thin_cross(), PLAIN, OTHER)],
    ids=["arrow", "thin cross"],
)


@LOOKS
def test_where_the_pointer_rested_is_found_when_it_leaves(
    pointer: Pointer, first: Planes, second: Planes
) -> None:
    def at(t: float) -> Point:
        return AWAY if 6.0 <= t < 12.0 else wander(t)

    assert_followed(analyse(film(12.4, cut_at(6.0, first, second), at, pointer)).trace, at, 12.4)


@LOOKS
def test_a_rest_until_the_slide_changes_is_found_from_the_next_slide(
    pointer: Pointer, first: Planes, second: Planes
) -> None:
    def at(t: float) -> Point:
        return AWAY if 4.0 <= t < 10.5 else wander(t)

    assert_followed(analyse(film(14.0, cut_at(10.0, first, second), at, pointer)).trace, at, 14.0)


@pytest.mark.parametrize("pointer", [ARROW, DOT, HALO, CROSS], ids=["arrow", "dot", "halo", "cross"])
def test_no_points_where_a_pointer_was_that_has_been_hidden(pointer: Pointer) -> None:
    def at(t: float) -> Point | None:
        return wander(t) if t < 4.0 or t >= 12.0 else (AWAY if t < 9.0 else None)

    trace = analyse(film(16.0, FIRST, at, pointer)).trace
    assert recall(trace, at, 0.0, 16.0) >= 0.9
    assert not np.isinf(errors(trace, at)).any()


def test_no_points_on_a_mark_like_the_pointer_that_has_been_hidden() -> None:
    """Half a dot is painted where the dot comes to rest; it looked the same while the dot was elsewhere."""
    half = Pointer(DOT.color, DOT.cover * (np.arange(13) < 8)[:, None], DOT.spot)
    slide = put(PLAIN, half, AWAY)

    def at(t: float) -> Point | None:
        return wander(t) if t < 4.0 or t >= 12.0 else ((AWAY[0] + 3, AWAY[1] + 5) if t < 8.0 else None)

    trace = analyse(film(16.0, slide, at, DOT)).trace
    assert recall(trace, at, 0.0, 16.0) >= 0.9
    assert not np.isinf(errors(trace, at)).any()


@pytest.mark.parametrize(("similarity", "shows"), [(0.9, True), (0.5, False)], ids=["all", "half"])
def test_no_points_where_what_the_plate_has_of_a_pointer_is_missed(similarity: float, shows: bool) -> None:
    """In the second of two frames four tenths of the pointer's box differ from the plate."""
    table = np.zeros(1, BLOB)
    for name, value in (("x0", 40), ("x1", 50), ("y0", 60), ("y1", 64)):
        table[name] = value
    blobs = Blobs(table, np.array([0, 0]), np.array([0, 1]))
    table["area"] = 40
    found = Find(40.0, 60.0, similarity, (0, 0, 10, 10), 60)
    trace = shown(np.array([1.0, 2.0]), 0, 2, found, blobs)
    assert trace.t.tolist() == ([1.0, 2.0] if shows else [1.0])


def test_a_few_pixels_that_differ_around_a_pointer_do_not_take_it_away() -> None:
    """Encoders refine what rests: their box is as large as the pointer's, but little in it differs."""
    table = np.zeros(1, BLOB)
    for name, value in (("x0", 40), ("x1", 50), ("y0", 60), ("y1", 70), ("area", 12)):
        table[name] = value
    blobs = Blobs(table, np.array([0, 0]), np.array([0, 1]))
    times = np.array([1.0, 2.0])
    assert len(shown(times, 0, 2, Find(40.0, 60.0, 0.9, (0, 0, 10, 10), 60), blobs)) == 2
    assert len(shown(times, 0, 2, Find(40.0, 60.0, 0.9, (0, 0, 10, 10), 12), blobs)) == 1, "a small one left"


def test_no_points_of_a_black_cross_on_a_black_picture() -> None:
    """It is there, but nothing shows where: all places are alike."""
    black = flat(17)

    def at(t: float) -> Point:
        return wander(t) if t < 6.0 else (60.0 + 10.0 * t, 100.0)

    trace = analyse(film(12.0, cut_at(6.0, PLAIN, black), at, thin_cross())).trace
    assert recall(trace, at, 0.0, 6.0) >= 0.95
    assert not len(trace) or trace.t[-1] < 6.2


def test_a_dot_that_comes_to_rest_together_with_a_line_is_found() -> None:
    """It is seen nowhere while the still lasts; but it alone looks like that, and was not there before."""

    def show(t: float) -> Planes:
        out = copied(FIRST)
        for k in range(int(t >= 5.0) + int(t >= 10.0)):
            out[0][150 + 16 * k : 160 + 16 * k, 10:140:3] = 20
        return out

    def at(t: float) -> Point:
        return wander(t) if t < 5.0 or t >= 10.0 else (300.0, 20.0)

    assert recall(analyse(film(14.0, show, at, DOT)).trace, at, 0.0, 14.0) >= 0.95


def test_a_halo_that_lets_a_photograph_through_is_followed() -> None:
    """It is learned on paper; on the photograph, hardly a pixel of it has that colour."""
    rows, columns = np.mgrid[-14:15, -14:15]
    disc = np.hypot(rows, columns) <= 14
    halo = Pointer(np.full((29, 29, 3), (240, 128, 128), np.uint8), 0.45 * disc, (14, 14))
    rng = np.random.default_rng(8)
    paper, photograph = flat(130), flat(40)
    for plane in photograph[1:]:
        tints = rng.choice(np.array([40, 90, 165, 215], np.uint8), (HEIGHT // 8, WIDTH // 8))
        plane[...] = tints.repeat(4, 0).repeat(4, 1)

    def show(t: float) -> Planes:
        return paper if t < 6.0 else photograph

    trace = analyse(film(12.0, show, wander, halo)).trace
    assert recall(trace, wander, 0.0, 6.0) >= 0.95
    assert recall(trace, wander, 6.0, 12.0) >= 0.9


def test_thin_lines_that_take_another_colour_on_a_film_are_followed() -> None:
    """White with a dark edge, thinner than a pixel: grey on paper, light on a film."""

    def draw(planes: Planes, t: float) -> Planes:
        cross = thin_cross()
        cross.color[..., 0] = 90 if t < 6.0 else 200
        return put(planes, cross, wander(t))

    trace = analyse(drawn(12.0, cut_at(6.0, PLAIN, flat(40)), draw)).trace
    assert recall(trace, wander, 0.0, 6.0) >= 0.95
    assert recall(trace, wander, 6.5, 12.0) >= 0.9


def test_half_a_pointer_is_found_where_nothing_else_is_like_it() -> None:
    empty = flat(235)

    def draw(planes: Planes, t: float) -> Planes:
        if t < 6.0:
            return put(planes, CROSS, wander(t))
        out = put(planes, CROSS, (40.0, 150.0))
        out[0][140:160, 42:60] = 235  # a sheet covers the rest
        return out

    trace = analyse(drawn(10.0, cut_at(6.0, FIRST, empty), draw)).trace
    assert recall(trace, lambda t: wander(t) if t < 6.0 else (40.0, 150.0), 0.0, 10.0) >= 0.95


def test_no_points_beyond_the_edge() -> None:
    def path(t: float) -> Point:
        x, y = wander(t)
        return (x - 1.6 * WIDTH * max(0.0, math.sin(0.7 * t)) ** 2, y)

    def at(t: float) -> Point | None:
        x, y = path(t)
        return (x, y) if 0 <= round(x) < WIDTH and 0 <= round(y) < HEIGHT else None

    trace = analyse(film(16.0, FIRST, path)).trace
    assert recall(trace, at, 0.0, 16.0) >= 0.95
    assert not np.isinf(errors(trace, at)).any()


def test_a_dot_with_fading_copies_is_its_brightest() -> None:
    def swing(t: float) -> Point:
        s = 2 * math.floor(t / 3) + min(t % 3, 2.0)  # a second of rest in three
        return (WIDTH * (0.5 + 0.4 * math.sin(5 * s)), HEIGHT * (0.47 + 0.35 * math.sin(3.1 * s + 1)))

    def draw(planes: Planes, t: float) -> Planes:
        for k in range(3, 0, -1):
            faint = Pointer(DOT.color, DOT.cover * 0.15 * (4 - k), DOT.spot)
            planes = put(planes, faint, swing(max(0.0, t - k / 15)))
        return put(planes, DOT, swing(t))

    trace = analyse(drawn(12.0, lambda _: FIRST, draw)).trace
    assert recall(trace, swing, 0.0, 12.0) >= 0.95
    assert np.mean(errors(trace, swing) <= 4.0) >= 0.95


def test_a_rim_that_paper_hid_does_not_speak_against_a_pointer() -> None:
    """A black arrow's white rim is first seen on the second slide, when there is no time to learn it."""

    def at(t: float) -> Point:
        return wander(t) if t < 8.0 else (wander(7.9) if t < 9.0 else AWAY)

    show = cut_at(8.0, slide_of(5, lines=0, picture=False, paper=235), DARK)
    assert_followed(analyse(film(14.0, show, at, DARK_ARROW)).trace, at, 14.0)


def visits(t: float) -> Point:
    """From one link to the next: a quick move, and a long rest."""
    links = [(60.0, 45.0), (240.0, 150.0), (90.0, 120.0), (250.0, 70.0), (70.0, 80.0), (230.0, 110.0)]
    k, since = divmod(t, 3.0)
    (xa, ya), (xb, yb) = links[int(k) % 6], links[(int(k) + 1) % 6]
    s = min(since / 0.9, 1.0)
    s = s**3 * (10 - 15 * s + 6 * s * s)
    return (xa + s * (xb - xa), ya + s * (yb - ya))


def test_a_shape_that_shows_just_before_it_rests_is_learned() -> None:
    def draw(planes: Planes, t: float) -> Planes:
        goal = visits(3.0 * math.floor(t / 3.0) + 2.9)
        return put(planes, CROSS if math.dist(visits(t), goal) < 10 else ARROW, visits(t))

    trace = analyse(drawn(18.0, lambda _: FIRST, draw)).trace
    assert recall(trace, visits, 0.0, 18.0) >= 0.95


@pytest.mark.parametrize("beside", [(-20, 18), (4, 6)], ids=["tooltip", "lit button"])
def test_what_the_pointer_brings_up_does_not_hide_it(beside: tuple[int, int]) -> None:
    def draw(planes: Planes, t: float) -> Planes:
        place = visits(t)
        if t % 3.0 >= 1.4:  # half a second after it has stopped
            x, y = round(place[0]) + beside[0], round(place[1]) + beside[1]
            planes[0][max(0, y - 10) : y + 14, max(0, x - 40) : x + 60] = 170
        return put(planes, ARROW, place)

    trace = analyse(drawn(18.0, lambda _: PLAIN, draw)).trace
    assert recall(trace, visits, 0.0, 18.0) >= 0.95
    assert np.mean(errors(trace, visits) <= 4.0) >= 0.97


def along_rows(t: float) -> Point:
    """Now to the left, now to the right, a row further each time, and outside for a second in between."""
    k, since = divmod(t, 4.0)
    s = min(since / 3.0, 1.0)
    return 20.0 + 280.0 * (1 - s if k % 2 else s), 20.0 + 36.0 * k + 36.0 * max(0.0, since - 3.0)


def test_a_pointer_is_followed_along_a_row_that_it_lights() -> None:
    def draw(planes: Planes, t: float) -> Planes:
        x, y = place = along_rows(t)
        if 120 <= x < 200:
            top = round(y) - 6
            planes[1][top // 2 : top // 2 + 12, 60:100] -= 18  # pale yellow
        return put(planes, ARROW, place)

    trace = analyse(drawn(16.0, lambda _: PLAIN, draw)).trace
    assert recall(trace, along_rows, 0.0, 16.0) >= 0.95
    assert np.mean(errors(trace, along_rows) <= 4.0) >= 0.97


def circling(t: float) -> Point:
    """Comes from the left, draws a circle from 4 s to 6 s, and leaves."""
    if t < 4.0 or t >= 6.0:
        return wander(t)
    turn = math.pi * (t - 4.0)
    start, end = wander(4.0), wander(6.0)
    share = (t - 4.0) / 2.0
    x, y = ((1 - share) * a + share * b for a, b in zip(start, end, strict=True))
    return x + 40 * math.sin(turn) * math.sin(2 * turn), y + 30 * math.sin(turn) * math.cos(2 * turn)


def test_a_pointer_is_followed_while_it_draws() -> None:
    """What it draws is larger than a pointer, so that nothing is still meanwhile."""

    def draw(planes: Planes, t: float) -> Planes:
        for step in np.arange(4.0, min(t, 6.0), 0.02):
            x, y = circling(float(step))
            planes[0][round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 60
        return put(planes, ARROW, circling(t))

    trace = analyse(drawn(10.0, lambda _: PLAIN, draw)).trace
    assert recall(trace, circling, 4.2, 5.8) >= 0.9
    assert np.mean(errors(trace, circling) <= 4.0) >= 0.97


def test_no_points_on_a_mark_near_where_the_pointer_comes_back() -> None:
    """It was there while the pointer was elsewhere."""
    faint = Pointer(ARROW.color, 0.85 * ARROW.cover, ARROW.spot)
    slide = put(FIRST, faint, (230.0, 20.0))

    def at(t: float) -> Point | None:
        if t < 4.0:
            return wander(t)
        return None if t < 8.0 else (240.0 - 20.0 * min(t - 8.0, 6.0), 26.0 + 15.0 * min(t - 8.0, 6.0))

    trace = analyse(film(14.0, cut_at(8.0, slide, SECOND), at)).trace
    assert recall(trace, at, 0.0, 14.0) >= 0.9
    assert not np.isinf(errors(trace, at)).any()


@pytest.mark.parametrize("pointer", [ARROW, DARK_ARROW], ids=["arrow", "dark arrow"])
def test_a_pointer_that_is_softer_before_a_webcam_is_followed(pointer: Pointer) -> None:
    """As compression leaves it there: a fair likeness, but nothing else comes near it."""
    soft = Pointer(pointer.color, 0.85 * pointer.cover, pointer.spot)

    def at(t: float) -> Point:
        x, y = wander(min(t, 6.0) if t < 8.5 else max(t, 11.0))
        share = max(0.0, min(1.0, (t - 6.0) / 0.5, (11.0 - t) / 0.5))
        return 0.65 * x + share * (270.0 - 0.65 * x), y + share * (150.0 - y)

    def draw(planes: Planes, t: float) -> Planes:
        coarse = np.random.default_rng(int(t * FPS)).integers(30, 220, (8, 10), dtype=np.uint8)
        face = Image.fromarray(coarse).resize((80, 64), Image.Resampling.BICUBIC)
        planes[0][120:184, 232:312] = np.asarray(face)
        x, y = place = at(t)
        return put(planes, soft if x > 225 and y > 112 else pointer, place)

    trace = analyse(drawn(16.0, lambda _: slide_of(11), draw)).trace
    assert recall(trace, at, 6.6, 10.4) >= 0.95
    assert np.mean(errors(trace, at) <= 4.0) >= 0.98
