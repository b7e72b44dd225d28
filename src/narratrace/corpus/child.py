"""A process of ours on this machine, from its start to its end.

Children are programs of their own rather than forks, so that models, threads and CUDA contexts are never
inherited half alive, and the caller's ``__main__`` is not run again. Each has a socket pair of its own: one
that is killed can leave no lock held and no half message in anybody else's way.
"""

from __future__ import annotations

import logging
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

_log = logging.getLogger(__name__)

STARTS = 10
"""Deaths in a row of processes that had not begun to work, after which the run is given up."""

_TAIL = 4_000
_DYING_S = 5.0


class Child:
    """A child process; the last argument of its program is the descriptor of its end of the line.

    Args:
        module: Its program.
        name: For people.
        environment: Its environment variables.
        folder: For what it prints.
        inherited: Descriptors that it gets besides.
    """

    def __init__(
        self,
        module: str,
        name: str,
        environment: Mapping[str, str],
        folder: Path,
        inherited: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._stderr = folder / f"{name}.log"
        ours, theirs = socket.socketpair()
        with ours, theirs, self._stderr.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno(), *inherited],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=dict(environment),
            )
            self.connection = Connection(os.dup(ours.fileno()))

    @property
    def memory(self) -> int:
        """Resident bytes of the process."""
        return resident(self._process.pid)

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
        """End it at once.

        One that waits for a disk or a driver which does not answer dies when it does; nobody waits for that.
        """
        self._process.kill()
        try:
            self._process.wait(timeout=_DYING_S)
        except subprocess.TimeoutExpired:
            _log.warning("%s: does not die %g s after it was killed, and is left behind", self.name, _DYING_S)
        self.connection.close()
        self._stderr.unlink(missing_ok=True)


def environment_of(threads: int) -> dict[str, str]:
    """A child's environment: our import path, and no library that takes more threads than it is given."""
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
