"""What is said: medical teaching prose of a closed vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
from benchmarks.lectures.topics import FILLER, POINTING, READING, TOPICS

NARRATIONS: dict[str, tuple[str, ...]] = {
    "midline": (
        "This talk introduces the anatomy of the midline of the brain.",
        "We use one sagittal image, and then one Doppler image as a contrast.",
        "In the sagittal plane the corpus callosum forms a bright arch.",
        "Underneath you see the thalamus, and the brain stem running downwards.",
        "The cerebellum sits behind the stem, with its folded surface.",
        "The pituitary gland would be about here.",
        "The second picture is a power Doppler study of a lymph node.",
        "The colour box limits the region where flow is measured.",
        "The vessels branch from the hilum, which is a normal pattern.",
        "Three points to take home.",
        "Know the plane, know the landmarks, and describe the pattern of the vessels.",
    ),
    "pathology": (
        "Welcome to the pathology round.",
        "Today's section was stained with haematoxylin and eosin.",
        "At low power the tissue is cellular, with little stroma.",
        "Please look at this cluster in the upper part.",
        "At higher power the nuclei are large, and the nucleoli are prominent.",
        "This one, in the middle, has a clear halo around it.",
        "We now move to the right, keeping the same magnification.",
        "The pink fibres here are collagen.",
        "Back at low power, I circle the region that I would sample.",
        "The final slide lists the differential diagnosis.",
    ),
    "heart": (
        "A beating heart runs in the corner during the whole talk.",
        "The slide on the left explains how the volume is calculated.",
        "Trace the inner border at end diastole, and again at end systole.",
        "The ejection fraction is the difference divided by the first volume.",
        "Here is a frame with a closed mitral valve.",
        "The leaflets meet at this line, and the chords are not visible.",
        "Above it the cavity is dark, because blood reflects little sound.",
        "Normal values depend on age and sex.",
        "Anything above fifty five percent is considered normal in our laboratory.",
        "Values below forty percent need a second look.",
    ),
    "cells": (
        "This lesson is about floating cells in a phase image.",
        "At first I talk without pointing at anything.",
        "The cell is round, bright, and surrounded by a dark ring.",
        "The ring is an optical effect, and not a part of the cell.",
        "Now a field of nuclei.",
        "They are oval, and they lie in every direction.",
        "Four of them, along the upper edge, are much brighter.",
        "I will hide the pointer again, while you count them yourselves.",
        "You should have found about ninety.",
        "The last picture is a set of small lesions of the retina.",
        "One of them is here, and a second one is there.",
    ),
}
"""Scripts of four recorded lectures. Their words are in the vocabulary, their sentences never in training."""

LECTURES = ("retina", "kidney", "chest", "heart")
"""The topics of the rendered lectures whose words are known."""


def _several(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


NUMBERS = _several(
    "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    "sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred"
)

SLOTS: dict[str, tuple[str, ...]] = {
    "thing": _several(
        "brain|thalamus|brain stem|cerebellum|corpus callosum|pituitary gland|lymph node|hilum|"
        "mitral valve|heart|cavity|retina|optic disc|macula|nodule|tissue|stroma|cell|nucleus|cluster|"
        "septum|apex|border|gland|lumen|colour box|section|midline|region|kidney"
    ),
    "many": _several(
        "vessels|nuclei|nucleoli|fibres|leaflets|chords|cells|lesions|landmarks|values|lungs|tubules|"
        "glomeruli|valves|points"
    ),
    "kind": _several(
        "bright|dark|round|oval|large|small|normal|prominent|clear|visible|pink|cellular|folded|closed|"
        "easy to miss|brighter|low|optical|sagittal"
    ),
    "where": _several(
        "here|there|on the left|on the right|in the middle|in the corner|in the upper part|"
        "along the upper edge|behind the stem|above it|underneath|around it|below the line|at low power|"
        "at higher power|in the sagittal plane|in this picture|at end diastole|at end systole|over here"
    ),
    "view": _several(
        "image|picture|slide|section|frame|Doppler study|sagittal image|phase image|field|plane|film|"
        "window|power Doppler image"
    ),
    "ordinal": _several("first|second|third|last|next|final"),
    "measure": _several("ejection fraction|volume|flow|age|magnification|difference|direction|pattern"),
    "do": _several(
        "look at|describe|count|measure|trace|circle|compare|sample|follow|know|hide|show you|move to"
    ),
}

TEMPLATES = (
    "The {thing} is {kind}.",
    "The {thing} is {kind}, and the {many} are {kind}.",
    "The {many} are {kind} {where}.",
    "Here you see the {thing}, and the {many} {where}.",
    "{where} the {thing} is {kind}, with little {thing}.",
    "In the {ordinal} {view} the {thing} forms a {kind} ring.",
    "The {ordinal} {view} is a {view} of the {thing}.",
    "We now {do} the {thing}, and then the {many}.",
    "Please {do} the {many} {where}.",
    "I will {do} the {thing} again, while you {do} the {many}.",
    "This {view} explains how the {measure} is measured.",
    "The {measure} is calculated {where}.",
    "The {measure} depends on the {thing} and the {many}.",
    "Values above {number} percent are considered {kind}.",
    "Anything below {number} percent needs a {ordinal} look.",
    "There are about {number} {many} in this {view}.",
    "You should have found {number} of them {where}.",
    "We see {number} {many}, and {number} of them are {kind}.",
    "Slide number {number} lists the {many} of the {thing}.",
    "The {thing} would be {number} millimetres {where}.",
    "This one, {where}, has a {kind} halo around it.",
    "It is not a part of the {thing}, because the {many} are {kind}.",
    "Today's {view} was stained with eosin, and the {many} are {kind}.",
    "Haematoxylin and eosin, at low power.",
    "This lesson introduces the {many} of the {thing}.",
    "They lie in every {view}, surrounded by {kind} {many}.",
    "Without the {thing} the {many} are not {kind}.",
    "At first I talk about the {thing}, and then about the {measure}.",
    "The {many} branch from the {thing}, which is a {kind} pattern.",
    "Blood reflects little sound, and the {thing} is {kind}.",
    "One of the {many} is {where}, and a {ordinal} one is {where}.",
    "Trace the inner {thing}, divided by the {measure}.",
    "Four of them, {where}, are much brighter.",
    "{number} points to take home.",
    "Now a {view} of {many}, keeping the same {measure}.",
    "Know the {many}, and describe the {thing}.",
    "The pointer sits {where} during the whole talk.",
    "Collagen is {kind}, and the {thing} is {kind}.",
    "Back to the {view}, where the {many} meet.",
    "Our laboratory limits the {measure} to {number} percent.",
    "What is the differential diagnosis of the {thing}?",
    "The {thing} runs downwards, from the {thing} to the {thing}.",
    "Welcome to the anatomy of the {thing}.",
    "{number} of the {many} were {kind}.",
)

DIRECTIONS = (
    "Welcome to this lecture on {title}.",
    "Think about it for a few seconds.",
    "The answer is {label}.",
    "And the next one.",
    "One moment, please.",
    "This loop runs all the time while I talk.",
    "We now watch a short video from the clinic.",
)
"""What the director of the rendered lectures says besides its topics' sentences."""

