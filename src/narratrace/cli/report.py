"""``narratrace report``: an output folder as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("report", help="show an output folder as one HTML file")
    parser.add_argument("out", metavar="OUT", type=Path, help="output folder of process or corpus run")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="OUT/report.html by default")
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
    print(build_report(args.out, args.output, settings.report))
    return 0
