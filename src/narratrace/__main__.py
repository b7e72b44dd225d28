"""``python -m narratrace``, and the command ``narratrace``."""

from __future__ import annotations

import sys
from typing import NoReturn

_INTERRUPTED = 130


def main() -> NoReturn:
    """The process; an interruption before or after a command itself ends it like one amid it."""
    try:
        from narratrace.cli import program  # takes long enough to be interrupted

        program()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
