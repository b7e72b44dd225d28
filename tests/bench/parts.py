"""Parts of a benchmark that go well, fail, hang or die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.gpu.child import Row, Step

FOREVER_S = 600.0


def fine(context: Row) -> Iterator[Step]:
    """Two rows, the second from what came before."""
    yield {"n": 1}, lambda: {"value": 1.0}
    yield {"n": 2}, lambda: {"value": float(len(context.get("before", [])))}


def one_bad_row(_: Row) -> Iterator[Step]:
    """The second of three rows fails."""
    yield {"n": 1}, lambda: {"value": 1.0}
    yield {"n": 2}, lambda: {"value": 1.0 / 0}
    yield {"n": 3}, lambda: {"value": 3.0}


def broken(_: Row) -> Iterator[Step]:
    """Cannot go on after its first row."""
    yield {"n": 1}, lambda: {"value": 1.0}
    raise OSError("no room")


def hangs(_: Row) -> Iterator[Step]:
    """Never comes back from its second row, and has a process of its own meanwhile."""
    yield {"n": 1}, lambda: {"value": 1.0}
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER_S})"])
    yield {"n": 2}, lambda: {"pid": child.pid}
    yield {"n": 3}, _forever


def killed(_: Row) -> Iterator[Step]:
    """Dies in its second row as if by the kernel's hand."""
    yield {"n": 1}, lambda: {"value": 1.0}
    yield {"n": 2}, lambda: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[dict-item, return-value]


def leaves_a_thread(_: Row) -> Iterator[Step]:
    """Is done, but a thread that would keep the process is not."""
    threading.Thread(target=_forever).start()
    yield {"n": 1}, lambda: {"value": 1.0}


def _forever() -> Any:
    time.sleep(FOREVER_S)
