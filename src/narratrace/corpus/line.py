"""A child process's end of the line to the driver: what it says, and what it logs."""

from __future__ import annotations

import faulthandler
import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from narratrace.corpus.messages import Logged, Message, Progress
from narratrace.threads import share_heap

_PROGRESS_EVERY_S = 1.0


class Line:
    """This process's end of the line; safe to use from several threads.

    Attributes:
        leave: Ends the process once there is no driver to work for.
    """

    def __init__(self, connection: Connection) -> None:
        self.leave: Callable[[], object] = lambda: os._exit(1)
        self._connection = connection
        self._lock = threading.Lock()
        self._told = ("", 0.0)

    def say(self, message: Message) -> None:
        """Send a message; without a driver there is nobody to work for."""
        with self._lock:
            try:
                self._connection.send(message)
            except OSError:
                self.leave()

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


def set_up(descriptor: int) -> tuple[Connection, Any, Line, DriverHandler]:
    """Make this process one of the driver's: its connection, the first message but for the level of logs, its
    line and its log.
    """
    share_heap()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the driver decides
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # gigabytes of models on disk help nobody
    connection = Connection(descriptor)
    first, level = connection.recv()
    line = Line(connection)
    handler = DriverHandler(line)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    return connection, first, line, handler
