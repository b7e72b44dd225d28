"""Procedural medical-looking pictures, so that no two sets must share their images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float64]


def smooth_noise(rng: np.random.Generator, width: int, height: int, scale: float) -> Floats:
    """Soft noise in 0..1 with features of about `scale` pixels."""
    small = rng.random((max(int(height / scale), 2), max(int(width / scale), 2)))
    image = Image.fromarray((small * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float64) / 255


def _tint(share: Floats, low: tuple[int, int, int], high: tuple[int, int, int]) -> Image.Image:
    """Colours between two, by share 0..1."""
    rgb = np.asarray(low) + share[..., None] * (np.asarray(high) - np.asarray(low))
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def histology(seed: int) -> Image.Image:
    """Stained tissue: pink ground, fibres, a few hundred purple nuclei. 1500 x 1000 px."""
    rng = np.random.default_rng(seed)
    w, h = 1500, 1000
    ground = 0.5 * smooth_noise(rng, w, h, 90) + 0.3 * smooth_noise(rng, w, h, 17)
    image = _tint(ground + 0.2 * smooth_noise(rng, w, h, 4), (214, 140, 178), (248, 222, 234))
    draw = ImageDraw.Draw(image)
    for _ in range(160):
        x, y, a = rng.uniform(0, w), rng.uniform(0, h), rng.normal(0.5, 0.5)
        points = [
            (x + 14 * k, y + 14 * k * np.tan(a) + 8 * np.sin(k / 2 + a)) for k in range(rng.integers(5, 18))
        ]
        draw.line(points, fill=(226, 120 + int(rng.integers(0, 30)), 160), width=int(rng.integers(2, 6)))
    image = image.filter(ImageFilter.GaussianBlur(1.6))
    for _ in range(int(rng.integers(260, 520))):
        image.paste(*_nucleus(rng, w, h))
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _nucleus(rng: np.random.Generator, w: int, h: int) -> tuple[Image.Image, tuple[int, int], Image.Image]:
    """One nucleus as a small picture, its place and its mask."""
    size = 56
    rx, ry = rng.uniform(7, 20), rng.uniform(6, 13)
    tone = int(rng.integers(60, 130))
    cell = Image.new("RGB", (size, size), (tone, tone // 2, tone + 40))
    mask = Image.new("L", (size, size), 0)
    box = (size / 2 - rx, size / 2 - ry, size / 2 + rx, size / 2 + ry)
    ImageDraw.Draw(mask).ellipse(box, fill=225)
    inner = ImageDraw.Draw(cell)
    inner.ellipse(
        (box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2), fill=(tone + 35, tone // 2 + 30, tone + 70)
    )
    for _ in range(3):
        x, y = size / 2 + rng.normal(0, rx / 3), size / 2 + rng.normal(0, ry / 3)
        inner.ellipse((x - 2, y - 2, x + 2, y + 2), fill=(tone - 20, tone // 3, tone + 10))
    turn = float(rng.uniform(0, 180))
    place = int(rng.uniform(-20, w - 30)), int(rng.uniform(-20, h - 30))
    return cell.rotate(turn), place, mask.rotate(turn)


def blood(seed: int) -> Image.Image:
    """Blood smear: pale red discs, some touching, and a few lobed purple cells. 1400 x 1000 px."""
    rng = np.random.default_rng(seed)
    w, h = 1400, 1000
    image = _tint(smooth_noise(rng, w, h, 200), (236, 228, 214), (250, 246, 236))
    draw = ImageDraw.Draw(image)
    for _ in range(240):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(26, 34)
        tone = int(rng.integers(-12, 12))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(222 + tone, 148 + tone, 138 + tone))
        draw.ellipse((x - r / 2.4, y - r / 2.4, x + r / 2.4, y + r / 2.4), fill=(240, 196 + tone, 186 + tone))
    for _ in range(9):
        x, y = rng.uniform(80, w - 80), rng.uniform(80, h - 80)
        draw.ellipse((x - 58, y - 58, x + 58, y + 58), fill=(214, 188, 214))
        for k in range(int(rng.integers(2, 5))):
            a, r = rng.uniform(0, 6.3), rng.uniform(18, 28)
            px, py = x + 22 * np.cos(a + k), y + 22 * np.sin(a + k)
            draw.ellipse((px - r, py - r, px + r, py + r), fill=(98, 56, 138))
    return image.filter(ImageFilter.GaussianBlur(2.2))


def xray(seed: int) -> Image.Image:
    """Chest radiograph: two dark lungs, ribs, spine, heart shadow, film noise. 1100 x 1100 px."""
    rng = np.random.default_rng(seed)
    n = 1100
    yy, xx = np.mgrid[0:n, 0:n] / n
    body = 0.62 * np.exp(-((xx - 0.5) ** 2 / 0.16 + (yy - 0.62) ** 2 / 0.5))
    for side in (-1, 1):
        cx = 0.5 + side * rng.uniform(0.17, 0.2)
        lung = ((xx - cx) / 0.15) ** 2 + ((yy - 0.47) / 0.3) ** 2
        body -= 0.36 / (1 + np.exp((lung - 1) * 7))
    for k in range(9):
        for side in (-1, 1):
            arc = 0.16 + 0.075 * k + 0.5 * ((xx - 0.5 - side * 0.08) ** 2) * 2.2
            body += (
                0.085
                * np.exp(-(((yy - arc) / 0.011) ** 2))
                * (side * (xx - 0.5) > 0.03)
                * (abs(xx - 0.5) < 0.36)
            )
    body += 0.2 * np.exp(-(((xx - 0.5) / 0.05) ** 2))
    heart = ((xx - 0.55) / 0.13) ** 2 + ((yy - 0.62) / 0.13) ** 2
    body += 0.25 / (1 + np.exp((heart - 1) * 6))
    nx, ny = rng.uniform(0.25, 0.4), rng.uniform(0.35, 0.55)
    body += 0.14 * np.exp(-((xx - nx) ** 2 + (yy - ny) ** 2) / 0.0006)
    body += 0.02 * rng.standard_normal((n, n))
    grey = np.clip(body * 1.15, 0, 1) * 255
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def angiogram(seed: int) -> Image.Image:
    """Dark branching vessels on a grey ground. 1000 x 1000 px."""
    rng = np.random.default_rng(seed)
    n = 1000
    image = _tint(
        0.7 * smooth_noise(rng, n, n, 180) + 0.3 * smooth_noise(rng, n, n, 5),
        (116, 116, 118),
        (196, 196, 198),
    )
    draw = ImageDraw.Draw(image)

    def grow(x: float, y: float, angle: float, width: float, depth: int) -> None:
        for _ in range(int(rng.integers(8, 18))):
            nx, ny = x + 13 * np.cos(angle), y + 13 * np.sin(angle)
            draw.line((x, y, nx, ny), fill=(40, 40, 44), width=max(int(width), 1))
            x, y, angle = nx, ny, angle + rng.normal(0, 0.16)
        if depth:
            for turn in (-rng.uniform(0.3, 0.7), rng.uniform(0.3, 0.7)):
                grow(x, y, angle + turn, width * 0.7, depth - 1)

    grow(n / 2, n * 0.05, np.pi / 2, 20, 6)
    return image.filter(ImageFilter.GaussianBlur(1.8))


def skin(seed: int) -> Image.Image:
    """A pigmented lesion on skin. 1200 x 900 px."""
    rng = np.random.default_rng(seed)
    w, h = 1200, 900
    ground = 0.6 * smooth_noise(rng, w, h, 120) + 0.4 * smooth_noise(rng, w, h, 9)
    base = np.asarray(_tint(ground, (214, 160, 132), (238, 196, 172)), np.float64)
    yy, xx = np.mgrid[0:h, 0:w]
    edge = 1 + 0.35 * (smooth_noise(rng, w, h, 70) - 0.5)
    r = np.hypot((xx - w * 0.52) / 240, (yy - h * 0.5) / 190) / edge
    share = (1 / (1 + np.exp((r - 1) * 14)))[..., None]
    spot = np.asarray(_tint(smooth_noise(rng, w, h, 26), (58, 32, 26), (150, 92, 66)), np.float64)
    image = Image.fromarray((base * (1 - share) + spot * share).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        draw.line([(x + 16 * k, y + 40 * np.sin(k / 5 + x)) for k in range(20)], fill=(74, 48, 40), width=2)
    return image.filter(ImageFilter.GaussianBlur(1.0))


MAKERS: dict[str, Callable[[int], Image.Image]] = {
    "histology": histology,
    "blood": blood,
    "xray": xray,
    "angiogram": angiogram,
    "skin": skin,
}
"""Procedural pictures by kind; each takes a seed."""
