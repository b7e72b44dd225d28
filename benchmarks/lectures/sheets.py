"""Contact sheets of recordings with the truth drawn in, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw


def decode(path: Path) -> Iterator[tuple[float, Any]]:
    """Times (s) and frames of a video."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in file.decode(stream):
            yield float(frame.pts * frame.time_base), frame


def sheet(path: Path, truth: dict[str, Any], out: Path, columns: int = 5, count: int = 30) -> None:
    """Contact sheet: frames spread over the video, a cross on the true hot spot, boxes of moving regions."""
    rows = truth["cursor"]
    picks = set(np.linspace(3, len(rows) - 3, count).astype(int).tolist())
    w = 384
    h = round(w * truth["height"] / truth["width"])
    page = Image.new("RGB", (columns * w, -(-count // columns) * h))
    n = 0
    for k, (t, frame) in enumerate(decode(path)):
        if k not in picks:
            continue
        image = frame.to_image()
        draw, (_, x, y, visible) = ImageDraw.Draw(image), rows[k]
        r = 26 * truth["height"] / 720
        if visible:
            for dx, dy in ((r, 0), (-r, 0), (0, r), (0, -r)):
                draw.line(
                    (x + dx, y + dy, x + dx / 2.5, y + dy / 2.5),
                    fill=(255, 0, 255),
                    width=max(truth["height"] // 240, 2),
                )
        for m in truth["moving_regions"]:
            if m["start"] <= t <= m["end"]:
                draw.rectangle((m["x0"], m["y0"], m["x1"], m["y1"]), outline=(0, 255, 255), width=2)
        small = image.resize((w, h), Image.Resampling.LANCZOS)
        still = any(s["start"] <= t <= s["end"] for s in truth["stable_spans"])
        label = f"{t:.2f} {'still' if still else 'MOVING'}{'' if visible else ' hidden'}"
        ImageDraw.Draw(small).text((4, h - 12), label, fill=(255, 0, 255))
        page.paste(small, (n % columns * w, n // columns * h))
        n += 1
    page.save(out)


def crops(path: Path, truth: dict[str, Any], out: Path, columns: int = 10, count: int = 40) -> None:
    """Full-size pieces around the true hot spot, the middle of each; marks on the edges point at it."""
    rows, size = truth["cursor"], 96
    visible = [k for k, r in enumerate(rows) if r[3]]
    if not visible:
        return
    picks = set(np.asarray(visible)[np.linspace(0, len(visible) - 1, count).astype(int)].tolist())
    page = Image.new("RGB", (columns * (size * 2 + 4), -(-count // columns) * (size * 2 + 4)))
    n = 0
    for k, (_, frame) in enumerate(decode(path)):
        if k not in picks:
            continue
        _, x, y, _ = rows[k]
        box = (int(x) - size // 2, int(y) - size // 2, int(x) + size // 2, int(y) + size // 2)
        piece = frame.to_image().crop(box).resize((size * 2, size * 2), Image.Resampling.NEAREST)
        draw, c = ImageDraw.Draw(piece), size + 1
        for line in (
            (c, 0, c, 12),
            (c, 2 * size - 12, c, 2 * size),
            (0, c, 12, c),
            (2 * size - 12, c, 2 * size, c),
        ):
            draw.line(line, fill=(255, 0, 255), width=2)
        page.paste(piece, (n % columns * (size * 2 + 4), n // columns * (size * 2 + 4)))
        n += 1
    page.save(out)
