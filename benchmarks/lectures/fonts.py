"""Fonts by a short family name, with Pillow's own font where the system has none of them."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FILES: dict[str, tuple[str, str]] = {
    "dejavu": ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"),
    "dejavu-serif": ("DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf"),
    "mono": ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf"),
    "arial": ("LiberationSans-Regular.ttf", "LiberationSans-Bold.ttf"),
    "times": ("LiberationSerif-Regular.ttf", "LiberationSerif-Bold.ttf"),
    "courier": ("LiberationMono-Regular.ttf", "LiberationMono-Bold.ttf"),
    "narrow": ("LiberationSansNarrow-Regular.ttf", "LiberationSansNarrow-Bold.ttf"),
    "lato": ("Lato-Regular.ttf", "Lato-Bold.ttf"),
    "lato-light": ("Lato-Light.ttf", "Lato-Medium.ttf"),
    "opensans": ("OpenSans-Regular.ttf", "OpenSans-Bold.ttf"),
    "roboto": ("Roboto-Regular.ttf", "Roboto-Bold.ttf"),
}


@lru_cache(maxsize=256)
def font(family: str, size: float, bold: bool = False) -> Font:
    """A font of that pixel size; falls back to DejaVu, then to Pillow's built-in font."""
    for name in (FILES[family][bold], FILES["dejavu"][bold]):
        try:
            return ImageFont.truetype(name, max(round(size), 6))
        except OSError:
            continue
    return ImageFont.load_default(max(round(size), 6))
