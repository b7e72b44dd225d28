"""The ``narratrace.analysis/1`` document: what the engine saw and heard in one recording.

Note [Analysis JSON]
~~~~~~~~~~~~~~~~~~~~
Seconds on the video's presentation clock (Note [One clock]), half-open intervals, pixels of the displayed
orientation, the hot spot of the pointer (an arrow's tip, a dot's centre), Note [Rounding of outputs].

==================== =========================================================================================
``schema``           ``"narratrace.analysis/1"``
``video``            ``video_id``, ``path``, ``codec``, ``width``, ``height``, ``duration``,
                     ``frames_decoded``, ``frames_skipped``, ``packets``, ``corrupt``, ``fps_mean``, ``vfr``,
                     ``start_pts_s``, ``backend``, ``warnings``; the recording goes from ``start_pts_s`` to
                     ``duration``, which is its length where its clock begins at 0
``shots``            ``[{"start", "end", "transition", "settled"}]``
``changes``          ``[{"start", "end", "kind", "x0", "y0", "x1", "y1", "changed"}]``: changes within shots
``stable_spans``     ``[{"start", "end", "keyframe_t", "keyframe", "phash", "group"}]``: the path of the
                     keyframe relative to the document, or null; the hash as 16 hexadecimal digits; the index
                     of the first span that shows nearly the same picture
``trace``            ``[{"t", "x", "y", "score"}]``, only where a pointer is believed visible
``dwells``           ``[{"start", "end", "x", "y", "radius"}]``
``moving_regions``   ``[{"x0", "y0", "x1", "y1", "start", "end"}]``
``words``            ``[{"start", "end", "text", "probability"}]``
``transcript``       ``{"source", "language", "word_times", "warnings"}``, or null
``timings``          seconds by station (``decode_s``, ``analyse_s``, ``transcribe_s`` ...), all that differs
                     from run to run; ``decode_s`` is the time spent waiting for the decoder
==================== =========================================================================================
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from narratrace.data.analysis import VisualAnalysis
from narratrace.data.shots import Box, StableSpan
from narratrace.data.trace import Trace
from narratrace.data.transcript import Transcript
from narratrace.errors import InputError
from narratrace.write.canonical import instant, json_page, pixels, seconds, share, trace_columns
from narratrace.write.files import storage_errors, write_atomic
from narratrace.write.sample_json import dwell_json, span_json, word_json

SCHEMA = "narratrace.analysis/1"


class AnalysisFiles(Struct, frozen=True, kw_only=True, eq=False):
    """An analysis ready to be put somewhere.

    Attributes:
        document: The JSON text of Note [Analysis JSON].
        keyframes: JPEG bytes by path relative to the document's folder; empty when none are kept.
    """

    document: bytes
    keyframes: Mapping[str, bytes]


def analysis_json(
    *,
    video_id: str,
    path: str,
    visual: VisualAnalysis,
    transcript: Transcript | None = None,
    timings: Mapping[str, float] | None = None,
    keyframes: Sequence[str | None] = (),
) -> dict[str, Any]:
    """The document of Note [Analysis JSON].

    Args:
        video_id: Identifier of the recording.
        path: The media file or URI.
        visual: Result of decode and analyse.
        transcript: Result of transcription, None when it was not asked for.
        timings: Seconds by station (``Recording.timings``), added to those of ``visual`` as ``STATION_s``.
        keyframes: Relative path by stable span; empty when no keyframes are kept.

    Raises:
        ValueError: a number is not finite.
    """
    paths = keyframes or [None] * len(visual.stable_spans)
    return {
        "schema": SCHEMA,
        "video": _video(video_id, path, visual),
        "shots": [
            {**span_json(shot.span), "transition": shot.transition, "settled": instant(shot.settled)}
            for shot in visual.shots
        ],
        "changes": [
            {**span_json(c.span), "kind": c.kind, **_box(c.box), "changed": share(c.changed)}
            for c in visual.changes
        ],
        "stable_spans": [_stable(s, p) for s, p in zip(visual.stable_spans, paths, strict=True)],
        "trace": list(_trace_rows(visual.trace)),
        "dwells": [dwell_json(dwell) for dwell in visual.dwells],
        "moving_regions": [{**_box(m.box), **span_json(m.span)} for m in visual.moving_regions],
        "words": [word_json(word) for word in transcript.words] if transcript else [],
        "transcript": _transcript(transcript),
        "timings": _timings(visual.timings, timings or {}),
    }


def _trace_rows(trace: Trace) -> Iterator[dict[str, float]]:
    names = ("t", "x", "y", "score")
    for row in zip(*(column.tolist() for column in trace_columns(trace)), strict=True):
        yield dict(zip(names, row, strict=True))


def _video(video_id: str, path: str, visual: VisualAnalysis) -> dict[str, Any]:
    video = visual.video
    return {
        "video_id": video_id,
        "path": path,
        "codec": video.codec,
        "width": video.width,
        "height": video.height,
        "duration": instant(video.duration),
        "frames_decoded": video.frames_decoded,
        "frames_skipped": video.frames_skipped,
        "packets": video.packets,
        "corrupt": video.corrupt,
        "fps_mean": share(video.fps_mean),
        "vfr": bool(video.vfr),
        "start_pts_s": instant(video.start_pts_s),
        "backend": video.backend,
        "warnings": list(video.warnings),
    }


def _timings(parts: Mapping[str, float], stations: Mapping[str, float]) -> dict[str, float]:
    named = {**parts, **{f"{station}_s": value for station, value in stations.items()}}
    return {name: seconds(value) for name, value in named.items()}


def _stable(stable: StableSpan, keyframe: str | None) -> dict[str, Any]:
    return {
        **span_json(stable.span),
        "keyframe_t": instant(stable.keyframe_t),
        "keyframe": keyframe,
        "phash": f"{stable.phash:016x}",
        "group": stable.group,
    }


def _box(box: Box) -> dict[str, float]:
    return {name: pixels(getattr(box, name)) for name in ("x0", "y0", "x1", "y1")}


def _transcript(transcript: Transcript | None) -> dict[str, Any] | None:
    if transcript is None:
        return None
    return {
        "source": transcript.source,
        "language": transcript.language,
        "word_times": transcript.word_times,
        "warnings": list(transcript.warnings),
    }


def analysis_files(
    folder: str | None,
    *,
    video_id: str,
    path: str,
    visual: VisualAnalysis,
    transcript: Transcript | None = None,
    timings: Mapping[str, float] | None = None,
) -> AnalysisFiles:
    """The document with its keyframes as files of ``folder``, a name beside the document; None keeps none."""
    images = {
        f"{folder}/{number:05d}.jpg": stable.keyframe.jpeg
        for number, stable in enumerate(visual.stable_spans)
        if folder is not None and stable.keyframe is not None
    }
    names = [f"{folder}/{number:05d}.jpg" for number in range(len(visual.stable_spans))]
    document = analysis_json(
        video_id=video_id,
        path=path,
        visual=replace(visual, trace=Trace.empty()),
        transcript=transcript,
        timings=timings,
        keyframes=[name if name in images else None for name in names],
    )
    document["trace"] = _trace_rows(visual.trace)  # by far the most: never all of it as dictionaries
    return AnalysisFiles(document=json_page(document), keyframes=images)


def write_analysis(target: Path, files: AnalysisFiles) -> None:
    """Put the document at ``target`` and the keyframes beside it, these first, see Note [Whole or absent].

    Raises:
        StorageError: something cannot be written.
    """
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        for folder in sorted({(target.parent / name).parent for name in files.keyframes}):
            folder.mkdir(exist_ok=True)
    for name, content in files.keyframes.items():
        write_atomic(target.parent / name, content)
    write_atomic(target, files.document)


_LISTS: Mapping[str, tuple[str, ...]] = {
    "shots": ("start", "end"),
    "stable_spans": ("start", "end", "keyframe_t", "keyframe"),
    "trace": ("t", "x", "y", "score"),
    "dwells": ("start", "end", "x", "y", "radius"),
    "moving_regions": ("x0", "y0", "x1", "y1", "start", "end"),
    "words": ("start", "end", "text", "probability"),
}
_VIDEO = (
    *("video_id", "path", "codec", "width", "height", "duration", "frames_decoded", "fps_mean", "vfr"),
    *("start_pts_s", "backend", "warnings"),
)


def read_analysis(path: Path) -> dict[str, Any]:
    """The document at ``path`` as plain dictionaries and lists, checked against the contract.

    Raises:
        InputError: it is missing, is not JSON, or breaks the contract; the message says where.
    """
    try:
        document = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot be read: {error}", station="write", input=str(path), expected=SCHEMA
        ) from error
    problem = next(_problems(document), None)
    if problem:
        raise InputError(problem, station="write", input=str(path), expected=f"a document of {SCHEMA}")
    return dict(document)


def length_of(document: Mapping[str, Any]) -> float:
    """Seconds from the first picture of an analysis to the end of its last."""
    video = document["video"]
    return seconds(video["duration"] - video["start_pts_s"])


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _problems(document: Any) -> Iterator[str]:
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        yield "schema is another one"
        return
    video = document.get("video")
    missing = [name for name in _VIDEO if not isinstance(video, dict) or name not in video]
    if missing:
        yield f"video lacks {missing[0]}"
    if not isinstance(document.get("timings"), dict):
        yield "timings is no object"
    for name, fields in _LISTS.items():
        rows = document.get(name)
        if not isinstance(rows, list):
            yield f"{name} is no list"
            continue
        for number, row in enumerate(rows):
            if not isinstance(row, dict) or any(field not in row for field in fields):
                yield f"{name}[{number}] lacks one of {', '.join(fields)}"
            elif "start" in row and not row["start"] <= row["end"]:
                yield f"{name}[{number}] ends before it starts"
        times = [row["t"] for row in rows] if name == "trace" else []
        if any(not a < b for a, b in itertools.pairwise(times)):
            yield "trace times do not increase"
