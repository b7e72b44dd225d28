"""``narratrace report``: an output folder as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from narratrace.arguments import file_to_write
from narratrace.data.media import is_local, local_path
from narratrace.errors import InputError


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("report", help="show an output folder as one HTML file")
    parser.add_argument("out", metavar="OUT", help="output folder of process or corpus run")
    parser.add_argument(
        "-o", "--output", type=file_to_write, metavar="FILE", help="OUT/report.html by default"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file; its section report counts")
    parser.add_argument(
        "--set", action="append", default=[], dest="assignments", metavar="report.OPTION=VALUE"
    )
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Build the report and say where it is."""
    from narratrace.report import build_report
    from narratrace.settings import load_settings

    settings = load_settings(args.config, args.assignments)
    path = build_report(_folder(args.out), args.output, settings.report)
    if path.is_file():  # or else it may have gone to stdout
        print(path)
    return 0


def _folder(out: str) -> Path:
    """The output folder that was named.

    Raises:
        InputError: it lies elsewhere, or has no name.
    """
    if not is_local(out):
        raise InputError(
            "lies elsewhere", station="report", input=out, expected="the path of a local copy of the output"
        )
    if not out.strip():
        raise InputError("is empty", station="report", input=repr(out), expected="an output folder")
    return local_path(out)
