"""Puts a recording's overlays onto its desk, from their short names."""

from __future__ import annotations

from PIL import Image

from . import overlays
from .model import Cue, Rect, Target
from .painters import Fixed
from .recipes_slides import pixels
from .scene import FOREVER, Mover
from .script import Director
from .windows import task_bar

FACES = {
    "drawn": "drawn",
    "astronaut": "skimage:astronaut@130,0,330,200",
    "camera": "skimage:camera@120,40,330,250",
    "cat": "skimage:chelsea@90,10,390,290",
}


def add_overlay(d: Director, text: str, end: float) -> None:
    """Adds one overlay: webcam:CORNER:round|rect:FACE[:FROM[:TO]] (times as shares of the recording),
    popup:AT[:FADE], clock, timer, progress, subtitles, taskbar[:dark].
    """
    name, *args = text.split(":")
    if name == "webcam":
        _webcam(d, args, end)
    elif name == "popup":
        at, fade = end * float(args[0]), float(args[1]) if len(args) > 1 else 0.0
        message = "New message", "Ward 4: please call back"
        d.desk.overlays.append(overlays.notification(d.size, *message, at, at + 4.0, fade))
    elif name == "taskbar":
        _task_bar(d, "dark" in args)
    else:
        d.desk.movers.append(_strip(d, name, end))
    d.notes.add(f"overlay: {name}" + (f" {args[1]}" if name == "webcam" else ""))


def _webcam(d: Director, args: list[str], end: float) -> None:
    """A lecturer's camera in a corner, for all or a part of the time."""
    corner, shape, face, *span = args
    times = [end * float(s) for s in span]
    start, stop = [*times, FOREVER][:2] if times else (-FOREVER, FOREVER)
    wide = int((170 if shape == "round" else 240) * d.u)
    tall = wide if shape == "round" else wide * 3 // 4
    rect = overlays.corner_box(d.size, wide, tall, corner, int(14 * d.u))
    seed = int(d.rng.integers(1000))
    _visit(d, rect, max(start, 0.0), min(stop, end))
    d.desk.movers.append(overlays.webcam(rect, FACES[face], seed, 15.0, shape == "round", (start, stop)))


def _task_bar(d: Director, dark: bool) -> None:
    """A task bar with a ticking clock."""
    (w, h), u = d.size, d.u
    page = Image.new("RGB", d.size)
    height = task_bar(page, dark)
    rect = Rect(0, h - height, w, h)
    d.desk.overlays.append(Fixed(rect, rect.of(pixels(page)).copy()))
    box = Rect(w - int(90 * u), h - height + int(4 * u), w - int(8 * u), h - int(4 * u))
    d.desk.movers.append(overlays.clock(box, int(d.rng.integers(28800, 61200)), True, dark))


def _visit(d: Director, rect: Rect, start: float, end: float) -> None:
    """Sends the hand onto a moving inset once or twice, in pauses between sentences."""
    pauses = [s.end for s in d.sentences if start < s.end < end - 4]
    for at in d.rng.permutation(pauses)[:2]:
        d.cues.append(
            Cue("point", float(at) + 0.1, float(at) + 0.8, Target("spot", rect.grown(-rect.height // 5)))
        )
    d.notes.add("pointer over the inset")


def _strip(d: Director, name: str, end: float) -> Mover:
    """A clock, timer, progress bar or subtitle in its box."""
    (w, h), u = d.size, d.u
    rect = {
        "clock": Rect(w - int(110 * u), int(8 * u), w - int(10 * u), int(36 * u)),
        "timer": Rect(int(12 * u), int(6 * u), int(132 * u), int(30 * u)),
        "progress": Rect(0, h - int(6 * u), w, h),
        "subtitles": Rect(int(w * 0.14), h - int(66 * u), int(w * 0.86), h - int(28 * u)),
    }[name]
    if name == "clock":
        return overlays.clock(rect, int(d.rng.integers(28800, 61200)), True, bool(d.rng.integers(2)))
    if name == "timer":
        return overlays.timer(rect)
    if name == "progress":
        return Mover(rect, overlays.Progress(rect, end))
    return overlays.subtitles(rect, d.sentences)
