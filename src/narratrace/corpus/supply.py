"""Recordings on their way to the workers: checked, and fetched ahead where they lie elsewhere.

Note [Fetches that are given up]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A storage that is slow may let a read wait for minutes, and nothing interrupts it. A run that is to end does
not wait: fetches are daemon threads, which the interpreter leaves behind, and where the process lives on they
stop after the block in hand. Until then they write to a folder of their own, which no later supply uses.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from msgspec.structs import replace

from narratrace.corpus.ledger_rows import VideoRow
from narratrace.corpus.messages import Task
from narratrace.corpus.options import LimitOptions, ScratchOptions
from narratrace.corpus.storage import discard, localise
from narratrace.corpus.uris import is_local, located

Prepared = Task | tuple[Task, Exception]
"""A task that can begin, or one that cannot, and why."""


class Supply:
    """Prepares tasks in the order they are asked for. Used by one thread; fetches in others.

    Args:
        folder: Scratch for fetched inputs; what an earlier supply left there is deleted.
        limits: What inputs may be.
        scratch: How much may be fetched ahead.
        base: What relative paths are relative to.
    """

    def __init__(self, folder: Path, limits: LimitOptions, scratch: ScratchOptions, base: Path) -> None:
        discard(folder)
        self._folder = folder / uuid4().hex
        self._limits = limits
        self._scratch = scratch
        self._base = base
        self._closed = Event()
        self._ordered: dict[int, Future[Prepared]] = {}
        self._ready: deque[Prepared] = deque()
        self._held: dict[int, int] = {}

    def __contains__(self, sequence: int) -> bool:
        """Whether a recording is being prepared, or waits for a worker."""
        return sequence in self._ordered or any(_task(p).sequence == sequence for p in self._ready)

    @property
    def fetching(self) -> int:
        """Recordings that are being fetched."""
        return len(self._ordered)

    @property
    def ready(self) -> int:
        """Recordings that wait for a worker."""
        return len(self._ready)

    @property
    def held(self) -> int:
        """Bytes of fetched inputs on scratch."""
        return sum(self._held.values())

    def order(self, row: VideoRow, *, is_urgent: bool) -> bool:
        """Prepare a recording.

        Args:
            row: The recording.
            is_urgent: Whether a worker is free for it; others are only worth fetching.

        Returns:
            Whether it is being prepared: not when too much is fetched ahead already.
        """
        task = Task(sequence=row.sequence, attempt=row.attempt + 1, video=row.video, path="")
        if is_local(row.video.uri) and is_local(row.video.captions_uri or ""):
            if is_urgent:
                self._ready.append(self._prepare(task))
            return is_urgent
        is_full = self.held >= self._scratch.fetch_bytes or len(self._ordered) >= self._scratch.fetches
        if is_full and (self._ordered or self._held):
            return False
        self._ordered[row.sequence] = self._prepared_later(task)
        return True

    def take(self, most: int) -> list[Prepared]:
        """Prepared tasks, those ready longest first."""
        for sequence, future in list(self._ordered.items()):
            if future.done():
                del self._ordered[sequence]
                self._held[sequence] = _size(self._place(sequence))
                self._ready.append(future.result())
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]

    def release(self, sequence: int) -> None:
        """Nobody reads a recording's fetched files any more."""
        if self._held.pop(sequence, None) is not None:
            discard(self._place(sequence))

    def close(self) -> None:
        """Give up what is not ready, see Note [Fetches that are given up], and delete what was fetched."""
        self._closed.set()
        discard(self._folder)

    def _prepared_later(self, task: Task) -> Future[Prepared]:
        """What :meth:`_prepare` gives; there are never more at once than :meth:`order` lets through."""
        future: Future[Prepared] = Future()
        Thread(
            target=lambda: future.set_result(self._prepare(task)), name="narratrace-fetch", daemon=True
        ).start()
        return future

    def _prepare(self, task: Task) -> Prepared:
        try:
            video = located(task.video, self._base)
            path, captions = localise(video, self._place(task.sequence), self._limits, self._closed.is_set)
        except Exception as error:
            return task, error
        return replace(task, path=path, captions=captions)

    def _place(self, sequence: int) -> Path:
        return self._folder / f"{sequence:09d}"


def _task(prepared: Prepared) -> Task:
    return prepared if isinstance(prepared, Task) else prepared[0]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
