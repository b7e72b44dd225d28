"""Between ledger and assembler: which bundles go into shards now, and which are not needed any more.

Note [What a crash leaves]
~~~~~~~~~~~~~~~~~~~~~~~~~~
The shards of OUT are the truth about what is written, the ledger about what became of each recording
(Note [One writer]), and the bundles on scratch about work that is done but not yet in a finished shard. After
a crash they are brought together again: shards the ledger has not heard of are added to it; a whole bundle
whose recording is not marked as done was finished in the last instant, and is taken over; a recording that is
done but whose bundle is gone, and whose samples are not all in finished shards, is processed again. None of
this depends on where the crash happened, so the shards come out the same as without one.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path

from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_queries import COMPLETE, read_shards
from narratrace.corpus.ledger_rows import OPEN_STATES, State
from narratrace.corpus.messages import Made
from narratrace.corpus.places import SIZES
from narratrace.errors import StorageError
from narratrace.write.analysis_json import length_of
from narratrace.write.bundle import Bundle
from narratrace.write.canonical import json_line
from narratrace.write.files import remove_leftovers, write_atomic
from narratrace.write.options import ShardOptions
from narratrace.write.shard_file import (
    INDEX,
    SHARDS,
    ShardRecord,
    index_path,
    list_finished_shards,
    read_shard_record,
    shard_path,
)
from narratrace.write.shards import Assembler

_log = logging.getLogger(__name__)

_MAY_HAVE = (*OPEN_STATES, State.DONE)
_BUNDLE = re.compile(r"(\d{9,})-(.+)\.bundle\.tar")


class Assembly:
    """Feeds the assembler as the ledger's rows get finished; a context manager.

    Args:
        out: Output folder.
        bundles: Folder of the bundles.
        ledger: Of the run.
        options: Where shards are cut.
        finished: Finished shards, which need not lie in ``out`` any more.
        fingerprint: Of the run's options.

    Raises:
        StorageError: ``out`` cannot be written, or does not fit its finished shards.
    """

    def __init__(
        self,
        out: Path,
        bundles: Path,
        ledger: Ledger,
        options: ShardOptions,
        *,
        finished: list[ShardRecord],
        fingerprint: str,
    ) -> None:
        self._out = out
        self._bundles = bundles
        self._ledger = ledger
        self._options = options
        self._fingerprint = fingerprint
        self._assembler = Assembler(out, options, finished)
        self._complete = int(ledger.noted(COMPLETE, 0))
        self._sizes: dict[int, int] = {}
        ledger.add_shards(self._assembler.finished)

    def __enter__(self) -> Assembly:
        return self

    def __exit__(self, *_: object) -> None:
        self._assembler.close()

    @property
    def next_sequence(self) -> int:
        """The recording whose turn it is."""
        return max(self._assembler.next_sequence, self._complete)

    @property
    def waiting(self) -> tuple[int, int]:
        """Number and bytes of the bundles on scratch that are not in finished shards."""
        return len(self._sizes), sum(self._sizes.values())

    def recover(self) -> int:
        """Bring ledger, bundles and shards together, see Note [What a crash leaves].

        Returns:
            Recordings whose finished work was taken over.
        """
        remove_leftovers(self._bundles)
        kept: set[str] = set()
        taken = 0
        for path in sorted(self._bundles.iterdir()):
            taken += self._take_over(path)
            kept.add(path.name)
        for row in self._ledger.rows_from(max(self._assembler.resume_from, self._complete)):
            if row.state is State.DONE and row.bundle not in kept:
                _log.warning(
                    "%s: its bundle is gone, processing again",
                    row.video.video_id,
                    extra={"video_id": row.video.video_id},
                )
                self._ledger.put_off(row.sequence, None, 0.0)
        self._forget()
        return taken

    def add(self, sequence: int, made: Made) -> None:
        """A bundle has come to scratch."""
        self._sizes[sequence] = made.size

    def feed(self) -> list[ShardRecord]:
        """Consume recordings whose turn has come.

        Returns:
            Shards that were finished, known to the ledger by now.

        Raises:
            StorageError: the output cannot be written.
        """
        before = len(self._assembler.finished)
        end = self._ledger.end()
        while (sequence := self._assembler.next_sequence) < end:
            row = self._ledger.row(sequence)
            if row is not None and row.state in OPEN_STATES:
                break
            is_wanted = row is not None and row.state is State.DONE and sequence >= self._complete
            path = self._bundles / row.bundle if row and row.bundle and is_wanted else None
            try:
                self._assembler.submit(sequence, path)
            except StorageError as error:
                if path is None or error.input != str(path):
                    raise
                self._start_over(sequence, path)
                break
        # Not what was returned: a bundle may have finished a shard before its damage was met.
        return self._note(self._assembler.finished[before:])

    def finish(self) -> list[ShardRecord]:
        """Finish the last shards; every recording must have been consumed."""
        records = self._note(self._assembler.finish())
        self._complete = self._ledger.end()
        self._ledger.note(COMPLETE, self._complete)
        self._forget()
        return records

    def _take_over(self, path: Path) -> bool:
        """Whether a bundle's recording was not known to be done, and now is."""
        name = _BUNDLE.fullmatch(path.name)
        row = self._ledger.row(int(name[1])) if name else None
        if name is None or row is None or row.video.video_id != name[2] or row.state not in _MAY_HAVE:
            path.unlink()
            return False
        if row.state is State.DONE:
            self._sizes[row.sequence] = path.stat().st_size
            return False
        try:
            made = read_made(path)
        except StorageError:
            path.unlink()
            return False
        self._ledger.done(row.sequence, made, 0.0, self._fingerprint)
        self.add(row.sequence, made)
        return True

    def _start_over(self, sequence: int, path: Path) -> None:
        """A bundle is damaged: process its recording again, and begin the open shards anew."""
        _log.warning("%s is damaged, its recording is processed again", path)
        path.unlink(missing_ok=True)
        self._sizes.pop(sequence, None)
        self._ledger.put_off(sequence, None, 0.0)
        finished = self._assembler.finished
        self._assembler.close()
        self._assembler = Assembler(self._out, self._options, finished)

    def _note(self, records: Sequence[ShardRecord]) -> list[ShardRecord]:
        if records:
            self._ledger.add_shards(records)
            self._forget()
        return list(records)

    def _forget(self) -> None:
        """Delete bundles whose samples are all in shards that the ledger knows."""
        done = max(self._assembler.resume_from, self._complete)
        for path in self._bundles.iterdir():
            name = _BUNDLE.fullmatch(path.name)
            if name and int(name[1]) < done:
                path.unlink()
                self._sizes.pop(int(name[1]), None)


