"""Shots with moving content: zoom and pan, image stacks, cine loops, films."""

from __future__ import annotations

import numpy as np
from PIL import Image

from . import slides
from .cameras import Film, Loop, Stack, Viewer
from .model import Image8, Point, Rect, Target, Zone
from .overlays import Caption
from .pictures import fill, fit, picture
from .recipes_slides import pixels
from .scene import FOREVER, Mover, Scene
from .script import Director
from .templates import ground
from .volumes import loop, stack
from .windows import viewer_chrome


def _room(d: Director, chrome: bool, name: str) -> tuple[Image8, Rect]:
    """The still surroundings and the viewport."""
    if chrome:
        image, rect = viewer_chrome(d.size, name)
        return pixels(image), rect
    margin = int(18 * d.u)
    image = ground(d.look, *d.size)
    return pixels(image), Rect(margin, margin, d.size[0] - margin, d.size[1] - margin)


def _spot(d: Director, rect: Rect, label: str) -> Target:
    """A made-up place of interest somewhere in the viewport."""
    x, y = d.rng.uniform(0.18, 0.82) * rect.width + rect.x0, d.rng.uniform(0.2, 0.8) * rect.height + rect.y0
    r = d.rng.uniform(22, 70) * d.u
    return Target("spot", Rect(int(x - r), int(y - r), int(x + r), int(y + r)), label)


def _drag(camera: Viewer, before: Point, after: Point, zoom: float, at: Point) -> list[Point]:
    """Where the hand is while it drags the picture from one centre to the other."""
    w, h = camera.image.size
    scale = max(camera.rect.width / w, camera.rect.height / h) * zoom
    dx, dy = (before[0] - after[0]) * w * scale, (before[1] - after[1]) * h * scale
    x0 = min(max(at[0], camera.rect.x0 - min(dx, 0) + 5), camera.rect.x1 - max(dx, 0) - 5)
    y0 = min(max(at[1], camera.rect.y0 - min(dy, 0) + 5), camera.rect.y1 - max(dy, 0) - 5)
    return [(x0 + dx * k / 60, y0 + dy * k / 60) for k in range(61)]


def viewer(d: Director, arg: str) -> None:
    """A picture with camera moves; arg: "chrome", "second", and zoom, pan, drag, jump, out in order."""
    words = arg.split()
    name, caption, spots = d.topic.pictures["second" in words]
    background, rect = _room(d, "chrome" in words, caption)
    camera = Viewer(rect, picture(name))
    scene = d.begin(Scene(background, [camera]))
    if d.adaptive:
        scene.zones.append(Zone(rect, "cross", -FOREVER, FOREVER))
    labels = [s[0] for s in spots] or ["this area"]
    d.point(_spot(d, rect, labels[0]))
    for k, move in enumerate(w for w in words if w in ("zoom", "pan", "drag", "jump", "out")):
        _move(d, scene, camera, move)
        d.point(_spot(d, rect, labels[(k + 1) % len(labels)]))
        if d.rng.random() < 0.3:
            d.filler()


def _move(d: Director, scene: Scene, camera: Viewer, move: str) -> None:
    """One camera move of 0.5 to 1.5 s (a jump: at once), and time for it."""
    d.pause(0.3)
    cx, cy, zoom = camera.at(d.now)
    if move in ("pan", "drag") and zoom < 1.5:
        move = "zoom"  # The whole picture is seen: there is nowhere to pan to.
    time = 0.0 if move == "jump" else float(d.rng.uniform(0.5, 1.5))
    x, y = d.rng.uniform(0.25, 0.75, 2)
    if move == "out":
        goal = (0.5, 0.5, 1.0)
    elif move in ("zoom", "jump"):
        factor = d.rng.uniform(1.6, 3.0) if zoom < 3 else d.rng.uniform(0.35, 0.6)
        goal = (float(x), float(y), max(float(zoom * factor), 1.0))
    else:
        reach = 0.35 / zoom
        goal = (float(cx + d.rng.choice([-1, 1]) * reach), float(cy + d.rng.uniform(-1, 1) * reach), zoom)
    camera.move("zoom" if move in ("zoom", "out", "jump") else "pan", d.now, time, goal)
    if move == "drag":
        after = camera.moves[-1][3]
        path = _drag(camera, (cx, cy), after[:2], zoom, camera.rect.centre)
        if d.adaptive:
            scene.zones.append(Zone(camera.rect, "grab", d.now, d.now + time))
        d.follow(path, d.now, d.now + time)
    d.pause(time + float(d.rng.uniform(0.2, 0.8)))
    d.notes.add({"jump": "instant zoom", "drag": "pan by dragging"}.get(move, move))


