"""Recordings put together by chance from the parts of those in the sets: what no one tuned anything to.

The sets were looked at while the analysis was written, so their figures flatter it. A seed nobody has used
before gives recordings that were not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .set_dev import DEV
from .set_heldout import HELDOUT
from .spec import Spec

_MAX_SHOTS = 16
"""Shots of a donor; longer recordings are for other questions and take minutes to draw."""


def mixed(seed: int, count: int) -> tuple[Spec, ...]:
    """``count`` recordings; the first ones of a seed do not depend on how many are asked for.

    Args:
        seed: Begins the chance.
        count: How many.
    """
    rng = np.random.default_rng(seed)
    donors = [spec for spec in (*DEV, *HELDOUT) if len(spec.shots) <= _MAX_SHOTS]
    return tuple(_one(donors, rng, f"m{seed}_{number:02d}") for number in range(1, count + 1))


def _one(donors: list[Spec], rng: np.random.Generator, name: str) -> Spec:
    """Each group of parts that belong together comes from a recording of its own."""
    script, pointer, screen, encoding, cuts, overlays = (
        donors[int(number)] for number in rng.choice(len(donors), size=6, replace=False)
    )
    if any(side % 2 for side in screen.output):
        encoding = screen  # most encoders refuse odd sizes
    hidden = rng.choice(len(script.shots), size=2) if pointer.motion.hide == "blocks" else ()
    return replace(
        script,
        name=name,
        seed=int(rng.integers(1, 1_000_000)),
        pointer=pointer.pointer,
        motion=pointer.motion,
        hidden=tuple(int(number) for number in hidden),
        transitions=cuts.transitions,
        overlays=overlays.overlays,
        desktop=screen.desktop,
        output=screen.output,
        scaler=screen.scaler,
        clock=encoding.clock,
        encoding=encoding.encoding,
        noise=encoding.noise,
    )
