"""OUT/localized_narratives.jsonl: trace samples in the format of google/localized-narratives.

Note [Localized Narratives clock]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
In the published files all times count from the start of the annotator's voice recording. A sample's voice
recording is the stretch of the lecture that the sample covers, so here they count from the start of the
sample's span, for words and trace alike. A neighbour's sentence may be heard in that stretch: one that
is still being spoken when a gesture begins, or is spoken while a picture that comes back is away.

A line holds ``dataset_id``, ``image_id`` (the sample's key: ``{image_id}.jpg`` in the shards of traces),
``annotator_id`` (a stable number made from the channel, or from the video when the channel is unknown),
``caption``, ``timed_caption`` ``[{utterance, start_time, end_time}]`` with a word each, ``traces``
``[[{x, y, t}]]`` with x and y as shares of the picture cut to 0..1, a new list wherever the pointer was out
of sight, and ``voice_recording``: the link of the video (without one its file name, percent-encoded) with a
media fragment ``#t=START,END`` (W3C Media Fragments) that names the stretch, in place of any the link had.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urldefrag, urlsplit

from narratrace.data.recording import Recording
from narratrace.write.canonical import json_line
from narratrace.write.options import NarrativeOptions


def narrative_line(document: dict[str, Any], recording: Recording, options: NarrativeOptions) -> bytes:
    """One line of the file, newline included.

    Args:
        document: The sample's JSON by Note [Sample JSON].
        recording: The recording it was taken from.
        options: See :class:`NarrativeOptions`.
    """
    line = {
        "dataset_id": options.dataset_id,
        "image_id": document["uid"],
        "annotator_id": annotator_id(recording),
        "caption": document["text"],
        "timed_caption": document["timed_caption"],
        "traces": _strokes(document["trace_relative"], options.max_gap_s),
        "voice_recording": _voice_recording(document["span"], recording),
    }
    return json_line(line)


def annotator_id(recording: Recording) -> int:
    """31 bits of a hash of the channel's name, or of the video id: the same lecturer, the same number."""
    name = recording.input.channel or recording.video_id
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _strokes(points: list[list[float]], max_gap: float) -> list[list[dict[str, float]]]:
    strokes: list[list[dict[str, float]]] = []
    last = -math.inf
    for t, x, y in points:
        if t - last > max_gap:
            strokes.append([])
        strokes[-1].append({"x": x, "y": y, "t": t})
        last = t
    return strokes


def _voice_recording(span: dict[str, float], recording: Recording) -> str:
    source = recording.input
    name = urldefrag(source.link).url or _file_name(source.uri)
    return f"{name}#t={span['start']:.4f},{span['end']:.4f}"


def _file_name(uri: str) -> str:
    """The last part of a path or URI as a URI has it: a file's name may hold ``#`` or a space."""
    name = unquote(PurePosixPath(urlsplit(uri).path).name) if "://" in uri else PurePosixPath(uri).name
    return quote(name, errors="surrogateescape")
