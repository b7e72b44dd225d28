"""OUT/dead_letter.jsonl of a run: exactly the recordings the ledger has given up."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from narratrace.data.outcome import Failed
from narratrace.write.dead_letter import append_dead_letter, dead_letter_line
from narratrace.write.files import write_atomic


class DeadLetters:
    """The file, appended to while a run goes on and written anew at its ends.

    Args:
        path: The file.
        out: Output of the run as the user named it, for the commands.
        options: What they need beside it.
    """

    def __init__(self, path: Path, out: str, options: Sequence[str] = ()) -> None:
        self._path = path
        self._out = out
        self._options = options

    def append(self, failed: Failed) -> None:
        """Add one recording, durably.

        Raises:
            StorageError: the file cannot be written.
        """
        append_dead_letter(self._path, failed, self._command(failed))

    def rewrite(self, failures: Iterable[Failed]) -> None:
        """Make the file agree with the ledger, whose failures these are, in output order.

        A crash may leave a line missing, and a retry one too many.

        Raises:
            StorageError: the file cannot be written.
        """
        lines = (dead_letter_line(failed, self._command(failed)) for failed in failures)
        write_atomic(self._path, b"".join(lines))

    def _command(self, failed: Failed) -> str:
        names = [self._out, failed.video_id]
        if failed.video_id.startswith("-"):  # or else it would be taken for an option
            names = ["--", *names]
        return shlex.join(["narratrace", "corpus", "reproduce", *self._options, *names])
