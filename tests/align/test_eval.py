"""Alignment measured on the shared recordings, with their true cursor and words as input.

Word to trace: of the words during which the cursor is seen (at some instant within 0.2 s of the word), the
share that have a position, and of all positions given, the share that are right: within the tolerance of the
true cursor at some instant within 0.2 s of the word. The cursor between two frames is on the line between.

Boxes: per circled region of the truth, IoU of its ellipse's extent with the box that overlaps it longest in
time, 0 when there is none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.align.stage import Align
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample, RegionBox, SampleKind, WordPosition
from narratrace.data.trace import Trace

from .truth import NAMES, Circled, Truth, load, needs_recordings

pytestmark = [pytest.mark.eval, needs_recordings]

WORD_SLACK_S = 0.2

Seen = Callable[[Truth, int], Recording]

INPUTS: dict[str, Seen] = {
    "true cursor": lambda truth, _: truth.recording,
    "10 Hz, 2 px off, 10 % blind": lambda truth, seed: truth.seen_as(10, 2.0, 0.1, seed),
    "10 Hz, 4 px off, 20 % blind": lambda truth, seed: truth.seen_as(10, 4.0, 0.2, seed),
}
SEEDS = {"true cursor": 1}


def traces(recording: Recording) -> list[AlignedSample]:
    (outcome,) = Align().run([recording])
    assert isinstance(outcome, Kept)
    return [s for s in outcome.value.samples or () if s.kind is SampleKind.TRACE]


def cases(name: str) -> list[tuple[Truth, list[AlignedSample]]]:
    """Every recording with the trace samples made of it, once per seed."""
    truths = [load(recording) for recording in NAMES]
    return [(t, traces(INPUTS[name](t, seed))) for t in truths for seed in range(SEEDS.get(name, 5))]


def around(position: WordPosition, truth: Truth) -> Trace:
    """The true cursor within the slack of the word."""
    return truth.path.within(position.word.span.pad(WORD_SLACK_S, WORD_SLACK_S))


def right(position: WordPosition, truth: Truth) -> bool:
    near = around(position, truth)
    x, y = position.x, position.y
    assert x is not None
    assert y is not None
    return bool(np.any(np.hypot(near.x - x, near.y - y) <= truth.tolerance))


def words_of(made: list[AlignedSample], truth: Truth) -> tuple[int, int, int]:
    """Words during which the cursor is seen, of these those with a position, and right positions."""
    positions = [p for sample in made for p in sample.word_positions]
    given = [p for p in positions if p.x is not None]
    seen = [p for p in positions if len(around(p, truth))]
    return len(seen), sum(p.x is not None for p in seen), sum(right(p, truth) for p in given)


@pytest.mark.parametrize(
    ("name", "coverage", "accuracy"),
    [
        ("true cursor", 0.98, 1.0),
        ("10 Hz, 2 px off, 10 % blind", 0.9, 0.995),
        ("10 Hz, 4 px off, 20 % blind", 0.85, 0.97),
    ],
)
def test_words_are_assigned_to_the_trace_within_a_fifth_of_a_second(
    name: str, coverage: float, accuracy: float
) -> None:
    counts = np.array([words_of(made, truth) for truth, made in cases(name)])
    seen, given, correct = counts.sum(axis=0).tolist()
    print(f"{name}: {seen} words, {given / seen:.4f} with a position, {correct / given:.4f} of them right")
    assert given / seen >= coverage
    assert correct / given >= accuracy


def test_words_are_measured_by_something_that_can_fail() -> None:
    """A trace that is half a second late must not pass."""
    correct = given = 0
    for name in NAMES:
        truth = load(name)
        visual, cursor = truth.recording.visual, truth.cursor
        assert visual is not None
        late = Trace(cursor.t + 0.5, cursor.x, cursor.y, cursor.score)
        _, g, c = words_of(traces(replace(truth.recording, visual=replace(visual, trace=late))), truth)
        given, correct = given + g, correct + c
    assert correct / given < 0.9


def best_iou(circled: Circled, boxes: list[RegionBox]) -> float:
    during = [box for box in boxes if box.span.overlap(circled.span) > 0]
    longest = max(during, key=lambda box: box.span.overlap(circled.span), default=None)
    return longest.box.iou(circled.box) if longest else 0.0


@pytest.mark.parametrize(
    ("name", "mean"),
    [
        ("true cursor", 0.9),
        ("10 Hz, 2 px off, 10 % blind", 0.85),
        ("10 Hz, 4 px off, 20 % blind", 0.75),
    ],
)
def test_boxes_of_circled_regions(name: str, mean: float) -> None:
    ious: dict[str, list[float]] = {"gestures": [], "cluster": []}
    for truth, made in cases(name):
        boxes = [box for sample in made for box in sample.boxes]
        for circled in truth.circled:
            ious["gestures"].append(best_iou(circled, [b for b in boxes if b.method != "cluster"]))
            ious["cluster"].append(best_iou(circled, [b for b in boxes if b.method == "cluster"]))
    for method, values in ious.items():
        print(f"{name}, {method}: mean IoU {np.mean(values):.3f}, lowest {min(values):.3f}, n {len(values)}")
    assert np.mean(ious["gestures"]) >= mean
