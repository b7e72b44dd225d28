"""A run in front of a person: progress on a terminal, log lines elsewhere, and what signals do."""

from __future__ import annotations

import argparse
import contextlib
import logging
import shlex
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from narratrace.corpus.events import Event, VideoFinished
from narratrace.corpus.ledger_rows import State
from narratrace.corpus.places import Places
from narratrace.corpus.run import Run
from narratrace.corpus.session import Summary
from narratrace.corpus.tally import Snapshot
from narratrace.data.outcome import Dropped, Failed, Kept

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_log = logging.getLogger(__name__)

_REPORT_EVERY_S = 60.0
_FAILED, _INTERRUPTED = 1, 130

Look = Callable[[Snapshot], None]


def carry_out(run: Run, args: argparse.Namespace) -> int:
    """Carry out a run and show how it goes.

    Returns:
        0 when all went well, 1 when a recording failed, 130 when it was interrupted.

    Raises:
        NarratraceError: see :meth:`narratrace.corpus.run.Run.execute`.
    """
    with contextlib.ExitStack() as stack:
        look = stack.enter_context(_display(args))
        if args.metrics_port is not None:
            from narratrace.corpus.metrics import serve

            look = _both(look, stack.enter_context(serve(args.metrics_port)))
        stack.enter_context(_cancelled_by_signals(run))
        # Closing the events ends the workers, whatever goes wrong while they are looked at.
        with contextlib.closing(run.events()) as events:
            _watch(run, events, look, args)
    assert run.summary is not None
    return _conclude(run.summary, run.places, args)


def _watch(run: Run, events: Generator[Event], look: Look, args: argparse.Namespace) -> None:
    level = logging.INFO if args.log_format == "json" else logging.DEBUG
    for event in events:
        if isinstance(event, VideoFinished) and not isinstance(event.outcome, Failed):  # which the loop logs
            _log.log(level, "%s", _line(event), extra={"video_id": event.video_id})
        if snapshot := run.snapshot():
            look(snapshot)


def _line(event: VideoFinished) -> str:
    outcome = event.outcome
    if isinstance(outcome, Kept):
        made = ", ".join(f"{count} {kind}" for kind, count in outcome.value.counts.items())
        return f"{event.video_id}: {made} in {event.seconds:.1f} s"
    assert isinstance(outcome, Dropped)
    return f"{event.video_id}: dropped by {outcome.rule}: {outcome.reason}"


def _conclude(summary: Summary, places: Places, args: argparse.Namespace) -> int:
    videos = summary.totals.videos
    parts = [f"{videos[state]} {state.value}" for state in State if videos.get(state)]
    samples = ", ".join(f"{count} {kind}" for kind, count in summary.totals.samples.items())
    hours = summary.totals.hours.get(State.DONE, 0.0)
    _log.info(
        "%d recordings: %s; %.2f h of video; %s; %d shards in %s",
        *(sum(videos.values()), ", ".join(parts), hours, samples, len(summary.shards)),
        getattr(args, "output", None) or args.out,
    )
    if drops := summary.totals.drops:
        _log.info("dropped: %s", ", ".join(f"{count} by {rule}" for rule, count in drops.items()))
    if summary.failed:
        again = shlex.join(["narratrace", "corpus", "retry", *places.options, places.name])
        _log.warning(
            "%d recordings failed; dead_letter.jsonl says why; to try them again: %s", summary.failed, again
        )
    if not summary.complete:
        _log.warning("the run is not complete; the same command goes on with it")
        return _INTERRUPTED
    return _FAILED if summary.failed else 0


@contextlib.contextmanager
def _cancelled_by_signals(run: Run) -> Iterator[None]:
    """The first SIGINT or SIGTERM ends the run in good order, a second one at once."""

    def cancel(_number: int, _frame: FrameType | None) -> None:
        run.cancel()
        for name in before:
            signal.signal(name, signal.default_int_handler)

    before: dict[signal.Signals, Any] = {}
    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            before[name] = signal.signal(name, cancel)
    except ValueError:  # not the main thread: signals are its business
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _display(args: argparse.Namespace) -> Iterator[Look]:
    """Shows a bar on a terminal; elsewhere logs the figures now and then where a machine reads them."""
    if args.quiet or args.log_format == "json" or not sys.stderr.isatty():
        yield _Reporter(args.log_format == "json")
        return
    from rich.console import Console

    with _bar(Console(stderr=True)) as look:
        yield look


@contextlib.contextmanager
def _bar(console: Console) -> Iterator[Look]:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task("", total=None, figures="starting workers")
        yield lambda snapshot: _show(bar, snapshot)


def _show(bar: Progress, snapshot: Snapshot) -> None:
    videos = snapshot.videos
    finished = sum(videos[state] for state in (State.DONE, State.DROPPED, State.FAILED))
    bar.update(
        bar.task_ids[0],
        description=f"{finished}/{sum(videos.values())} videos",
        total=snapshot.hours_total,
        completed=snapshot.hours_done + snapshot.hours_under_way,
        figures=figures(snapshot),
    )


def figures(snapshot: Snapshot) -> str:
    """The figures of a run in one line, what must not be cut off first."""
    parts = [
        f"{snapshot.videos[State.FAILED]} failed",
        f"{snapshot.hours_done + snapshot.hours_under_way:.2f}/{snapshot.hours_total:.2f} h",
        f"{snapshot.speed:.1f} x real time",
    ]
    if snapshot.bottleneck:
        parts.append(f"{snapshot.bottleneck} {snapshot.busy[snapshot.bottleneck]:.0%} busy")
    if snapshot.eta_s is not None:
        parts.append(f"{clock(snapshot.eta_s)} left")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, ``1:02:03``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


class _Reporter:
    """Logs the figures about once a minute, for machines."""

    def __init__(self, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._last = time.monotonic()

    def __call__(self, snapshot: Snapshot) -> None:
        if self._is_wanted and time.monotonic() - self._last >= _REPORT_EVERY_S:
            self._last = time.monotonic()
            facts = {"hours_done": snapshot.hours_done, "hours_total": snapshot.hours_total}
            more = {"speed": snapshot.speed, "eta_s": snapshot.eta_s, "busy": dict(snapshot.busy)}
            _log.info("%s", figures(snapshot), extra={**facts, **more})


def _both(one: Look, other: Look) -> Look:
    def look(snapshot: Snapshot) -> None:
        one(snapshot)
        other(snapshot)

    return look
