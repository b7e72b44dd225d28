"""Where a run keeps things: names in an output folder, beside those of :mod:`narratrace.write`.

Note [Remote outputs]
~~~~~~~~~~~~~~~~~~~~~
Shards are made on this machine in any case: their hash, and going on after a crash, need a file system. With
an output elsewhere, ``OUT`` is built in a local folder, and whatever is finished there is sent off and then
deleted. So a file that lies there is one that still has to be sent, and nothing else needs to be remembered.
The ledger stays, and goes along at the end. The last thing sent is ``_SUCCESS``: what a reader waits for.

Note [Whose scratch it is]
~~~~~~~~~~~~~~~~~~~~~~~~~~
A scratch folder that the user names may hold anything, other runs' work too. So a run keeps to a folder of
its own in it, named after its output: the same command finds it again, and nothing else is ever deleted. In
that folder a mark says which ledger the work belongs to. A run begun anew in the same place has another
ledger, and must not take over bundles that were made with other inputs or options: it clears what it finds.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from msgspec import Struct

from narratrace.corpus.storage import discard
from narratrace.corpus.uris import check_credentials, is_local, local_path
from narratrace.errors import InputError, StorageError
from narratrace.write.files import storage_errors

LEDGER = "ledger.sqlite"
RUN = "run.json"
DEAD_LETTERS = "dead_letter.jsonl"
SUCCESS = "_SUCCESS"
SIZES = "sizes.json"
"""In the folder of the shards, samples by shard: where open_clip looks for the size of a dataset."""
PREVIOUS = "previous"

_SCRATCH = ".scratch"
_MARK = "run"


class Places(Struct, frozen=True, kw_only=True):
    """The folders of a run.

    Attributes:
        name: The output, as a command in any folder can name it.
        out: Output folder on this machine.
        scratch: Folder for unfinished work, this run's alone.
        remote: URI that finished files are sent to, empty when ``out`` is where they stay.
        base: Folder the user chose for unfinished work, absolute; empty without a choice.
    """

    name: str
    out: Path
    scratch: Path
    remote: str = ""
    base: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """What a command needs beside ``name`` to find the ledger again."""
        return ("--scratch", self.base) if self.remote and self.base else ()

    @property
    def bundles(self) -> Path:
        """Folder of the bundles."""
        return self.scratch / "bundles"


def places_of(out: str | Path, scratch: str = "") -> Places:
    """The folders of the run in ``out``.

    Args:
        out: Folder or URI.
        scratch: Folder the user chose for unfinished work, may be empty.

    Raises:
        InputError: the output has no name, or its URI holds credentials.
    """
    if not str(
        out
    ).strip():  # as a variable that is not set; taken for a path, it would be the current folder
        raise InputError(
            "is empty", station="corpus", input=repr(str(out)), expected="an output folder or a URI"
        )
    name, base = str(out), str(Path(scratch).absolute()) if scratch else ""
    if is_local(name):
        folder = local_path(name)
        own = _own_folder(scratch, os.path.realpath(folder)) if scratch else folder / _SCRATCH
        return Places(name=str(folder.absolute()), out=folder, scratch=own, base=base)
    check_credentials(name)
    remote = name.rstrip("/")
    home = _own_folder(scratch or _cache(), remote)
    return Places(name=name, out=home / "out", scratch=home / "scratch", remote=remote, base=base)


def _own_folder(base: str | Path, out: str) -> Path:
    """The folder in ``base`` of the run whose output is ``out``, see Note [Whose scratch it is]."""
    return Path(base) / f"narratrace-{hashlib.sha256(os.fsencode(out)).hexdigest()[:16]}"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def claim_scratch(places: Places, run: str) -> None:
    """Make the scratch folder that of ``run``; what another run left there is deleted.

    Args:
        places: Of the run.
        run: What tells its ledger from others.

    Raises:
        StorageError: the folder cannot be made.
    """
    mark = places.scratch / _MARK
    if not mark.is_file() or mark.read_text() != run:
        discard(places.scratch)
    make_folder(places.bundles)
    with storage_errors(mark):
        mark.write_text(run)


def make_folder(folder: Path) -> None:
    """Make a folder, and those it lies in.

    Raises:
        StorageError: that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot be made: {error.strerror or error}",
            station="corpus",
            input=str(folder),
            expected="a folder, or a place for one",
            cause="it or a folder above it is a file, or is write-protected",
        ) from error
