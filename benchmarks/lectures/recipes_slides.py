"""Shots that are slides: titles, bullets, pictures, tables, pairs that hardly differ, very short ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from . import charts, slides
from .desk import Transition
from .model import Image8, Rect, Target
from .painters import Reveal, difference_reveal
from .pictures import fit, picture
from .scene import Scene
from .script import Director

CUT = Transition()


def pixels(image: Image.Image) -> Image8:
    """The picture as an array."""
    values: Image8 = np.asarray(image.convert("RGB")).copy()
    return values


def show(d: Director, slide: slides.Slide, transition: Transition | None = None) -> list[Target]:
    """Starts a shot with a still slide; returns its targets."""
    image, targets = slide
    scene = d.begin(Scene(pixels(image)), transition=transition)
    d.zones(targets, scene)
    return targets


def title(d: Director, _: str) -> None:
    """The opening slide."""
    show(d, slides.title_slide(d.look, d.size, d.topic.title, d.topic.below))
    d.say(f"Welcome to this lecture on {d.topic.title.lower()}.")
    d.filler()


def bullets(d: Director, arg: str) -> None:
    """A slide of bullets, walked through; arg is how many are talked about."""
    targets = show(d, slides.bullet_slide(d.look, d.size, d.topic.title, d.topic.bullets))
    d.tour(targets, int(arg or 3))


def build(d: Director, arg: str) -> None:
    """Bullets that come one by one; arg is the fade in s (0: at once)."""
    fade = float(arg or 0)
    empty, _ = slides.bullet_slide(d.look, d.size, d.topic.title, ())
    full, _ = slides.bullet_slide(d.look, d.size, d.topic.title, d.topic.bullets)
    u, gap = d.u, min(80.0, 440 / len(d.topic.bullets)) * d.u
    # The lines' places of the full slide, as an empty slide has none.
    places = [
        Rect(int(60 * u), int(164 * u + k * gap), int(d.size[0] - 60 * u), int(164 * u + (k + 1) * gap))
        for k in range(len(d.topic.bullets))
    ]
    scene = d.begin(Scene(pixels(empty)), lead=1.6)
    after = pixels(full)
    for line, place in zip(d.topic.bullets, places, strict=True):
        scene.painters.append(difference_reveal(after, place, "bullet", d.now, fade))
        d.pause(fade + 0.2)
        text = Rect(
            int(80 * u), place.y0 + int(8 * u), int(80 * u + 15 * u * len(line)), place.y0 + int(48 * u)
        )
        d.point(Target("line", text, line))
        d.pause(float(d.rng.uniform(0, 1.5)))
    d.notes.add("bullets faded in" if fade else "bullets one by one")


def swap(d: Director, arg: str) -> None:
    """Consecutive slides of one template and title whose text alone differs."""
    lines = d.topic.bullets
    for k in range(int(arg or 2)):
        part = [lines[k % len(lines)], lines[(k + 2) % len(lines)]]
        slide = slides.bullet_slide(d.look, d.size, d.topic.title, part, page=k + 3)
        targets = show(d, slide, CUT if k else None)
        d.tour(targets, 1)
        d.pause(0.8)
    d.notes.add("same template, text alone differs")


def pair(d: Director, arg: str) -> None:
    """Two slides of the same title with different pictures."""
    for name, _, spots in d.topic.pictures[:2]:
        targets = show(d, slides.picture_slide(d.look, d.size, d.topic.title, picture(name), spots))
        d.tour(targets, int(arg or 2))
    d.notes.add("same title, other picture")


def still(d: Director, arg: str) -> None:
    """One picture with a title; arg "0" or "1" says which."""
    name, caption, spots = d.topic.pictures[int(arg or 0)]
    d.tour(show(d, slides.picture_slide(d.look, d.size, caption, picture(name), spots)), 3)


def full(d: Director, arg: str) -> None:
    """One picture over the whole screen; arg "0" or "1" says which."""
    name, _, spots = d.topic.pictures[int(arg or 0)]
    d.tour(show(d, slides.full_slide(d.size, picture(name), spots)), 3)
    d.notes.add("full-screen picture")


def mixed(d: Director, arg: str) -> None:
    """Picture and text side by side; arg "l" or "r" is the picture's side, a digit which picture."""
    which = 1 if "1" in arg else 0
    name, caption, spots = d.topic.pictures[which]
    lines = d.topic.bullets[which : which + 3]
    slide = slides.mixed_slide(d.look, d.size, caption, lines, picture(name), spots, "l" in arg)
    d.tour(show(d, slide), 3)
    d.notes.add("image and text")


