"""Tar archives whose bytes depend on nothing but names and contents.

:mod:`tarfile` makes the headers and reads archives back; only the writing loop is our own, because it must
know every member's size beforehand (to cut shards) and stream into a hash.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import Protocol

_BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * _BLOCK)
"""What ends an archive: two empty blocks (POSIX)."""


class Sink(Protocol):
    """Anything bytes can be written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""


def header(name: str, size: int) -> bytes:
    """Header of a regular file: mode 0644, owner 0, no owner names, dated 1970.

    Names over 100 bytes get a pax header in front, which every reader of this century understands.
    """
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """Zeros from the end of ``size`` bytes of content to the next block."""
    return bytes(-size % _BLOCK)


def member_size(name: str, size: int) -> int:
    """Bytes a member takes in the archive, header and padding included."""
    return len(header(name, size)) + size + (-size % _BLOCK)


def write_member(sink: Sink, name: str, content: bytes) -> None:
    """Append one file to an open archive."""
    sink.write(header(name, len(content)))
    sink.write(content)
    sink.write(padding(len(content)))


def write_archive(sink: Sink, members: Iterable[tuple[str, bytes]]) -> None:
    """A whole archive of ``(name, content)`` in the order given."""
    for name, content in members:
        write_member(sink, name, content)
    sink.write(END)
