"""The one comparison of every frame with the screen, and the host operations on what it keeps.

See Note [Sparse video] in csrc/sparse_video.hpp. A recorder runs where the frames are (CPU or CUDA); its
segments are host objects and identical for both, because all arithmetic on the way is integer. Everything
after it (epochs, blobs, glyphs) costs as much as the change and runs on the host, once, for both devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.errors import DeviceError
from narratrace.ops import sparse_cpu as cpu
from narratrace.options import option

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
Planes = tuple[U8, U8, U8]
"""A host picture: Y (h, w), U and V ((h + 1) // 2, (w + 1) // 2), uint8."""

TILE = 16
"""Side of a tile in luma pixels."""

Segment = cpu.Segment
Glyph = cpu.Glyph
GlyphCutout = cpu.GlyphCutout


class ChangeOptions(Struct, frozen=True, kw_only=True):
    """When a tile of the picture counts as changed."""

    luma: Annotated[
        int,
        option(
            "luma difference above which a pixel differs",
            unit="levels",
            ge=1,
            le=254,
            source="quiet frames of H.264 and VP9 screen recordings stay below 10; pointers exceed 40",
        ),
    ] = 16
    chroma: Annotated[
        int,
        option(
            "chroma difference above which a pixel differs",
            unit="levels",
            ge=1,
            le=254,
            source="a red dot on grey of equal luma differs by about 100 in V",
        ),
    ] = 12
    min_luma: Annotated[int, option("differing luma pixels that make a tile changed", ge=1, le=256)] = 3
    min_chroma: Annotated[int, option("differing chroma samples that make a tile changed", ge=1, le=128)] = 3
    refresh_s: Annotated[
        float, option("still time after which a tile's picture is taken once more, cleaner", unit="s", gt=0)
    ] = 2.0
    max_stored: Annotated[
        float,
        option(
            "share of changed tiles above which a frame's tiles are not kept",
            ge=0,
            le=1,
            source="bounds memory while slides change or video plays",
        ),
    ] = 0.25
    sudden: Annotated[
        float,
        option(
            "the same, for a frame with over four times the changed tiles of any in the `sudden_s` before",
            ge=0,
            le=1,
            source="a cut between slides that differ in a part; pointers change up to 3 %",
        ),
    ] = 0.08
    sudden_s: Annotated[
        float,
        option(
            "see sudden",
            unit="s",
            ge=0,
            source="webcams give five pictures a second or more, slides stay longer",
        ),
    ] = 0.5


class EpochOptions(Struct, frozen=True, kw_only=True):
    """When two versions of a tile are the same, see Note [Epochs] in csrc/history.hpp."""

    threshold: Annotated[
        int, option("contrast above which a pixel of two versions differs", unit="levels", ge=1, le=254)
    ] = 24
    max_differing: Annotated[int, option("differing pixels up to which versions are the same", ge=0)] = 5
    cost_s: Annotated[float, option("price of an epoch, in seconds of its range", unit="s", ge=0)] = 0.6


class Recorder(Protocol):
    """Turns frames into segments; not thread-safe.

    ``push``, ``lasting`` and ``thumbnail`` raise DeviceGaveUp when a device fails.
    """

    def ahead(self, frames: Sequence[tuple[float, Any, Any, Any]]) -> None:
        """Announces the next frames, as (t, y, u, v), so that a device can look at them together.

        Each must then be pushed, in order; their planes must stay valid until the last of them has been.
        """

    def push(self, t: float, y: Any, u: Any, v: Any) -> int:
        """Takes a frame (planes as in :class:`narratrace.data.frames.Frame`); returns its changed tiles."""

    def push_packed(self, t: float, packed: Any) -> int:
        """The same of a frame in host memory that is packed after the one pushed last."""

    def lasting(self, y: Any, u: Any, v: Any) -> tuple[Any, Any, Any]:
        """A frame's planes, valid until the next call: a copy if the decoder may write over them."""

    def take(self) -> Segment:
        """Ends the open segment and returns it; the next frame starts another."""

    def close(self) -> None:
        """Gives back what it has on a device, in the thread that used it; it is of no more use."""

    def thumbnail(self, step: int) -> U8:
        """Luma of the screen, shrunk ``step`` times."""

    @property
    def stored(self) -> bool:
        """Whether the last frame's tiles were kept; if not, the open segment must be taken."""

    @property
    def frames(self) -> int:
        """Frames in the open segment."""

    @property
    def bytes(self) -> int:
        """Memory of the open segment."""


def make_recorder(width: int, height: int, options: ChangeOptions, device: str = "cpu") -> Recorder:
    """A recorder for frames of the given size in luma pixels on ``device``.

    Args:
        width, height: Luma pixels of the frames.
        options: When a tile counts as changed.
        device: Where the frames are: ``cpu`` or ``cuda:N``.

    Raises:
        DeviceError: there is no recorder for that device, or it cannot be used here.
        DeviceGaveUp: the device has no memory to spare, or fails.
    """
    kind, _, index = device.partition(":")
    if kind == "cuda":
        recorder: Recorder = _cuda().make_recorder(width, height, options, int(index or 0))
        return recorder
    if kind != "cpu":
        raise DeviceError(f"no recorder for device {device}", station="ops", expected="cpu or cuda:N")
    return cpu.make_recorder(width, height, options)


def why_not_recorder(index: int) -> str:
    """Why there is no recorder on card ``index``, empty when there is; compiles and tries it."""
    try:
        reason: str = _cuda().why_not_recorder(index)
    except DeviceError as error:
        return error.message
    return reason


def _cuda() -> Any:
    """The CUDA side, loaded on use: it needs Numba, and a driver."""
    try:
        from narratrace.ops import sparse_cuda
    except (ImportError, OSError, RuntimeError) as error:
        raise DeviceError(
            f"the CUDA kernels cannot be loaded: {error}",
            station="ops",
            expected="pip install 'narratrace[cuda]'",
        ) from error
    return sparse_cuda


def tile_grid(width: int, height: int) -> tuple[int, int]:
    """Rows and columns of tiles that cover a picture."""
    return -(-height // TILE), -(-width // TILE)


BLOB = np.dtype(
    [(name, "<i4") for name in ("x0", "y0", "x1", "y1", "area", "weight")] + [("cx", "<f4"), ("cy", "<f4")]
)
"""Row of :class:`Blobs`."""


class Blobs(Struct, frozen=True, eq=False):
    """Connected differences from a plate in a range of frames.

    Attributes:
        table: Rows with x0, y0, x1, y1 (int32, half-open box), area, weight (int32), cx, cy (float32).
        first, last: uint32 per frame: its rows are ``table[first[i]:last[i]]``. Frames without a change
            share the rows of the frame before.
    """

    table: npt.NDArray[Any]
    first: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.first)

    def at(self, i: int) -> npt.NDArray[Any]:
        """Rows of the i-th frame, heaviest first."""
        return self.table[self.first[i] : self.last[i]]

    def changed(self, i: int) -> bool:
        """Whether the i-th frame has rows of its own."""
        return i == 0 or bool(self.first[i] != self.first[i - 1] or self.last[i] != self.last[i - 1])


class Candidates(Struct, frozen=True, eq=False):
    """Places where a glyph may be.

    Attributes:
        table: Rows with x, y, fit, similarity, background (float32), glyph, blob (int32).
        first, last: Rows of each frame, half-open; frames that show the same share theirs.
    """

    table: npt.NDArray[Any]
    first: npt.NDArray[np.uint32]
    last: npt.NDArray[np.uint32]


class History:
    """What every tile of a segment showed over time."""

    def __init__(self, segment: Segment) -> None:
        self._native = cpu.TileHistory(segment)

    def epochs(self, begin: int, end: int, options: EpochOptions) -> npt.NDArray[Any]:
        """Epochs of tiles that change in frames [begin, end).

        Rows tile, first, last, block (int32), seen (seconds, float32).
        """
        return self._native.epochs(begin, end, options.threshold, options.max_differing, options.cost_s)

    def stays(
        self, begin: int, end: int, options: EpochOptions, min_s: float, ignore: U8
    ) -> npt.NDArray[Any]:
        """What tiles that change in [begin, end) showed for at least ``min_s`` seconds, as rows of epochs.

        Tiles whose ``ignore`` is nonzero are left out. See Note [Stays] in csrc/history.hpp.
        """
        return self._native.stays(begin, end, options.threshold, options.max_differing, min_s, ignore)


class Difference(Struct, frozen=True, eq=False):
    """How two pictures differ; counts are pixels outside the masked tiles.

    Attributes:
        pixels: Pixels looked at.
        changed: With a contrast above 24 levels.
        strong: With a contrast above 40 levels, beyond compression noise.
        edges_a, edges_b: Edge pixels of either picture.
        lost: Edge pixels of the first that the second lacks.
        gained: Edge pixels of the second that the first lacked.
        tile_strong: Strongly changed pixels of every tile, uint16, shape (rows * columns,).
        tile_shift: Levels by which every tile is lighter or darker on average, uint8, same shape.
    """

    pixels: int
    changed: int
    strong: int
    edges_a: int
    edges_b: int
    lost: int
    gained: int
    tile_strong: npt.NDArray[np.uint16]
    tile_shift: U8


def compare(a: Planes, b: Planes, ignore: U8) -> Difference:
    """Differences of two pictures of one size; ``ignore`` is nonzero for tiles that do not count."""
    return Difference(**cpu.compare(a, b, ignore))


def compose(segment: Segment, frame: int, tiles: I32, blocks: I32) -> Planes:
    """The screen at ``frame`` with ``tiles`` replaced by ``blocks`` of the segment (-1: its base)."""
    return cpu.compose(segment, frame, tiles, blocks)


def overlay(segment: Segment, picture: Planes, tiles: I32, blocks: I32) -> None:
    """Puts ``blocks`` of the segment (-1: its base) in place of ``tiles`` of a picture, in place."""
    cpu.overlay(segment, *picture, tiles, blocks)


def connected_components(tiles: I32, columns: int, reach: int) -> I32:
    """The number of each tile's connected component, counted in order of first members.

    Tiles at most ``reach`` columns and rows apart are connected; the same tile may occur more than once.
    """
    return cpu.connected_components(tiles, columns, reach)


def release_memory() -> None:
    """Gives memory that is free, but in pieces, back to the system; takes some ms.

    Stretches of a recording come and go in two threads for as long as it lasts: the C library would keep up
    to half as much again.
    """
    cpu.release_memory()


def shrink(luma: U8, step: int) -> U8:
    """A plane shrunk ``step`` times, as thumbnails are: means of squares, rounded down."""
    return cpu.shrink(luma, step)


def thumbnails(segment: Segment, begin: int, end: int, every: int, step: int) -> list[U8]:
    """Luma of every ``every``-th screen of frames [begin, end), shrunk ``step`` times."""
    return cpu.thumbnails(segment, begin, end, every, step)


def find_blobs(
    segment: Segment,
    begin: int,
    end: int,
    plate: Planes,
    ignore: U8,
    *,
    threshold: int,
    min_area: int = 6,
    link: int = 2,
    max_blobs: int = 32,
) -> Blobs:
    """Where the screens of frames [begin, end) differ from ``plate``.

    Args:
        ignore: Nonzero for tiles where differences do not count, uint8, shape (rows * columns,).
        threshold: Contrast above which a pixel differs.
        min_area: Smaller blobs are dropped, in pixels.
        link: Differing cells of 4 x 4 pixels at most this many cells apart belong together.
        max_blobs: Heaviest blobs kept of a frame.
    """
    return Blobs(*cpu.find_blobs(segment, begin, end, plate, ignore, threshold, min_area, link, max_blobs))


def find_candidates(
    segment: Segment,
    begin: int,
    plate: Planes,
    blobs: Blobs,
    glyphs: Sequence[Glyph],
    *,
    tolerance: int,
    threshold: int,
    max_size: int,
    margin: int = 3,
    max_blobs: int = 6,
    threads: int = 1,
    before: Candidates | None = None,
    searched: int = 0,
) -> Candidates:
    """The best place of every glyph at every blob; blobs wider or higher than ``max_size`` are left out.

    A blob that one glyph fits well is not held against the following ones. At most ``threads`` threads work;
    the places do not depend on how many.

    Args:
        before: What the same search found for the first ``searched`` glyphs, which saves looking again.
    """
    return Candidates(
        *cpu.find_candidates(
            segment,
            begin,
            plate,
            blobs.table,
            blobs.first,
            blobs.last,
            list(glyphs),
            tolerance,
            threshold,
            margin,
            max_blobs,
            max_size,
            threads,
            *(() if before is None else (before.table, searched)),
        )
    )


def find_places(
    screen: Planes, glyph: Glyph, window: tuple[int, int, int, int], tolerance: int, *, most: int = 2
) -> list[tuple[int, int, float]]:
    """The best hot spots (x, y) of a window and their similarity, best first.

    They are at least half the glyph's size apart; places that hardly resemble the glyph are left out.
    """
    return cpu.find_places(screen, glyph, *window, tolerance, most)


def find_on_screen(
    segment: Segment,
    frames: I32,
    glyph: Glyph,
    window: tuple[int, int, int, int],
    tolerance: int,
    *,
    most: int = 3,
) -> Candidates:
    """The best places of ``glyph`` by similarity alone, for pictures that have no clean plate.

    Args:
        frames: Of the segment, ascending.
        window: Half-open (x0, y0, x1, y1) for the hot spot.
        most: Places kept of a frame.

    Returns:
        Candidates of each of ``frames``, with ``blob`` -1.
    """
    return Candidates(*cpu.find_on_screen(segment, frames, glyph, *window, tolerance, most))


def fit_glyph(
    screen: Planes,
    plate: Planes,
    glyph: Glyph,
    window: tuple[int, int, int, int],
    tolerance: int,
    threshold: int,
) -> tuple[int, int, float]:
    """Best hot spot (x, y) in ``window`` of a glyph that stands before ``plate``, and its fit, at most 1."""
    return cpu.fit_glyph(screen, plate, glyph, *window, tolerance, threshold)


def cut_out(
    segment: Segment, plate: Planes, samples: npt.NDArray[Any], *, threshold: int
) -> list[GlyphCutout]:
    """Pictures of one size around ``samples``, and where they differ from ``plate``.

    Args:
        samples: Rows frame, x0, y0, x1, y1 (int32), frames ascending.
        threshold: Contrast above which a pixel differs.
    """
    return cpu.cut_out(segment, plate, samples, threshold)


def learn_glyph(
    cutouts: Sequence[GlyphCutout], *, tolerance: int, min_similarity: float
) -> dict[str, npt.NDArray[Any]]:
    """What the cutouts have in common, see Note [Learning a glyph] in csrc/glyph_learner.hpp.

    Returns:
        Maps of shape (n, n): ``color`` (uint8, 3 channels Y U V), ``differs``, ``steady`` (shares), ``apart``
        (mean contrast to what is behind, levels), ``opaque`` (0/1); per cutout ``similarity`` (negative when
        left out) and the screen position ``x``, ``y`` of the maps' origin. Empty maps when too few agree.
    """
    return cpu.learn_glyph(list(cutouts), tolerance, min_similarity)
