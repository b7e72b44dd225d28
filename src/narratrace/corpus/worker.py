"""A worker process: ``python -m narratrace.corpus.worker FD``, started by the local executor.

The descriptor is one end of a socket pair. A reader thread takes tasks from it while the main thread works,
so that the process ends at once when the driver does, however that ended. Whatever native code prints goes
to a file of the worker's own; the driver quotes its end when the worker dies.
"""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from msgspec.structs import replace

from narratrace.corpus.line import DriverHandler, Line, set_up
from narratrace.corpus.messages import Broken, Ended, Job, Ready, Task
from narratrace.corpus.workshop import Workshop, failure
from narratrace.device import parse_device
from narratrace.driver import driver_facts
from narratrace.errors import NarratraceError


def main() -> None:
    """Serve the driver at the other end of the descriptor until it hangs up."""
    connection, job, line, handler = set_up(int(sys.argv[1]))
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
