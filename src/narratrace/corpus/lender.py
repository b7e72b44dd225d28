"""The driver's side of a process that lends models: started, watched, started again.

It is restarted for as long as it works in between: what takes it down alone has lost one of its
``run.retry.attempts`` (Note [Asked again alone]), so deaths are bounded by recordings. One that dies over and
over before it has loaded anything ends the run, as workers do that never get to work.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from narratrace.corpus.child import STARTS, Child
from narratrace.corpus.messages import Charge, Health, Lender, Logged
from narratrace.corpus.options import LimitOptions
from narratrace.errors import WorkerLost
from narratrace.write.files import storage_errors

_log = logging.getLogger(__name__)

_WAITING = 1024
"""Connections that may wait while the process is started."""


class LenderProcess:
    """A process that lends models, over all its lives. Used by one thread.

    Args:
        name: For people.
        limits: What it may take.
        environment: Its environment variables.
        folder: For what it prints.
    """

    def __init__(self, name: str, limits: LimitOptions, environment: Mapping[str, str], folder: Path) -> None:
        self._name = name
        self._limits = limits
        self._environment = environment
        self._folder = folder
        self._listener = socket.socket(socket.AF_UNIX)
        self._place = ""
        self._child: Child | None = None
        self._still_born = 0

    def start(self) -> None:
        """Start it; workers may connect at once.

        Raises:
            StorageError: the socket cannot be made.
        """
        # Not on scratch: a socket's path has at most 107 bytes. Only this user may enter the folder.
        with storage_errors(Path(tempfile.gettempdir())):
            self._place = tempfile.mkdtemp(prefix="narratrace-")
            self.lender = Lender(address=str(Path(self._place) / "models"), key=os.urandom(32))
            self._listener.bind(self.lender.address)
            self._listener.listen(_WAITING)
        self._begin()

    @property
    def connection(self) -> Connection:
        """The line to it."""
        return self._alive.connection

    def receive(self) -> list[Logged]:
        """Take what it said; if it died, start it again.

        Returns:
            Its log records.

        Raises:
            WorkerLost: it does not survive its start.
        """
        records: list[Logged] = []
        try:
            while self.connection.poll():
                message = self.connection.recv()
                if isinstance(message, Health):
                    self._health, self._heard = message, time.monotonic()
                elif isinstance(message, Logged):
                    records.append(message)
        except (EOFError, OSError):
            self._bury("died", self._alive.epitaph())
        return records

    def look(self) -> None:
        """Kill it if it hangs or takes too much, and start it again.

        Raises:
            WorkerLost: it does not survive its start.
        """
        why = self._overdue()
        if why:
            self._bury(f"was killed: {why}", "")

    def close(self) -> None:
        """End it at once."""
        if self._child is not None:
            self._child.kill()
        self._listener.close()
        shutil.rmtree(self._place, ignore_errors=True)

    @property
    def _alive(self) -> Child:
        assert self._child is not None, "start() was not called"
        return self._child

    def _begin(self) -> None:
        self._health, self._heard = Health(is_loading=True), time.monotonic()
        inherited = self._listener.fileno()
        self._child = Child(
            "narratrace.corpus.lending_process", self._name, self._environment, self._folder, [inherited]
        )
        charge = Charge(listener=inherited, key=self.lender.key, folder=self._place, limits=self._limits)
        self.connection.send((charge, logging.getLogger().getEffectiveLevel()))

    def _overdue(self) -> str:
        limits, health = self._limits, self._health
        silent = time.monotonic() - self._heard
        if health.late:
            return health.late
        if silent > (limits.load_s if health.is_loading else limits.stall_s):
            return f"no sign of life for {silent:.0f} s (run.limits.stall_s, run.limits.load_s)"
        most = limits.memory_bytes + health.models if limits.memory_bytes else 0
        if most and not health.is_loading and self._alive.memory > most:
            return f"took {self._alive.memory} bytes of memory (run.limits.memory_bytes)"
        return ""

    def _bury(self, what: str, details: str) -> None:
        self._alive.kill()
        self._still_born = 0 if self._health.has_worked else self._still_born + 1
        text = ": ".join(part for part in (f"the process with the models {what}", details) if part)
        _log.warning("%s: %s", self._name, text)
        if self._still_born >= STARTS:
            raise WorkerLost(f"the process with the models {what}", station="corpus", cause=details)
        self._begin()
