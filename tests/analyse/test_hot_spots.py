"""Which pixel of a pointer points, for shapes as systems draw them, at the sizes they come in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw

from narratrace.analyse.glyphs import GlyphOptions
from narratrace.analyse.hot_spots import hot_spot, is_outline, pointing_part

Bool2 = npt.NDArray[np.bool_]
Draw = ImageDraw.ImageDraw
Point = tuple[float, float]
SYMMETRY = GlyphOptions().min_symmetry
FINE = 8  # drawn that much larger, then shrunk
EDGE = 0.5


def rendered(paint: Callable[[Draw], None], side: float, scale: float, spot: Point) -> tuple[Bool2, Point]:
    """A shape painted on a canvas of ``side`` pixels, ``scale`` times as large, cut out; its hot spot."""
    canvas = Image.new("L", (round(side * FINE), round(side * FINE)), 0)
    paint(ImageDraw.Draw(canvas))
    size = round(side * scale)
    cover = np.asarray(canvas.resize((size, size), Image.Resampling.BOX), float) / 255
    shape = cover >= EDGE
    ys, xs = np.nonzero(shape)
    ratio = size / side
    x0, y0 = int(xs.min()), int(ys.min())
    cut = shape[y0 : ys.max() + 1, x0 : xs.max() + 1]
    return cut, (spot[0] * ratio - x0 - 0.5, spot[1] * ratio - y0 - 0.5)


def polygon(*corners: Point) -> Callable[[Draw], None]:
    return lambda draw: draw.polygon([(x * FINE, y * FINE) for x, y in corners], fill=255)


def box(draw: Draw, x0: float, y0: float, x1: float, y1: float, fill: int = 255) -> None:
    draw.rectangle((x0 * FINE, y0 * FINE, x1 * FINE - 1, y1 * FINE - 1), fill=fill)


def disc(draw: Draw, x: float, y: float, r: float, fill: int = 255) -> None:
    draw.ellipse(((x - r) * FINE, (y - r) * FINE, (x + r) * FINE, (y + r) * FINE), fill=fill)


arrow = polygon((4, 2), (4, 19), (8, 15), (11, 22), (14, 21), (11, 14), (16, 14))
mac_arrow = polygon((4, 2), (4, 18), (7.5, 14.5), (10, 20), (12.5, 19), (10, 13.5), (15, 13.5))


def hand(draw: Draw) -> None:
    """A pointing finger, its fist to the right and below."""
    box(draw, 8, 2, 11, 14)
    box(draw, 8, 9, 20, 19)
    box(draw, 5, 12, 9, 16)
    box(draw, 10, 18, 19, 22)


def cross(draw: Draw) -> None:
    box(draw, 11, 2, 13, 22)
    box(draw, 2, 11, 22, 13)


def i_beam(draw: Draw) -> None:
    box(draw, 11, 3, 13, 21)
    for y in (3, 19):
        box(draw, 8, y, 16, y + 2)


def dot(draw: Draw) -> None:
    disc(draw, 12, 12, 6)


def ring(draw: Draw) -> None:
    disc(draw, 12, 12, 10)
    disc(draw, 12, 12, 7.5, fill=0)


def arrow_in_a_ring(draw: Draw) -> None:
    """As recorders highlight a pointer: the tip is in the middle."""
    ring(draw)
    polygon((12, 12), (12, 18), (13.5, 16.5), (16, 16.5))(draw)


def four_arrows(draw: Draw) -> None:
    """For moving things."""
    cross(draw)
    for tip in ((12, 1), (23, 12), (12, 23), (1, 12)):
        a = ((12 - tip[1]) / 11 * 3, (tip[0] - 12) / 11 * 3)
        base = (tip[0] + (12 - tip[0]) * 0.35, tip[1] + (12 - tip[1]) * 0.35)
        polygon(tip, (base[0] + a[0], base[1] + a[1]), (base[0] - a[0], base[1] - a[1]))(draw)


def up_arrow(draw: Draw) -> None:
    """Thin strokes, as of Windows' alternate selection."""
    box(draw, 11, 2, 13, 22)
    polygon((12, 1), (18, 8), (16, 8.8), (12, 4), (8, 8.8), (6, 8))(draw)


plump_arrow = polygon(
    (2, 2), (11, 5), (17, 9), (19, 12), (16, 15), (20, 20), (16, 23), (11, 19), (7, 19), (4, 12)
)
plump_pen = polygon((3, 22), (4, 14), (11, 4), (15, 2), (20, 6), (19, 9), (11, 18))
pen = polygon((3, 21), (4.5, 16.5), (17, 4), (20, 7), (7.5, 19.5))

CENTRES = {"cross": cross, "i beam": i_beam, "dot": dot, "ring": ring, "arrow in a ring": arrow_in_a_ring}
CENTRES["four arrows"] = four_arrows
TOPS = {
    "arrow": (arrow, (4, 2)),
    "mac arrow": (mac_arrow, (4, 2)),
    "hand": (hand, (9.5, 2)),
    "up arrow": (up_arrow, (12, 1)),
    "plump arrow": (plump_arrow, (2.5, 2.4)),
}
SCALES = [0.75, 1.0, 1.25, 1.5, 2.0, 3.0]
scaled = pytest.mark.parametrize("scale", SCALES)


