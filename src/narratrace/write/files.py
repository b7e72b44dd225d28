"""Files that appear whole or not at all, also after a power cut.

Note [Whole or absent]
~~~~~~~~~~~~~~~~~~~~~~
A file is written under a hidden temporary name in the folder it will live in, its bytes are forced to disk
(fsync of the file), it is renamed over its final name in one step, and the rename is forced to disk (fsync
of the folder). Whoever sees the final name sees all bytes. The temporary name carries the process id, so
that a worker given up for dead and its successor never write into each other's file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from narratrace.errors import StorageError

_SUFFIX = ".part"
_BLOCK = 1 << 20


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A binary file for writing that becomes ``path`` when the block ends well, and vanishes otherwise.

    Raises:
        StorageError: the file cannot be written (no space, no permission, the folder is gone).
    """
    part = temporary_name(path)
    with storage_errors(path):
        try:
            with part.open("wb") as file:
                yield file
                sync(file)
            publish(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


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


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files a killed process left in ``folder``; nobody else may be writing there."""
    for part in folder.glob(f".*{_SUFFIX}"):
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
    """Turns an ``OSError`` of the block into a :class:`StorageError` that names ``path``."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"cannot be written: {error.strerror or error}",
            station="write",
            input=str(path),
            cause="the disk is full, the folder is missing or write-protected",
        ) from error
