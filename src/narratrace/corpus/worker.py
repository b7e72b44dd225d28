"""A worker process: ``python -m narratrace.corpus.worker FD``, started by the local executor.

The descriptor is one end of a socket pair. A reader thread takes tasks from it while the main thread works,
so that the process ends at once when the driver does, however that ended. Whatever native code prints goes
to a file of the worker's own; the driver quotes its end when the worker dies.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import queue
import resource
import signal
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from narratrace.corpus.messages import Broken, Ended, Job, Logged, Message, Progress, Ready, Task
from narratrace.corpus.workshop import Workshop, failure
from narratrace.device import parse_device
from narratrace.driver import driver_facts
from narratrace.errors import NarratraceError
from narratrace.threads import share_heap

_PROGRESS_EVERY_S = 1.0


class Line:
    """The worker's end of the line to the driver; safe to use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._told = ("", 0.0)

    def say(self, message: Message) -> None:
        """Send a message; without a driver there is nobody to work for."""
        with self._lock:
            try:
                self._connection.send(message)
            except OSError:
                os._exit(1)

    def tell(self, progress: Progress) -> None:
        """Send a sign of life when the station changes, and else about once a second."""
        station, when = self._told
        now = time.monotonic()
        if progress.station != station or progress.looked_at == 0 or now - when >= _PROGRESS_EVERY_S:
            self._told = (progress.station, now)
            self.say(progress)


class DriverHandler(logging.Handler):
    """Sends log records to the driver, with the recording they belong to."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self.video_id = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        video_id = getattr(record, "video_id", self.video_id)
        self._line.say(Logged(record.name, record.levelno, record.getMessage(), video_id))


def main() -> None:
    """Serve the driver at the other end of the descriptor until it hangs up."""
    share_heap()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # gigabytes of models on disk help nobody
    connection = Connection(int(sys.argv[1]))
    job, level = connection.recv()
    line = Line(connection)
    handler = DriverHandler(line)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    tasks: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, tasks), daemon=True).start()
    _serve(job, line, tasks, handler)


def _listen(connection: Connection, tasks: queue.SimpleQueue[Task]) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            tasks.put(connection.recv())
    os._exit(0)


def _serve(job: Job, line: Line, tasks: queue.SimpleQueue[Task], handler: DriverHandler) -> None:
    task: Task | None = None

    def on_hang(error: NarratraceError) -> None:
        if task is not None:
            failed = failure(error, task, workshop.station)
            # Native code that does not come back need not do so again: the recording is worth another try.
            line.say(Ended(replace(failed, retryable=True), time.perf_counter() - began))
        os._exit(1)

    try:
        workshop = Workshop(job, line.tell, on_hang)
        with workshop:
            if parse_device(job.engine.device).kind == "cpu" or driver_facts().problem:
                limit_memory(job.limits.memory_bytes)
            line.say(Ready())
            while True:
                task = tasks.get()
                handler.video_id = task.video.video_id
                began = time.perf_counter()
                line.say(Ended(workshop.carry_out(task), time.perf_counter() - began))
                handler.video_id, task = "", None
    except NarratraceError as error:  # only opening the stages raises
        line.say(Broken(error))


def limit_memory(most: int) -> None:
    """Let this process take ``most`` bytes of address space beyond what it has now.

    Beyond it allocation fails, which ends a recording and not the machine. CUDA maps address space far
    beyond what it uses, so with a card the driver's watch on resident memory has to do.
    """
    if not most or not sys.platform.startswith("linux"):
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + most
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    main()
