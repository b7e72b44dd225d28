"""Where a run keeps things: names in an output folder, beside those of :mod:`narratrace.write`.

Note [Remote outputs]
~~~~~~~~~~~~~~~~~~~~~
Shards are made on this machine in any case: their hash, and going on after a crash, need a file system. With
an output elsewhere, ``OUT`` is built in a local folder, and whatever is finished there is sent off and then
deleted. So a file that lies there is one that still has to be sent, and nothing else needs to be remembered.
The ledger stays, and goes along at the end. The last thing sent is ``_SUCCESS``: what a reader waits for.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from narratrace.corpus.uris import is_local, local_path

LEDGER = "ledger.sqlite"
RUN = "run.json"
DEAD_LETTERS = "dead_letter.jsonl"
SUCCESS = "_SUCCESS"
SIZES = "sizes.json"
"""In the folder of the shards, samples by shard: where open_clip looks for the size of a dataset."""
PREVIOUS = "previous"

_SCRATCH = ".scratch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders of a run.

    Attributes:
        name: The output as the user named it.
        out: Output folder on this machine.
        scratch: Folder for unfinished work.
        remote: URI that finished files are sent to, empty when ``out`` is where they stay.
    """

    name: str
    out: Path
    scratch: Path
    remote: str = ""

    @property
    def bundles(self) -> Path:
        """Folder of the bundles."""
        return self.scratch / "bundles"


def places_of(out: str | Path, scratch: str = "") -> Places:
    """The folders of the run in ``out``.

    Args:
        out: Folder or URI.
        scratch: Folder the user chose for unfinished work, may be empty.
    """
    name = str(out)
    if is_local(name):
        folder = local_path(name)
        return Places(name=name, out=folder, scratch=Path(scratch) if scratch else folder / _SCRATCH)
    home = Path(scratch) if scratch else _cache() / hashlib.sha256(name.encode()).hexdigest()[:16]
    return Places(name=name, out=home / "out", scratch=home / "scratch", remote=name.rstrip("/"))


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "narratrace"
