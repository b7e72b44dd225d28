"""What kind of change lies between two still pictures: a new shot, or a change within one.

Note [Shots and changes]
~~~~~~~~~~~~~~~~~~~~~~~~
A new slide takes content away; a bullet, an annotation or a pop-up only adds some. So the measure is not how
many pixels differ, but the share of the old picture's edges that are gone. A view that is zoomed or panned loses
edges too, but finds them again elsewhere: after the best shift and scale, the pictures agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from narratrace.analyse.registration import Motion, register
from narratrace.analyse.tiles import components, tile_box
from narratrace.data.shots import Box, ChangeKind, Transition
from narratrace.ops.sparse import Difference, Planes, tile_grid
from narratrace.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotOptions:
    """When a change of content begins a new shot."""

    min_stable_s: Annotated[
        float, option("shortest stable span", unit="s", gt=0, source="ours; the published method uses 3 s")
    ] = 2.0
    min_changed: Annotated[
        float, option("share of the picture that changes, at least, when a shot begins", ge=0, le=1)
    ] = 0.03
    min_lost: Annotated[
        float, option("share of the old picture's edges that are gone when a shot begins", ge=0, le=1)
    ] = 0.25
    fade_s: Annotated[float, option("transitions longer than this are fades", unit="s", gt=0)] = 0.15
    min_settled_s: Annotated[float, option("shortest still that is no part of a transition", unit="s", ge=0)] = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a change between two stills is.

    Attributes:
        shot: Whether a new shot begins.
        kind: Kind of change, where it is none.
        box: Where the picture changed.
        changed: Share of the picture's pixels that differ.
    """

    shot: bool
    kind: ChangeKind
    box: Box
    changed: float


def judge(a: Planes, b: Planes, difference: Difference, seconds: float, options: ShotOptions) -> Verdict:
    """The verdict on a change from plate ``a`` to plate ``b`` that took ``seconds``."""
    height, width = a[0].shape
    _, columns = tile_grid(width, height)
    tiles = np.flatnonzero(difference.tile_strong >= 8)
    where = tile_box(tiles, columns) if len(tiles) else None
    box = (
        Box(x0=where.x0, y0=where.y0, x1=min(where.x1, width), y1=min(where.y1, height))
        if where
        else Box(x0=0, y0=0, x1=0, y1=0)
    )
    changed = difference.changed / max(1, difference.pixels)
    lost = difference.lost / max(1, difference.edges_a)
    if changed < options.min_changed or lost < options.min_lost:
        return Verdict(shot=False, kind="build", box=box, changed=changed)
    motion = register(a[0], b[0], box)
    if motion.kind != "none":
        return Verdict(shot=False, kind=motion.kind, box=box, changed=changed)
    return Verdict(shot=True, kind="other", box=box, changed=changed)


def transition(seconds: float, options: ShotOptions) -> Transition:
    """Name of a transition that takes ``seconds``."""
    return "fade" if seconds > options.fade_s else "cut"
