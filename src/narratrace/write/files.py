"""Files that appear whole or not at all, also after a power cut.

Note [Whole or absent]
~~~~~~~~~~~~~~~~~~~~~~
A file is written under a hidden temporary name in the folder it will live in, its bytes are forced to disk
(fsync of the file), it is renamed over its final name in one step, and the rename is forced to disk (fsync
of the folder). Whoever sees the final name sees all bytes. The temporary name carries the process id, so
that a worker given up for dead and its successor never write into each other's file.

A symbolic link keeps pointing where it points: what it names is replaced. A named pipe or a device, such as
/dev/stdout, cannot be replaced by a file without being lost, so it is written into.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from narratrace.errors import DISK_FAULTS, DiskError, StorageError

_SUFFIX = ".part"
_BLOCK = 1 << 20


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file for writing that becomes ``path`` when the block ends well, and vanishes otherwise.

    Pipes and devices get the bytes as they come, see Note [Whole or absent].

    Raises:
        StorageError: the file cannot be written (no space, no permission, the folder is gone), or ``path`` is
            neither a file nor a pipe or character device.
    """
    with storage_errors(path):
        if is_stream(path):
            with path.open("wb") as file:
                yield file
            return
        path = Path(os.path.realpath(path))
        part = temporary_name(path)
        try:
            with part.open("wb") as file:
                yield file
                sync(file)
            publish(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def is_stream(path: Path) -> bool:
    """Whether what is written to ``path`` goes through a pipe or to a device.

    Raises:
        StorageError: it is a folder, a socket or a disk.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if stat.S_ISREG(mode):
        return False
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return True
    raise StorageError(
        "is a folder" if stat.S_ISDIR(mode) else "is no file",
        station="write",
        input=str(path),
        expected="a file, new or to be replaced",
    )


def write_atomic(path: Path, content: bytes) -> None:
    """``content`` as the whole of ``path``, see Note [Whole or absent].

    Raises:
        StorageError: the file cannot be written.
    """
    with atomic(path) as file:
        file.write(content)


def temporary_name(path: Path) -> Path:
    """The hidden name under which this process writes what will be ``path``."""
    return path.with_name(f".{path.name}.{os.getpid()}{_SUFFIX}")


def sync(file: BinaryIO) -> None:
    """Force everything written to ``file`` to disk."""
    file.flush()
    os.fsync(file.fileno())


def publish(part: Path, path: Path) -> None:
    """Rename a synced file to its final name, durably."""
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force names created, renamed or removed in ``folder`` to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Delete the temporary files that killed processes left in ``folder``; nobody may be writing them.

    Args:
        folder: Where.
        name: Of the file that one was to become, any by default.
    """
    for part in folder.glob(f".{name}.*{_SUFFIX}"):
        part.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an ``OSError`` of the block, which writes, into a :class:`StorageError` that names ``path``.

    It is a :class:`DiskError` where nothing else could be written there either.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        kind = DiskError if error.errno in DISK_FAULTS else StorageError
        raise kind(
            f"cannot be written: {error.strerror or error}",
            station="write",
            input=str(path),
            cause="the disk is full, the folder is missing or write-protected",
        ) from error


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns what FFmpeg says about the disk in a block that writes into a :class:`DiskError` naming ``path``.

    Its other errors go through: they are about what is written.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FAULTS:
            raise
        with storage_errors(path):
            raise
