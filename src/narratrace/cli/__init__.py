"""The command ``narratrace``: arguments in, exit code out. What the commands do lives elsewhere.

Exit codes: 0 all went well; 1 a recording failed; 2 wrong arguments, options or inputs; 3 a device, model or
library that was asked for is not to be had; 4 the failure budget was exceeded; 70 a fault of narratrace
itself; 74 something cannot be written or fetched; 130 interrupted.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import errno
import gc
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from narratrace.cli.output import add_output_arguments, report_error, set_up_logging
from narratrace.errors import NarratraceError, OptionError, StorageError
from narratrace.threads import share_heap

COMMANDS = ("doctor", "probe", "analyze", "report", "config")
"""Modules of this package, each with ``add_command(subparsers)``; those of runs are the corpus' own."""

_INTERNAL, _INTERRUPTED = 70, 130
_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Faults of a disk or device, whoever meets them."""

log = logging.getLogger(__name__)


def program() -> NoReturn:
    """The process ``narratrace``: one command, and its exit code.

    Modules and options are many objects that live as long as the process. That the collector goes through
    them over and over while they are made is a sixth of a short command, and that all is taken apart at the
    end, to be freed by the system in any case, a twentieth.
    """
    gc.set_threshold(200_000)
    ended: list[int] = []
    atexit.register(_leave, ended)  # before all others, hence called after them
    share_heap()
    _keep_stdout_clean()
    ended.append(main())
    sys.exit(ended[0])


def _leave(ended: list[int]) -> None:
    """Ends the process at once if its command has ended; threads have, too, and all else was told."""
    if ended:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or nobody reads it
                stream.flush()
        os._exit(ended[0])


def _keep_stdout_clean() -> None:
    """Has Python alone write to stdout; what native libraries print goes to stderr.

    PyNvVideoCodec prints a line for each damaged picture, into the midst of a document.
    """
    old = sys.stdout
    if not isinstance(old, io.TextIOWrapper) or sys.stderr is None:  # closed by whoever started this
        return
    old.flush()
    own = open(os.dup(1), "w", encoding=old.encoding, errors=old.errors)  # noqa: SIM115, PTH123
    own.reconfigure(line_buffering=bool(old.line_buffering), write_through=old.write_through)
    os.dup2(2, 1)
    sys.stdout = own


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name, those of the process when None.

    Returns:
        The exit code, see the module's description.
    """
    # NumPy starts a thread a core at its import, as costly as the rest; large matrices are not met here.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        args = build_parser().parse_args(argv)
    except _WrongArguments as wrong:
        sys.exit(wrong.report(sys.argv[1:] if argv is None else argv))
    set_up_logging(args.log_format, quiet=args.quiet, debug=args.debug)
    try:
        code = int(args.handler(args) or 0)
        sys.stdout.flush()  # so that a reader who left is noticed here, and not at exit
        return code
    except NarratraceError as error:
        report_error(error, args)
        return error.exit_code
    except KeyboardInterrupt:
        log.error("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        _give_up_stdout()
        return 0
    except OSError as error:
        if error.errno not in _STORAGE:
            report_error(error, args)
            return _INTERNAL
        if error.filename is None:
            _give_up_stdout()
        name = str(error.filename or "standard output")  # whatever else is written has a name by here
        report_error(StorageError(f"cannot be written: {error.strerror}", input=name), args)
        return StorageError.exit_code
    except Exception as error:
        report_error(error, args)
        return _INTERNAL


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands; the parsed ``handler`` takes the arguments and returns an exit code."""
    parser = _Parser(
        prog="narratrace", description="Narrated screen recordings in, aligned image-text-trace samples out."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"narratrace.cli.{name}").add_command(commands)
    importlib.import_module("narratrace.corpus.commands").add_commands(commands)
    add_output_arguments(parser)
    return parser


class _WrongArguments(Exception):
    """Arguments that no command takes.

    Args:
        parser: Of the command.
        message: What is wrong with them.
    """

    def __init__(self, parser: argparse.ArgumentParser, message: str) -> None:
        super().__init__(message)
        self._parser = parser

    def report(self, argv: Sequence[str]) -> int:
        """Say what is wrong in the format that ``argv`` asks for, as far as that can be told.

        Returns:
            The exit code.
        """
        finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        finder.add_argument("--log-format", nargs="?")
        known, _ = finder.parse_known_args(argv)
        if known.log_format == "json":
            set_up_logging("json", quiet=False, debug=False)
            report_error(OptionError(str(self), input=self._parser.prog), argparse.Namespace(debug=False))
        else:
            self._parser.print_usage(sys.stderr)
            sys.stderr.write(f"{self._parser.prog}: error: {self}\n")
        return OptionError.exit_code


class _Parser(argparse.ArgumentParser):
    """Leaves it to :func:`main` to say what is wrong; the parsers of the commands are of this kind too."""

    def error(self, message: str) -> NoReturn:
        """Arguments are wrong."""
        raise _WrongArguments(self, message)


def _give_up_stdout() -> None:
    """Have what is still to be written to stdout vanish, so that it does not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Version(argparse.Action):
    """Shows the version of the package, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from narratrace import __version__

        print(f"narratrace {__version__}")
        parser.exit()
