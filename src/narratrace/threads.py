"""How many threads make sense here, what they share, and work done by them a bounded distance ahead."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_MALLOC_OPTIONS = {
    -8: 1,  # M_ARENA_MAX
    -3: 16 << 20,  # M_MMAP_THRESHOLD, bytes
    -1: 64 << 20,  # M_TRIM_THRESHOLD, bytes
}
"""By their numbers in malloc.h, see :func:`share_heap`."""


def usable_cores() -> int:
    """Cores this process may use: by affinity, and by the quota of its container."""
    # macOS knows no affinity.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_LIMIT.read_text().split()
        return cores if quota == "max" else max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


@functools.cache
def core_slots() -> threading.Semaphore:
    """A place for each core, for work that fills a core and takes memory; one set for the whole process."""
    return threading.Semaphore(usable_cores())


def share_heap() -> None:
    """Has all threads of this process allocate from one heap, so that each can use what another has freed.

    glibc gives threads heaps of their own. Pictures are made in one thread and freed in another: a fifth of
    the memory of an analysis was free memory of the wrong heap. It took no longer with one. Pictures come
    from that heap as well: fetched from the kernel and cleared anew each time they cost a 1080p analysis 4 %
    of its time. To be called by programs, before there are threads; a library has no say in it. Other C
    libraries are left as they are.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in _MALLOC_OPTIONS.items():
            mallopt(option, value)


def map_ahead(executor: Executor, function: Callable[[A], B], items: Iterable[A], most: int) -> Iterator[B]:
    """``map``, in order, with at most ``most`` results under way, ready, or being looked at.

    To keep all threads at work takes one more than there are threads.
    """
    waiting: deque[Future[B]] = deque()
    try:
        for item in items:
            waiting.append(executor.submit(function, item))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
