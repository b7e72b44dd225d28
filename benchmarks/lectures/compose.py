"""Plays a Spec's script: from names of recipes to a desk, a pointer track and a narration."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import recipes_desktop, recipes_slides, recipes_viewers
from .desk import Desk, Transition
from .motion import STEP, Hand
from .narration import Speaker
from .painters import Reveal
from .planner import Planner, Track, track
from .scene import Hover
from .script import Director, template
from .spec import Spec
from .stage import add_overlay
from .topics import TOPICS

RECIPES: dict[str, Callable[[Director, str], None]] = {
    f.__name__: f
    for f in (
        recipes_slides.title,
        recipes_slides.bullets,
        recipes_slides.build,
        recipes_slides.swap,
        recipes_slides.pair,
        recipes_slides.still,
        recipes_slides.full,
        recipes_slides.mixed,
        recipes_slides.grid,
        recipes_slides.table,
        recipes_slides.bars,
        recipes_slides.ecg,
        recipes_slides.quiz,
        recipes_slides.flash,
        recipes_slides.long,
        recipes_slides.blank,
        recipes_slides.popin,
        recipes_viewers.viewer,
        recipes_viewers.slices,
        recipes_viewers.cine,
        recipes_viewers.cinefull,
        recipes_viewers.film,
        recipes_desktop.document,
        recipes_desktop.editor,
        recipes_desktop.web,
        recipes_desktop.ink,
        recipes_desktop.marks,
        recipes_desktop.board,
    )
}
"""Shots by name."""


@dataclass
class Recording:
    """A played script, ready to be rendered. `end` in s."""

    spec: Spec
    director: Director
    desk: Desk
    track: Track
    end: float


def _transition(text: str) -> Transition:
    style, _, seconds = text.partition(":")
    return Transition(style, float(seconds or 0))


def _direct(spec: Spec, rng: np.random.Generator) -> Director:
    """Speaks and stages all shots."""
    speaker = Speaker(*spec.voice)
    director = Director(
        spec.desktop,
        rng,
        speaker,
        template(spec.looks[0]),
        TOPICS[spec.topics[0]],
        [_transition(t) for t in spec.transitions],
        Desk(*spec.desktop),
        spec.gap,
        spec.clock.start + 0.4,
        spec.pointer.adaptive,
    )
    part = 0
    for shot in spec.shots:
        if shot == "/":
            part += 1
            director.topic = TOPICS[spec.topics[part % len(spec.topics)]]
            director.look = template(spec.looks[part % len(spec.looks)])
            continue
        name, _, arg = shot.partition(":")
        RECIPES[name](director, arg)
    return director


def _hovered(hover: Hover, path: Track, start: float, end: float) -> list[Reveal]:
    """When a region reacts to the pointer during a shot, as reveals."""
    t = np.arange(start, end, STEP)
    k = np.clip(((t - path.start) / STEP).astype(int), 0, len(path.xs) - 1)
    xs, ys = path.xs[k], path.ys[k]
    z = hover.zone
    inside = (xs >= z.x0) & (xs < z.x1) & (ys >= z.y0) & (ys < z.y1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
    found = []
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        begin, stop = t[a] + hover.delay, t[b - 1] + STEP
        if stop - begin > 0.05:
            found.append(Reveal(hover.place, hover.image, hover.what, float(begin), 0.0, float(stop)))
    return found


def _blocks(spec: Spec, desk: Desk, end: float) -> list[tuple[float, float]]:
    """The times of the shots during which the pointer is hidden."""
    starts = [s.start for s in desk.shots] + [end]
    return [(starts[k] - 0.3, starts[k + 1] + 0.4) for k in spec.hidden if k < len(desk.shots)]


def compose(spec: Spec) -> Recording:
    """Plays the script of a recording."""
    rng = np.random.default_rng(zlib.crc32(f"{spec.name}/{spec.seed}".encode()))
    director = _direct(spec, rng)
    end = director.now + 0.8
    for overlay in spec.overlays:
        add_overlay(director, overlay, end)
    desk, (w, h) = director.desk, spec.desktop
    x, y = float(round(rng.uniform(0.3, 0.8) * w)), float(round(rng.uniform(0.4, 0.8) * h))
    hand = Hand(rng, spec.motion, director.u, spec.clock.start - 0.1, x, y)
    planner = Planner(hand, spec.motion, spec.desktop, rng)
    planner.play(director.cues, end + 0.2)
    path = track(planner, _blocks(spec, desk, end))
    if spec.pointer.kind == "none":
        path.shown[:] = False
        path.gestures.clear()
        path.clicks.clear()
        director.notes.discard("pointer over the inset")
        director.notes.add("no pointer at all")
    for k, shot in enumerate(desk.shots):
        stop = desk.shots[k + 1].start if k + 1 < len(desk.shots) else end
        for hover in shot.scene.hovers if spec.pointer.kind != "none" else []:
            shot.scene.painters += _hovered(hover, path, max(shot.start, 0.0), stop)
    return Recording(spec, director, desk, path, end)
