"""Draw what docs/trace.png shows: a real keyframe with its trace, boxes and words, from an output folder.

    python benchmarks/readme_picture.py OUT -o trace.png [--key v01_1]

Colour is time, from the first word to the last, as in the report: the line where the pointer went, and the
bar under each word.
"""

from __future__ import annotations

import argparse
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from narratrace.write.shard_reader import ShardSample, read_shard

STOPS = ((86, 98, 246), (154, 74, 232), (214, 66, 176), (243, 96, 108), (250, 150, 66), (250, 208, 76))
"""The report's colours of time (report/colour.js)."""
FINE = 2
"""Everything is drawn this much larger and then made smaller: smooth lines without a drawing library."""
WIDTH, MARGIN, TEXT, LEADING = 1280, 40, 26, 46
LONGEST_GAP_S = 0.5

Colour = tuple[int, int, int]
Point = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="output folder of narratrace process")
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG to write")
    parser.add_argument("--key", help="sample; by default the one that points out most")
    args = parser.parse_args()
    sample = choose(args.out, args.key)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    picture(sample).save(args.output, optimize=True)
    print(f"{args.output}: {sample.key}")


def choose(out: Path, key: str | None) -> ShardSample:
    """The sample named, or the one with most gestures; the longer trace where several have as many."""
    samples = [s for path in sorted(out.glob("shards/traces-*.tar")) for s in read_shard(path)]
    wanted = [sample for sample in samples if key in (None, sample.key)]
    if not wanted:
        raise SystemExit(f"{out} has no trace sample {key or ''}")
    return max(wanted, key=lambda s: (len(gestures(s.json)), len(s.json["trace"])))


def gestures(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Boxes that come from a gesture; those of the clustering would hide them."""
    return [box for box in document["boxes"] if box["method"] != "cluster"]


def picture(sample: ShardSample) -> Image.Image:
    """The keyframe with everything drawn over it, and the words below."""
    document = sample.json
    scale = FINE * WIDTH / document["video"]["width"]
    size = (FINE * WIDTH, round(scale * document["video"]["height"]))
    canvas = Image.open(io.BytesIO(sample.files["jpg"])).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(canvas, "RGBA")
    start, end = document["span"]["start"], document["span"]["end"]

    def at(t: float) -> Colour:
        return colour((t - start) / (end - start))

    for box in gestures(document):
        draw_box(draw, [scale * box[side] for side in ("x0", "y0", "x1", "y1")], at(box["start"]))
    draw_trace(draw, [(t, (scale * x, scale * y)) for t, x, y, _ in document["trace"]], at)
    for number, box in enumerate(gestures(document), 1):
        draw_tag(draw, (scale * box["x0"], scale * box["y0"]), at(box["start"]), str(number))
    text = caption([word for u in document["utterances"] for word in u["words"]], at)
    whole = Image.new("RGB", (canvas.width, canvas.height + text.height), "white")
    whole.paste(canvas, (0, 0))
    whole.paste(text, (0, canvas.height))
    return whole.resize((whole.width // FINE, whole.height // FINE), Image.Resampling.LANCZOS)


def colour(u: float) -> Colour:
    """Colour of a share of the time, 0..1."""
    place = min(max(u, 0.0), 1.0) * (len(STOPS) - 1)
    i = min(int(place), len(STOPS) - 2)
    r, g, b = (round(p + (place - i) * (q - p)) for p, q in zip(STOPS[i], STOPS[i + 1], strict=True))
    return r, g, b


def draw_trace(draw: ImageDraw.ImageDraw, points: list[tuple[float, Point]], at: Any) -> None:
    """The line with a dark casing, to show on any picture; a ring at its start, a disc at its end."""
    steps = [(a, b) for a, b in itertools.pairwise(points) if b[0] - a[0] <= LONGEST_GAP_S]
    for (_, a), (_, b) in steps:
        stroke(draw, a, b, 9, (0, 0, 0, 255))
    for (t, a), (_, b) in steps:
        stroke(draw, a, b, 5, at(t))
    for (t, place), hollow in ((points[0], True), (points[-1], False)):
        disc(draw, place, 11, (0, 0, 0, 255))
        disc(draw, place, 9, at(t))
        if hollow:
            disc(draw, place, 4.5, (0, 0, 0, 255))


def stroke(draw: ImageDraw.ImageDraw, a: Point, b: Point, width: float, fill: Any) -> None:
    """A line with round ends, which ImageDraw has not."""
    draw.line([a, b], fill=fill, width=round(FINE * width))
    for end in (a, b):
        disc(draw, end, width / 2, fill)


def disc(draw: ImageDraw.ImageDraw, place: Point, radius: float, fill: Any) -> None:
    (x, y), r = place, FINE * radius
    draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)


def draw_box(draw: ImageDraw.ImageDraw, box: list[float], fill: Colour) -> None:
    """A region pointed out."""
    draw.rounded_rectangle(box, radius=4 * FINE, outline=(0, 0, 0, 150), width=6 * FINE)
    inner = [box[0] + 2 * FINE, box[1] + 2 * FINE, box[2] - 2 * FINE, box[3] - 2 * FINE]
    draw.rounded_rectangle(inner, radius=3 * FINE, outline=(*fill, 255), width=2 * FINE)


def draw_tag(draw: ImageDraw.ImageDraw, corner: Point, fill: Colour, number: str) -> None:
    """The number of a region at its corner, above everything else."""
    x, y = corner
    tag = (x - 4 * FINE, y - 12 * FINE, x + 18 * FINE, y + 12 * FINE)
    draw.rounded_rectangle(tag, radius=5 * FINE, fill=(*fill, 255), outline=(0, 0, 0, 160), width=FINE)
    middle = ((tag[0] + tag[2]) / 2, (tag[1] + tag[3]) / 2)
    draw.text(middle, number, font=font(16), fill=(17, 17, 17), anchor="mm")


def font(size: int) -> Any:
    """Pillow's own font: the same on every machine."""
    return ImageFont.load_default(FINE * size)


def caption(words: list[dict[str, Any]], at: Any) -> Image.Image:
    """The words, each with a bar of its time's colour."""
    face = font(TEXT)
    lines = list(broken(words, face, FINE * (WIDTH - 2 * MARGIN)))
    strip = Image.new("RGB", (FINE * WIDTH, FINE * (LEADING * len(lines) + MARGIN)), "white")
    draw = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        x, y = float(FINE * MARGIN), FINE * (MARGIN // 2 + LEADING * row)
        for word in line:
            width = face.getlength(word["text"])
            draw.text((x, y), word["text"], font=face, fill=(26, 27, 31))
            bar = (x, y + FINE * (TEXT + 8), x + width, y + FINE * (TEXT + 11))
            draw.rounded_rectangle(bar, radius=FINE, fill=at(word["start"]))
            x += width + face.getlength(" ")
    return strip


def broken(words: list[dict[str, Any]], face: Any, width: float) -> Iterator[list[dict[str, Any]]]:
    """The words in lines that fit."""
    line: list[dict[str, Any]] = []
    for word in words:
        if line and face.getlength(" ".join(w["text"] for w in [*line, word])) > width:
            yield line
            line = []
        line.append(word)
    if line:
        yield line


if __name__ == "__main__":
    main()
