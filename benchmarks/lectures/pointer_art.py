"""Drawn pointers: presenter dots, cross-hairs, pens, halos, and shapes for machines without themes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .xcursor import Sprite

Colour = tuple[int, int, int]
SUPER = 8
"""Drawn this many times larger and shrunk, for smooth edges."""

ARROW = ((0, 0), (0, 17), (4, 13.2), (7, 19.4), (9.4, 18.2), (6.6, 12.2), (12, 12))
HAND = (
    (5, 0),
    (7, 1),
    (7, 8),
    (9, 7),
    (11, 8),
    (13, 8),
    (15, 9.4),
    (16, 12),
    (15, 17),
    (13, 20),
    (6, 20),
    (0, 12),
    (2, 10.5),
    (4, 12.5),
    (4, 1),
)


def _shape(
    points: tuple[tuple[float, float], ...], size: float, fill: Colour, edge: Colour, hot: int
) -> Sprite:
    """A filled outline scaled to `size` px height; the hot spot is at its point number `hot`."""
    tall = max(p[1] for p in points)
    s, pad = size / tall, 2
    n = int(size) + 2 * pad + 2
    image = Image.new("RGBA", (n * SUPER, n * SUPER))
    draw = ImageDraw.Draw(image)
    line = [((p[0] * s + pad + 0.5) * SUPER, (p[1] * s + pad + 0.5) * SUPER) for p in points]
    width = max(int(size / 11 * SUPER), SUPER)
    draw.polygon(line, fill=(*fill, 255))
    draw.line([*line, line[0], line[1]], fill=(*edge, 255), width=width, joint="curve")
    x, y = points[hot]
    return _sprite(image, (int(x * s) + pad, int(y * s) + pad))


def _sprite(image: Image.Image, hot: tuple[int, int]) -> Sprite:
    """Shrinks a supersampled drawing to a sprite."""
    big = np.asarray(image, np.float32)
    big = np.concatenate([big[..., :3] * big[..., 3:] / 255, big[..., 3:]], -1)
    h, w = big.shape[0] // SUPER, big.shape[1] // SUPER
    return Sprite(big.reshape(h, SUPER, w, SUPER, 4).mean((1, 3)), hot)


def _lines(
    size: float, strokes: list[tuple[float, float, float, float]], width: float, ink: Colour, edge: Colour
) -> Sprite:
    """Straight strokes around the middle of an odd box; coordinates are shares of half its size."""
    n = int(size) // 2 * 2 + 5
    image = Image.new("RGBA", (n * SUPER, n * SUPER))
    draw, c, half = ImageDraw.Draw(image), n * SUPER / 2, size / 2 * SUPER
    for colour, extra in ((edge, 2.0), (ink, 0.0)):
        for x0, y0, x1, y1 in strokes:
            r = (width + extra) * SUPER / 2
            box = (
                c + min(x0, x1) * half - r,
                c + min(y0, y1) * half - r,
                c + max(x0, x1) * half + r,
                c + max(y0, y1) * half + r,
            )
            draw.rectangle(box, fill=(*colour, 255))
    return _sprite(image, (n // 2, n // 2))


def arrow(size: float, ink: Colour) -> Sprite:
    """An arrow with a contrasting edge; hot spot at the tip."""
    return _shape(ARROW, size, ink, (0, 0, 0) if sum(ink) > 250 else (255, 255, 255), 0)


def hand(size: float, ink: Colour) -> Sprite:
    """A pointing hand; hot spot at the finger's tip."""
    return _shape(HAND, size, ink, (0, 0, 0) if sum(ink) > 250 else (255, 255, 255), 0)


def pen(size: float, ink: Colour) -> Sprite:
    """A slanted pen; hot spot at its tip, lower left."""
    points = ((0, 20), (1.5, 14.5), (15, 1), (19, 5), (5.5, 18.5))
    return _shape(points, size, ink, (40, 40, 40), 0)


