"""``python -m narratrace``."""

from narratrace.cli import program

if __name__ == "__main__":
    program()
