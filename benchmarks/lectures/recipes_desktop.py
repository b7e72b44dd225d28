"""Shots of programs: scrolled documents, an editor with a caret, a browser with links, ink, a whiteboard."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from . import slides
from .cameras import Page
from .charts import prose
from .fonts import font
from .model import Cue, Image8, Point, Rect, Target, Zone
from .overlays import Blink, text_box
from .painters import Ink, Reveal, Typing, arrow_path, outline, oval
from .pictures import fit, picture
from .recipes_slides import pixels, show
from .scene import FOREVER, Hover, Mover, Scene
from .script import Director
from .topics import FILLER, READING
from .windows import browser, button, title_bar

INKS = ((230, 30, 30), (255, 210, 0), (30, 160, 60), (40, 90, 240), (250, 120, 0))


def document(d: Director, arg: str) -> None:
    """A page of text that is scrolled; arg "wheel" scrolls in jumps, otherwise smoothly."""
    image = Image.new("RGB", d.size, (120, 124, 130))
    inside = title_bar(image, Rect(0, 0, *d.size), f"{d.topic.title}.pdf", False)
    u = d.u
    ImageDraw.Draw(image).rectangle(tuple(inside), fill=(96, 100, 106))
    rect = Rect(int(140 * u), inside.y0, d.size[0] - int(140 * u), d.size[1])
    body = " ".join([*FILLER, *FILLER])
    parts = [(line, body) for line in [*d.topic.bullets, *d.topic.bullets]]
    page, lines = prose(rect.width, int(3200 * u), parts, "times", 20 * u)
    sheet = Page(rect, pixels(page))
    scene = d.begin(Scene(pixels(image), [sheet]))
    if d.adaptive:
        scene.zones.append(Zone(rect, "text", -FOREVER, FOREVER))
    for _ in range(2):
        _read(d, sheet, lines)
        _scroll(d, sheet, arg == "wheel")
    _read(d, sheet, lines)
    d.notes.add("page scroll, wheel" if arg == "wheel" else "page scroll, smooth")


def _read(d: Director, sheet: Page, lines: list[Target]) -> None:
    """Points at one visible line."""
    y0 = sheet.offset(d.now)
    seen = [t for t in lines if t.rect.y0 > y0 + 20 and t.rect.y1 < y0 + sheet.rect.height - 20]
    r = seen[int(d.rng.integers(len(seen)))].rect
    dy = sheet.rect.y0 - y0
    d.point(Target("line", Rect(r.x0 + sheet.rect.x0, r.y0 + dy, r.x1 + sheet.rect.x0, r.y1 + dy)))


def _scroll(d: Director, sheet: Page, wheel: bool) -> None:
    """Scrolls by about half a screen."""
    goal = sheet.offset(d.now) + int(d.rng.uniform(0.35, 0.75) * sheet.rect.height)
    if not wheel:
        time = float(d.rng.uniform(0.5, 1.4))
        sheet.moves.append((d.now, d.now + time, goal))
        d.pause(time + 0.4)
        return
    step, now = int(70 * d.u), sheet.offset(d.now)
    while now < goal:
        now += step
        sheet.moves.append((d.now, d.now, now))
        d.pause(float(d.rng.uniform(0.07, 0.16)))
    d.pause(0.5)


def editor(d: Director, arg: str) -> None:
    """Notes being typed into a window with a blinking caret; arg "dark" or "light"."""
    dark = arg != "light"
    image = Image.new("RGB", d.size, (40, 70, 100))
    inside = title_bar(image, Rect(0, 0, *d.size).grown(-int(46 * d.u)), "notes.txt", dark)
    scene = d.begin(Scene(pixels(image)))
    u = d.u
    ink, ground = ((220, 224, 210), (26, 27, 30)) if dark else ((20, 20, 20), (255, 255, 255))
    face, tall = font("mono", 24 * u), int(34 * u)
    for k, line in enumerate(d.topic.bullets[:4]):
        text = f"{k + 1}. {line}"
        stops = [int(face.getlength(text[: n + 1])) for n in range(len(text))]
        x, y = inside.x0 + int(24 * u), inside.y0 + int((30 + 56 * k) * u)
        rect = Rect(x, y, x + stops[-1] + 2, y + tall)
        row = Image.new("RGB", (rect.width, tall), ground)
        ImageDraw.Draw(row).text((0, tall / 2), text, font=face, fill=ink, anchor="lm")
        typed = Typing(rect, np.asarray(row), stops, d.now, float(d.rng.uniform(0.05, 0.12)))
        scene.painters.append(typed)
        d.now = typed.changes()[0].end + 0.3
        caret = Rect(rect.x1 + int(3 * u), y, rect.x1 + int(3 * u) + max(int(2 * u), 1), y + tall)
        begin = d.now
        d.point(Target("line", rect, line))
        d.pause(float(d.rng.uniform(0.5, 3)))
        scene.movers.append(Mover(caret, Blink(caret, ink), begin, d.now - 0.1))
    scene.movers[-1].end = FOREVER
    if d.adaptive:
        scene.zones.append(Zone(inside, "text", -FOREVER, FOREVER))
    d.notes |= {"typing", "blinking caret"}


def _links(d: Director, image: Image.Image, top: int) -> list[Target]:
    """Heading, links and a picture of a web page below row `top`."""
    u, draw, face = d.u, ImageDraw.Draw(image), font("opensans", 21 * d.u)
    draw.text((60 * u, top + 24 * u), d.topic.title, font=font("opensans", 34 * u, True), fill=(20, 40, 80))
    targets = []
    for k, line in enumerate(d.topic.bullets[:4]):
        y = top + (100 + 46 * k) * u
        draw.text((64 * u, y), line, font=face, fill=(20, 90, 200))
        right = int(64 * u + draw.textlength(line, font=face))
        targets.append(Target("link", Rect(int(64 * u), int(y), right, int(y + 30 * u)), line))
    shown = fit(picture(d.topic.pictures[0][0]), int(440 * u), int(400 * u))
    image.paste(shown, (d.size[0] - shown.width - int(60 * u), top + int(70 * u)))
    return targets


def web(d: Director, _: str) -> None:
    """A web page with links and buttons that react to the pointer."""
    image, inside = browser(d.size, "atlas.example/cases/42", (d.topic.title, "Mail", "Calendar"))
    u, links, buttons = d.u, _links(d, image, inside.y0), []
    lit = image.copy()
    for k, text in enumerate(("Open case", "Compare", "Report")):
        x, y = int((64 + 190 * k) * u), inside.y1 - int(150 * u)
        rect = Rect(x, y, x + int(170 * u), y + int(46 * u))
        buttons.append(button(image, rect, text, (40, 110, 200)))
        button(lit, rect, text, (90, 170, 255))
    scene, bright, targets = Scene(pixels(image)), pixels(lit), links + buttons
    scene.hovers += [Hover(b.rect, b.rect, b.rect.of(bright).copy(), "hover", 0.0) for b in buttons]
    scene.hovers += [_tip(d, t.rect, f"Open: {t.label}") for t in links]
    d.begin(scene)
    d.zones(targets, scene)
    for k in d.rng.permutation(len(targets))[:4]:
        target = targets[int(k)]
        d.say(str(d.rng.choice(READING)).format(label=target.label))
        # Deliberately after the sentence: the pointer rests on the link while nobody speaks.
        d.cues.append(Cue("click", d.now, d.now + 0.5, target))
        d.pause(2.8)
    d.notes |= {"hover highlights", "tooltips", "links"}


def _tip(d: Director, rect: Rect, text: str) -> Hover:
    """A tooltip below a link, half a second after the pointer stopped there."""
    u = d.u
    place = Rect(rect.x0 + int(30 * u), rect.y1 + int(8 * u), rect.x0 + int(330 * u), rect.y1 + int(36 * u))
    return Hover(
        rect,
        place,
        text_box(place.width, place.height, text, "roboto", 15 * u, (20, 20, 20), (255, 252, 214)),
        "tooltip",
        0.5,
    )


def _stroke(
    d: Director, path: list[Point], colour: tuple[int, int, int], width: float, alpha: float = 1.0
) -> None:
    """Draws one stroke with the hand on it."""
    length = float(np.hypot(*np.diff(np.asarray(path), axis=0).T).sum()) / d.u
    time = float(np.clip(length / d.rng.uniform(250, 600), 0.3, 3.0))
    d.scene.painters.append(Ink(path, colour, width, d.now, d.now + time, alpha))
    d.follow(path, d.now, d.now + time)
    if d.adaptive:
        d.scene.zones.append(Zone(Rect(0, 0, *d.size), "pencil", d.now - 0.5, d.now + time + 0.3))
    d.pause(time + float(d.rng.uniform(0.4, 1.2)))


def ink(d: Director, arg: str) -> None:
    """A picture that is drawn on; arg "marker" for a broad see-through pen, "erase" wipes it at the end."""
    name, caption, spots = d.topic.pictures[0]
    slide = slides.picture_slide(d.look, d.size, caption, picture(name), spots)
    targets = show(d, slide)
    colour = INKS[int(d.rng.integers(len(INKS)))]
    width, alpha = (14 * d.u, 0.4) if "marker" in arg else (3.5 * d.u, 1.0)
    for k, target in enumerate(targets):
        d.point(target)
        shape = (oval(target.rect), arrow_path(target.rect.centre, 90 * d.u, 0.6), outline(target.rect))[
            k % 3
        ]
        _stroke(d, shape, colour, width, alpha)
    d.filler()
    if "erase" in arg:
        d.scene.painters.append(Reveal(Rect(0, 0, *d.size), pixels(slide[0]), "erase", d.now))
        d.pause(2.5)
    d.notes.add("ink, marker" if "marker" in arg else "ink, progressive strokes")


def marks(d: Director, _: str) -> None:
    """Arrows and boxes that appear at once on a picture; the hand stays away."""
    name, caption, spots = d.topic.pictures[1]
    targets = show(d, slides.picture_slide(d.look, d.size, caption, picture(name), spots))
    for k, target in enumerate(targets):
        path = outline(target.rect) if k % 2 else arrow_path(target.rect.centre, 110 * d.u, 0.8)
        what = "box" if k % 2 else "arrow"
        d.scene.painters.append(Ink(path, INKS[k % 5], 4 * d.u, d.now, d.now, 1.0, what))
        d.pause(0.4)
        d.point(target)
    d.notes.add("arrows and boxes appear")


def _scribble(rng: np.random.Generator, x: float, y: float, u: float, letters: int) -> list[Point]:
    """Joined-up handwriting that means nothing."""
    path: list[Point] = []
    for _ in range(letters):
        tall, wide, slope = rng.uniform(12, 34) * u, rng.uniform(14, 26) * u, rng.uniform(0.2, 0.5)
        for k in range(14):
            a = 2 * np.pi * k / 14
            path.append(
                (
                    float(x + wide * k / 14 + 5 * u * np.sin(2 * a)),
                    float(y - tall * (0.5 - 0.5 * np.cos(a)) - slope * k),
                )
            )
        x += wide
    return path


def board(d: Director, arg: str) -> None:
    """Handwriting on an empty board; arg "black" or "white"."""
    dark = arg == "black"
    page: Image8 = np.full((d.size[1], d.size[0], 3), 24 if dark else 255, np.uint8)
    d.begin(Scene(page))
    colour, u = ((250, 250, 240) if dark else (20, 30, 120)), d.u
    for k in range(3):
        for part in range(2):
            path = _scribble(d.rng, (90 + 330 * part) * u, (180 + 150 * k) * u, u, int(d.rng.integers(6, 11)))
            _stroke(d, path, colour, 3 * u)
        d.filler()
        d.pause(1.0)
    d.notes.add("handwriting on a board")