def cross(size: float, ink: Colour, width: float = 3.0, gap: float = 0.0) -> Sprite:
    """A cross-hair; `gap` is the free middle as a share of its half size."""
    arms = [(-1, 0, -gap, 0), (gap, 0, 1, 0), (0, -1, 0, -gap), (0, gap, 0, 1)]
    edge = (255, 255, 255) if sum(ink) < 380 else (0, 0, 0)
    return _lines(size, [tuple(map(float, a)) for a in arms], width, ink, edge)  # type: ignore[misc]


def thin_cross(size: float, ink: Colour) -> Sprite:
    """A one pixel cross without any edge."""
    n = int(size) // 2 * 2 + 1
    rgba = np.zeros((n, n, 4), np.float32)
    rgba[n // 2, :] = rgba[:, n // 2] = (*ink, 255)
    return Sprite(rgba, (n // 2, n // 2))


def bar(size: float, ink: Colour) -> Sprite:
    """A text pointer (I-beam)."""
    return _lines(size, [(0, -1, 0, 1), (-0.3, -1, 0.3, -1), (-0.3, 1, 0.3, 1)], 1.6, ink, (255, 255, 255))


def _radial(
    radius: float, alpha: Callable[[NDArray[np.float64]], NDArray[np.float64]], colour: Colour
) -> Sprite:
    """A round sprite of that radius (px); alpha 0..1 as a function of the distance in px."""
    r = int(np.ceil(radius)) + 1
    yy, xx = np.mgrid[-r : r + 1, -r : r + 1]
    a = np.clip(alpha(np.hypot(xx, yy)), 0, 1)[..., None] * 255
    return Sprite(np.concatenate([np.asarray(colour) * a / 255, a], -1).astype(np.float32), (r, r))


def dot(size: float, colour: Colour, soft: float = 0.0, opacity: float = 1.0) -> Sprite:
    """A presenter's dot of that diameter (px); `soft` 0..1 is the share of its radius that fades out."""
    r = size / 2
    edge = max(soft * r, 1.0)
    return _radial(r, lambda d: opacity * np.clip((r + 0.5 - d) / edge, 0, 1), colour)


def glow(size: float, colour: Colour) -> Sprite:
    """A laser spot: a white-hot core of that diameter in a wide coloured glow."""
    wide = _radial(size * 1.3, lambda d: 0.75 * np.exp(-((d / (0.62 * size)) ** 2)), colour)
    core = _radial(size / 2, lambda d: (size / 2 + 0.5 - d) / (0.25 * size), (255, 235, 235))
    return over(wide, core)


def disc(radius: float, colour: Colour, opacity: float) -> Sprite:
    """A see-through halo."""
    return dot(2 * radius, colour, 0.0, opacity)


def ring(radius: float, colour: Colour, width: float, opacity: float = 1.0) -> Sprite:
    """A circle line."""
    return _radial(
        radius + width, lambda d: opacity * np.clip(width / 2 + 0.5 - abs(d - radius), 0, 1), colour
    )


def over(low: Sprite, high: Sprite) -> Sprite:
    """Both sprites with their hot spots on each other, `high` on top."""
    left, up = max(low.hot[0], high.hot[0]), max(low.hot[1], high.hot[1])
    right = max(s.rgba.shape[1] - s.hot[0] for s in (low, high))
    down = max(s.rgba.shape[0] - s.hot[1] for s in (low, high))
    canvas = np.zeros((up + down, left + right, 4), np.float32)
    for s in (low, high):
        y, x = up - s.hot[1], left - s.hot[0]
        place = canvas[y : y + s.rgba.shape[0], x : x + s.rgba.shape[1]]
        place[:] = s.rgba + place * (1 - s.rgba[..., 3:] / 255)
    return Sprite(canvas, (left, up))


def shadowed(sprite: Sprite, offset: int, blur: float) -> Sprite:
    """The sprite with a soft dark shadow, lower right."""
    pad = int(3 * blur) + offset
    alpha = np.pad(sprite.rgba[..., 3], pad)
    soft = np.asarray(
        Image.fromarray(alpha.astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur)), np.float32
    )
    shade = np.zeros((*soft.shape, 4), np.float32)
    shade[..., 3] = soft * 0.5
    return over(Sprite(shade, (sprite.hot[0] + pad - offset, sprite.hot[1] + pad - offset)), sprite)