def distance(shape: Bool2, part: str, spot: Point) -> float:
    x, y = hot_spot(shape, part)
    assert 0 <= x < shape.shape[1]
    assert 0 <= y < shape.shape[0]
    return float(np.hypot(x - spot[0], y - spot[1]))


@scaled
@pytest.mark.parametrize("name", CENTRES)
def test_symmetric_shapes_point_with_their_centre(name: str, scale: float):
    shape, spot = rendered(CENTRES[name], 24, scale, (12, 12))
    assert pointing_part(shape, SYMMETRY) == "centre"
    assert distance(shape, "centre", spot) <= 1.0


@scaled
@pytest.mark.parametrize("name", TOPS)
def test_arrows_and_hands_point_with_their_tip(name: str, scale: float):
    paint, spot = TOPS[name]
    shape, spot = rendered(paint, 24, scale, spot)
    assert pointing_part(shape, SYMMETRY) == "top"
    assert distance(shape, "top", spot) <= max(2.0, 0.75 * scale)


@scaled
@pytest.mark.parametrize(("paint", "tip"), [(pen, (3, 21)), (plump_pen, (3, 22))], ids=["pen", "plump pen"])
def test_a_pen_points_with_its_bottom_left(paint: Callable[[Draw], None], tip: Point, scale: float):
    shape, spot = rendered(paint, 24, scale, tip)
    assert pointing_part(shape, SYMMETRY) == "bottom"
    assert distance(shape, "bottom", spot) <= max(2.0, 0.75 * scale)


def test_the_edges_of_a_pencil_and_of_its_shadow_point_with_their_bottom_left() -> None:
    """Of a pale pencil on paper, little more is seen."""
    shape = np.zeros((26, 20), bool)
    for y in range(23):
        x = (23 - y) * 13 // 23
        shape[y, x : x + 3] = shape[y + 3, x + 6] = True
    assert pointing_part(shape, SYMMETRY) == "bottom"


@pytest.mark.parametrize("side", [1, 2, 3, 4, 9, 16])
def test_any_square_points_with_its_centre(side: int):
    shape = np.ones((side, side), bool)
    assert pointing_part(shape, SYMMETRY) == "centre"
    assert hot_spot(shape, "centre") == ((side - 1) // 2, (side - 1) // 2)


def test_a_frayed_outline_does_not_change_what_points():
    """A tenth of the outline's pixels is lost to compression."""
    rng = np.random.default_rng(2)
    for name, wanted in [("dot", "centre"), ("ring", "centre"), ("arrow", "top"), ("hand", "top")]:
        paint = CENTRES[name] if name in CENTRES else TOPS[name][0]
        whole, _ = rendered(paint, 24, 1.5, (0, 0))
        inner = whole.copy()
        inner[1:-1, 1:-1] &= whole[2:, 1:-1] & whole[:-2, 1:-1] & whole[1:-1, 2:] & whole[1:-1, :-2]
        inner[[0, -1]] = inner[:, [0, -1]] = False
        for _ in range(10):
            frayed = whole & (inner | (rng.random(whole.shape) >= 0.1))
            ys, xs = np.nonzero(frayed)
            assert pointing_part(frayed[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1], SYMMETRY) == wanted


def test_a_dot_in_chroma_samples_grown_on_one_side_points_with_its_centre() -> None:
    half = np.array(
        [[0, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [0, 1, 1, 0, 0]], bool
    )
    shape = half.repeat(3, axis=0).repeat(3, axis=1)[:, :14]
    assert pointing_part(shape, SYMMETRY) == "centre"


@pytest.mark.parametrize("side", [28, 38, 60])
def test_a_long_thin_cross_grown_by_chroma_samples_points_with_its_centre(side: int) -> None:
    """As learned from VP9: lines two pixels wide, and parts of them four on one side."""
    shape = np.zeros((side, side), bool)
    middle = side // 2 - 1
    shape[middle : middle + 2] = shape[:, middle : middle + 2] = True
    shape[middle + 2 : middle + 4, side // 5 :] = True
    shape[:middle, middle - 2 : middle] = True
    assert pointing_part(shape, SYMMETRY) == "centre"


@pytest.mark.parametrize("scale", SCALES[1:])
@pytest.mark.parametrize("paint", [cross, i_beam], ids=["cross", "i beam"])
def test_a_shadow_does_not_move_what_thin_shapes_point_with(
    paint: Callable[[Draw], None], scale: float
) -> None:
    """Of a soft shadow below and to the right, compression leaves a part here and a part there."""
    rng = np.random.default_rng(3)
    plain, spot = rendered(paint, 24, scale, (12, 12))
    far = max(2, len(plain) // 6)
    for _ in range(10):
        shape = np.pad(plain, ((0, far), (0, far)))
        shadow = np.roll(shape, (far, far), (0, 1)) & (rng.random(shape.shape) < 0.3)
        shape |= shadow
        assert pointing_part(shape, SYMMETRY) == "centre"
        assert distance(shape, "centre", spot) <= far


def test_an_outline_is_hollow_and_a_cross_is_not():
    size = 21
    rows, columns = np.mgrid[:size, :size]
    arrow = columns <= rows
    inside = (columns >= 1) & (columns <= rows - 2) & (rows < size - 1)
    cross = (rows == size // 2) | (columns == size // 2)
    assert is_outline(arrow & ~inside)
    assert not is_outline(arrow)
    assert not is_outline(cross)
