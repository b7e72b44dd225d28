"""The local executor: a pool of processes on this machine, each with all stages of the engine.

Workers are programs of their own rather than forks, so that models, threads and CUDA contexts are never
inherited half alive, and the caller's ``__main__`` is not run again. Each has a socket pair of its own: a
worker that is killed can leave no lock held and no half message in anybody else's way.
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

from narratrace.corpus.executor import Activity
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
_STARTS = 10
"""Deaths in a row of workers that were loading their models, after which the run is given up."""
_TAIL = 4_000


class WorkerProcess:
    """One process of the pool, from its start to its end."""

    def __init__(self, name: str, job: Job, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.vigil = Vigil()
        self._stderr = folder / f"{name}.log"
        ours, theirs = socket.socketpair()
        with ours, theirs, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "narratrace.corpus.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=dict(environment),
            )
            self.connection = Connection(os.dup(ours.fileno()))
        self.connection.send((job, logging.getLogger().getEffectiveLevel()))

    @property
    def memory(self) -> int:
        """Resident bytes of the process."""
        return resident(self._process.pid)

    def begin(self, task: Task) -> None:
        """Hand it a task."""
        self.vigil.begin(task)
        with contextlib.suppress(OSError):  # it is dead: polling will find out and report
            self.connection.send(task)

    def epitaph(self) -> str:
        """How the process ended, and the last it printed."""
        try:
            status = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            status = None
        text = self._stderr.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip()
        how = f"signal {-status}" if status is not None and status < 0 else f"exit code {status}"
        return f"{how}\n{text}" if text else how

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
        self.connection.close()
        self._stderr.unlink(missing_ok=True)


class LocalExecutor:
    """A pool of worker processes, see :class:`narratrace.corpus.executor.Executor`.

    Args:
        job: What the workers are to do.
        environments: Environment variables of each worker; as many as there are to be workers.
        threads: Cores a worker may use.
        folder: For what the workers print.
    """

    def __init__(
        self, job: Job, environments: Sequence[Mapping[str, str]], threads: int, folder: Path
    ) -> None:
        self._job = job
        self._environments = {
            f"worker-{number}": {**_environment(threads), **own} for number, own in enumerate(environments)
        }
        self._folder = folder
        self._workers: dict[str, WorkerProcess] = {}
        self._heard: set[Logged] = set()
        self._still_born = 0
        self._looked = 0.0

    def start(self) -> None:
        """Start the processes; they load their models meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
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
        for connection in wait(list(by_connection), timeout_s):
            worker = by_connection[connection]  # type: ignore[index]  # only what was waited for comes back
            reports += self._receive(worker)
        if time.monotonic() - self._looked >= _LOOK_EVERY_S:
            self._looked = time.monotonic()
            reports += self._kill_overdue()
        return reports

    def activity(self) -> Mapping[str, Activity]:
        """What each worker is at."""
        return {name: worker.vigil.activity for name, worker in self._workers.items()}

    def close(self) -> None:
        """Kill all workers."""
        for worker in self._workers.values():
            worker.kill()
        self._workers.clear()

    def _replace(self, name: str) -> None:
        self._workers[name] = WorkerProcess(name, self._job, self._environments[name], self._folder)

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
            self._log(message)
        elif isinstance(message, Ended) and worker.vigil.task is not None:
            report = _report(worker, message.outcome, message.seconds)
            worker.vigil.rest()
            return [report]
        return []

    def _log(self, logged: Logged) -> None:
        """Hand on a worker's log record; what every worker says about itself is said once."""
        if not logged.video_id:
            if logged in self._heard:
                return
            self._heard.add(logged)
        extra = {"video_id": logged.video_id} if logged.video_id else {}
        logging.getLogger(logged.name).log(logged.level, "%s", logged.message, extra=extra)

    def _kill_overdue(self) -> list[Report]:
        reports: list[Report] = []
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
        if self._still_born >= _STARTS:
            raise error
        self._replace(worker.name)
        if vigil.task is None:
            return []
        return [_report(worker, failure(error, vigil.task, error.station), vigil.seconds)]


def _report(worker: WorkerProcess, outcome: Outcome[Made], seconds: float) -> Report:
    assert worker.vigil.task is not None
    return Report(task=worker.vigil.task, outcome=outcome, seconds=seconds, worker=worker.name)


def _environment(threads: int) -> dict[str, str]:
    """The worker's environment: our import path, and no library that takes more threads than it is given."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {**limits, **os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}


def resident(pid: int) -> int:
    """Resident memory of a process in bytes, 0 where that cannot be told."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize()
