"""Runs over many recordings: nothing lost, nothing twice, whatever crashes.

:class:`Run` is the way in from Python; :mod:`narratrace.corpus.commands` from the command line. Names are
looked up on first use, so that the options can be read without the engine.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from narratrace.corpus.events import Event, ShardFinished, Tick, VideoFinished, VideoRetried
    from narratrace.corpus.options import RunOptions
    from narratrace.corpus.run import Run
    from narratrace.corpus.session import Summary
    from narratrace.corpus.tally import Snapshot

_HOMES = {
    "Event": "events",
    "Run": "run",
    "RunOptions": "options",
    "ShardFinished": "events",
    "Snapshot": "tally",
    "Summary": "session",
    "Tick": "events",
    "VideoFinished": "events",
    "VideoRetried": "events",
}

__all__ = [
    "Event",
    "Run",
    "RunOptions",
    "ShardFinished",
    "Snapshot",
    "Summary",
    "Tick",
    "VideoFinished",
    "VideoRetried",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
