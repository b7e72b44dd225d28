"""What a command says on stderr: log lines, one line per error, progress on a terminal.

No line shows the query of a URI, whoever wrote it: see Note [URIs are not trusted].
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from narratrace.data.media import redacted_text
from narratrace.errors import NarratraceError

_OWN = "narratrace"
if TYPE_CHECKING:
    _Handler: TypeAlias = logging.StreamHandler[TextIO]
else:
    _Handler = logging.StreamHandler  # generic since Python 3.11
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--log-format``, ``--quiet`` and ``--debug`` to a parser and all commands below it.

    They can stand before and after the command; what stands after it counts.
    """
    _add(parser, log_format="text", quiet=False, debug=False)
    for command in _commands_below(parser):
        _add(command, log_format=argparse.SUPPRESS, quiet=argparse.SUPPRESS, debug=argparse.SUPPRESS)


def _add(parser: argparse.ArgumentParser, *, log_format: str, quiet: Any, debug: Any) -> None:
    group = parser.add_argument_group("output")
    group.add_argument(
        "--log-format", choices=("text", "json"), default=log_format, help="json: a line per event"
    )
    group.add_argument("--quiet", action="store_true", default=quiet, help="errors only")
    group.add_argument(
        "--debug", action="store_true", default=debug, help="log everything, and show where errors come from"
    )


def _commands_below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in dict.fromkeys(action.choices.values()):
                yield command
                yield from _commands_below(command)


def set_up_logging(log_format: str, *, quiet: bool, debug: bool) -> None:
    """Send log lines to stderr: ours from INFO on (ERROR when quiet), those of libraries from WARNING on.

    Python's warnings, which libraries give as well, are lines like the others.
    """
    handler = _StderrHandler()
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO)
    if not debug:
        handler.addFilter(lambda record: _is_ours(record) or record.levelno >= logging.WARNING)
    warnings.formatwarning = _one_line
    logging.captureWarnings(True)


def _one_line(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    line: str | None = None,  # noqa: ARG001
) -> str:
    """See :func:`warnings.formatwarning`."""
    return f"{category.__name__}: {' '.join(str(message).split())} ({Path(filename).name}:{lineno})"


def report_error(error: Exception, args: argparse.Namespace) -> None:
    """Say in one line why the command ends; with ``--debug`` also where it comes from."""
    if isinstance(error, NarratraceError):
        text, fields = str(error), {**error.to_dict(), "error": type(error).__name__}
    else:
        text = f"internal error: {type(error).__name__}: {error}; --debug shows where"
        fields = {"error": type(error).__name__}
    logging.getLogger(_OWN).error(
        "%s", " ".join(text.split()), extra=fields, exc_info=error if args.debug else None
    )


@contextlib.contextmanager
def progress_bar(
    args: argparse.Namespace, what: str, total: Callable[[], float | None]
) -> Iterator[Callable[[str, float], None]]:
    """A bar over the seconds of one recording, on a terminal only.

    Args:
        args: Parsed arguments; ``--quiet`` and JSON logs show no bar.
        what: Label.
        total: Tells the seconds of the recording, None when unknown; only asked if there is a bar.

    Yields:
        To be called with the video_id and the seconds looked at; safe from any thread.
    """
    if args.quiet or args.log_format == "json" or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total(), speed="")

        def look(_video_id: str, seconds: float) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            speed = f"{seconds / elapsed:.1f} x real time" if elapsed > 0 else ""
            bar.update(task, completed=seconds, speed=speed)

        yield look


class _StderrHandler(_Handler):
    """Writes to whatever ``sys.stderr`` is at the time: a progress bar puts itself in its place."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        raise AttributeError("the stream is always sys.stderr")


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name == _OWN or record.name.startswith(f"{_OWN}.")


class _TextFormatter(logging.Formatter):
    """``narratrace: error: what happened``."""

    def __init__(self) -> None:
        super().__init__("narratrace: %(tag)s%(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback if there is one."""
        record.tag = f"{record.levelname.lower()}: " if record.levelno != logging.INFO else ""
        return redacted_text(super().format(record))


class _JsonFormatter(logging.Formatter):
    """A JSON object a line: time, level, logger, message, and the record's further fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {
            name: value for name, value in record.__dict__.items() if name not in _STANDARD and name != "tag"
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        shown = {
            name: redacted_text(value) if isinstance(value, str) else value for name, value in event.items()
        }
        return json.dumps(shown, default=str, ensure_ascii=False)
