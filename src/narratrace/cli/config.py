"""``narratrace config``: every option with its value, default, unit and meaning."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from narratrace.arguments import add_settings_arguments, settings_of

if TYPE_CHECKING:
    from narratrace.options import OptionRow


_HEAD = """\
# Options

Written by `narratrace config --show --format markdown`. Values come from, in this order: shortcuts such as
`--asr`, `--set section.option=value`, a YAML file (`--config`), the defaults. `--format yaml` writes such a
file.

"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("config", help="show every option, its value, unit and meaning")
    parser.add_argument("--show", action="store_true", help="show the options (the default)")
    parser.add_argument(
        "--format",
        choices=("text", "yaml", "json", "markdown"),
        default="text",
        help="yaml can be edited and handed to --config",
    )
    parser.add_argument("--changed", action="store_true", help="only options that differ from their default")
    add_settings_arguments(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Show the options as the other arguments leave them."""
    from narratrace.options import rows

    shown = [row for row in rows(settings_of(args)) if not args.changed or row.value != row.default]
    writers = {"text": as_text, "yaml": as_yaml, "json": as_json, "markdown": as_markdown}
    sys.stdout.write(writers[args.format](shown))
    return 0


def as_text(options: Sequence[OptionRow]) -> str:
    """Two lines an option: name, value, type; meaning, unit and source."""
    lines = []
    for row in options:
        changed = "" if row.value == row.default else f"   (default {_plain(row.default)})"
        lines.append(f"{row.path} = {_plain(row.value)}{changed}")
        notes = [
            row.doc,
            f"unit: {row.unit}" if row.unit else "",
            f"source: {row.source}" if row.source else "",
        ]
        lines.append("    " + "; ".join([note for note in notes if note] + [f"type: {row.type}"]))
    return "".join(f"{line}\n" for line in lines)


def as_json(options: Sequence[OptionRow]) -> str:
    """A list of objects."""
    fields = ("path", "value", "default", "type", "unit", "doc", "source")
    return json.dumps([{name: getattr(row, name) for name in fields} for row in options], indent=1) + "\n"


def as_yaml(options: Sequence[OptionRow]) -> str:
    """A configuration file, with the meaning of each option as a comment before it."""
    lines: list[str] = []
    open_path: list[str] = []
    for row in options:
        *folders, name = row.path.split(".")
        shared = 0
        while shared < min(len(folders), len(open_path)) and folders[shared] == open_path[shared]:
            shared += 1
        lines += [f"{'  ' * depth}{folders[depth]}:" for depth in range(shared, len(folders))]
        open_path = folders
        indent = "  " * len(folders)
        unit = f" [{row.unit}]" if row.unit else ""
        lines += [f"{indent}# {row.doc}{unit}", f"{indent}{name}: {_plain(row.value)}"]
    return "".join(f"{line}\n" for line in lines)


def as_markdown(options: Sequence[OptionRow]) -> str:
    """The page ``docs/options.md``, whole."""
    lines = [*_HEAD.splitlines(), "| option | default | unit | meaning | source |", "|---|---|---|---|---|"]
    for row in options:
        cells = (f"`{row.path}`", f"`{_plain(row.default)}`", row.unit, row.doc, row.source)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "".join(f"{line}\n" for line in lines)


def _plain(value: Any) -> str:
    """The value as YAML in one line; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
