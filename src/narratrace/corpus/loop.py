"""The driver's loop: recordings to workers, reports to ledger, bundles to shards.

Note [Longest first at the end]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A long recording begun last keeps one worker busy while all others are done, so the longest should go first.
But shards are filled in input order, and everything done out of order waits on scratch. So recordings are
begun in input order, no further than ``window`` for each worker beyond the first unfinished one, and only the
last window is begun longest first: that is where it matters, and it costs no scratch before. The window must
be wider than what all workers together get done while one of them is at the longest recording, or they wait
for it. When bundles take too much room, only recordings that are next in order are begun.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

from narratrace.corpus.assembly import Assembly
from narratrace.corpus.dead_letters import DeadLetters
from narratrace.corpus.events import Event, ShardFinished, Tick, VideoFinished, VideoRetried
from narratrace.corpus.executor import Executor
from narratrace.corpus.ledger import Ledger
from narratrace.corpus.messages import Report, Task
from narratrace.corpus.options import RunOptions
from narratrace.corpus.stamps import stamp_of_task
from narratrace.corpus.supply import Supply
from narratrace.corpus.tally import Queues, Snapshot, Tally
from narratrace.corpus.workshop import failure
from narratrace.data.outcome import Dropped, Failed, Kept
from narratrace.errors import DiskError
from narratrace.pipeline import FailureBudget
from narratrace.write.shard_file import ShardRecord, shard_path

_log = logging.getLogger(__name__)

_PATIENCE_S = 1.0
_FETCH_PATIENCE_S = 0.05
_SOURCE = "driver"


class Loop:
    """One session of a run, from what is pending to the last shard. Used by one thread.

    Args:
        out: Output folder.
        ledger: Of the run.
        assembly: Of the run.
        executor: Started.
        supply: Prepares inputs.
        tally: Adds up.
        dead_letters: Of the run.
        options: How to run.
        fingerprint: Of the options that samples depend on.
        cancelled: Whether to stop.
    """

    def __init__(
        self,
        *,
        out: Path,
        ledger: Ledger,
        assembly: Assembly,
        executor: Executor,
        supply: Supply,
        tally: Tally,
        dead_letters: DeadLetters,
        options: RunOptions,
        fingerprint: str,
        cancelled: Callable[[], bool],
    ) -> None:
        self._out = out
        self._ledger = ledger
        self._assembly = assembly
        self._executor = executor
        self._supply = supply
        self._tally = tally
        self._dead_letters = dead_letters
        self._options = options
        self._fingerprint = fingerprint
        self._cancelled = cancelled
        self._weights: dict[int, float] = {}
        self._running: set[int] = set()
        self._budget = FailureBudget(options.budget)
        self._end = ledger.end()

    def snapshot(self) -> Snapshot:
        """The figures now."""
        bundles, size = self._assembly.waiting
        queues = Queues(
            fetching=self._supply.fetching,
            ready=self._supply.ready,
            running=len(self._running),
            bundles=bundles,
            fetched_bytes=self._supply.held,
            bundle_bytes=size,
        )
        return self._tally.snapshot(queues, self._executor.activity())

    def events(self) -> Iterator[Event]:
        """Work until every recording has been consumed, or the run is cancelled.

        Raises:
            BudgetExceeded: too many recordings failed; what is done stays done.
            StorageError: the output, the scratch or the ledger cannot be written, by the driver or a worker.
            NarratraceError: the workers cannot be set up.
        """
        while self._assembly.next_sequence < self._end and not self._cancelled():
            reports = self._begin()
            reports += self._executor.poll(0.0 if reports else self._patience())
            if reports:  # the next ones first, then the books: disks are slow, and workers need not wait
                reports += self._begin()
            for report in reports:
                yield self._settle(report)
            if reports:
                yield from finished_shards(self._out, self._assembly.feed())
                self._budget.check()
            yield Tick()

    def _begin(self) -> list[Report]:
        """Keep the workers busy.

        Returns:
            Reports of recordings that cannot even begin.
        """
        self._order()
        reports = []
        for prepared in self._supply.take(self._executor.free):
            task, error = prepared if isinstance(prepared, tuple) else (prepared, None)
            if error is not None:
                self._ledger.begin_attempt(task.sequence, _SOURCE)
                failed = failure(error, task, "source")
                reports.append(Report(task=task, outcome=failed, seconds=0.0, worker=_SOURCE))
                continue
            self._running.add(task.sequence)
            stamp = stamp_of_task(task)
            self._ledger.begin_attempt(task.sequence, self._executor.submit(task), stamp)
        return reports

    def _order(self) -> None:
        """Have as many recordings prepared as workers are free, and fetch some ahead."""
        wanted = self._executor.free - self._supply.ready
        ahead = self._options.scratch.fetches
        if wanted <= 0 and self._supply.fetching >= ahead:
            return
        most = wanted + ahead + self._supply.ready + self._supply.fetching
        horizon = self._horizon()
        is_last = horizon >= self._end
        for row in self._ledger.next_pending(horizon, time.time(), most, longest_first=is_last):
            if row.sequence in self._supply:
                continue
            if not self._supply.order(row, is_urgent=wanted > 0):
                continue
            self._weights[row.sequence] = row.weight
            wanted -= 1

    def _horizon(self) -> int:
        """The sequence number before which recordings may be begun."""
        _, size = self._assembly.waiting
        scratch = self._options.scratch
        is_full = size > scratch.bundle_bytes
        ahead = len(self._running) + 1 if is_full else scratch.window * self._tally.workers
        return self._assembly.next_sequence + ahead

    def _patience(self) -> float:
        """How long to wait for reports, in seconds."""
        if self._supply.fetching and self._executor.free:
            return _FETCH_PATIENCE_S
        return _PATIENCE_S

    def _settle(self, report: Report) -> Event:
        """Write down how an attempt ended.

        Raises:
            DiskError: it met a full disk. Its recording is still running in the ledger, whose next
                :meth:`Ledger.reopen` makes it pending without counting the attempt.
        """
        task, outcome = report.task, report.outcome
        if isinstance(outcome, Failed) and outcome.error == DiskError.__name__:
            raise _disk_error(outcome)
        self._running.discard(task.sequence)
        self._supply.release(task.sequence)
        if isinstance(outcome, Failed) and outcome.retryable and task.attempt < self._options.retry.attempts:
            return self._put_off(task, outcome)
        if isinstance(outcome, Kept):
            self._ledger.done(task.sequence, outcome.value, report.seconds, self._fingerprint)
            self._assembly.add(task.sequence, outcome.value)
        elif isinstance(outcome, Dropped):
            self._ledger.dropped(task.sequence, outcome, report.seconds, self._fingerprint)
        else:
            self._give_up(task, outcome, report.seconds)
        self._budget.note(outcome)
        self._tally.settled(report, self._weights.pop(task.sequence, 0.0))
        return VideoFinished(
            video_id=task.video.video_id,
            sequence=task.sequence,
            attempt=task.attempt,
            outcome=outcome,
            seconds=report.seconds,
        )

    def _put_off(self, task: Task, failed: Failed) -> VideoRetried:
        wait = self._options.retry.backoff_s * 2.0 ** (task.attempt - 1)
        _log.warning(
            "%s: attempt %d failed at %s; again in %.0f s",
            *(task.video.video_id, task.attempt, _told(failed), wait),
            extra=_fields(failed),
        )
        self._ledger.put_off(task.sequence, failed, time.time() + wait)
        self._tally.retries += 1
        return VideoRetried(video_id=task.video.video_id, attempt=task.attempt, failed=failed, wait_s=wait)

    def _give_up(self, task: Task, failed: Failed, seconds: float) -> None:
        _log.error(
            "%s: %sfailed at %s",
            *(task.video.video_id, f"attempt {task.attempt} " if task.attempt > 1 else "", _told(failed)),
            extra=_fields(failed),
        )
        self._ledger.failed(task.sequence, failed, seconds, self._fingerprint)
        self._dead_letters.append(failed)


def _disk_error(failed: Failed) -> DiskError:
    """The error that stops the run; its message names what was to be written, not the recording."""
    return DiskError(
        failed.message,
        station=failed.station,
        expected="a disk with room that can be written; the same command then goes on",
        cause=failed.cause,
    )


def _told(failed: Failed) -> str:
    """A failure in one line: station, what was read, what happened, what was expected, the likely cause."""
    cause = failed.cause.partition("\n")[0]  # of a lost worker it goes on with all that the worker printed
    line = " ".join(str(replace(failed, cause=cause).to_exception()).split())
    # A file's name may have bytes that are not UTF-8, which a log must not fail at.
    return line.encode("utf-8", "backslashreplace").decode()


def _fields(failed: Failed) -> dict[str, str]:
    """A failure's parts, for logs that machines read."""
    names = ("video_id", "uri", "station", "error", "expected", "cause")
    return {name: getattr(failed, name) for name in names}


def finished_shards(out: Path, records: Iterable[ShardRecord]) -> Iterator[Event]:
    """The events of finished shards."""
    for record in records:
        yield ShardFinished(record=record, path=shard_path(out, record.kind, record.number))
