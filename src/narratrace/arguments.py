"""Command line arguments for the options of the engine, shared by all commands that take them.

Kept apart from the options themselves, so that a parser is built without loading the engine: ``--help`` is
fast, and ``narratrace doctor`` works where the engine cannot be imported.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from narratrace.settings import Settings

SHORTCUTS = {
    "device": "device",
    "asr": "transcribe.asr",
    "classifier": "classify.classifier",
    "frames": "decode.frames",
}
"""Command line options that stand for an option of the tree, by name."""


_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def file_to_write(text: str) -> Path:
    """The file that an argument names, for ``type=``; refused before any work where there can be none.

    Raises:
        argparse.ArgumentTypeError: the name is empty, or that of a folder.
    """
    if not text.strip():  # as a variable that is not set; taken for a path, it would be the current folder
        raise argparse.ArgumentTypeError("is empty (expected a file)")
    if text.endswith(os.sep) or os.path.isdir(text):  # noqa: PTH112  # no error for a name that is too long
        raise argparse.ArgumentTypeError(f"{text} is a folder (expected a file)")
    if text in _STDOUT:  # by descriptor 1 native libraries may print, see narratrace.cli
        with contextlib.suppress(OSError, AttributeError):  # it may have none, or be closed
            return Path(f"/dev/fd/{sys.stdout.fileno()}")
    return Path(text)


def add_settings_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``, ``--set`` and the shortcuts to a command; :func:`settings_of` reads them."""
    group = parser.add_argument_group("options of the engine (narratrace config --show lists all)")
    group.add_argument("--config", type=Path, metavar="FILE", help="YAML file with sections of options")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="SECTION.OPTION=VALUE",
        help="set one option; may be repeated",
    )
    group.add_argument("--device", help="auto, cpu, cuda or cuda:N")
    group.add_argument("--asr", metavar="WHO", help="auto, none, captions or whisper:NAME_OR_FOLDER")
    group.add_argument("--classifier", metavar="WHO", help="none, torchvision:ARCH:CHECKPOINT, openclip:...")
    group.add_argument("--frames", choices=("auto", "all"), help="decode what is needed, or every frame")


def settings_of(args: argparse.Namespace, defaults: Mapping[str, Any] | None = None) -> Settings:
    """The settings behind the arguments of :func:`add_settings_arguments`.

    Args:
        args: As parsed.
        defaults: The command's own defaults by dotted name.

    Raises:
        OptionError: a file or value is not usable.
    """
    from narratrace.settings import load_settings

    shortcuts = {path: getattr(args, name) for name, path in SHORTCUTS.items()}
    return load_settings(args.config, args.assignments, shortcuts, defaults)
