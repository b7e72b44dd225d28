"""Failed recordings: trying them again within their run, and watching one of them fail."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from narratrace.corpus.jobs import make_job, with_threads
from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import FOLDER, find_video, read_value, reading
from narratrace.corpus.ledger_rows import VideoRow
from narratrace.corpus.messages import Task
from narratrace.corpus.opening import ENGINE
from narratrace.corpus.options import RunOptions
from narratrace.corpus.places import LEDGER
from narratrace.corpus.storage import localise
from narratrace.corpus.uris import located
from narratrace.corpus.workshop import Workshop
from narratrace.data.outcome import Dropped, Kept
from narratrace.errors import InputError
from narratrace.options import from_mapping
from narratrace.recipe import EngineOptions, build_stages
from narratrace.threads import usable_cores

_log = logging.getLogger(__name__)


def retry(out: Path, video_ids: Sequence[str] | None) -> list[str]:
    """Make failed recordings pending again; the next run in ``out`` processes them.

    They move to the end of the output order: their old places may be in finished shards already.

    Args:
        out: Output folder.
        video_ids: Which; None for all that failed.

    Returns:
        Those that are tried again.

    Raises:
        InputError: there is no run in ``out``, or a recording is not among those that failed.
        StorageError: a run is writing ``out``.
    """
    with reading(out / LEDGER):
        pass
    with Ledger(out / LEDGER) as ledger:
        chosen = ledger.retry(video_ids)
    _log.info("%d failed recordings are tried again", len(chosen))
    return chosen


def reproduce(out: Path, video_id: str) -> int:
    """Process one recording of a run in this process with the run's options, and print how it ends.

    Returns:
        0 when it went well, 1 when it failed.

    Raises:
        InputError: there is no such run or recording.
    """
    row, base, engine = _stored(out, video_id)
    options = RunOptions()
    limits = replace(options.limits, memory_bytes=0)
    with tempfile.TemporaryDirectory(prefix="narratrace-") as folder:
        path, captions = localise(located(row.video, base), Path(folder), limits)
        task = Task(sequence=row.sequence, attempt=1, video=row.video, path=path, captions=captions)
        job = make_job(
            with_threads(engine, usable_cores()), options, build_stages, Path(folder), Path(folder)
        )
        with Workshop(job) as workshop:
            outcome = workshop.carry_out(task)
    if isinstance(outcome, Kept):
        print(f"{video_id}: " + ", ".join(f"{n} {kind}" for kind, n in outcome.value.counts.items()))
        return 0
    if isinstance(outcome, Dropped):
        print(f"{video_id}: dropped by {outcome.rule}: {outcome.reason}")
        return 0
    sys.stderr.write(outcome.traceback)
    print(f"{video_id}: failed at {outcome.station}: {outcome.error}: {outcome.message}")
    return 1


def _stored(out: Path, video_id: str) -> tuple[VideoRow, Path, EngineOptions]:
    """A recording, the folder that its path may be relative to, and the run's options."""
    with reading(out / LEDGER) as database:
        row = find_video(database, video_id)
        base, values = Path(read_value(database, FOLDER, "")), read_value(database, ENGINE, {})
    if row is None:
        raise InputError(f"has no recording {video_id!r}", station="corpus", input=str(out))
    return row, base, from_mapping(EngineOptions, values, input=str(out / LEDGER))
