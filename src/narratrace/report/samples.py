"""A sample as its card on the page shows it.

A card's data is the sample's own document (Note [Sample JSON]) made compact: rows instead of objects, words
with their pointer positions beside them, and names of media blocks in place of files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from narratrace.report.blocks import MediaWriter
from narratrace.write.canonical import json_line
from narratrace.write.shard_reader import ShardSample

_OF_THE_RECORDING = ("title", "channel", "link", "licence", "language", "transcript_source")
_MEDIA_NAME = 40
"""Bytes that naming the media block adds to a card."""


def card(sample: ShardSample, media: MediaWriter) -> dict[str, Any] | None:
    """The data of a sample's card, None when there is no room for its picture or clip.

    ``sentences`` is a list of lists of words ``[start, end, text, x, y]`` (x, y null without a pointer;
    a sixth value, 1, where the text has no space before the word),
    ``trace`` rows of ``[t, x, y, score]``, ``dwells`` rows of ``[start, end, x, y, radius]``; ``boxes`` have
    ``words`` too, see :func:`words_of_box`; the rest is named as in the document.

    Raises:
        OSError: the picture is none.
    """
    data = _data(sample)
    size = len(json_line(data)) + _MEDIA_NAME
    if data["kind"] == "clips":
        shown = media.clip(sample.files["mp4"], beside=size)
    else:
        shown = media.picture(sample.files["jpg"], beside=size)
    return None if shown is None else {**data, "media": shown}


def _data(sample: ShardSample) -> dict[str, Any]:
    document = sample.json
    sentences = sentence_rows(document)
    return {
        "key": sample.key,
        "kind": document["kind"],
        "index": document["index"],
        "start": document["span"]["start"],
        "end": document["span"]["end"],
        "width": document["video"]["width"],
        "height": document["video"]["height"],
        "clip": document["clip"],
        "image": document["image"],
        "text": document["text"],
        "sentences": sentences,
        "trace": document["trace"],
        "boxes": [{**box, "words": words_of_box(box, sentences)} for box in document["boxes"]],
        "dwells": [[d["start"], d["end"], d["x"], d["y"], d["radius"]] for d in document["dwells"]],
        "labels": document["labels"],
        "facts": _facts(document["meta"]),
    }


def words_of_box(box: Mapping[str, Any], sentences: Sequence[Sequence[Sequence[Any]]]) -> list[int]:
    """Numbers of the words, counted through all sentences, that a box has for its text.

    A gesture's text is a run of words, a cluster's whole sentences. Of several such runs that nearest in time
    is meant. White space does not count: not all writing has it between words.

    Args:
        box: With ``start``, ``end`` (s) and ``text``.
        sentences: Lists of words ``[start, end, text, ...]``.

    Returns:
        Rising numbers; those of the words spoken during the box where its text is found nowhere.
    """
    words, text = [word for sentence in sentences for word in sentence], _squeezed(box["text"])
    runs = [run for first in range(len(words)) if (run := _run(words, first, text))]
    if runs:
        middle = box["start"] + box["end"]
        return min(runs, key=lambda run: abs(words[run[0]][0] + words[run[-1]][1] - middle))
    chosen: list[int] = []
    number = 0
    for sentence in sentences:
        said = _squeezed("".join(word[2] for word in sentence))
        if said and text.startswith(said):
            chosen += range(number, number + len(sentence))
            text = text[len(said) :]
        number += len(sentence)
    if chosen and not text:
        return chosen
    return [i for i, word in enumerate(words) if word[0] < box["end"] and word[1] > box["start"]]


def _run(words: Sequence[Sequence[Any]], first: int, text: str) -> list[int]:
    """The numbers from ``first`` on of the words that make up ``text``, none if they do not."""
    said = ""
    for i in range(first, len(words)):
        said += _squeezed(words[i][2])
        if said == text:
            return list(range(first, i + 1))
        if not text.startswith(said):
            break
    return []


def _squeezed(text: str) -> str:
    return "".join(text.split())


def sentence_rows(document: Mapping[str, Any]) -> list[list[list[Any]]]:
    """The words of a sample's document by its sentences, see :func:`card`."""
    places = {(p["start"], p["end"], p["text"]): (p["x"], p["y"]) for p in document["word_positions"]}
    rest = f" {document['text']}"
    sentences = []
    for utterance in document["utterances"]:
        rows = []
        for w in utterance["words"]:
            x, y = places.get((w["start"], w["end"], w["text"]), (None, None))
            glued = [1] if rest.startswith(w["text"]) else []
            rest = rest.lstrip()[len(w["text"]) :]
            rows.append([w["start"], w["end"], w["text"], x, y, *glued])
        sentences.append(rows)
    return sentences


def _facts(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What the sample's meta says beyond the recording's own facts, which the page has at its top."""
    return {name: value for name, value in meta.items() if name not in _OF_THE_RECORDING}
