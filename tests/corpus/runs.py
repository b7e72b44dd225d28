"""Ways to begin runs and to look at what they left."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from narratrace.corpus import Run, RunOptions
from narratrace.corpus.options import LimitOptions, RetryOptions
from narratrace.recipe import EngineOptions, build_stages
from narratrace.understand.transcriber import TranscribeOptions
from narratrace.write.options import ShardOptions

ENGINE = EngineOptions(
    device="cpu", transcribe=TranscribeOptions(asr="captions"), shards=ShardOptions(max_samples=3)
)
OPTIONS = RunOptions(workers=2, retry=RetryOptions(backoff_s=0.05))


def make_run(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    engine: EngineOptions | None = ENGINE,
    options: RunOptions = OPTIONS,
    stages: Any = build_stages,
    new_run: bool = False,
) -> Run:
    """A run with small shards and no patience."""
    return Run(sources, out, engine=engine, options=options, stages=stages, new_run=new_run)


def write_manifest(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A manifest of JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def outputs(out: Path) -> dict[str, str]:
    """Hashes of everything that must not differ between equal runs, by path."""
    paths = [*out.glob("shards/*"), *out.glob("index/*"), *out.glob("localized_narratives.jsonl")]
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(paths)}


def ledger_rows(out: Path) -> dict[str, dict[str, Any]]:
    """The rows of a ledger by video_id."""
    with sqlite3.connect(out / "ledger.sqlite") as database:
        database.row_factory = sqlite3.Row
        return {row["video_id"]: dict(row) for row in database.execute("SELECT * FROM videos")}


def dead_letters(out: Path) -> list[dict[str, Any]]:
    """The lines of the dead letter file."""
    return [json.loads(line) for line in (out / "dead_letter.jsonl").read_text().splitlines()]


def limits(**changes: Any) -> RunOptions:
    """The test's options with other limits."""
    from msgspec.structs import replace

    return replace(OPTIONS, limits=LimitOptions(**changes))
