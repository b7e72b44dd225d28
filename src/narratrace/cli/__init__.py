"""The command ``narratrace``: arguments in, exit code out. What the commands do lives elsewhere.

Exit codes: 0 all went well; 1 a recording failed; 2 wrong arguments, options or inputs; 3 a device, model or
library that was asked for is not to be had; 4 the failure budget was exceeded; 70 a fault of narratrace
itself; 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from narratrace.cli.output import add_output_arguments, report_error, set_up_logging
from narratrace.errors import NarratraceError
from narratrace.threads import share_heap

COMMANDS = ("doctor", "probe", "analyze", "report", "config")
"""Modules of this package, each with ``add_command(subparsers)``; those of runs are the corpus' own."""

_INTERNAL, _INTERRUPTED = 70, 130

log = logging.getLogger(__name__)


def program() -> NoReturn:
    """The process ``narratrace``: one command, and its exit code.

    Modules and options are many objects that live as long as the process. That the collector goes through
    them over and over while they are made, and again at the end, is a sixth of a short command.
    """
    gc.set_threshold(200_000)
    share_heap()
    _keep_stdout_clean()
    code = main()
    gc.freeze()
    sys.exit(code)


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
    args = build_parser().parse_args(argv)
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
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        report_error(error, args)
        return _INTERNAL


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands; the parsed ``handler`` takes the arguments and returns an exit code."""
    parser = argparse.ArgumentParser(
        prog="narratrace", description="Narrated screen recordings in, aligned image-text-trace samples out."
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"narratrace.cli.{name}").add_command(commands)
    importlib.import_module("narratrace.corpus.commands").add_commands(commands)
    add_output_arguments(parser)
    return parser


class _Version(argparse.Action):
    """Shows the version of the package, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from narratrace import __version__

        print(f"narratrace {__version__}")
        parser.exit()
