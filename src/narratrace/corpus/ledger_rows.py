"""The rows of the ledger, as values, and its tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct, field

from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed
from narratrace.write.canonical import json_value
from narratrace.write.shard_file import ShardRecord

SCHEMA = "narratrace.ledger/1"

TABLES = """
CREATE TABLE head (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE videos (
    sequence INTEGER PRIMARY KEY,
    video_id TEXT NOT NULL UNIQUE,
    uri TEXT NOT NULL,
    captions_uri TEXT,
    facts TEXT NOT NULL,
    weight REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempt INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    options TEXT,
    worker TEXT,
    began REAL,
    ended REAL,
    seconds REAL,
    duration REAL,
    pairs INTEGER,
    traces INTEGER,
    clips INTEGER,
    timings TEXT,
    bundle TEXT,
    reason TEXT,
    failure TEXT,
    stamp TEXT
);
CREATE INDEX videos_by_state ON videos (state, sequence);
CREATE TABLE shards (
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    samples INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE VIEW video_shards AS
    SELECT videos.video_id, shards.name AS shard, shards.sha256
    FROM videos JOIN shards ON videos.sequence BETWEEN shards.first_sequence AND shards.last_sequence
    WHERE videos.state = 'done' AND
        CASE shards.kind WHEN 'pairs' THEN pairs WHEN 'traces' THEN traces ELSE clips END > 0;
"""
"""``facts``, ``timings``, ``failure``, ``record`` and ``stamp`` are JSON, ``uri`` and ``captions_uri`` what
:func:`uri_value` makes; times are seconds, ``began`` and ``ended`` since 1970; ``weight`` is the expected
duration in seconds; ``options`` the fingerprint a result was made with."""

LATER_COLUMNS = {"stamp": "TEXT"}
"""Columns of ``videos`` that ledgers begun earlier lack, with their types."""

DROP_TABLES = """
DROP VIEW IF EXISTS video_shards;
DROP TABLE IF EXISTS shards;
DROP TABLE IF EXISTS videos;
DROP TABLE IF EXISTS head;
"""


class State(str, Enum):
    """How far a recording is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"
    FAILED = "failed"


OPEN_STATES = (State.PENDING, State.RUNNING)
OPEN_STATES_SQL = ", ".join(f"'{state.value}'" for state in OPEN_STATES)


class Head(Struct, frozen=True, kw_only=True):
    """What holds for a whole run.

    Attributes:
        options: Options that samples depend on, by name.
        fingerprint: Of them.
        inputs: Digest of ids and facts of the recordings, in order.
        sources: The inputs as the user named them, without secrets.
        versions: Of what the samples depend on.
    """

    options: Mapping[str, Any]
    fingerprint: str
    inputs: str
    sources: tuple[str, ...]
    versions: Mapping[str, str]


class VideoRow(Struct, frozen=True, kw_only=True):
    """A recording in the ledger.

    Attributes:
        sequence: Its place in the output.
        video: What the manifest says.
        weight: Expected duration in seconds.
        state: How far it is.
        attempt: Attempts begun so far.
        bundle: File name of its bundle, None before it is done.
    """

    sequence: int
    video: VideoInput
    weight: float
    state: State
    attempt: int
    bundle: str | None


class Totals(Struct, frozen=True, kw_only=True):
    """The ledger summed up.

    Attributes:
        videos: Recordings by state.
        hours: Hours of video by state: measured where done, expected elsewhere.
        samples: Samples of the finished recordings by kind.
        timings: Seconds by station, summed over finished recordings.
        attempts: Attempts begun.
        drops: Dropped recordings by rule.
        failures: Failed recordings by station and error, ``decode: MediaError``.
    """

    videos: Mapping[State, int]
    hours: Mapping[State, float]
    samples: Mapping[str, int]
    timings: Mapping[str, float] = field(default_factory=dict)
    attempts: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Recordings that are not finished."""
        return sum(self.videos.get(state, 0) for state in OPEN_STATES)


def shard_values(record: ShardRecord) -> tuple[Any, ...]:
    """The columns of a row of ``shards``."""
    return (
        *(record.kind.value, record.number, record.name, record.samples, record.size, record.sha256),
        *(record.first.sequence, record.last.sequence, json.dumps(record.to_json(), sort_keys=True)),
    )


_LONE = "surrogatepass"  # Python's way with bytes of a name that are not UTF-8
_FACTS = ("title", "channel", "link", "licence", "language")


def facts_json(video: VideoInput) -> str:
    """Everything about a recording that its samples repeat."""
    facts = {name: getattr(video, name) for name in _FACTS}
    return json.dumps({**facts, "extra": json_value(video.extra)}, ensure_ascii=True, allow_nan=False)


def uri_value(uri: str | None) -> str | bytes | None:
    """The column of a URI: bytes where it is a file name that is not UTF-8, for which SQLite has no text."""
    if uri is None:
        return None
    try:
        uri.encode()
    except UnicodeEncodeError:
        return uri.encode("utf-8", _LONE)
    return uri


def read_uri(value: str | bytes) -> str:
    """The URI behind :func:`uri_value`."""
    return value.decode("utf-8", _LONE) if isinstance(value, bytes) else value


def video_input(video_id: str, uri: str | bytes, captions_uri: str | bytes | None, facts: str) -> VideoInput:
    """The recording behind the columns of a row."""
    captions = None if captions_uri is None else read_uri(captions_uri)
    return VideoInput(video_id=video_id, uri=read_uri(uri), captions_uri=captions, **json.loads(facts))


def read_failure(failure: str) -> Failed:
    """The failure behind a column; names in it need not be UTF-8, which msgspec's own reader insists on."""
    return msgspec.convert(json.loads(failure), Failed)
