"""The shared recordings as perfect input: their true cursor, words and stable spans.

The files are looked for in ``$NARRATRACE_EVAL``, else in ``shared/eval`` beside the checkout.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.data.recording import Recording
from narratrace.data.shots import Box
from narratrace.data.trace import Trace
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.timebase import Span

from .builders import recording

FOLDER = Path(os.environ.get("NARRATRACE_EVAL") or Path(__file__).parents[3] / "shared" / "eval")
NAMES = ("v01", "v02", "v03", "v04")

needs_recordings = pytest.mark.skipif(
    not all((FOLDER / f"{name}.truth.json").is_file() for name in NAMES),
    reason="the shared evaluation recordings are not there (set NARRATRACE_EVAL to their folder)",
)


@dataclass(frozen=True)
class Circled:
    """A circle gesture of the truth."""

    span: Span
    box: Box


@dataclass(frozen=True)
class Truth:
    """One recording as it was made.

    Attributes:
        recording: Input of alignment, as good as it can be.
        cursor: The pointer at every frame where it is visible.
        circled: The regions circled.
        tolerance: Pixels within which two positions are the same, as in score.py.
    """

    recording: Recording
    cursor: Trace
    circled: tuple[Circled, ...]
    tolerance: float

    @cached_property
    def path(self) -> Trace:
        """The cursor every 5 ms, on the line between frames no more than 0.1 s apart."""
        t = np.arange(self.cursor.t[0], self.cursor.t[-1], 0.005)
        after = np.clip(np.searchsorted(self.cursor.t, t), 1, len(self.cursor) - 1)
        t = t[np.diff(self.cursor.t)[after - 1] <= 0.1]
        x, y = (np.interp(t, self.cursor.t, column) for column in (self.cursor.x, self.cursor.y))
        return Trace(t, x, y, np.ones(len(t)))

    def seen_as(self, rate: float, jitter: float, gaps: float, seed: int) -> Recording:
        """The recording with the cursor as a tracker would give it: see :meth:`Hand.trace`."""
        random = np.random.default_rng(seed)
        wanted = np.arange(self.cursor.t[0], self.cursor.t[-1], 1 / rate)
        rows = np.unique(np.searchsorted(self.cursor.t, wanted))
        t = self.cursor.t[rows]
        blind = random.uniform(t[0], t[-1], round(gaps * (t[-1] - t[0]) / 0.3))
        seen = np.all((t[:, None] < blind) | (t[:, None] >= blind + 0.3), axis=1)
        columns = (self.cursor.x[rows][seen], self.cursor.y[rows][seen])
        x, y = (column + random.normal(0, jitter, len(column)) for column in columns)
        visual = self.recording.visual
        assert visual is not None
        return replace(self.recording, visual=replace(visual, trace=Trace(t[seen], x, y, np.ones(len(x)))))


def load(name: str) -> Truth:
    """The truth of one recording."""
    told = json.loads((FOLDER / f"{name}.truth.json").read_text(encoding="utf-8"))
    rows = np.array(told["cursor"])
    shown = (rows[:, 3] > 0) & (np.diff(rows[:, 0], prepend=-1.0) > 0)
    cursor = Trace(*(rows[shown, k].copy() for k in range(3)), np.ones(int(shown.sum())))
    circled = tuple(
        Circled(
            Span(g["start"], g["end"]),
            Box(x0=g["x"] - g["rx"], y0=g["y"] - g["ry"], x1=g["x"] + g["rx"], y1=g["y"] + g["ry"]),
        )
        for g in told["gestures"]
        if g["kind"] == "circle"
    )
    made = recording(
        stable=[(s["start"], s["end"]) for s in told["stable_spans"]],
        shots=[(s["start"], s["end"]) for s in told["shots"]],
        trace=cursor,
        transcript=Transcript(utterances=tuple(_utterance(s) for s in told["sentences"])),
        size=(told["width"], told["height"]),
        duration=told["duration"],
        video_id=name,
    )
    tolerance = max(8 * told["height"] / 720, 0.01 * float(np.hypot(told["width"], told["height"])))
    return Truth(made, cursor, circled, tolerance)


def _utterance(sentence: dict[str, Any]) -> Utterance:
    words = tuple(Word(Span(w["start"], w["end"]), w["text"]) for w in sentence["words"])
    return Utterance(Span(sentence["start"], sentence["end"]), words)