def known_shards(out: Path, ledger: Ledger) -> list[ShardRecord]:
    """Finished shards by the ledger, and those whose index lies in ``out`` without the ledger having heard.

    Raises:
        StorageError: a file in the index cannot be read, or is not ours.
    """
    records = {record.name: record for record in read_shards(ledger.connection)}
    for path in sorted((out / INDEX).glob("[!.]*.parquet")):
        if f"{path.stem}.tar" not in records:
            record = read_shard_record(path)
            records[record.name] = record
    return list(records.values())


def finished_shards_of(out: Path, ledger: Ledger) -> list[ShardRecord]:
    """Finished shards of an output that stays in ``out``.

    With thousands of shards it is the reading of every index file that takes long, so the ledger is believed
    as long as every file is there and as large as it says.

    Raises:
        StorageError: ``out`` does not fit its own index files, or one that was there is gone.
    """
    records = known_shards(out, ledger)
    _check_index(out, records)
    for record in records:
        try:
            size = shard_path(out, record.kind, record.number).stat().st_size
        except FileNotFoundError:
            return list_finished_shards(out)
        if size != record.size:
            return list_finished_shards(out)
    return records


def _check_index(out: Path, records: Sequence[ShardRecord]) -> None:
    """Refuse to take known shards for unfinished: what they hold would be lost, or written over.

    Raises:
        StorageError: an index file is missing.
    """
    paths = [index_path(out, record.kind, record.number) for record in records]
    missing = [path for path in paths if not path.exists()]
    if missing:
        others = f", and {len(missing) - 1} others are" if missing[1:] else ""
        raise StorageError(
            f"is missing{others}",
            station="corpus",
            input=str(missing[0]),
            expected=f"the output as it was written; `narratrace corpus verify {out}` lists what is wrong",
            cause="the output folder was changed by somebody else",
        )


def write_sizes(out: Path, ledger: Ledger) -> None:
    """Tell open_clip how many samples each shard has, see :data:`narratrace.corpus.places.SIZES`."""
    sizes = {record.name: record.samples for record in read_shards(ledger.connection)}
    write_atomic(out / SHARDS / SIZES, json_line(sizes))


def read_made(path: Path) -> Made:
    """What a bundle says about its recording, read from end to end.

    Raises:
        StorageError: it is damaged.
    """
    with Bundle(path) as bundle:
        for _ in bundle.samples():
            pass
        document = json.loads(bundle.analysis().document)
        return Made(
            bundle=path.name,
            size=path.stat().st_size,
            counts={kind.value: count for kind, count in bundle.counts.items()},
            duration=length_of(document),
            # The analysis says "decode_s" where workers and ledger say "decode".
            timings={name.removesuffix("_s"): spent for name, spent in document["timings"].items()},
        )
