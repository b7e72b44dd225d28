"""Frames around content: image viewers, browsers, editors, task bars. They return the content's place."""

from __future__ import annotations

from PIL import Image, ImageDraw

from .fonts import font
from .model import Rect, Target
from .templates import Colour


def task_bar(image: Image.Image, dark: bool) -> int:
    """Draws a task bar at the lower edge; returns its height in px."""
    u, (w, h) = image.height / 720, image.size
    height = int(38 * u)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, h - height, w, h), fill=(24, 28, 36) if dark else (232, 234, 238))
    for k, colour in enumerate(
        ((60, 130, 220), (240, 180, 50), (90, 180, 90), (210, 80, 70), (150, 110, 200))
    ):
        x = 12 * u + k * 46 * u
        draw.rounded_rectangle((x, h - height + 7 * u, x + 25 * u, h - 7 * u), 4 * u, fill=colour)
    return height


def title_bar(image: Image.Image, rect: Rect, text: str, dark: bool) -> Rect:
    """Draws a window with three buttons over `rect`; returns the room inside."""
    u = image.height / 720
    draw, bar = ImageDraw.Draw(image), int(32 * u)
    ground, ink = ((46, 49, 56), (220, 222, 226)) if dark else ((222, 225, 230), (50, 52, 58))
    draw.rectangle(
        (rect.x0, rect.y0, rect.x1 - 1, rect.y1 - 1), fill=(26, 27, 30) if dark else (255, 255, 255)
    )
    draw.rectangle((rect.x0, rect.y0, rect.x1 - 1, rect.y0 + bar), fill=ground)
    for k, colour in enumerate(((236, 106, 94), (244, 190, 79), (98, 198, 84))):
        x, y = rect.x0 + (18 + 22 * k) * u, rect.y0 + bar / 2
        draw.ellipse((x - 6 * u, y - 6 * u, x + 6 * u, y + 6 * u), fill=colour)
    middle = (rect.x0 + rect.x1) / 2, rect.y0 + bar / 2
    draw.text(middle, text, font=font("roboto", 16 * u), fill=ink, anchor="mm")
    return Rect(rect.x0, rect.y0 + bar, rect.x1, rect.y1)


def viewer_chrome(size: tuple[int, int], name: str) -> tuple[Image.Image, Rect]:
    """A dark image viewer with a tool column and patient text; returns the viewport."""
    u, (w, h) = size[1] / 720, size
    image = Image.new("RGB", size, (38, 40, 44))
    inside = title_bar(image, Rect(0, 0, w, h), name, True)
    draw = ImageDraw.Draw(image)
    for k in range(9):
        y = inside.y0 + (16 + 52 * k) * u
        draw.rounded_rectangle((10 * u, y, 48 * u, y + 38 * u), 6 * u, fill=(66, 70, 78))
        draw.line(
            (18 * u, y + 28 * u, 40 * u, y + (10 + 2 * k) * u), fill=(190, 194, 200), width=max(int(2 * u), 1)
        )
    view = Rect(int(60 * u), inside.y0 + int(6 * u), w - int(230 * u), h - int(10 * u))
    draw.rectangle((view.x0, view.y0, view.x1 - 1, view.y1 - 1), fill="black")
    for k, text in enumerate(("PATIENT 0042", "F 061Y", "Series 3", "Slice 1.5 mm", "W 400  L 40")):
        draw.text(
            (w - 216 * u, inside.y0 + (20 + 30 * k) * u),
            text,
            font=font("mono", 16 * u),
            fill=(230, 210, 120),
        )
    return image, view


def browser(size: tuple[int, int], address: str, tabs: tuple[str, ...]) -> tuple[Image.Image, Rect]:
    """A light web browser; returns the room for the page."""
    u, (w, h) = size[1] / 720, size
    image = Image.new("RGB", size, (255, 255, 255))
    inside = title_bar(image, Rect(0, 0, w, h), "", False)
    draw = ImageDraw.Draw(image)
    for k, tab in enumerate(tabs):
        x = (90 + 190 * k) * u
        draw.rounded_rectangle(
            (x, 5 * u, x + 180 * u, 40 * u), 8 * u, fill=(255, 255, 255) if k == 0 else (206, 210, 216)
        )
        draw.text((x + 14 * u, 9 * u), tab, font=font("roboto", 15 * u), fill=(50, 52, 58))
    draw.rectangle((0, inside.y0, w, inside.y0 + 40 * u), fill=(246, 247, 249))
    draw.rounded_rectangle(
        (100 * u, inside.y0 + 6 * u, w - 120 * u, inside.y0 + 34 * u), 14 * u, fill=(228, 231, 236)
    )
    draw.text((120 * u, inside.y0 + 10 * u), address, font=font("roboto", 15 * u), fill=(70, 74, 80))
    return image, Rect(0, inside.y0 + int(40 * u), w, h)


def button(image: Image.Image, rect: Rect, text: str, fill: Colour, ink: Colour = (255, 255, 255)) -> Target:
    """Draws a button; the returned target is a link."""
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((rect.x0, rect.y0, rect.x1 - 1, rect.y1 - 1), rect.height // 5, fill=fill)
    draw.text(rect.centre, text, font=font("roboto", rect.height * 0.45), fill=ink, anchor="mm")
    return Target("link", rect, text)
