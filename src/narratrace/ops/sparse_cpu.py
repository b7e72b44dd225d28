"""CPU side of :mod:`narratrace.ops.sparse`: the native module, under the names used there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from narratrace._native import (
    HAVE_AVX2,
    Glyph,
    Segment,
    SegmentBuilder,
    SparseRecorder,
    TileHistory,
    compare,
    compose,
    find_blobs,
    find_candidates,
    find_glyph,
    find_on_screen,
    find_places,
    fit_glyph,
    learn_glyph,
    thumbnails,
)

if TYPE_CHECKING:
    from narratrace.ops.sparse import ChangeOptions

__all__ = [
    "HAVE_AVX2",
    "Glyph",
    "Segment",
    "SegmentBuilder",
    "TileHistory",
    "compare",
    "compose",
    "find_blobs",
    "find_candidates",
    "find_glyph",
    "find_on_screen",
    "find_places",
    "fit_glyph",
    "learn_glyph",
    "make_recorder",
    "thumbnails",
]


class CpuRecorder(SparseRecorder):
    """The native recorder, which picks AVX2 or baseline code by the processor it runs on."""

    def ahead(self, frames: Sequence[tuple[float, Any, Any, Any]]) -> None:
        """Nothing is gained by knowing: each frame is compared as it is pushed."""


def make_recorder(width: int, height: int, options: ChangeOptions) -> CpuRecorder:
    """A recorder for frames in host memory."""
    return CpuRecorder(
        width,
        height,
        options.luma,
        options.chroma,
        options.min_luma,
        options.min_chroma,
        options.refresh_s,
        options.max_stored,
        options.sudden,
    )
