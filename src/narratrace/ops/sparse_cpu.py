"""CPU side of :mod:`narratrace.ops.sparse`: the native module, under the names used there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from narratrace._native import (
    HAVE_AVX2,
    ChangeJudge,
    Glyph,
    GlyphCutout,
    PackedPicture,
    Segment,
    SegmentBuilder,
    SparseRecorder,
    TileHistory,
    compare,
    compose,
    connected_components,
    cut_out,
    find_blobs,
    find_candidates,
    find_on_screen,
    find_places,
    fit_glyph,
    learn_glyph,
    merged,
    overlay,
    pack,
    release_memory,
    shrink,
    thumbnails,
)

if TYPE_CHECKING:
    from narratrace.ops.sparse import ChangeOptions

U8 = npt.NDArray[np.uint8]

__all__ = [
    "HAVE_AVX2",
    "ChangeJudge",
    "Glyph",
    "GlyphCutout",
    "PackedPicture",
    "Segment",
    "SegmentBuilder",
    "TileHistory",
    "compare",
    "compose",
    "connected_components",
    "cut_out",
    "find_blobs",
    "find_candidates",
    "find_on_screen",
    "find_places",
    "fit_glyph",
    "learn_glyph",
    "make_recorder",
    "merged",
    "overlay",
    "pack",
    "planar",
    "release_memory",
    "shrink",
    "thumbnails",
]


def planar(y: U8, u: U8, v: U8) -> tuple[U8, U8, U8]:
    """The picture with chroma columns adjacent: those of NV12 are interleaved."""
    return (y, u, v) if u.strides[1] == 1 else (y, np.ascontiguousarray(u), np.ascontiguousarray(v))


class CpuRecorder(SparseRecorder):
    """The native recorder, which picks AVX2 or baseline code by the processor it runs on."""

    def ahead(self, frames: Sequence[tuple[float, Any, Any, Any]]) -> None:
        """Nothing is gained by knowing: each frame is compared as it is pushed."""

    def push(self, t: float, y: U8, u: U8, v: U8) -> int:
        """Takes a frame; interleaved chroma, as of NV12, is taken apart first."""
        return super().push(t, *planar(y, u, v))

    def close(self) -> None:
        """See :meth:`narratrace.ops.sparse.Recorder.close`."""

    def lasting(self, y: U8, u: U8, v: U8) -> tuple[U8, U8, U8]:
        """See :meth:`narratrace.ops.sparse.Recorder.lasting`."""
        if not (y.flags.writeable or u.flags.writeable or v.flags.writeable):
            return y, u, v  # as decoders hand them out: they last as long as somebody refers to them
        return y.copy(), u.copy(), v.copy()


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
        options.sudden_s,
    )
