"""The recordings of a run: what the user named, how long each may be, and a digest of them all."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

from narratrace.corpus.ledger_rows import facts_json
from narratrace.corpus.uris import is_local, local_path
from narratrace.data.media import VideoInput

UNKNOWN_S = 222.0
"""Expected duration in seconds where nothing is known: the mean of the published corpus (3.7 min)."""

_BYTES_PER_S = 64_000
"""Bytes of a second of screen recording, to guess a duration from a size (720p H.264 with sound)."""

_DURATION_COLUMNS = ("duration", "duration_s", "length_s")


def weight_of(video: VideoInput) -> float:
    """Expected duration in seconds: a column of the manifest, else a guess from the file's size.

    Used for the order of work and for estimates; nothing that is written depends on it.
    """
    stated = stated_duration(video)
    if stated is not None:
        return stated
    if not is_local(video.uri):
        return UNKNOWN_S
    try:
        return local_path(video.uri).stat().st_size / _BYTES_PER_S
    except OSError:
        return 0.0  # will fail at once, in its turn


def stated_duration(video: VideoInput) -> float | None:
    """Duration in seconds by a column of the manifest, None without one."""
    columns = (_seconds(video.extra.get(name)) for name in _DURATION_COLUMNS)
    return next((seconds for seconds in columns if seconds is not None), None)


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value)  # type: ignore[arg-type]  # whatever the manifest holds
    except (TypeError, ValueError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def digest(videos: Iterable[VideoInput]) -> str:
    """A fingerprint of the inputs, in 16 hexadecimal digits: while it is the same, nothing has been added.

    Ids, facts and order count, and whether there are captions; where files lie does not: storage moves.
    """
    sha = hashlib.sha256()
    for video in videos:
        sha.update(f"{lasting(video)}\n".encode())
    return sha.hexdigest()[:16]


def lasting(video: VideoInput) -> str:
    """What must stay the same of one recording for its run to be continued, see :func:`digest`."""
    return f"{video.video_id} {video.captions_uri is not None} {facts_json(video)}"
