"""OUT/run.json of a run: with what it was made, and how far it is."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from narratrace.corpus.ledger_rows import State
from narratrace.corpus.opening import Opened
from narratrace.corpus.options import RunOptions
from narratrace.write.run_json import write_run_json

if TYPE_CHECKING:
    from narratrace.corpus.session import Summary

RunState = Literal["running", "stopped", "complete"]


def record_run(
    path: Path,
    opened: Opened,
    options: RunOptions,
    summary: Summary,
    state: RunState,
) -> None:
    """Write the record of a run.

    Beside versions, options and counts it tells ``state``, ``fingerprint`` (of the options that samples
    depend on), ``inputs`` (as the user named them, without secrets), ``hours`` of video by state, ``drops``
    by rule, ``failures`` by station and error, ``run_options``, and the ``host`` that wrote it last.

    Raises:
        StorageError: it cannot be written.
    """
    totals = summary.totals
    write_run_json(
        path,
        options=opened.engine,
        counts={
            "videos": sum(totals.videos.values()),
            **{state.value: totals.videos.get(state, 0) for state in State},
            **totals.samples,
            "shards": len(summary.shards),
            "attempts": totals.attempts,
        },
        timings={**totals.timings, "wall_s": summary.wall_s},
        facts={
            "state": state,
            "fingerprint": opened.head.fingerprint,
            "inputs": opened.head.sources,
            "hours": {name.value: round(hours, 4) for name, hours in totals.hours.items()},
            "drops": totals.drops,
            "failures": totals.failures,
            "run_options": options,
            "host": socket.gethostname(),
        },
    )
