"""Looks of slides: backgrounds, colours, fonts. Sizes are in units of 1/720 of the screen's height."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from .pictures import fill, picture
from .synth import smooth_noise

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Template:
    """One slide design. `ground` is "flat", "gradient", "paper", "board", "photo" or "rings"."""

    ground: str
    low: Colour
    high: Colour
    title: Colour
    text: Colour
    accent: Colour
    title_font: str
    text_font: str
    decor: str = "none"
    """"none", "band" (title bar), "rule" (line under the title), "stripe" (left edge), "footer"."""
    centred: bool = False


LOOKS: dict[str, Template] = {
    "plain": Template(
        "flat", (255, 255, 255), (255, 255, 255), (30, 30, 30), (50, 50, 50), (0, 90, 160), "arial", "arial"
    ),
    "cream": Template(
        "flat", (245, 238, 225), (0, 0, 0), (122, 40, 28), (52, 46, 38), (150, 90, 40), "times", "times"
    ),
    "night": Template(
        "flat", (13, 17, 20), (0, 0, 0), (140, 200, 255), (228, 232, 236), (90, 150, 220), "dejavu", "dejavu"
    ),
    "black": Template(
        "flat", (0, 0, 0), (0, 0, 0), (255, 255, 255), (220, 220, 220), (255, 200, 0), "lato", "lato-light"
    ),
    "navy": Template(
        "gradient",
        (8, 24, 72),
        (20, 70, 150),
        (255, 240, 150),
        (255, 255, 255),
        (255, 190, 60),
        "arial",
        "arial",
        "rule",
    ),
    "plum": Template(
        "gradient",
        (40, 10, 60),
        (120, 40, 90),
        (255, 225, 240),
        (244, 232, 244),
        (250, 150, 190),
        "lato",
        "lato",
        "none",
        True,
    ),
    "teal": Template(
        "flat",
        (250, 253, 252),
        (0, 0, 0),
        (255, 255, 255),
        (34, 60, 60),
        (0, 128, 128),
        "opensans",
        "opensans",
        "band",
    ),
    "clinic": Template(
        "flat",
        (255, 255, 255),
        (0, 0, 0),
        (0, 70, 130),
        (40, 40, 46),
        (200, 30, 50),
        "roboto",
        "roboto",
        "footer",
    ),
    "paper": Template(
        "paper",
        (226, 214, 190),
        (248, 242, 226),
        (70, 40, 20),
        (60, 48, 36),
        (140, 70, 30),
        "dejavu-serif",
        "dejavu-serif",
    ),
    "board": Template(
        "board", (24, 58, 46), (44, 86, 70), (250, 250, 230), (236, 240, 226), (250, 220, 120), "lato", "lato"
    ),
    "sky": Template(
        "gradient",
        (206, 228, 250),
        (255, 255, 255),
        (10, 50, 110),
        (30, 44, 66),
        (60, 130, 210),
        "opensans",
        "opensans",
        "stripe",
    ),
    "beamer": Template(
        "flat",
        (252, 252, 252),
        (0, 0, 0),
        (255, 255, 255),
        (20, 20, 20),
        (60, 60, 180),
        "times",
        "times",
        "band",
    ),
    "stone": Template(
        "photo",
        (60, 60, 64),
        (90, 90, 96),
        (255, 255, 255),
        (240, 240, 240),
        (255, 160, 70),
        "roboto",
        "roboto",
    ),
    "sunset": Template(
        "gradient",
        (250, 214, 165),
        (255, 245, 230),
        (140, 40, 20),
        (80, 44, 30),
        (220, 90, 40),
        "dejavu-serif",
        "dejavu",
        "rule",
    ),
    "rings": Template(
        "rings",
        (235, 240, 245),
        (216, 226, 236),
        (24, 60, 96),
        (40, 50, 60),
        (30, 120, 170),
        "lato",
        "lato",
        "footer",
    ),
    "graphite": Template(
        "gradient",
        (30, 32, 36),
        (58, 62, 70),
        (120, 220, 190),
        (226, 228, 230),
        (120, 220, 190),
        "roboto",
        "roboto",
        "stripe",
    ),
}
"""Templates by name."""


def _blend(low: Colour, high: Colour, share: np.ndarray) -> Image.Image:
    rgb = np.asarray(low) + share[..., None] * (np.asarray(high, float) - np.asarray(low))
    return Image.fromarray(np.clip(rgb + 0.5, 0, 255).astype(np.uint8))


def _ground(look: Template, width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(len(look.ground) * 31 + look.low[0])
    if look.ground == "gradient":
        return _blend(look.low, look.high, np.linspace(0, 1, height)[:, None] * np.ones((1, width)))
    if look.ground == "paper":
        share = 0.6 * smooth_noise(rng, width, height, 160) + 0.4 * smooth_noise(rng, width, height, 2.5)
        return _blend(look.low, look.high, share)
    if look.ground == "board":
        share = 0.5 * smooth_noise(rng, width, height, 60) + 0.5 * smooth_noise(rng, width, height, 5)
        return _blend(look.low, look.high, share)
    if look.ground == "photo":
        grain = np.asarray(fill(picture("skimage:gravel"), width, height).convert("L"), float) / 255
        return _blend(look.low, look.high, grain)
    image = Image.new("RGB", (width, height), look.low)
    if look.ground == "rings":
        draw = ImageDraw.Draw(image)
        for k in range(12):
            r = height * (0.15 + 0.09 * k)
            box = (width - r, height - r, width + r, height + r)
            draw.ellipse(box, outline=look.high, width=max(height // 120, 2))
    return image


def ground(look: Template, width: int, height: int, page: int = 1) -> Image.Image:
    """An empty slide of that design, with its decoration and page number."""
    from .fonts import font

    image = _ground(look, width, height)
    draw, u = ImageDraw.Draw(image), height / 720
    if look.decor == "band":
        draw.rectangle((0, 0, width, 96 * u), fill=look.accent)
    elif look.decor == "rule":
        draw.rectangle((52 * u, 100 * u, width - 52 * u, 103 * u), fill=look.accent)
    elif look.decor == "stripe":
        draw.rectangle((0, 0, 18 * u, height), fill=look.accent)
    elif look.decor == "footer":
        draw.rectangle((0, height - 34 * u, width, height), fill=look.accent)
        draw.text(
            (20 * u, height - 28 * u),
            "Department of Medicine",
            font=font(look.text_font, 17 * u),
            fill="white",
        )
        draw.text(
            (width - 50 * u, height - 28 * u), str(page), font=font(look.text_font, 17 * u), fill="white"
        )
    return image
