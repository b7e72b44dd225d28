"""``python -m narratrace``."""

import sys

from narratrace.cli import main

if __name__ == "__main__":
    sys.exit(main())