def grid(d: Director, arg: str) -> None:
    """Pictures side by side."""
    names = [(p[1], picture(p[0])) for p in d.topic.pictures] + [("Stain", picture("synth:histology:77"))]
    names += [("Control", picture("synth:skin:78"))]
    d.tour(show(d, slides.grid_slide(d.look, d.size, d.topic.title, names[: int(arg or 4)])), 3)
    d.notes.add("picture grid")


def table(d: Director, _: str) -> None:
    """A table of values."""
    rows = [["Finding", "Cases", "Mean", "Range"]]
    for line in d.topic.bullets:
        a, b = int(d.rng.integers(3, 90)), float(d.rng.uniform(1, 9))
        rows.append([" ".join(line.split()[:2]), str(a), f"{b:.1f}", f"{b / 2:.1f} - {b * 2:.1f}"])
    d.tour(show(d, charts.table_slide(d.look, d.size, "Values", rows)), 2)
    d.notes.add("table")


def bars(d: Director, _: str) -> None:
    """A bar chart."""
    data = [(line.split()[0].strip(","), float(d.rng.uniform(0.15, 0.95))) for line in d.topic.bullets]
    d.tour(show(d, charts.bar_slide(d.look, d.size, "Sensitivity", data)), 2)
    d.notes.add("chart")


def ecg(d: Director, arg: str) -> None:
    """An electrocardiogram: thin lines everywhere."""
    d.tour(show(d, charts.ecg_slide(d.look, d.size, "Resting trace", int(arg or 1))), 2)
    d.notes.add("dense thin lines")


def quiz(d: Director, arg: str) -> None:
    """A question whose answer is framed after a while."""
    slide = slides.bullet_slide(d.look, d.size, "Which one is it?", d.topic.bullets[:4])
    targets = show(d, slide)
    d.tour(targets, 2)
    d.say("Think about it for a few seconds.")
    d.pause(3.0)
    target = targets[int(d.rng.integers(len(targets)))]
    marked = slide[0].copy()
    box = target.rect.grown(int(9 * d.u))
    ImageDraw.Draw(marked).rectangle(
        (*box[:2], box[2] - 1, box[3] - 1), outline=d.look.accent, width=max(int(4 * d.u), 2)
    )
    d.scene.painters.append(difference_reveal(pixels(marked), box, "box", d.now, float(arg or 0)))
    d.pause(0.6)
    d.say(f"The answer is {target.label}.", target)
    d.notes.add("answer framed")


def flash(d: Director, arg: str) -> None:
    """Several pictures of two to three seconds each."""
    names: Sequence[str] = [p[0] for p in d.topic.pictures] + [
        "synth:histology:91",
        "synth:xray:92",
        "synth:blood:93",
    ]
    for name in names[: int(arg or 4)]:
        start = d.now
        slide = slides.full_slide(d.size, picture(name), ())
        show(d, slide, CUT)
        if d.rng.random() < 0.5:
            d.say("And the next one.")
        d.now = max(d.now, start + float(d.rng.uniform(2.0, 3.0)))
    d.notes.add("very short shots")


def long(d: Director, arg: str) -> None:
    """A slide that stands still; arg is its time in s and, after a blank, which picture."""
    start = d.now
    seconds, _, which = (arg or "25").partition(" ")
    name, caption, spots = d.topic.pictures[int(which or 0)]
    targets = show(d, slides.picture_slide(d.look, d.size, caption, picture(name), spots))
    d.tour(targets, 1)
    d.filler()
    until = start + float(seconds)
    if d.now < until - 8:
        d.pause(until - 7 - d.now)
        d.filler()
    d.now = max(d.now, until)
    d.notes.add("long still shot")


def blank(d: Director, arg: str) -> None:
    """An empty black or white screen for a few seconds."""
    colour = 255 if arg == "white" else 0
    d.begin(Scene(np.full((d.size[1], d.size[0], 3), colour, np.uint8)))
    d.say("One moment, please.")
    d.pause(1.5)
    d.notes.add("blank screen")


def popin(d: Director, arg: str) -> None:
    """A picture slide on which a second picture appears over the first; arg is the fade in s."""
    name, caption, spots = d.topic.pictures[0]
    targets = show(d, slides.picture_slide(d.look, d.size, caption, picture(name), spots))
    d.tour(targets, 2)
    other = fit(picture(d.topic.pictures[1][0]), int(340 * d.u), int(300 * d.u))
    x, y = d.size[0] - other.width - int(40 * d.u), int(140 * d.u)
    rect = Rect(x, y, x + other.width, y + other.height)
    d.scene.painters.append(Reveal(rect, pixels(other), "picture", d.now, float(arg or 0)))
    d.pause(0.8)
    d.point(Target("spot", rect.grown(-int(60 * d.u)), d.topic.pictures[1][1]))
    d.notes.add("picture comes onto the slide")
