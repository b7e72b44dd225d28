"""The local executor: a pool of processes on this machine, each with all stages of the engine.

Those that share the models of a card have them in one process more, see Note [Shared models].
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path

from msgspec.structs import replace

from narratrace.corpus.child import STARTS, Child, environment_of
from narratrace.corpus.executor import Activity, hand_on
from narratrace.corpus.lender import LenderProcess
from narratrace.corpus.messages import (
    Broken,
    Ended,
    Job,
    Logged,
    Made,
    Message,
    Progress,
    Ready,
    Report,
    Task,
)
from narratrace.corpus.vigil import Vigil
from narratrace.corpus.workshop import failure
from narratrace.data.outcome import Outcome
from narratrace.errors import WorkerLost

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 1.0


class WorkerProcess(Child):
    """One process of the pool, from its start to its end.

    It has a folder of its own for temporary files, as of a clip that is being encoded: one that is killed
    does not clear up.
    """

    def __init__(self, name: str, job: Job, environment: Mapping[str, str], folder: Path) -> None:
        self._temporary = folder.absolute() / f"{name}.tmp"
        self._temporary.mkdir(exist_ok=True)
        super().__init__(
            "narratrace.corpus.worker", name, {**environment, "TMPDIR": str(self._temporary)}, folder
        )
        self.vigil = Vigil()
        self.connection.send((job, logging.getLogger().getEffectiveLevel()))

    def begin(self, task: Task) -> None:
        """Hand it a task."""
        self.vigil.begin(task)
        with contextlib.suppress(OSError):  # it is dead: polling will find out and report
            self.connection.send(task)

    def kill(self) -> None:
        """End it at once, and clear up behind it."""
        super().kill()
        shutil.rmtree(self._temporary, ignore_errors=True)


class LocalExecutor:
    """A pool of worker processes, see :class:`narratrace.corpus.executor.Executor`.

    Args:
        job: What the workers are to do.
        environments: Environment variables of each worker; as many as there are to be workers.
        threads: Cores a worker may use.
        folder: For what the workers print.
        lenders: By worker, the number of the process that lends it models, None where it loads its own.
    """

    def __init__(
        self,
        job: Job,
        environments: Sequence[Mapping[str, str]],
        threads: int,
        folder: Path,
        lenders: Sequence[int | None] = (),
    ) -> None:
        self._job = job
        self._environments = {
            f"worker-{number}": {**environment_of(threads), **own} for number, own in enumerate(environments)
        }
        self._folder = folder
        by_number: dict[int, LenderProcess] = {}
        self._lenders: dict[str, LenderProcess] = {}
        for (name, environment), number in zip(self._environments.items(), lenders, strict=False):
            if number is None:
                continue
            if number not in by_number:
                by_number[number] = LenderProcess(f"models-{number}", job.limits, environment, folder)
            self._lenders[name] = by_number[number]
        self._workers: dict[str, WorkerProcess] = {}
        self._heard: set[Logged] = set()
        self._still_born = 0
        self._looked = 0.0

    def start(self) -> None:
        """Start the processes; they load their models meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for lender in self._lending():
            lender.start()
        for name in self._environments:
            self._replace(name)

    @property
    def free(self) -> int:
        """Workers that have their models and no task."""
        return sum(worker.vigil.is_idle for worker in self._workers.values())

    def submit(self, task: Task) -> str:
        """Hand a task to a worker."""
        worker = next(worker for worker in self._workers.values() if worker.vigil.is_idle)
        worker.begin(task)
        return worker.name

    def poll(self, timeout_s: float) -> list[Report]:
        """See :meth:`narratrace.corpus.executor.Executor.poll`."""
        reports: list[Report] = []
        by_connection = {worker.connection: worker for worker in self._workers.values()}
        lending = {lender.connection: lender for lender in self._lending()}
        for connection in wait([*by_connection, *lending], timeout_s):
            if connection in lending:
                self._log_all(lending[connection].receive())
            else:
                worker = by_connection[connection]  # type: ignore[index]  # only what was waited for comes
                reports += self._receive(worker)
        if time.monotonic() - self._looked >= _LOOK_EVERY_S:
            self._looked = time.monotonic()
            reports += self._kill_overdue()
        return reports

    def activity(self) -> Mapping[str, Activity]:
        """What each worker is at."""
        return {name: worker.vigil.activity for name, worker in self._workers.items()}

    def close(self) -> None:
        """Kill all workers, and who lends them models."""
        for worker in self._workers.values():
            worker.kill()
        for lender in self._lending():
            lender.close()
        self._workers.clear()
        self._lenders.clear()

    def _lending(self) -> list[LenderProcess]:
        return list(dict.fromkeys(self._lenders.values()))

    def _replace(self, name: str) -> None:
        lender = self._lenders.get(name)
        job = replace(self._job, lender=lender.lender) if lender else self._job
        self._workers[name] = WorkerProcess(name, job, self._environments[name], self._folder)

    def _receive(self, worker: WorkerProcess) -> list[Report]:
        reports: list[Report] = []
        try:
            while worker.connection.poll():
                reports += self._take(worker, worker.connection.recv())
        except (EOFError, OSError):
            reports += self._bury(worker, "the worker process died", worker.epitaph())
        return reports

    def _take(self, worker: WorkerProcess, message: Message) -> list[Report]:
        if isinstance(message, Ready):
            worker.vigil.settle(worker.memory)
            self._still_born = 0
        elif isinstance(message, Broken):
            raise message.error
        elif isinstance(message, Progress):
            worker.vigil.note(message)
        elif isinstance(message, Logged):
            self._log_all([message])
        elif isinstance(message, Ended) and worker.vigil.task is not None:
            report = _report(worker, message.outcome, message.seconds)
            worker.vigil.rest()
            return [report]
        return []

    def _log_all(self, records: Sequence[Logged]) -> None:
        """Hand on log records of children; what every worker says about itself is said once."""
        for logged in records:
            if not logged.video_id:
                if logged in self._heard:
                    continue
                self._heard.add(logged)
            hand_on(logged)

    def _kill_overdue(self) -> list[Report]:
        reports: list[Report] = []
        for lender in self._lending():
            lender.look()
        for worker in list(self._workers.values()):
            worker.vigil.weigh(worker.memory)
            why = worker.vigil.overdue(self._job.limits)
            if why:
                reports += self._bury(worker, f"the worker was killed: {why}", "")
        return reports

    def _bury(self, worker: WorkerProcess, what: str, details: str) -> list[Report]:
        """Report the task of a lost worker and put another in its place.

        Raises:
            WorkerLost: no worker survives its start.
        """
        worker.kill()
        vigil = worker.vigil
        self._still_born += not vigil.is_ready
        error = WorkerLost(what, station=vigil.activity.station or "corpus", cause=details)
        _log.warning("%s: %s: %s", worker.name, what, details, extra={"video_id": vigil.activity.video_id})
        if self._still_born >= STARTS:
            raise error
        self._replace(worker.name)
        if vigil.task is None:
            return []
        return [_report(worker, failure(error, vigil.task, error.station), vigil.seconds)]


def _report(worker: WorkerProcess, outcome: Outcome[Made], seconds: float) -> Report:
    assert worker.vigil.task is not None
    return Report(task=worker.vigil.task, outcome=outcome, seconds=seconds, worker=worker.name)
