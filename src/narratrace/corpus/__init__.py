"""Runs over many recordings: nothing lost, nothing twice, whatever crashes.

:class:`Run` is the way in from Python; :mod:`narratrace.corpus.commands` from the command line.
"""

from narratrace.corpus.events import Event, ShardFinished, Tick, VideoFinished, VideoRetried
from narratrace.corpus.options import RunOptions
from narratrace.corpus.run import Run
from narratrace.corpus.session import Summary
from narratrace.corpus.tally import Snapshot

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
