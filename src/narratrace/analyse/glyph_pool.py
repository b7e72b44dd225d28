"""Looks too rare to be learned within one still: an I-beam over a word, a hand over a link.

Note [Pooled samples]
~~~~~~~~~~~~~~~~~~~~~
A program changes the pointer's shape where it can do something else, so a shape may be seen moving for a few
frames only, before it comes to rest. What moved like a pointer and has the size of no known look is kept over
the stills, as small pictures, until enough of one size teach a look of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field

from narratrace.analyse.glyph_book import Entry
from narratrace.analyse.glyphs import GlyphOptions, LearnedPointer, learn_from, spread
from narratrace.ops.sparse import BLOB, Blobs, GlyphCutout, Planes, Segment, cut_out, find_candidates

_RATIO, _SLACK = 0.1, 2
"""Sizes that differ by no more than that share and that many pixels are the same."""


class SamplePool(Struct, eq=False):
    """Samples that no look explains, the latest ``max_samples`` of them."""

    options: GlyphOptions
    _cutouts: deque[GlyphCutout] = field(default_factory=deque)

    def add(
        self, segment: Segment, plate: Planes, samples: npt.NDArray[Any], known: Sequence[Entry]
    ) -> LearnedPointer | None:
        """Takes a still's samples that no known look explains; returns the look that they complete.

        Args:
            samples: See :func:`narratrace.analyse.glyphs.moving_blobs`.
            known: All looks so far.
        """
        if len(samples) == 0:
            return None
        sizes = np.stack([samples["x1"] - samples["x0"], samples["y1"] - samples["y0"]], axis=1)
        for entry in known:
            samples, sizes = (
                v[~_alike(sizes, entry.pointer.look.shape.shape[::-1])] for v in (samples, sizes)
            )
        few = spread(samples, self.options.max_samples // 3)
        few = few[~self._explained(segment, plate, few, known)]
        if len(few) == 0:
            return None
        self._cutouts.extend(cut_out(segment, plate, few, threshold=self.options.contrast))
        while len(self._cutouts) > self.options.max_samples:
            self._cutouts.popleft()
        return self._learned()

    def _explained(
        self, segment: Segment, plate: Planes, samples: npt.NDArray[Any], known: Sequence[Entry]
    ) -> npt.NDArray[np.bool_]:
        """Which of the samples are a known look, in part or with something beside it."""
        explained = np.zeros(len(samples), dtype=np.bool_)
        if len(samples) == 0 or not known:
            return explained
        begin = int(samples["frame"][0])
        frames = np.arange(begin, int(samples["frame"][-1]) + 1)
        found = find_candidates(
            segment,
            begin,
            plate,
            _blobs(samples, frames),
            [entry.glyph for entry in known],
            tolerance=self.options.tolerance,
            threshold=self.options.contrast,
            max_size=max(segment.width, segment.height),
        )
        explained[found.table["blob"][found.table["fit"] >= self.options.explains]] = True
        return explained

    def _learned(self) -> LearnedPointer | None:
        sizes = np.array([cutout.size for cutout in self._cutouts])
        members = max((_alike(sizes, size) for size in sizes), key=np.count_nonzero)
        least = self.options.pooled_samples
        if np.count_nonzero(members) < least:
            return None
        cutouts = [self._cutouts[i] for i in np.flatnonzero(members)]
        pointer = learn_from(cutouts, self.options, least, self.options.pooled_travel)
        if pointer is not None:
            self._cutouts = deque(self._cutouts[i] for i in np.flatnonzero(~members))
        return pointer


def _alike(sizes: npt.NDArray[np.int32], size: Sequence[int]) -> npt.NDArray[np.bool_]:
    """Which of the sizes, shape (n, 2), are about ``size``."""
    alike: npt.NDArray[np.bool_] = (np.abs(sizes - size) <= _RATIO * np.asarray(size) + _SLACK).all(axis=1)
    return alike


def _blobs(samples: npt.NDArray[Any], frames: npt.NDArray[np.int64]) -> Blobs:
    """The samples as all that differs in ``frames``."""
    table = np.zeros(len(samples), dtype=BLOB)
    for name in ("x0", "y0", "x1", "y1"):
        table[name] = samples[name]
    table["area"] = (table["x1"] - table["x0"]) * (table["y1"] - table["y0"])
    first = np.searchsorted(samples["frame"], frames, side="left").astype(np.uint32)
    last = np.searchsorted(samples["frame"], frames, side="right").astype(np.uint32)
    return Blobs(table, first, last)
