"""The director: walks through a recording shot by shot, speaks, and notes what the hand should do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .desk import Desk, Shot, Transition
from .model import Cue, Point, Sentence, Target, Word, Zone
from .narration import Speaker
from .scene import FOREVER, Scene
from .templates import LOOKS, Template
from .topics import FILLER, POINTING, READING, Topic


@dataclass
class Director:
    """State of a recording while its script is played. Times in s, positions in desktop px."""

    size: tuple[int, int]
    rng: np.random.Generator
    speaker: Speaker
    look: Template
    topic: Topic
    transitions: Sequence[Transition]
    desk: Desk
    gap: float = 0.9
    now: float = 0.0
    adaptive: bool = False
    sentences: list[Sentence] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    waves: list[tuple[float, NDArray[np.int16]]] = field(default_factory=list)
    notes: set[str] = field(default_factory=set)
    _spoken: set[str] = field(default_factory=set)

    @property
    def u(self) -> float:
        """Desktop px per unit of 1/720 of the height."""
        return self.size[1] / 720

    @property
    def scene(self) -> Scene:
        """The current shot's content."""
        return self.desk.shots[-1].scene

    def begin(self, scene: Scene, lead: float = 0.7, transition: Transition | None = None) -> Scene:
        """Starts the next shot with this content, `lead` s of silence after it has come in."""
        shots = self.desk.shots
        if transition is None:
            transition = self.transitions[(len(shots) - 1) % len(self.transitions)] if shots else Transition()
        shots.append(Shot(scene, self.now if shots else -FOREVER, transition))
        if len(shots) > 1:
            self.notes.add(f"transition: {transition.style}")
        self.now += transition.duration + lead
        return scene

    def say(self, text: str, target: Target | None = None) -> Sentence:
        """Speaks a sentence; a target is pointed at when its label is said."""
        wave, starts = self.speaker.speak(text)
        at = round(self.now, 3)
        length = len(wave) / self.speaker.sample_rate
        ends = [*starts[1:], length]
        words = tuple(
            Word(round(at + a, 3), round(at + max(b, a + 0.02), 3), w)
            for a, b, w in zip(starts, ends, text.split(), strict=True)
        )
        sentence = Sentence(at, round(at + length, 3), text, words)
        self.sentences.append(sentence)
        self.waves.append((at, wave))
        if target:
            self.cues.append(Cue("point", self._moment(sentence, target), sentence.end, target))
        self.now = sentence.end + self.gap * float(self.rng.uniform(0.7, 1.5))
        return sentence

    def _moment(self, sentence: Sentence, target: Target) -> float:
        """When the hand starts to move: about when the label's first word is said."""
        first = (target.label or "").split(" ")[0].lower().strip(",.")
        hit = next((w.start for w in sentence.words if first and w.text.lower().startswith(first)), None)
        at = hit if hit is not None else sentence.start + 0.4
        return max(sentence.start - 0.2, at - float(self.rng.uniform(0.2, 0.9)))

    def pause(self, seconds: float) -> float:
        """Silence; returns the time after it."""
        self.now += seconds
        return self.now

    def point(self, target: Target) -> Sentence:
        """Speaks a sentence about a target and points at it."""
        if target.label is None:
            return self.say(self._fresh(FILLER), target)
        pool = READING if target.kind == "line" else POINTING
        text = str(self.rng.choice(pool)).format(label=target.label)
        return self.say(text[0].upper() + text[1:], target)

    def tour(self, targets: Sequence[Target], count: int) -> None:
        """Talks about up to `count` of the targets, in order, with a filler now and then."""
        picked = list(targets)
        while len(picked) > count:
            picked.pop(int(self.rng.integers(len(picked))))
        for k, target in enumerate(picked):
            self.point(target)
            if k % 2 and self.rng.random() < 0.5:
                self.filler()

    def filler(self) -> Sentence:
        """A sentence that belongs to nothing on the screen."""
        return self.say(self._fresh(FILLER))

    def _fresh(self, pool: Sequence[str]) -> str:
        left = [p for p in pool if p not in self._spoken] or list(pool)
        text = str(self.rng.choice(left))
        self._spoken.add(text)
        return text

    def follow(self, path: Sequence[Point], start: float, end: float) -> None:
        """The hand is on this path from start to end, as when it draws or drags."""
        self.cues.append(Cue("follow", start, end, None, tuple(path)))

    def zones(self, targets: Sequence[Target], scene: Scene) -> None:
        """Text shows an I-beam and links a hand where the recording's pointer adapts."""
        if not self.adaptive:
            return
        for target in targets:
            shape = {"line": "text", "link": "hand"}.get(target.kind)
            if shape:
                scene.zones.append(Zone(target.rect.grown(3), shape, -FOREVER, FOREVER))
        self.notes.add("pointer shape changes")


def template(name: str) -> Template:
    """A slide design by name."""
    return LOOKS[name]
