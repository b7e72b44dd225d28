"""The ``{key}.json`` of every sample in every shard.

Note [Sample JSON]
~~~~~~~~~~~~~~~~~~
One document for all three kinds; what a kind has not is ``null`` or empty, never missing. Times are seconds
on the recording's clock (Note [One clock]) unless said otherwise, intervals half-open, positions pixels of
the displayed video with the origin at the top left, rounded by Note [Rounding of outputs].

=================== ==========================================================================================
``schema``          ``"narratrace.sample/1"``
``uid``             ``{video_id}_{index}``, the key in the shard, unique within the kind
``kind``            ``"pairs"``, ``"traces"`` or ``"clips"``
``video_id``        the recording
``index``           number of the sample within its kind and recording, from 0
``span``            ``{"start", "end"}``: the interval of the recording that the sample covers: its words and,
                    for traces, its gestures; points, boxes and dwells lie within it
``text``            the spoken text; also the content of ``{key}.txt``
``utterances``      ``[{"start", "end", "text", "words": [{"start", "end", "text", "probability"}]}]``
``timed_caption``   ``[{"utterance", "start_time", "end_time"}]``, a word each, seconds **from span.start**
``video``           ``{"width", "height"}`` of the displayed video in pixels
``image``           ``{"width", "height", "scale", "t", "stable_span"}`` of ``{key}.jpg``, or null (clips):
                    its pixels; picture width / video width; the instant it stands for; the interval
                    ``{"start", "end"}`` in which the video looks like it, or null
``trace``           ``[[t, x, y, score]]``: the pointer, only where one is believed visible and, for pairs
                    and traces, while the picture is on the screen
``trace_relative``  ``[[t, x, y]]``: the same points, seconds **from span.start**, x and y as shares of the
                    video's width and height, cut to 0..1
``boxes``           ``[{"x0", "y0", "x1", "y1", "start", "end", "text", "method", "score"}]``: regions pointed
                    out; half-open rectangles; score = share of the interval's trace points inside
``dwells``          ``[{"start", "end", "x", "y", "radius"}]``: fixations, cut to the span and, for pairs
                    and traces, to the time of the picture
``word_positions``  ``[{"start", "end", "text", "x", "y"}]``: the pointer at each word; x, y null if none
``labels``          ``{domain: probability}`` of the picture, empty without a classifier
``clip``            ``{"start", "end", "offset", "method", "frames"}`` of ``{key}.mp4``, or null: wanted
                    interval, recording time of the clip's time 0, ``"encode"`` or ``"copy"``, frames
``meta``            facts of the recording (``title``, ``channel``, ``link``, ``licence``, ``language``,
                    ``transcript_source``), then what alignment adds (``spw``, ``pair_chunk_time``, ...), then
                    further columns of the manifest, which never displace the former
=================== ==========================================================================================

A pointer position is drawn on the picture at ``(x, y) * image.scale``, and on a clip at ``t - clip.offset``.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import Image
from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample, Clip, RegionBox, SampleKind, WordPosition
from narratrace.data.trace import Dwell
from narratrace.data.transcript import Utterance, Word
from narratrace.errors import InputError
from narratrace.timebase import Span
from narratrace.write.canonical import (
    FACT,
    RELATIVE,
    instant,
    json_value,
    pixels,
    rounded,
    share,
    since,
    trace_columns,
)

SCHEMA = "narratrace.sample/1"
KEY_PATTERN = re.compile(r"[A-Za-z0-9_-]+")
"""What a key may look like: WebDataset splits names at the first dot, and a slash would leave the shard."""


def sample_json(sample: AlignedSample, recording: Recording) -> dict[str, Any]:
    """The document of one sample, see Note [Sample JSON].

    Raises:
        ValueError: the recording was not analysed, or a number is not finite.
    """
    video = analysed(recording).video
    t, x, y, score = trace_columns(sample.trace)
    relative = (
        np.round(t - instant(sample.span.start), 4) + 0.0,
        np.round(np.clip(x / video.width, 0.0, 1.0), RELATIVE) + 0.0,
        np.round(np.clip(y / video.height, 0.0, 1.0), RELATIVE) + 0.0,
    )
    return {
        "schema": SCHEMA,
        "uid": sample.key,
        "kind": sample.kind.value,
        "video_id": sample.video_id,
        "index": sample.index,
        "span": span_json(sample.span),
        "text": sample.text,
        "utterances": [utterance_json(utterance) for utterance in sample.utterances],
        "timed_caption": timed_caption(sample),
        "video": {"width": video.width, "height": video.height},
        "image": _image_json(sample, sample.image) if sample.kind is not SampleKind.CLIP else None,
        "trace": np.stack([t, x, y, score], axis=1).tolist(),
        "trace_relative": np.stack(relative, axis=1).tolist(),
        "boxes": [_box_json(box) for box in sample.boxes],
        "dwells": [dwell_json(dwell) for dwell in sample.dwells],
        "word_positions": [_word_position_json(position) for position in sample.word_positions],
        "labels": {name: share(sample.labels[name]) for name in sorted(sample.labels)},
        "clip": _clip_json(sample.clip),
        "meta": _meta(sample, recording),
    }


def analysed(recording: Recording) -> VisualAnalysis:
    """The recording's visual analysis.

    Raises:
        ValueError: the recording was not analysed.
    """
    if recording.visual is None:
        raise ValueError(f"{recording.video_id} has not been analysed")
    return recording.visual


def span_json(span: Span) -> dict[str, float]:
    """``{"start", "end"}`` in seconds."""
    return {"start": instant(span.start), "end": instant(span.end)}


def word_json(word: Word) -> dict[str, Any]:
    """``{"start", "end", "text", "probability"}``."""
    return {**span_json(word.span), "text": word.text, "probability": share(word.probability)}


def utterance_json(utterance: Utterance) -> dict[str, Any]:
    """``{"start", "end", "text", "words"}``."""
    words = [word_json(word) for word in utterance.words]
    return {**span_json(utterance.span), "text": utterance.text, "words": words}


def dwell_json(dwell: Dwell) -> dict[str, float]:
    """``{"start", "end", "x", "y", "radius"}``."""
    return {
        **span_json(dwell.span),
        "x": pixels(dwell.x),
        "y": pixels(dwell.y),
        "radius": pixels(dwell.radius),
    }


def timed_caption(sample: AlignedSample) -> list[dict[str, Any]]:
    """The words with seconds from the start of the sample's span, in Localized Narratives' terms."""
    zero = sample.span.start
    return [
        {
            "utterance": word.text,
            "start_time": since(word.span.start, zero),
            "end_time": since(word.span.end, zero),
        }
        for utterance in sample.utterances
        for word in utterance.words
    ]


def _image_json(sample: AlignedSample, image: Image | None) -> dict[str, Any] | None:
    if image is None:
        return None
    return {
        "width": image.width,
        "height": image.height,
        "scale": rounded(image.scale, FACT),
        "t": None if sample.image_t is None else instant(sample.image_t),
        "stable_span": None if sample.stable_span is None else span_json(sample.stable_span),
    }


def _box_json(region: RegionBox) -> dict[str, Any]:
    corners = {name: pixels(getattr(region.box, name)) for name in ("x0", "y0", "x1", "y1")}
    return {
        **corners,
        **span_json(region.span),
        "text": region.text,
        "method": region.method,
        "score": share(region.score),
    }


def _word_position_json(position: WordPosition) -> dict[str, Any]:
    x, y = (None if v is None else pixels(v) for v in (position.x, position.y))
    return {**span_json(position.word.span), "text": position.word.text, "x": x, "y": y}


def _clip_json(clip: Clip | None) -> dict[str, Any] | None:
    if clip is None:
        return None
    return {
        **span_json(clip.span),
        "offset": rounded(clip.offset, FACT),
        "method": clip.method,
        "frames": clip.frames,
    }


def _meta(sample: AlignedSample, recording: Recording) -> dict[str, Any]:
    source, transcript = recording.input, recording.transcript
    own: dict[str, Any] = {
        "title": source.title,
        "channel": source.channel,
        "link": source.link,
        "licence": source.licence,
        "language": transcript.language if transcript else "",
        "transcript_source": transcript.source if transcript else "none",
    }
    extra, given = json_value(source.extra), json_value(sample.meta)
    # Columns that alignment carries along are the manifest's, to be left as they are; the rest is computed.
    passed = {name: value for name, value in extra.items() if given.get(name, value) == value}
    further = {**json_value(sample.meta, FACT), **passed}
    return own | {name: value for name, value in further.items() if name not in own}


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "schema": lambda v: v == SCHEMA,
    "uid": lambda v: isinstance(v, str) and KEY_PATTERN.fullmatch(v) is not None,
    "kind": lambda v: v in [kind.value for kind in SampleKind],
    "video_id": lambda v: isinstance(v, str),
    "index": lambda v: isinstance(v, int) and v >= 0,
    "span": lambda v: v["start"] <= v["end"],
    "text": lambda v: isinstance(v, str),
    "utterances": lambda v: all(u["start"] <= u["end"] and isinstance(u["words"], list) for u in v),
    "timed_caption": lambda v: all(w["start_time"] <= w["end_time"] for w in v),
    "video": lambda v: v["width"] > 0 and v["height"] > 0,
    "image": lambda v: v is None or (v["width"] > 0 and v["height"] > 0 and v["scale"] > 0),
    "trace": lambda v: all(len(p) == 4 for p in v) and all(a[0] < b[0] for a, b in itertools.pairwise(v)),
    "trace_relative": lambda v: all(len(p) == 3 and 0 <= p[1] <= 1 and 0 <= p[2] <= 1 for p in v),
    "boxes": lambda v: all(b["x0"] <= b["x1"] and b["y0"] <= b["y1"] for b in v),
    "dwells": lambda v: all(d["start"] <= d["end"] and d["radius"] >= 0 for d in v),
    "word_positions": lambda v: all((w["x"] is None) == (w["y"] is None) for w in v),
    "labels": lambda v: all(0 <= p <= 1 for p in v.values()),
    "clip": lambda v: v is None or (v["frames"] > 0 and math.isfinite(v["offset"])),
    "meta": lambda v: isinstance(v, dict),
}


def check_sample_json(document: Any, *, input: str) -> dict[str, Any]:
    """``document`` itself if it is what Note [Sample JSON] says.

    Raises:
        InputError: naming the first field that is not.
    """
    if not isinstance(document, dict):
        raise InputError("sample JSON is no object", station="write", input=input)
    for name, accepts in _CHECKS.items():
        try:
            good = accepts(document[name])
        except (KeyError, TypeError, IndexError, AttributeError):
            good = False
        if not good:
            raise InputError(
                f"sample JSON has no valid field {name!r}",
                station="write",
                input=input,
                expected=f"a document of {SCHEMA}",
            )
    return document
