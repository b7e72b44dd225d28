"""Whether a page was scrolled: the same lines on the screen, higher or lower.

Note [Scrolling]
~~~~~~~~~~~~~~~~
What a scrolled page shows before and after is the same pixel by pixel, moved by whole rows, while lines of
text are too alike for motion to be followed from one small thumbnail to the next: a line is taken for its
neighbour, and the motion for a zoom. So pictures are compared as rows: the change of luma from each row to
the next but one, averaged over stripes of the page. Of two pages only the same lines correlate there. A page
may be scrolled by more than its height, so each picture of the transition is compared with the next. One
turn of a wheel may move a page at once; but a page of which most is exchanged at once, for another part of
the same document, is another page, and one that pushes the other out of the picture is another slide. What
stays as it is all the while, such as a heading, is no part of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.analyse.tiles import Bool
from narratrace.data.shots import Box
from narratrace.ops.sparse import TILE, U8, tile_grid
from narratrace.options import option

C64 = npt.NDArray[np.complexfloating]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U16 = npt.NDArray[np.uint16]
_STRIPES = 64  # of the whole picture: those of a line of text have a pattern of their own
_FEWEST = 4  # stripes of the part that is scrolled
_ROWS = 360  # or somewhat more, that lines of text keep their pattern
_MIN_SIDE = 100  # pixels of the part that is scrolled
_MIN_TOLD = 0.3  # of the part that changes, which changes when it is scrolled
_MOST = 0.75  # of its height: what is left on the screen must tell
_EXACT = 0.03  # of the picture's height, by which pushed slides move
_NOISE = 2.0  # levels by which rows that stay differ, at most
_STAYS = 0.06  # of the picture's height: what stays and is as high is no part of the page
_FAST = 64  # transforms of such lengths, and of multiples, are fast
_FLAT = 4.0  # mean square of the changes from row to row below which there is nothing to tell


class ScrollOptions(Struct, frozen=True, kw_only=True):
    """When a transition scrolls a page."""

    min_correlation: Annotated[
        float,
        option(
            "correlation of the rows of a page that was scrolled",
            ge=0,
            le=1,
            source="0.85 or more from turn to turn of a wheel at 7 scrolled pages",
        ),
    ] = 0.85
    followed: Annotated[
        float,
        option(
            "the same from one picture to the next, where the page moves by several steps: what moves may be "
            "blurred",
            ge=0,
            le=1,
            source="0.80 or more at 9 scrolled pages; a dissolve between pages of the same words below 0.70",
        ),
    ] = 0.75
    at_once: Annotated[
        float,
        option(
            "rows that a page is moved at once, at most, as a share of its height",
            ge=0,
            le=1,
            source="a turn of a wheel moved 0.1 and 0.2; another page with the same words seemed to by 0.38",
        ),
    ] = 0.25
    pushed: Annotated[
        float,
        option(
            "share of the picture's height that changes, at least, when one slide pushes another out",
            gt=0,
            le=1,
            source="choice: slides have margins",
        ),
    ] = 0.85


def row_step(height: int) -> int:
    """How many times pictures are shrunk before :func:`striped`."""
    return max(1, height // _ROWS)


def striped(luma: U8) -> U16:
    """Sums of the rows of each stripe of a shrunk picture, shape (rows, stripes)."""
    width = luma.shape[1] // _STRIPES
    whole = luma[:, : _STRIPES * width].reshape(len(luma), _STRIPES, width)
    sums: U16 = np.einsum("ijk->ij", whole, dtype=np.uint16, casting="unsafe")  # thrice as fast as sum
    return sums


def page_motion(
    pictures: Callable[[], Sequence[U16]], ignore: U8, box: Box, size: tuple[int, int], options: ScrollOptions
) -> Literal["scroll", "push"] | None:
    """Whether the part ``box`` of a picture was scrolled, or one slide pushed the other out; else None.

    Args:
        pictures: Gives the picture before, those between and the one after, see :func:`striped`.
        ignore: Nonzero for tiles that do not count.
        box: The part that changed.
        size: Width and height of the picture.
        options: Thresholds.
    """
    rows = box.y1 - box.y0
    if min(box.x1 - box.x0, rows) < _MIN_SIDE:
        return None
    seen = pictures()
    shifts = shifts_of(seen, ignore, box, size, options.followed)
    steps = sum(shift != 0 for shift in shifts)
    if steps == 1:
        (far,) = shifts_of([seen[0], seen[-1]], ignore, box, size, options.min_correlation) or [0]
        return "scroll" if 0 < abs(far) <= options.at_once * rows else None
    pushed = rows >= options.pushed * size[1] and abs(abs(sum(shifts)) - size[1]) <= _EXACT * size[1]
    return ("push" if pushed else "scroll") if steps else None


def shifts_of(
    pictures: Sequence[U16], ignore: U8, box: Box, size: tuple[int, int], min_correlation: float
) -> list[int]:
    """Rows by which ``box`` moves up from each picture to the next; none if that cannot be told."""
    width, height = size
    step = row_step(height)
    stripe = width // step // _STRIPES * step
    if stripe == 0:
        return []
    rows = slice(-(-int(box.y0) // step), int(box.y1) // step)
    columns = slice(-(-int(box.x0) // stripe), min(_STRIPES, int(box.x1) // stripe))
    if columns.stop - columns.start < _FEWEST:
        return []
    grid = tile_grid(width, height)
    counts = (ignore.reshape(grid) == 0).repeat(TILE, axis=0).repeat(TILE, axis=1)
    counts = counts[: len(pictures[0]) * step, : _STRIPES * stripe]
    shown: Bool = counts.reshape(-1, step, _STRIPES, stripe).all(axis=(1, 3))[rows, columns]
    page = [picture[rows, columns].astype(np.float32) * (step / stripe) for picture in pictures]
    stays = np.all([np.abs(rows - page[0]) < _NOISE for rows in page[1:]], axis=0)
    shown &= ~_long(stays, max(1, round(_STAYS * height / step)))
    told: Bool = shown[2:] & shown[1:-1] & shown[:-2]
    if told.mean() < _MIN_TOLD:
        return []
    part = _Part(told)
    shifts: list[int] = []
    for before, after in pairwise(map(part.changes, page)):  # one by one: most transitions fail at once
        shift = part.shift(before, after, min_correlation)
        if shift is None:
            return []
        shifts.append(step * shift)
    return shifts


def _long(stays: Bool, rows: int) -> Bool:
    """Cells of runs down a stripe of at least so many rows: what is shorter lies between lines of text."""
    sums = np.cumsum(np.pad(stays, ((1, 0), (0, 0))), axis=0)
    begins: Bool = sums[rows:] - sums[:-rows] == rows
    long = np.zeros_like(stays)
    for row in range(rows):
        long[row : row + len(begins)] |= begins
    return long


class _Changes(Struct, frozen=True):
    """How a part of a picture changes from row to row.

    Attributes:
        steps: Change of each stripe from the row before to the row after, shape (rows, stripes).
        spectrum, energy: Fourier transforms down the stripes, of the steps and of their squares.
    """

    steps: F32
    spectrum: C64
    energy: C64


class _Part:
    """A part of the picture in which rows are compared.

    Args:
        told: Which rows of which stripes count, but for the first and the last row.
    """

    def __init__(self, told: Bool) -> None:
        self._told = told
        self._length = -(-2 * len(told) // _FAST) * _FAST
        self._spectrum = self._transform(told.astype(np.float32))
        count = self._sums(self._spectrum, self._spectrum)
        self._least = np.where(count >= max(1.0, (1 - _MOST) * told.sum()), _FLAT * count, np.inf)

    def changes(self, rows: F32) -> _Changes:
        """Of mean luma, shape (rows, stripes)."""
        steps = np.where(self._told, rows[2:] - rows[:-2], np.float32(0))
        return _Changes(steps, self._transform(steps), self._transform(steps**2))

    def shift(self, before: _Changes, after: _Changes, min_correlation: float) -> int | None:
        """Rows by which the part moved up, 0 if it did not move; None if it is another."""
        if np.array_equal(before.steps, after.steps):
            return 0
        product = self._sums(before.spectrum, after.spectrum)
        energy = self._sums(before.energy, self._spectrum), self._sums(self._spectrum, after.energy)
        likeness = product / np.sqrt(np.maximum(energy[0] * energy[1], 1e-9))
        likeness[np.minimum(*energy) < self._least] = 0.0
        reach = int(_MOST * len(self._told))
        shifts = np.arange(-reach, reach + 1)
        likeness = likeness[shifts]  # those up to 0 lie at the end
        best = int(np.lexsort((np.abs(shifts), -likeness))[0])
        return int(shifts[best]) if likeness[best] >= min_correlation else None

    def _transform(self, rows: F32) -> C64:
        return np.fft.rfft(rows, self._length, axis=0)

    def _sums(self, a: C64, b: C64) -> F64:
        """Sum of products for each shift of ``a`` up."""
        product: F64 = np.fft.irfft((a * np.conj(b)).sum(axis=1), self._length)
        return product
