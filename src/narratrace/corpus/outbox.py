"""Sends finished files to a remote output, see Note [Remote outputs]."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from narratrace.corpus.places import DEAD_LETTERS, LEDGER, RUN, SIZES, SUCCESS, Places, make_folder
from narratrace.corpus.storage import open_filesystem
from narratrace.corpus.uris import redacted
from narratrace.errors import InputError, NarratraceError, StorageError
from narratrace.write.shard_file import SHARDS, ShardRecord, index_path, shard_path
from narratrace.write.shards import ANALYSIS, NARRATIVES

_log = logging.getLogger(__name__)

_THREADS = 4
_TRIES = 4
_PAUSE_S = 1.0
_FINAL = (FileNotFoundError, PermissionError)
"""Errors of storage libraries that another try does not mend."""
_TRIAL = ".narratrace"


class Outbox:
    """The way of finished files out of this machine; does nothing when they stay. A context manager.

    Used by one thread; sends in others. A shard's index is sent after the shard.

    Args:
        places: Of the run.

    Raises:
        MissingDependency: the library for the storage is not installed.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._pool = ThreadPoolExecutor(_THREADS, "narratrace-send")
        self._sending: list[Future[None]] = []
        self._on_their_way: set[Path] = set()
        self._storage: Any = None
        if places.remote:
            self._storage, self._root = open_filesystem(places.remote)

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def is_remote(self) -> bool:
        """Whether there is anything to send."""
        return self._storage is not None

    def refuse_taken(self) -> None:
        """Refuse to begin a run at a remote place that holds the output of another.

        Raises:
            InputError: there is something.
            StorageError: the storage does not answer.
        """
        if self._storage is not None and self._try(lambda: self._storage.exists(self._root)):
            raise InputError(
                "holds the output of a run, and none is begun over it",
                station="corpus",
                input=redacted(self._places.remote),
                expected="another place; or, to go on, the machine and --scratch folder of that run, "
                "and no --new-run",
            )

    def try_out(self) -> None:
        """Send a small object and delete it: what is wrong with the place is noticed before any work.

        Raises:
            InputError: there is no such place, or nothing may be written there.
            StorageError: the storage does not answer.
        """
        if self._storage is None:
            return
        try:
            with TemporaryDirectory(prefix="narratrace-") as folder:
                small = Path(folder) / _TRIAL
                small.touch()
                self._put(small, _TRIAL)
        except StorageError as error:
            if isinstance(error.__cause__, _FINAL):
                raise InputError(
                    f"cannot be written: {error.__cause__}",
                    station="corpus",
                    input=redacted(self._places.remote),
                    expected="a bucket that is there, and the permission to write to it",
                ) from error
            raise
        try:
            self._try(lambda: self._storage.rm_file(f"{self._root}/{_TRIAL}"))
        except StorageError as error:  # a run deletes nothing else
            _log.warning("%s stays: %s", _TRIAL, error)

    def fetch_all(self, folder: Path) -> None:
        """Fetch everything that was sent.

        Raises:
            InputError: nothing was.
            StorageError: the storage does not answer, or the disk is full.
        """
        if not self._try(lambda: self._storage.exists(self._root)):
            raise InputError(
                "holds nothing",
                station="corpus",
                input=redacted(self._places.remote),
                expected="the output of a run",
            )
        self._try(lambda: self._storage.get(f"{self._root}/", str(folder), recursive=True))

    def send(self, records: Iterable[ShardRecord]) -> None:
        """Send shards and the analyses that lie here, in the background.

        Raises:
            StorageError: something sent earlier did not arrive.
        """
        if self._storage is None:
            return
        out = self._places.out
        for record in records:
            tar = shard_path(out, record.kind, record.number)
            self._later([tar, index_path(out, record.kind, record.number)])
        for path in sorted((out / ANALYSIS).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self._later([path])
        self._collect(most=_THREADS * 16)

    def finish(self, *, complete: bool) -> None:
        """Wait for everything, then send the records of the run, and for a complete one the marker.

        Raises:
            StorageError: something did not arrive.
        """
        if self._storage is None:
            return
        self.send(())
        self._collect(most=0)
        out = self._places.out
        if complete:
            self._put(out / NARRATIVES)
            self._put(out / SHARDS / SIZES)
        for name in (DEAD_LETTERS, RUN):
            self._put(out / name)
        with TemporaryDirectory(prefix="narratrace-") as folder:
            copy = Path(folder) / LEDGER
            _copy_ledger(out / LEDGER, copy)
            self._put(copy, LEDGER)
        if complete:
            self._try(lambda: self._storage.pipe_file(f"{self._root}/{SUCCESS}", b""))

    @contextmanager
    def shard(self, record: ShardRecord) -> Iterator[Path]:
        """A shard as a local file, fetched for the time of the block when it was sent away.

        Raises:
            StorageError: it cannot be fetched.
        """
        path = shard_path(self._places.out, record.kind, record.number)
        if path.exists() or self._storage is None:
            yield path
            return
        with TemporaryDirectory(prefix="narratrace-") as folder:
            copy = Path(folder) / record.name
            self._try(lambda: self._storage.get_file(f"{self._root}/{SHARDS}/{record.name}", str(copy)))
            yield copy

    def _later(self, paths: list[Path]) -> None:
        """Send files one after the other, then delete them; in the background."""

        def work() -> None:
            for path in paths:
                if path.exists():  # or else an earlier session has sent it
                    self._put(path)
            for path in reversed(paths):
                path.unlink(missing_ok=True)
            self._on_their_way.difference_update(paths)

        if self._on_their_way.isdisjoint(paths):
            self._on_their_way.update(paths)
            self._sending.append(self._pool.submit(work))

    def _put(self, path: Path, name: str | None = None) -> None:
        """Send a file; large ones in parts that become visible together."""
        target = f"{self._root}/{name or path.relative_to(self._places.out).as_posix()}"
        self._try(lambda: self._storage.put_file(str(path), target))

    def _collect(self, most: int) -> None:
        """Wait until no more than ``most`` files are on their way."""
        while len(self._sending) > most or (self._sending and self._sending[0].done()):
            self._sending.pop(0).result()

    def _try(self, work: Callable[[], Any]) -> Any:
        for attempt in range(_TRIES):
            try:
                return work()
            except NarratraceError:
                raise
            except Exception as error:  # every storage library has errors of its own
                if attempt == _TRIES - 1 or isinstance(error, _FINAL):
                    raise StorageError(
                        f"cannot be reached: {type(error).__name__}: {error}",
                        station="corpus",
                        input=redacted(self._places.remote),
                        cause="no network, no permission, or no such bucket; the same command goes on",
                    ) from error
                _log.warning("%s: %s; trying again", redacted(self._places.remote), error)
                time.sleep(_PAUSE_S * 2.0**attempt)
        raise AssertionError("unreachable")


@contextmanager
def local_output(places: Places) -> Iterator[Path]:
    """The folder with all of an output; what lies elsewhere is fetched to scratch for the time of the block.

    Raises:
        InputError: nothing lies there.
        StorageError: it cannot be fetched.
    """
    if not places.remote:
        yield places.out
        return
    home = places.out.parent
    make_folder(home)
    with Outbox(places) as outbox, TemporaryDirectory(prefix="fetched-", dir=home) as folder:
        outbox.fetch_all(Path(folder))
        yield Path(folder)


def left_behind(out: Path, records: Iterable[ShardRecord]) -> list[ShardRecord]:
    """Shards of which something still lies in ``out``: an earlier session ended before it was sent."""
    return [
        record
        for record in records
        if shard_path(out, record.kind, record.number).exists()
        or index_path(out, record.kind, record.number).exists()
    ]


def _copy_ledger(path: Path, target: Path) -> None:
    """A ledger with everything its log holds, also while it is open, but for the secrets in its URIs."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.create_function("redacted", 1, _redacted_value)
        copy.execute("PRAGMA secure_delete = ON")  # or else they would stay in unused bytes of the file
        copy.execute("UPDATE videos SET uri = redacted(uri), captions_uri = redacted(captions_uri)")
        copy.commit()


def _redacted_value(value: str | bytes | None) -> str | bytes | None:
    return redacted(value) if isinstance(value, str) else value
