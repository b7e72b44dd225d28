"""OUT/ledger.sqlite: a row a recording, and the one place that knows how far a run is.

Note [One writer]
~~~~~~~~~~~~~~~~~
Only the driver writes, from one thread; a lock on the file beside it keeps a second driver out. Anybody may
read meanwhile: the journal is a write-ahead log. A row is committed, and forced to disk, before anything that
depends on it happens: a recording is ``done`` before the assembler takes its bundle, and a bundle is deleted
after the shard that holds its samples is in the ledger. So after a crash at any instant the ledger never
knows less than the shards do.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from msgspec.structs import asdict

from narratrace.corpus.ledger_queries import (
    BEGAN,
    FOLDER,
    check_schema,
    connect,
    has_tables,
    read_end,
    read_head,
    read_rows,
    read_value,
    reading_uri,
    unreadable,
)
from narratrace.corpus.ledger_rows import (
    DROP_TABLES,
    LATER_COLUMNS,
    OPEN_STATES_SQL,
    SCHEMA,
    TABLES,
    Head,
    State,
    VideoRow,
    facts_json,
    shard_values,
    uri_value,
)
from narratrace.corpus.messages import Made
from narratrace.corpus.stamps import Stamp
from narratrace.corpus.uris import located
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Dropped, Failed
from narratrace.errors import InputError, StorageError
from narratrace.write.shard_file import ShardRecord

Weighed = tuple[VideoInput, float]
"""A recording and its expected duration in seconds."""


class Ledger:
    """The ledger open for writing; a context manager.

    Args:
        path: The file, created when missing.

    Raises:
        StorageError: it cannot be opened, or another run is writing it.
        InputError: it is of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = lock(path)
        try:
            self._db = connect(path)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self.is_new = not has_tables(self._db)
            if not self.is_new:
                check_schema(self._db, path)
                self._add_columns()
        except sqlite3.Error as error:
            self._lock.close()
            raise unreadable(path, error) from error

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Fold the log into the file and let others write."""
        self._db.close()
        self._lock.close()

    def begin(self, head: Head, videos: Iterable[Weighed], facts: Mapping[str, Any] | None = None) -> None:
        """Fill a ledger, whole or not at all; what it held before is gone.

        Args:
            head: What holds for the run.
            videos: Its recordings, in order.
            facts: More about the run, as :meth:`note` takes them.
        """
        with self._transaction():
            for statement in (*DROP_TABLES.split(";"), *TABLES.split(";")):
                self._db.execute(statement)
            self._set("schema", SCHEMA)
            self._set(BEGAN, time.time())
            self._add(head, videos)
            for name, value in (facts or {}).items():
                self._set(name, value)
        self.is_new = False

    def has_results(self) -> bool:
        """Whether any recording was finished, or given up."""
        finished = f"SELECT 1 FROM videos WHERE state NOT IN ({OPEN_STATES_SQL})"
        query = f"{finished} UNION ALL SELECT 1 FROM shards LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def head(self) -> Head:
        """What holds for the whole run."""
        return read_head(self._db)

    def note(self, name: str, value: Any) -> None:
        """Remember one more fact about the run, a JSON value."""
        with self._transaction():
            self._set(name, value)

    def noted(self, name: str, default: Any = None) -> Any:
        """A fact about the run."""
        return read_value(self._db, name, default)

    def go_on(self, head: Head, added: Iterable[Weighed], videos: Iterable[VideoInput], folder: Path) -> None:
        """Add recordings at the end of the order, and take over where all lie now, whole or not at all.

        The ids and facts of those that were there are those the ledger has.

        Args:
            head: What now holds for the run.
            added: Recordings that the ledger does not have.
            videos: All of them, those added as well.
            folder: What relative paths are relative to.
        """
        with self._transaction():
            self._add(head, added)
            self._set(FOLDER, str(folder))
            self._db.executemany(
                "UPDATE videos SET uri = ?, captions_uri = ? WHERE video_id = ? AND "
                "(uri IS NOT ? OR captions_uri IS NOT ?)",
                ((*_uris(v), v.video_id, *_uris(v)) for v in videos),
            )

    def reopen(self) -> int:
        """Make recordings pending that were running when the last driver ended.

        Their attempt does not count: it ended with the driver, not by a fault of the recording.

        Returns:
            How many there were.
        """
        with self._transaction():
            return self._db.execute(
                "UPDATE videos SET state = 'pending', attempt = attempt - 1 WHERE state = 'running'"
            ).rowcount

    def next_pending(self, before: int, now: float, limit: int, *, longest_first: bool) -> list[VideoRow]:
        """Recordings to begin, see Note [Longest first at the end].

        Args:
            before: Only with sequence numbers below this.
            now: Seconds since 1970; those that wait for a later time are left out.
            limit: Most rows.
            longest_first: Or else in input order.
        """
        order = "weight DESC, sequence" if longest_first else "sequence"
        return self._rows(
            f"WHERE state = 'pending' AND sequence < ? AND not_before <= ? ORDER BY {order} LIMIT ?",
            (before, now, limit),
        )

    def row(self, sequence: int) -> VideoRow | None:
        """The recording at a place, None when it was moved to the end by a retry."""
        return next(iter(self._rows("WHERE sequence = ?", (sequence,))), None)

    def rows_from(self, sequence: int) -> Iterator[VideoRow]:
        """Finished and unfinished recordings from a place on, in order."""
        while rows := self._rows("WHERE sequence >= ? ORDER BY sequence LIMIT 1000", (sequence,)):
            yield from rows
            sequence = rows[-1].sequence + 1

    def end(self) -> int:
        """The sequence number after the last."""
        return read_end(self._db)

    def begin_attempt(self, sequence: int, worker: str, stamp: Stamp | None = None) -> None:
        """A recording is being worked on, of which these are the files."""
        self._update(
            sequence,
            state=State.RUNNING,
            worker=worker,
            began=time.time(),
            ended=None,
            stamp=json.dumps(stamp),
            attempt="attempt + 1",
        )

    def stamps(self) -> dict[str, Stamp]:
        """The files that finished recordings were made from, by id; unknown ones are left out."""
        rows = self._db.execute(
            "SELECT video_id, stamp FROM videos WHERE state IN ('done', 'dropped') AND stamp IS NOT NULL"
        )
        found = ((video_id, json.loads(stamp)) for video_id, stamp in rows)
        return {video_id: msgspec.convert(stamp, Stamp) for video_id, stamp in found if stamp}

    def done(self, sequence: int, made: Made, seconds: float, fingerprint: str) -> None:
        """A recording's bundle is on scratch."""
        self._update(
            sequence,
            state=State.DONE,
            ended=time.time(),
            seconds=seconds,
            options=fingerprint,
            duration=made.duration,
            timings=json.dumps(made.timings),
            bundle=made.bundle,
            failure=None,
            reason=None,
            **made.counts,
        )

    def dropped(self, sequence: int, dropped: Dropped, seconds: float, fingerprint: str) -> None:
        """A filter does not want the recording."""
        self._update(
            sequence,
            state=State.DROPPED,
            ended=time.time(),
            seconds=seconds,
            options=fingerprint,
            reason=f"{dropped.rule}: {dropped.reason}",
            failure=None,
        )

    def failed(self, sequence: int, failed: Failed, seconds: float, fingerprint: str) -> None:
        """A recording could not be processed and is given up."""
        self._update(
            sequence,
            state=State.FAILED,
            ended=time.time(),
            seconds=seconds,
            options=fingerprint,
            failure=json.dumps(asdict(failed)),
        )

    def put_off(self, sequence: int, failed: Failed | None, not_before: float) -> None:
        """A recording is to be tried again, not before a time (s since 1970)."""
        failure = json.dumps(asdict(failed)) if failed else None
        self._update(sequence, state=State.PENDING, not_before=not_before, failure=failure, bundle=None)

    def retry(self, video_ids: Sequence[str] | None) -> list[str]:
        """Make failed recordings pending again, at the end of the order: their old places may be in shards.

        Args:
            video_ids: Which; None for all that failed.

        Returns:
            Those, in their new order.

        Raises:
            InputError: one did not fail; then nothing is changed.
        """
        wanted = None if video_ids is None else set(video_ids)
        with self._transaction():
            rows = self._db.execute(
                "SELECT sequence, video_id FROM videos WHERE state = 'failed' ORDER BY sequence"
            ).fetchall()
            chosen = [(s, name) for s, name in rows if wanted is None or name in wanted]
            if missing := sorted((wanted or set()) - {name for _, name in chosen}):
                raise InputError(
                    f"{', '.join(missing)} did not fail",
                    station="corpus",
                    input=str(self.path.parent),
                    expected="failed recordings",
                )
            end = self.end()
            for place, (sequence, _) in enumerate(chosen, end):
                self._db.execute(
                    "UPDATE videos SET sequence = ?, state = 'pending', attempt = 0, not_before = 0 "
                    "WHERE sequence = ?",
                    (place, sequence),
                )
        return [name for _, name in chosen]

    def add_shards(self, records: Iterable[ShardRecord]) -> None:
        """Finished shards; those it knows already are left alone."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO shards VALUES (?,?,?,?,?,?,?,?,?)",
                map(shard_values, records),
            )

    def absorb(self, path: Path, offset: int, folder: Path) -> None:
        """Take over the recordings of another ledger.

        Args:
            path: The other ledger.
            offset: Added to their sequence numbers.
            folder: What relative paths in it are relative to; here they become absolute.
        """
        self._db.execute("ATTACH ? AS other", (reading_uri(path),))
        try:
            # By the other's columns: an older one may have fewer.
            rows = self._db.execute("PRAGMA other.table_info(videos)").fetchall()
            columns = ", ".join(row[1] for row in rows[1:])
            with self._transaction():
                self._db.execute(
                    f"INSERT INTO videos (sequence, {columns}) "
                    f"SELECT sequence + ?, {columns} FROM other.videos ORDER BY sequence",
                    (offset,),
                )
                self._locate(offset, folder)
        finally:
            self._db.execute("DETACH other")

    def _add(self, head: Head, videos: Iterable[Weighed]) -> None:
        self._db.executemany(
            "INSERT INTO videos (sequence, video_id, uri, captions_uri, facts, weight) VALUES (?,?,?,?,?,?)",
            (
                (sequence, v.video_id, *_uris(v), facts_json(v), weight)
                for sequence, (v, weight) in enumerate(videos, self.end())
            ),
        )
        for name, value in msgspec.to_builtins(head).items():
            self._set(name, value)

    def _add_columns(self) -> None:
        have = {row[1] for row in self._db.execute("PRAGMA table_info(videos)")}
        for name, kind in LATER_COLUMNS.items():
            if name not in have:
                self._db.execute(f"ALTER TABLE videos ADD COLUMN {name} {kind}")

    def _locate(self, sequence: int, folder: Path) -> None:
        """Make the paths of recordings from a place on absolute."""
        rows = self._rows("WHERE sequence >= ?", (sequence,))
        self._db.executemany(
            "UPDATE videos SET uri = ?, captions_uri = ? WHERE sequence = ?",
            ((*_uris(located(row.video, folder)), row.sequence) for row in rows),
        )

    @property
    def connection(self) -> sqlite3.Connection:
        """For the queries of :mod:`narratrace.corpus.ledger_queries`."""
        return self._db

    def _rows(self, clause: str, values: tuple[Any, ...]) -> list[VideoRow]:
        return read_rows(self._db, clause, values)

    def _update(self, sequence: int, **values: Any) -> None:
        expression = {"attempt": values.pop("attempt")} if "attempt" in values else {}
        terms = [f"{name} = ?" for name in values] + [f"{n} = {e}" for n, e in expression.items()]
        plain = [value.value if isinstance(value, State) else value for value in values.values()]
        with self._transaction():
            self._db.execute(f"UPDATE videos SET {', '.join(terms)} WHERE sequence = ?", (*plain, sequence))

    def _set(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO head VALUES (?, ?)", (name, json.dumps(value)))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # where the disk is full, SQLite has ended it by itself
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise unreadable(self.path, error) from error


def _uris(video: VideoInput) -> tuple[str | bytes | None, str | bytes | None]:
    return uri_value(video.uri), uri_value(video.captions_uri)


def lock(path: Path) -> BinaryIO:
    """Hold the file beside a ledger, so that nobody else writes it, until it is closed.

    The system lets go of it when the process ends, however it ends.

    Raises:
        StorageError: another run holds it, or it cannot be made.
    """
    try:
        file = path.with_name(f".{path.name}.lock").open("ab")
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StorageError(
            "another run is writing it",
            station="corpus",
            input=str(path),
            expected="one run per output folder; `narratrace corpus status` shows how far that one is",
        ) from error
    return file
