"""Reads pointers from X cursor themes (the format of libXcursor's manual page)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGE = 0xFFFD0002

NAMES: dict[str, tuple[str, ...]] = {
    "arrow": ("left_ptr", "default", "arrow", "top_left_arrow"),
    "hand": ("hand2", "pointer", "hand1", "pointing_hand", "hand"),
    "text": ("xterm", "text", "ibeam"),
    "cross": ("crosshair", "tcross", "cross"),
    "pencil": ("pencil", "draft_large"),
    "grab": ("grabbing", "closedhand", "fleur", "move"),
    "wait": ("watch", "wait"),
    "right": ("right_ptr",),
}
"""File names of each shape, best first."""


@dataclass(frozen=True)
class Sprite:
    """A pointer's picture: premultiplied RGBA 0..255, shape (h, w, 4), and its hot pixel (column, row)."""

    rgba: NDArray[np.float32]
    hot: tuple[int, int]


def parse(data: bytes) -> dict[int, Sprite]:
    """First frame of every nominal size (px) in a cursor file. Raises ValueError for another format."""
    magic, header, _, entries = struct.unpack_from("<4sIII", data)
    if magic != b"Xcur":
        raise ValueError("not an Xcursor file")
    found: dict[int, Sprite] = {}
    for k in range(entries):
        kind, size, at = struct.unpack_from("<III", data, header + 12 * k)
        if kind != IMAGE or size in found:
            continue
        length, _, _, _, w, h, x, y, _ = struct.unpack_from("<9I", data, at)
        argb = np.frombuffer(data, "<u4", w * h, at + length).reshape(h, w)
        channels = [(argb >> shift) & 255 for shift in (16, 8, 0, 24)]
        found[size] = Sprite(np.stack(channels, -1).astype(np.float32), (min(x, w - 1), min(y, h - 1)))
    return found


def scaled(sprite: Sprite, scale: float) -> Sprite:
    """The sprite at another size; the hot pixel goes where its middle goes."""
    if abs(scale - 1) < 1e-6:
        return sprite
    h, w = sprite.rgba.shape[:2]
    size = max(round(w * scale), 1), max(round(h * scale), 1)
    planes = [
        np.asarray(Image.fromarray(sprite.rgba[..., c]).resize(size, Image.Resampling.LANCZOS))
        for c in range(4)
    ]
    hot = tuple(min(int((v + 0.5) * n / m), n - 1) for v, n, m in zip(sprite.hot, size, (w, h), strict=True))
    return Sprite(np.clip(np.stack(planes, -1), 0, 255), (hot[0], hot[1]))


def theme_sprite(folders: Sequence[Path], theme: str, shape: str, size: float) -> Sprite | None:
    """A theme's pointer shape with an ink box near `size` px, or None where the theme lacks it."""
    for folder in folders:
        for name in NAMES.get(shape, ()):
            path = folder / theme / "cursors" / name
            if path.exists():
                sizes = parse(path.read_bytes())
                nominal = min(sizes, key=lambda s: (abs(s - size), s))
                # A display server takes the nearest size as it is; only a far-off one is rescaled.
                scale = size / nominal if abs(size - nominal) > 0.2 * nominal else 1.0
                return scaled(sizes[nominal], scale)
    return None
