"""One trajectory through candidates: exact where it is plain, best where it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace.analyse.trace import TrackOptions, track

Candidate = tuple[float, float, float]
"""x, y, reward."""
OPTIONS = TrackOptions()
seeds = st.integers(0, 2**32 - 1)


def best(times: Sequence[float], frames: Sequence[Sequence[Candidate]], options: TrackOptions = OPTIONS):
    """The chosen candidate of every instant, None where there is none."""
    counts = np.array([len(frame) for frame in frames], np.uint32)
    last = np.cumsum(counts).astype(np.uint32)
    flat: list[Candidate] = [candidate for frame in frames for candidate in frame]
    x, y, reward = np.array(flat, np.float32).reshape(-1, 3).T.copy()
    chosen = track(np.asarray(times, float), last - counts, last, x, y, reward, options)
    for i, index in enumerate(chosen.tolist()):
        assert index == -1 or last[i] - counts[i] <= index < last[i]
    return [flat[i] if i >= 0 else None for i in chosen.tolist()]


def clutter(rng: np.random.Generator, most: int = 4) -> list[Candidate]:
    """Candidates anywhere, worth little or less than nothing."""
    n = int(rng.integers(0, most + 1))
    return [(*rng.uniform(0, 1000, 2).tolist(), float(rng.uniform(-0.3, 0.2))) for _ in range(n)]


def times_of(rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    return np.cumsum(rng.choice([1 / 60, 1 / 30, 1 / 15, 0.3], n, p=[0.3, 0.5, 0.15, 0.05]))


@given(seeds, st.floats(0, 3000), st.floats(0, 2 * math.pi), st.integers(1, 60))
def test_a_hand_at_constant_speed_is_followed_exactly(seed: int, speed: float, angle: float, n: int):
    """At every instant, not a frame late, whatever else is on the screen and in whichever order."""
    rng = np.random.default_rng(seed)
    times = times_of(rng, n)
    line = [
        (500 + speed * t * math.cos(angle), 500 + speed * t * math.sin(angle), float(rng.uniform(0.35, 0.5)))
        for t in (times - times.mean()).tolist()
    ]
    frames = [[*clutter(rng), candidate] for candidate in line]
    for frame in frames:
        rng.shuffle(frame)
    got = best(times, frames)
    if n >= 5 or speed == 0:
        assert got == line


@given(seeds, st.integers(1, 25))
def test_the_order_within_a_frame_does_not_matter(seed: int, n: int):
    rng = np.random.default_rng(seed)
    frames = [clutter(rng, 6) for _ in range(n)]
    for frame in frames:
        frame += [(x, y, r + 0.4) for x, y, r in clutter(rng, 2)]
    times = times_of(rng, n)
    shuffled = [[frame[i] for i in rng.permutation(len(frame))] for frame in frames]
    assert best(times, frames) == best(times, shuffled)


def worth(times: Sequence[float], chosen: Sequence[Candidate | None], options: TrackOptions) -> float:
    """Rewards minus prices, as csrc/tracker.hpp describes them."""
    total = 0.0
    for i, candidate in enumerate(chosen):
        hold = times[i + 1] - times[i] if i + 1 < len(times) else 1 / 30
        total += 30 * min(hold, options.max_hold_s) * (candidate[2] if candidate else 0.0)
    for (i, a), (j, b) in pairwise(enumerate(chosen)):
        if (a is None) != (b is None):
            total -= options.show_cost
        elif a and b:
            d = math.hypot(b[0] - a[0], b[1] - a[1])
            total -= options.step_cost * math.log1p(d / options.step)
            total -= options.jump_cost * (d > options.speed * max(times[j] - times[i], 1 / 30))
    return total


@given(seeds, st.integers(1, 6))
@settings(max_examples=60)
def test_no_other_choice_is_worth_more(seed: int, n: int):
    """Against all choices there are."""
    rng = np.random.default_rng(seed)
    spread = float(rng.choice([10.0, 100.0, 1000.0]))
    frames = [
        [(*rng.uniform(0, spread, 2).tolist(), float(rng.uniform(-0.5, 1.5))) for _ in range(rng.integers(4))]
        for _ in range(n)
    ]
    times = times_of(rng, n).tolist()
    most = max(worth(times, choice, OPTIONS) for choice in product(*([None, *frame] for frame in frames)))
    assert worth(times, best(times, frames), OPTIONS) == pytest.approx(most, abs=1e-4)


def resting(n: int, x: float = 100.0, reward: float = 0.4) -> list[list[Candidate]]:
    return [[(x, 100.0, reward)] for _ in range(n)]


def at_30hz(frames: Sequence[object]) -> npt.NDArray[np.float64]:
    return np.arange(len(frames)) / 30


def test_a_gap_stays_a_gap():
    frames = [*resting(20), *[[]] * 15, *resting(20)]
    assert best(at_30hz(frames), frames) == [frame[0] if frame else None for frame in frames]


def test_a_likeness_of_a_moment_is_no_pointer():
    """Alone, or while the pointer is elsewhere."""
    alone = [*[[]] * 10, *resting(3, reward=0.5), *[[]] * 10]
    assert best(at_30hz(alone), alone) == [None] * 23
    beside = resting(30)
    beside[12] = [*beside[12], (900.0, 600.0, 0.5)]
    assert best(at_30hz(beside), beside) == [(100.0, 100.0, 0.4)] * 30


def test_a_jump_that_lasts_is_followed():
    """To another place at once: another screen's pointer, or frames that were dropped."""
    frames = [*resting(20), *resting(20, x=1800.0)]
    got = best(at_30hz(frames), frames)
    assert got.count(None) <= 1  # a moment in which it is at neither
    assert [c for c in got if c] == [f[0] for f, c in zip(frames, got, strict=True) if c]


def test_what_is_worth_nothing_is_not_chosen():
    frames = resting(50, reward=-0.01)
    assert best(at_30hz(frames), frames) == [None] * 50


def test_the_same_pointer_at_any_frame_rate():
    """A second of it counts as much in 5 frames as in 60."""
    for rate in (5, 15, 60):
        shown = [*[[]] * rate, *resting(rate, reward=0.12), *[[]] * rate]
        hidden = [*[[]] * rate, *resting(rate, reward=0.08), *[[]] * rate]
        times = np.arange(3 * rate) / rate
        assert [c is not None for c in best(times, shown)] == [bool(frame) for frame in shown]
        assert best(times, hidden) == [None] * (3 * rate)


def test_a_frozen_frame_is_no_proof():
    """Two seconds without a frame count as half a second at most."""
    frames = [[], *resting(1, reward=0.15), []]
    assert best([0.0, 0.1, 2.1], frames) == [None] * 3
    longer = TrackOptions(max_hold_s=2.0)
    assert best([0.0, 0.1, 2.1], frames, longer)[1] == frames[1][0]


def test_nothing_in_nothing_out():
    assert best([], []) == []
    assert best([0.0, 1.0], [[], []]) == [None, None]
