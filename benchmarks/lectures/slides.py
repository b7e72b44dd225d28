"""Slides drawn from a template; each function returns the picture and what there is to point at."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from .fonts import Font, font
from .model import Rect, Target
from .pictures import fit
from .templates import Template, ground

Slide = tuple[Image.Image, list[Target]]
Spot = tuple[str, float, float, float]
"""Label, centre x and y, and radius of a finding, in shares of the picture's width."""


def _box(draw: ImageDraw.ImageDraw, at: tuple[float, float], text: str, face: Font) -> Rect:
    """Where text drawn at that point ends up."""
    x0, y0, x1, y1 = draw.textbbox(at, text, font=face)
    return Rect(int(x0), int(y0), int(x1) + 1, int(y1) + 1)


def heading(image: Image.Image, look: Template, text: str) -> Target:
    """Writes the slide's title."""
    u = image.height / 720
    draw, face = ImageDraw.Draw(image), font(look.title_font, 41 * u, True)
    x = 56 * u if not look.centred else (image.width - draw.textlength(text, font=face)) / 2
    draw.text((x, 30 * u), text, font=face, fill=look.title)
    return Target("line", _box(draw, (x, 30 * u), text, face), None)


def title_slide(look: Template, size: tuple[int, int], title: str, below: str) -> Slide:
    """Opening slide: large title in the middle and a line below it."""
    image = ground(look, *size)
    draw, u = ImageDraw.Draw(image), size[1] / 720
    targets = []
    for text, y, points, colour in ((title, 270, 58, look.title), (below, 370, 28, look.text)):
        face = font(look.title_font, points * u, points > 40)
        # A band's title colour is made for the band and would vanish on the ground below it.
        colour = look.accent if look.decor == "band" and points > 40 else colour
        x = (size[0] - draw.textlength(text, font=face)) / 2
        draw.text((x, y * u), text, font=face, fill=colour)
        targets.append(Target("line", _box(draw, (x, y * u), text, face), text))
    return image, targets


def write_lines(
    image: Image.Image,
    look: Template,
    lines: Sequence[str],
    at: tuple[float, float],
    points: float,
    gap: float,
) -> list[Target]:
    """Bulleted lines from `at` (px) downwards, `gap` px apart; returns their places."""
    draw, face = ImageDraw.Draw(image), font(look.text_font, points)
    targets = []
    for k, line in enumerate(lines):
        text, y = f"\u2022 {line}", at[1] + k * gap
        draw.text((at[0], y), text, font=face, fill=look.text)
        targets.append(Target("line", _box(draw, (at[0], y), text, face), line))
    return targets


def bullet_slide(
    look: Template, size: tuple[int, int], title: str, lines: Sequence[str], page: int = 1
) -> Slide:
    """Title and bulleted lines."""
    image = ground(look, *size, page)
    heading(image, look, title)
    u = size[1] / 720
    gap = min(80.0, 440 / max(len(lines), 1)) * u
    return image, write_lines(image, look, lines, (80 * u, 170 * u), 33 * u, gap)


def _spots(spots: Sequence[Spot], place: Rect) -> list[Target]:
    targets = []
    for label, fx, fy, fr in spots:
        x, y, r = place.x0 + fx * place.width, place.y0 + fy * place.height, fr * place.width
        targets.append(Target("spot", Rect(int(x - r), int(y - r), int(x + r), int(y + r)), label))
    return targets


def paste(image: Image.Image, shown: Image.Image, area: Rect, spots: Sequence[Spot]) -> list[Target]:
    """Puts a picture into the middle of an area and returns its findings."""
    small = fit(shown, area.width, area.height)
    x, y = area.x0 + (area.width - small.width) // 2, area.y0 + (area.height - small.height) // 2
    image.paste(small, (x, y))
    return _spots(spots, Rect(x, y, x + small.width, y + small.height))


def picture_slide(
    look: Template, size: tuple[int, int], title: str, shown: Image.Image, spots: Sequence[Spot]
) -> Slide:
    """Title with one picture below."""
    image = ground(look, *size)
    heading(image, look, title)
    u = size[1] / 720
    area = Rect(int(60 * u), int(108 * u), int(size[0] - 60 * u), int(676 * u))
    return image, paste(image, shown, area, spots)


def mixed_slide(
    look: Template,
    size: tuple[int, int],
    title: str,
    lines: Sequence[str],
    shown: Image.Image,
    spots: Sequence[Spot],
    left: bool,
) -> Slide:
    """Title, a picture on one side and lines on the other."""
    image = ground(look, *size)
    heading(image, look, title)
    u, middle = size[1] / 720, size[0] // 2
    area = Rect(int(40 * u), int(130 * u), int(middle - 10 * u), int(660 * u))
    if not left:
        area = Rect(int(middle + 10 * u), area.y0, int(size[0] - 40 * u), area.y1)
    x = middle + 30 * u if left else 56 * u
    texts = write_lines(image, look, lines, (x, 180 * u), 25 * u, 62 * u)
    return image, [*paste(image, shown, area, spots), *texts]


def full_slide(size: tuple[int, int], shown: Image.Image, spots: Sequence[Spot]) -> Slide:
    """A picture as large as the screen allows, on black."""
    image = Image.new("RGB", size)
    return image, paste(image, shown, Rect(0, 0, *size), spots)


def grid_slide(
    look: Template, size: tuple[int, int], title: str, pictures: Sequence[tuple[str, Image.Image]]
) -> Slide:
    """Title and two to six captioned pictures side by side."""
    image = ground(look, *size)
    heading(image, look, title)
    u, n = size[1] / 720, len(pictures)
    columns = n if n <= 3 else (n + 1) // 2
    rows = -(-n // columns)
    w, h = (size[0] - 80 * u) / columns, (560 * u) / rows
    draw, face, targets = ImageDraw.Draw(image), font(look.text_font, 20 * u), []
    for k, (label, shown) in enumerate(pictures):
        x, y = 40 * u + k % columns * w, 112 * u + k // columns * h
        area = Rect(int(x + 8 * u), int(y), int(x + w - 8 * u), int(y + h - 34 * u))
        paste(image, shown, area, [])
        draw.text((x + 12 * u, y + h - 30 * u), label, font=face, fill=look.text)
        cx, cy = map(int, area.centre)
        r = int(min(area.width, area.height) * 0.2)
        targets.append(Target("spot", Rect(cx - r, cy - r, cx + r, cy + r), label))
    return image, targets
