"""CPU side of :mod:`narratrace.ops.sparse`: the native module, under the names used there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from narratrace._native import (
    HAVE_AVX2,
    Glyph,
    Segment,
    SparseRecorder,
    TileHistory,
    compare,
    compose,
    find_blobs,
    find_candidates,
    find_glyph,
    find_on_screen,
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
    "TileHistory",
    "compare",
    "compose",
    "find_blobs",
    "find_candidates",
    "find_glyph",
    "find_on_screen",
    "fit_glyph",
    "learn_glyph",
    "make_recorder",
    "thumbnails",
]


def make_recorder(width: int, height: int, options: ChangeOptions) -> SparseRecorder:
    """The native recorder, which picks AVX2 or baseline code by the processor it runs on."""
    return SparseRecorder(
        width,
        height,
        options.luma,
        options.chroma,
        options.min_luma,
        options.min_chroma,
        options.refresh_s,
        options.max_stored,
    )