_PLACE = re.compile(r"\{(\w+)\}")


def number(rng: np.random.Generator) -> str:
    """A number below 10,000 in words, small ones most often."""
    units, tens = NUMBERS[1:20], NUMBERS[20:28]
    below = [str(rng.choice(units)), str(rng.choice(tens)), f"{rng.choice(tens)} {rng.choice(units[:9])}"]
    text = below[int(rng.integers(3))]
    return f"{rng.choice(units[:9])} hundred and {text}" if rng.random() < 0.15 else text


def teaching(rng: np.random.Generator) -> str:
    """A sentence of the grammar above."""

    def fill(match: re.Match[str]) -> str:
        return number(rng) if match[1] == "number" else str(rng.choice(SLOTS[match[1]]))

    return capital(_PLACE.sub(fill, str(rng.choice(TEMPLATES))))


def lecture(rng: np.random.Generator) -> str:
    """A sentence that the rendered lectures speak."""
    topic = TOPICS[str(rng.choice(LECTURES))]
    labels = [spot[0] for _, _, spots in topic.pictures for spot in spots]
    labels += [topic.below, *topic.bullets, *(caption for _, caption, _ in topic.pictures)]
    text = str(rng.choice((*POINTING, *READING, *FILLER, *DIRECTIONS)))
    label = str(rng.choice(labels)).lower().replace(":", ",").replace("doppler", "Doppler")
    return capital(text.format(label=label, title=topic.title.lower()))


def jumble(rng: np.random.Generator) -> str:
    """Any words of the vocabulary in any order: what is said next has to be heard, it cannot be guessed."""
    inner, first = vocabulary()
    words = [str(w) for w in rng.choice(inner, int(rng.integers(2, 12)))]
    words[0] = str(rng.choice(first))
    text = "".join(f"{w}, " if rng.random() < 0.1 else f"{w} " for w in words)
    return text.rstrip(" ,") + "."


def sentence(rng: np.random.Generator) -> str:
    """A sentence to train on; none of :data:`NARRATIONS`, except by a very long chance."""
    kind = rng.random()
    return jumble(rng) if kind < 0.5 else teaching(rng) if kind < 0.8 else lecture(rng)


@cache
def vocabulary() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """All words as they stand inside a sentence, and those that begin one, without punctuation."""
    inner, first = {"third", "zero", *NUMBERS}, set[str]()
    for text in _everything():
        begin, *rest = (word.strip(".,?") for word in text.split())
        first.add(begin)
        inner.update(rest)
        inner.add(begin if begin in ("I", "Doppler") else begin[0].lower() + begin[1:])
    inner -= {word.capitalize() for word in inner if word.islower()} - {"I", "Doppler"}
    return tuple(sorted(inner)), tuple(sorted(first))


def _everything() -> Iterator[str]:
    """Each sentence and each filling of each template at least once."""
    for script in NARRATIONS.values():
        yield from script
    for fillings in SLOTS.values():
        yield from (f"The {filling}" for filling in fillings)
    plain = re.sub(r"\{\w+\}", "the", "\n".join(TEMPLATES))
    yield from (capital(line) for line in plain.split("\n"))
    rng = np.random.default_rng(0)
    yield from (lecture(rng) for _ in range(4000))
    yield from (teaching(rng) for _ in range(4000))


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[0].upper() + text[1:]
