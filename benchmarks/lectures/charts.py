"""Slides and pages with dense detail: tables, bar charts, traces of the heart, running text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .fonts import font
from .model import Rect, Target
from .slides import Slide, heading
from .templates import Template, ground


def table_slide(look: Template, size: tuple[int, int], title: str, rows: Sequence[Sequence[str]]) -> Slide:
    """Title and a ruled table; the first row is its head."""
    image = ground(look, *size)
    heading(image, look, title)
    draw, u = ImageDraw.Draw(image), size[1] / 720
    w, h = (size[0] - 140 * u) / len(rows[0]), min(72 * u, 520 * u / len(rows))
    targets = []
    for r, row in enumerate(rows):
        y = 130 * u + r * h
        if r == 0:
            draw.rectangle((70 * u, y, size[0] - 70 * u, y + h), fill=look.accent)
        for c, text in enumerate(row):
            x = 70 * u + c * w
            draw.rectangle((x, y, x + w, y + h), outline=look.text, width=max(round(u), 1))
            draw.text(
                (x + 14 * u, y + h / 2 - 14 * u),
                text,
                font=font(look.text_font, 23 * u, r == 0),
                fill=look.text,
            )
        if r:
            targets.append(Target("line", Rect(int(70 * u), int(y), int(70 * u + w * 2), int(y + h)), row[0]))
    return image, targets


def bar_slide(look: Template, size: tuple[int, int], title: str, bars: Sequence[tuple[str, float]]) -> Slide:
    """Title and a bar chart with grid lines; values are shares 0..1."""
    image = ground(look, *size)
    heading(image, look, title)
    draw, u = ImageDraw.Draw(image), size[1] / 720
    base, top, left = 620 * u, 140 * u, 130 * u
    face, targets = font(look.text_font, 19 * u), []
    for k in range(6):
        y = base - k * (base - top) / 5
        draw.line((left, y, size[0] - 80 * u, y), fill=look.text, width=1)
        draw.text((left - 56 * u, y - 11 * u), f"{20 * k} %", font=face, fill=look.text)
    step = (size[0] - 80 * u - left) / len(bars)
    for k, (label, value) in enumerate(bars):
        x = left + (k + 0.2) * step
        box = Rect(int(x), int(base - value * (base - top)), int(x + 0.6 * step), int(base))
        draw.rectangle(box, fill=look.accent)
        draw.text((x, base + 8 * u), label, font=face, fill=look.text)
        targets.append(Target("spot", Rect(box.x0, box.y0 - 20, box.x1, box.y0 + 30), label))
    return image, targets


def ecg_slide(look: Template, size: tuple[int, int], title: str, seed: int) -> Slide:
    """Title and three leads of an electrocardiogram on ruled paper."""
    rng = np.random.default_rng(seed)
    image = ground(look, *size)
    heading(image, look, title)
    draw, u = ImageDraw.Draw(image), size[1] / 720
    x0, x1, y0, y1 = 50 * u, size[0] - 50 * u, 120 * u, 660 * u
    draw.rectangle((x0, y0, x1, y1), fill=(255, 242, 240))
    for k in range(int((x1 - x0) / (9 * u)) + 1):
        tone = (240, 150, 150) if k % 5 == 0 else (250, 212, 210)
        draw.line((x0 + k * 9 * u, y0, x0 + k * 9 * u, y1), fill=tone)
    for k in range(int((y1 - y0) / (9 * u)) + 1):
        tone = (240, 150, 150) if k % 5 == 0 else (250, 212, 210)
        draw.line((x0, y0 + k * 9 * u, x1, y0 + k * 9 * u), fill=tone)
    targets, period = [], rng.uniform(120, 190) * u
    for lead, name in enumerate(("lead one", "lead two", "lead three")):
        middle, gain = y0 + (lead + 0.6) * (y1 - y0) / 3, rng.uniform(0.6, 1.2) * 60 * u
        xs = np.arange(x0, x1)
        p = ((xs - x0) % period) / period
        wave = 0.12 * np.exp(-(((p - 0.2) / 0.03) ** 2)) + 0.25 * np.exp(-(((p - 0.62) / 0.05) ** 2))
        wave += 1.3 * np.exp(-(((p - 0.37) / 0.009) ** 2)) - 0.3 * np.exp(-(((p - 0.4) / 0.01) ** 2))
        draw.line(
            list(zip(xs, middle - gain * wave, strict=True)), fill=(20, 20, 30), width=max(round(1.6 * u), 1)
        )
        x = x0 + period * rng.integers(1, 4) + 0.37 * period
        targets.append(
            Target(
                "spot",
                Rect(int(x - 30 * u), int(middle - 70 * u), int(x + 30 * u), int(middle + 20 * u)),
                name,
            )
        )
    return image, targets


def prose(
    width: int, height: int, paragraphs: Sequence[tuple[str, str]], family: str, points: float
) -> Slide:
    """A page of running text with headings, ink on white; lines are the targets."""
    image = Image.new("RGB", (width, height), "white")
    draw, y, targets = ImageDraw.Draw(image), points * 2, []
    margin = width * 0.09
    for title, body in paragraphs:
        draw.text((margin, y), title, font=font(family, points * 1.5, True), fill=(20, 20, 60))
        y += points * 2.6
        line = ""
        for word in [*body.split(), ""]:
            longer = f"{line} {word}".strip()
            if word and draw.textlength(longer, font=font(family, points)) < width - 2 * margin:
                line = longer
                continue
            draw.text((margin, y), line, font=font(family, points), fill=(35, 35, 35))
            end = margin + draw.textlength(line, font=font(family, points))
            targets.append(Target("line", Rect(int(margin), int(y), int(end), int(y + points * 1.2)), None))
            y, line = y + points * 1.55, word
        y += points * 1.2
    return image, targets
