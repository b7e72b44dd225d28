"""Which pixel of a pointer points, told by its shape.

Note [Hot spots]
~~~~~~~~~~~~~~~~
Nothing in the video says which pixel of a pointer points. Its shape does: dots, crosses, I-beams, rings and
halos are symmetric about their hot spot, so a shape that looks the same upside down points with its centre.
Arrows and hands are not symmetric, and point with their tip: the topmost pixels. Pens and pencils hold their
tip at the bottom left. A plump arrow may be as good as its own upside down, and a plump pen no longer long:
then it tells which way the shape leans, and at which end it is narrower.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bool2 = npt.NDArray[np.bool_]
THIN = 0.36  # share of its box that a cross or an I-beam covers, at most
_LONG = 24  # pixels: of longer shapes, two are little
_LEANS = -0.5  # correlation of the columns and rows of a pen's pixels, at most
_STEM = 0.6  # share of a shape's sides that the strokes of an I-beam or a cross cover, at least
_HOLLOW = 1.5  # area of a hollow shape, its holes filled, as a multiple of its own, at least
_PLUMP = 0.65  # overlap of a plump arrow with its mirror image, at most


def pointing_part(shape: Bool2, min_symmetry: float) -> str:
    """What a pointer of this shape points with: ``centre``, ``top`` or ``bottom``, see Note [Hot spots].

    Args:
        shape: True where the pointer is, cut to its bounding box, at least one pixel.
        min_symmetry: Overlap with itself upside down from which on it points with its centre.
    """
    if _is_pen(*np.nonzero(shape)[::-1]):
        return "bottom"
    if _is_i_beam(shape) or _is_cross(shape):
        return "centre"
    outline = fill(shape)
    turned = outline[::-1, ::-1]
    if _most_overlap(outline, turned) >= min_symmetry:
        # A disc is its own mirror image too; a pen's slanting stroke and a plump arrow are not.
        mirrored, slope = _most_overlap(outline, outline[:, ::-1]), _slope(*np.nonzero(shape)[::-1])
        if mirrored < 0.5 and slope < 0:
            return "bottom"
        return "top" if mirrored < _PLUMP and slope > 0 else "centre"
    # The lines of thin crosses and I-beams miss their turned selves by a pixel; long coloured ones, grown
    # by chroma samples here and there, by two.
    reach = 2 if max(shape.shape) >= _LONG else 1
    near = 0.5 * (_covered(outline, turned, reach) + _covered(turned, outline, reach))
    if shape.mean() < THIN and near >= 0.95:
        return "bottom" if _leans(outline) else "centre"  # a pencil's two edges, and its shadow's
    return "bottom" if _leans(outline) and _is_narrower_below(outline) else "top"


def hot_spot(shape: Bool2, points_with: str) -> tuple[int, int]:
    """Pixel (x, y) of a shape that points, counted from the top left corner of its bounding box."""
    ys, xs = np.nonzero(shape)
    if points_with == "bottom":
        end = xs - ys == (xs - ys).min()
        return int(xs[end].mean()), int(ys[end].mean())
    if points_with == "centre":
        return (shape.shape[1] - 1) // 2, (shape.shape[0] - 1) // 2
    return int(np.flatnonzero(shape[0]).mean()), 0


def is_outline(shape: Bool2) -> bool:
    """Whether a shape is closed, and mostly empty within."""
    return bool(fill(shape).sum() >= _HOLLOW * shape.sum())


def thickness(shape: Bool2) -> int:
    """Width of the thickest part of a shape, its holes filled, in pixels."""
    left, rounds = np.pad(fill(shape), 1), 0
    while left.any():
        left, rounds = ~dilated(~left, 1), rounds + 1
    return max(1, 2 * rounds - 1)


def roundness(shape: Bool2) -> float:
    """Overlap of a shape, its holes filled, with itself upside down and with its mirror image: the lesser."""
    outline = fill(shape)
    return min(_most_overlap(outline, outline[::-1, ::-1]), _most_overlap(outline, outline[:, ::-1]))


def _most_overlap(a: Bool2, b: Bool2) -> float:
    """Overlap with ``b`` moved by up to a pixel: coloured shapes grow by a chroma sample on one side."""
    sides = (np.s_[1:], np.s_[:-1]), (np.s_[:], np.s_[:]), (np.s_[:-1], np.s_[1:])
    shared = max(np.count_nonzero(a[ya, xa] & b[yb, xb]) for ya, yb in sides for xa, xb in sides)
    # What overlaps most leaves the smallest union.
    return float(shared / (np.count_nonzero(a) + np.count_nonzero(b) - shared))


def _covered(a: Bool2, b: Bool2, reach: int) -> float:
    """Share of ``a`` that lies within ``reach`` pixels of ``b``."""
    return float((a & dilated(b, reach)).sum() / a.sum())


def _slope(xs: npt.NDArray[np.int64], ys: npt.NDArray[np.int64]) -> float:
    """Negative when the shape runs from the bottom left to the top right."""
    return float(np.cov(xs, ys)[0, 1]) if len(xs) > 2 else 0.0


def fill(shape: Bool2) -> Bool2:
    """The shape with its holes filled: an arrow within a ring counts as a disc."""
    outside = np.pad(~shape, 1, constant_values=True)
    reached = np.zeros_like(outside)
    reached[0, :] = reached[-1, :] = reached[:, 0] = reached[:, -1] = True
    while True:
        wide = reached.copy()
        wide[1:] |= reached[:-1]
        wide[:-1] |= reached[1:]
        wide[:, 1:] |= reached[:, :-1]
        wide[:, :-1] |= reached[:, 1:]
        wide &= outside
        if (wide == reached).all():
            return ~reached[1:-1, 1:-1]
        reached = wide


def _is_pen(xs: npt.NDArray[np.int64], ys: npt.NDArray[np.int64]) -> bool:
    """Whether the shape is a long one that runs from the bottom left to the top right."""
    if len(xs) < 8:
        return False
    (xx, xy), (_, yy) = np.cov(xs, ys)
    spread = np.hypot(xx - yy, 2 * xy)
    longish = (xx + yy + spread) > 6.0 * (xx + yy - spread)
    return bool(longish and xy < 0 and 0.35 < xx / max(yy, 1e-9) < 2.9)


def _stem(shape: Bool2, reach: int) -> tuple[int, npt.NDArray[np.int64]]:
    """The column with most of the shape within ``reach`` of it, and the rows that have some there."""
    stem = int(np.argmax(np.convolve(shape.sum(axis=0), np.ones(2 * reach + 1), mode="same")))
    return stem, np.flatnonzero(shape[:, max(0, stem - reach) : stem + reach + 1].any(axis=1))


def _is_i_beam(shape: Bool2) -> bool:
    """Whether a shape has one upright stem with a stroke across at either end, whatever its shadow leaves."""
    rows, columns = shape.shape
    if rows < 1.4 * columns or columns < 5:
        return False
    reach = max(1, columns // 8)  # the stem may be a pixel off here and there
    stem, tall = _stem(shape, reach)
    if len(tall) < _STEM * rows:
        return False
    end = max(1, len(tall) // 6)
    left, right = shape[:, : max(0, stem - reach)], shape[:, stem + reach + 1 :]
    across = all(left[place].any() and right[place].any() for place in (tall[:end], tall[-end:]))
    middle = tall[2 * end : -2 * end]
    beside = left[middle].sum() + right[middle].sum()
    return bool(across and beside <= 2 * reach * len(middle))


def _is_cross(shape: Bool2) -> bool:
    """Whether most of a shape is two strokes that cross in the middle of both, whatever its shadow leaves."""
    if min(shape.shape) < 7:
        return False
    reach = max(1, min(shape.shape) // 10)
    (x, tall), (y, wide) = _stem(shape, reach), _stem(shape.T, reach)
    strokes = (
        shape[:, max(0, x - reach) : x + reach + 1].sum() + shape[max(0, y - reach) : y + reach + 1].sum()
    )
    return bool(
        len(tall) >= _STEM * shape.shape[0]
        and len(wide) >= _STEM * shape.shape[1]
        and strokes >= 0.7 * shape.sum()
        and abs(np.median(tall) - y) <= 0.1 * len(tall)
        and abs(np.median(wide) - x) <= 0.1 * len(wide)
    )


def _leans(outline: Bool2) -> bool:
    """Whether a shape leans to the right, like a pen."""
    ys, xs = np.nonzero(outline)
    if len(ys) < 8 or min(np.ptp(xs), np.ptp(ys)) == 0:
        return False
    return bool(np.corrcoef(xs, ys)[0, 1] <= _LEANS)


def _is_narrower_below(outline: Bool2) -> bool:
    """Whether a shape is narrower at its lower end than at its upper one."""
    end = max(1, len(outline) // 4)
    return bool(outline[-end:].sum() < 0.75 * outline[:end].sum())


def dilated(mask: Bool2, reach: int) -> Bool2:
    """The mask with all pixels at most ``reach`` columns and rows from it."""
    out: Bool2 = mask.copy()
    for _ in range(reach):
        wide: Bool2 = out.copy()
        wide[1:] |= out[:-1]
        wide[:-1] |= out[1:]
        out = wide.copy()
        out[:, 1:] |= wide[:, :-1]
        out[:, :-1] |= wide[:, 1:]
    return out
