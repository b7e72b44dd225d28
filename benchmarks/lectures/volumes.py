"""Image stacks and loops: slices of invented volumes, beating hearts, talking heads."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .model import Image8
from .pictures import dicom_frames, fill, fit, picture
from .synth import Floats, smooth_noise


def _grey(values: Floats) -> Image.Image:
    return Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8)).convert("RGB")


def _disc(n: int, cx: float, cy: float, rx: float, ry: float, soft: float = 40) -> Floats:
    """A soft-edged ellipse, 1 inside; centre and radii in shares of n pixels."""
    yy, xx = np.mgrid[0:n, 0:n] / n
    r = np.hypot((xx - cx) / max(rx, 1e-3), (yy - cy) / max(ry, 1e-3))
    return np.asarray(1 / (1 + np.exp(np.clip((r - 1) * soft, -60, 60))))


def head(seed: int, count: int, n: int = 440) -> list[Image.Image]:
    """Axial slices of an invented head, bottom to top."""
    rng = np.random.default_rng(seed)
    lesion = rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.7)
    folds = [smooth_noise(rng, n, n, 16) for _ in range(4)]
    slices = []
    for k in range(count):
        z = (k + 1) / (count + 1)
        s = np.sqrt(max(1 - (2 * z - 1) ** 2 * 0.8, 0.05))
        bone = _disc(n, 0.5, 0.5, 0.37 * s, 0.45 * s) - _disc(n, 0.5, 0.5, 0.34 * s, 0.42 * s)
        brain = _disc(n, 0.5, 0.5, 0.33 * s, 0.41 * s, 60)
        fold = folds[k % 4] * (k / 4 % 1) + folds[(k + 1) % 4] * (1 - k / 4 % 1)
        image = 0.95 * bone + brain * (0.42 + 0.22 * (fold - 0.5))
        size = 0.09 * np.exp(-(((z - 0.55) / 0.2) ** 2))
        for side in (-1, 1):
            image -= 0.3 * _disc(n, 0.5 + side * 0.06, 0.48, size * 0.5, size * 1.5)
        size = 0.07 * np.exp(-(((z - lesion[2]) / 0.12) ** 2))
        image += 0.3 * _disc(n, lesion[0], lesion[1], size, size)
        slices.append(_grey(image + 0.03 * rng.standard_normal((n, n))))
    return slices


def abdomen(seed: int, count: int, n: int = 440) -> list[Image.Image]:
    """Axial slices of an invented abdomen."""
    rng = np.random.default_rng(seed)
    organs = [
        (
            rng.uniform(0.2, 0.8),
            rng.uniform(0.32, 0.62),
            rng.uniform(0.04, 0.13),
            rng.uniform(0.1, 0.9),
            rng.uniform(0.15, 0.35),
            rng.uniform(-0.25, 0.3),
        )
        for _ in range(16)
    ]
    slices = []
    for k in range(count):
        z = k / max(count - 1, 1)
        image = 0.25 * _disc(n, 0.5, 0.5, 0.46, 0.35 + 0.02 * z) + 0.2 * _disc(
            n, 0.5, 0.5, 0.42, 0.31 + 0.02 * z
        )
        for cx, cy, r, zc, depth, tone in organs:
            size = r * np.sqrt(max(1 - ((z - zc) / depth) ** 2, 0))
            if size > 0.01:
                image += tone * _disc(n, cx + 0.04 * z, cy, size, size * 0.8)
        image += 0.5 * _disc(n, 0.5, 0.7, 0.055, 0.05) + 0.25 * _disc(n, 0.47, 0.58, 0.025, 0.025)
        slices.append(_grey(image + 0.035 * rng.standard_normal((n, n))))
    return slices


def warped(name: str, count: int, n: int = 440) -> list[Image.Image]:
    """Slices made by squeezing, turning and windowing one picture."""
    image = fit(picture(name), n, n)
    slices = []
    for k in range(count):
        z = 2 * k / max(count - 1, 1) - 1
        s = 1 + 0.25 * z * z
        w, h = image.size
        turned = image.rotate(6 * z, Image.Resampling.BICUBIC)
        box = (w * (1 - s) / 2, h * (1 - s) / 2 + 8 * z, s, 0.08 * z)
        moved = turned.transform(
            (w, h), Image.Transform.AFFINE, (s, box[3], box[0], 0, s, box[1]), Image.Resampling.BICUBIC
        )
        slices.append(moved.point(lambda v, z=z: int(v * (0.85 + 0.15 * np.cos(2 * z)))))
    return slices


@lru_cache(maxsize=4)
def stack(name: str, count: int) -> list[Image.Image]:
    """Slices by name: "head:SEED", "abdomen:SEED" or "warp:PICTURE"."""
    kind, _, rest = name.partition(":")
    if kind == "warp":
        return warped(rest, count)
    return {"head": head, "abdomen": abdomen}[kind](int(rest or 0), count)


def sector(seed: int, count: int, n: int = 300) -> list[Image.Image]:
    """A beating chamber in an ultrasound sector, one heart cycle."""
    rng = np.random.default_rng(seed)
    w = n * 4 // 3
    speckle = 0.5 + smooth_noise(rng, w, n, 3) * 0.9
    yy, xx = np.mgrid[0:n, 0:w] / n
    angle, depth = np.arctan2(xx - w / n / 2, yy + 0.02), np.hypot(xx - w / n / 2, yy)
    fan = ((abs(angle) < 0.62) & (depth < 0.95)).astype(float)
    frames = []
    for k in range(count):
        beat = 1 + 0.2 * np.cos(2 * np.pi * k / count)
        r = np.hypot((xx - w / n / 2 - 0.02) / (0.14 * beat), (yy - 0.47) / (0.24 * beat))
        wall = 0.75 * np.exp(-(((r - 1.12) / 0.16) ** 2)) + 0.28 * (r > 1.2)
        valve = 0.5 * np.exp(-(((yy - 0.68 - 0.05 * np.sin(2 * np.pi * k / count)) / 0.012) ** 2)) * (r < 1)
        frames.append(_grey(fan * (wall + valve) * speckle * (1.05 - 0.5 * depth)))
    return frames


def echo(count: int) -> list[Image.Image]:
    """The echocardiogram that ships with pydicom, up to `count` frames."""
    return [Image.fromarray(np.ascontiguousarray(f)) for f in dicom_frames("examples_ybr_color")[:count]]


def contrast(seed: int, count: int) -> list[Image.Image]:
    """Contrast medium running into vessels and fading again."""
    vessels = fit(picture(f"synth:angiogram:{seed}"), 420, 420)
    ground = vessels.filter(ImageFilter.GaussianBlur(18))
    front = np.linspace(1, 0, vessels.height)[:, None, None]
    out = []
    for k in range(count):
        phase = k / count
        share = np.clip((2.2 * phase - (1 - front)) * 4, 0, 1) * np.clip((1 - phase) * 3, 0, 1)
        out.append(
            Image.fromarray((np.asarray(ground) * (1 - share) + np.asarray(vessels) * share).astype(np.uint8))
        )
    return out


def _drawn_face(size: int, open_mouth: float, blink: bool) -> Image.Image:
    """A cartoonish lecturer; the mouth opens by 0..1."""
    image = Image.new("RGB", (size, size), (92, 108, 120))
    draw, s = ImageDraw.Draw(image), size / 100
    draw.rectangle((0, 0, size, 18 * s), fill=(70, 84, 96))
    draw.ellipse((10 * s, 74 * s, 90 * s, 140 * s), fill=(44, 60, 110))
    draw.ellipse((30 * s, 20 * s, 70 * s, 76 * s), fill=(226, 180, 150))
    draw.pieslice((27 * s, 14 * s, 73 * s, 66 * s), 180, 360, fill=(60, 40, 30))
    for x in (41, 59):
        draw.ellipse((x * s - 3 * s, 45 * s, x * s + 3 * s, (46 if blink else 50) * s), fill=(40, 30, 30))
    draw.ellipse((43 * s, 61 * s, 57 * s, (63 + 7 * open_mouth) * s), fill=(120, 40, 44))
    return image.filter(ImageFilter.GaussianBlur(s / 2))


def talking(source: str, seed: int, width: int, height: int, count: int = 75) -> list[Image8]:
    """Webcam-like loop: a head that sways, camera noise, changing light. RGB, height x width.

    `source` is "drawn" or a picture name with a crop, as "skimage:astronaut@150,0,330,200".
    """
    rng = np.random.default_rng(seed)
    name, _, crop = source.partition("@")
    frames: list[Image8] = []
    speech = np.clip(np.convolve(rng.random(count), np.ones(3) / 3, "same") * 2 - 0.7, 0, 1)
    for k in range(count):
        a = 2 * np.pi * k / count
        if name == "drawn":
            base = _drawn_face(240, float(speech[k]), k % 40 in (0, 1))
        else:
            x0, y0, x1, y1 = (int(v) for v in crop.split(",")) if crop else (0, 0, *picture(name).size)
            base = picture(name).crop((x0, y0, x1, y1))
        dx, dy = 0.03 * base.width * np.sin(a), 0.02 * base.height * np.sin(2 * a + 1)
        swayed = base.rotate(
            2.5 * np.sin(a + 0.5), Image.Resampling.BILINEAR, translate=(round(dx), round(dy))
        )
        inner = swayed.crop(
            (base.width // 12, base.height // 12, base.width * 11 // 12, base.height * 11 // 12)
        )
        values = np.asarray(fill(inner, width, height), np.float64) * (1 + 0.02 * np.sin(3 * a))
        values += rng.normal(0, 4, (height, width, 1))
        frames.append(np.clip(values, 0, 255).astype(np.uint8))
    return frames


LOOPS: dict[str, Callable[[int, int], list[Image.Image]]] = {
    "echo": lambda _, count: echo(count),
    "sector": sector,
    "contrast": contrast,
}
"""Cine loops by kind; each takes a seed and a number of frames."""


def loop(name: str, width: int, height: int, count: int = 30) -> list[Image8]:
    """A cine loop "KIND:SEED" scaled into height x width on black."""
    kind, _, seed = name.partition(":")
    out = []
    for frame in LOOPS[kind](int(seed or 0), count):
        page = Image.new("RGB", (width, height))
        small = fit(frame, width, height)
        page.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
        out.append(np.asarray(page))
    return out