def slices(d: Director, arg: str) -> None:
    """A scrolled image stack in a viewer; arg: "drag" (the hand moves up and down) and a rate in slices/s."""
    words = arg.split()
    rate = next((float(w) for w in words if w.replace(".", "").isdigit()), float(d.rng.uniform(4, 9)))
    background, rect = _room(d, True, d.topic.title)
    count = 30
    shown = []
    for image in stack(d.topic.stack, count):
        page, small = Image.new("RGB", (rect.width, rect.height)), fit(image, rect.width, rect.height)
        page.paste(small, ((rect.width - small.width) // 2, (rect.height - small.height) // 2))
        shown.append(pixels(page))
    pile = Stack(rect, shown, first=4)
    u = d.u
    box = Rect(d.size[0] - int(216 * u), int(240 * u), d.size[0] - int(60 * u), int(266 * u))
    counter = Caption(
        box, lambda t: f"Im {pile.index(t) + 1:02d}/{count}", 17 * u, (230, 210, 120), (26, 27, 30), "mono"
    )
    scene = d.begin(Scene(background, [pile, counter]))
    if d.adaptive:
        scene.zones.append(Zone(rect, "cross", -FOREVER, FOREVER))
    inner = rect.grown(-rect.height // 5)
    at, labels = 4, [s[0] for p in d.topic.pictures for s in p[2]]
    for k in range(3):
        d.point(_spot(d, inner, labels[k % len(labels)]))
        goal = int(d.rng.integers(2, count - 2))
        goal = goal if abs(goal - at) > 5 else (at + 12) % count
        step = 1 if goal > at else -1
        end = pile.scroll(d.now, rate, list(range(at + step, goal + step, step)))
        if "drag" in words:
            x, y = inner.centre
            d.follow([(x, y + 4 * u * step * j / 4) for j in range(4 * abs(goal - at))], d.now, end)
        at, d.now = goal, end + float(d.rng.uniform(0.3, 1.0))
    d.point(_spot(d, inner, labels[0]))
    d.notes.add("image stack")


def cine(d: Director, arg: str) -> None:
    """A cine loop beside a still picture; arg is the loop's rate in frames per s."""
    name, _, spots = d.topic.pictures[0]
    image = ground(d.look, *d.size)
    slides.heading(image, d.look, d.topic.title)
    u, w = d.u, d.size[0]
    targets = slides.paste(
        image, picture(name), Rect(int(40 * u), int(120 * u), w // 2 - int(20 * u), int(670 * u)), spots
    )
    rect = Rect(w // 2 + int(20 * u), int(170 * u), w - int(40 * u), int(170 * u + (w / 2 - 60 * u) * 0.75))
    frames = loop(d.topic.loop, rect.width, rect.height)
    d.begin(Scene(pixels(image), movers=[Mover(rect, Loop(rect, frames, float(arg or 20)))]))
    d.tour(targets, 2)
    d.point(Target("spot", rect.grown(-rect.height // 4), "moving wall"))
    d.notes.add("cine loop beside a still")


def cinefull(d: Director, arg: str) -> None:
    """A cine loop that fills nearly the whole screen."""
    background, rect = _room(d, True, "Loop")
    frames = loop(d.topic.loop, rect.width, rect.height)
    d.begin(Scene(background, movers=[Mover(rect, Loop(rect, frames, float(arg or 24)))]))
    d.say("This loop runs all the time while I talk.")
    d.point(_spot(d, rect.grown(-rect.height // 5), "wall"))
    d.point(_spot(d, rect.grown(-rect.height // 5), "valve"))
    d.notes.add("cine loop, nearly full screen")


def film(d: Director, arg: str) -> None:
    """A playing video over the whole screen; with arg "stop" it halts and stays for some seconds."""
    name = d.topic.pictures[0][0]
    rect = Rect(0, 0, *d.size)
    shown = fill(picture(name), d.size[0], d.size[1])
    playing = Film(rect, shown, 25.0, d.now, FOREVER, int(d.rng.integers(9)))
    d.begin(Scene(np.zeros((d.size[1], d.size[0], 3), np.uint8), [playing]))
    d.say("We now watch a short video from the clinic.")
    d.point(_spot(d, rect, "border"))
    d.filler()
    playing.end = d.now
    if arg == "stop":
        d.pause(0.8)
        d.point(_spot(d, rect, "frozen frame"))
        d.pause(1.0)
    d.notes.add("playing video")
