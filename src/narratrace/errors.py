"""Every error narratrace raises on purpose.

Each is also a builtin, so a caller who does not know narratrace can still catch it by its nature
(``ValueError``, ``TimeoutError``, ``ImportError`` ...). Each carries what a person needs at 2 a.m.:
which input, which station of the engine, what was expected, and the likely cause.
"""

from __future__ import annotations

import errno
from typing import Any

DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What the system says where nothing more can be written, whatever it is."""


class NarratraceError(Exception):
    """Root of all errors raised on purpose.

    Args:
        message: What happened, in one line.
        station: Part of the engine that gave up (``source``, ``decode``, ``analyse``, ...).
        input: File, URI, option or record concerned.
        expected: What would have been accepted.
        cause: The likely reason, in the user's terms.
    """

    exit_code = 1
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        station: str = "",
        input: str = "",
        expected: str = "",
        cause: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.station = station
        self.input = input
        self.expected = expected
        self.cause = cause

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.station, self.input) if part)
        text = f"{where}: {self.message}" if where else self.message
        if self.expected:
            text += f" (expected {self.expected})"
        if self.cause:
            text += f"; likely cause: {self.cause}"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments survive the trip between worker processes only when spelled out.
        return _rebuild, (type(self), self.message, self.to_dict())

    def to_dict(self) -> dict[str, str]:
        """The fields beside the message, for logs and the dead letter."""
        return {
            "station": self.station,
            "input": self.input,
            "expected": self.expected,
            "cause": self.cause,
        }


def _rebuild(kind: type[NarratraceError], message: str, fields: dict[str, str]) -> NarratraceError:
    return kind(message, **fields)


class OptionError(NarratraceError, ValueError):
    """An option or a configuration file is not usable."""

    exit_code = 2


class InputError(NarratraceError, ValueError):
    """A named input, manifest or captions file is missing or malformed."""

    exit_code = 2


class MediaError(NarratraceError, ValueError):
    """A media file cannot be read as what it claims to be."""


class DecodeTimeout(NarratraceError, TimeoutError):
    """A decoder gave no frame within the declared time."""


class WorkerLost(NarratraceError, RuntimeError):
    """A worker process died (killed, out of memory, crashed in native code)."""

    retryable = True


class StorageError(NarratraceError, OSError):
    """Output could not be written, or a stored object could not be read."""

    exit_code = 74  # EX_IOERR of sysexits.h: that a recording failed has 1
    retryable = True


class DiskError(StorageError):
    """A disk takes nothing more: it is full, over a quota, write-protected or failing.

    That is no fault of the recording in hand and befalls the next one alike, so it stops a run.
    """


class DeviceError(NarratraceError, RuntimeError):
    """A device that was asked for explicitly cannot be used here."""

    exit_code = 3


class DeviceGaveUp(DeviceError):
    """A device cannot go on with a recording it has begun; the CPU can begin anew."""


class ModelError(NarratraceError, ValueError):
    """A model file cannot be loaded safely or does not fit its declared architecture."""

    exit_code = 3


class MissingDependency(NarratraceError, ImportError):
    """An optional library is needed for what was asked; the message names the extra to install."""

    exit_code = 3


class BudgetExceeded(NarratraceError, RuntimeError):
    """More inputs failed than the run's failure budget allows."""

    exit_code = 4


def disk_error(error: BaseException) -> DiskError | None:
    """What an error of the system says about a disk, wherever it comes from; None where it says nothing.

    EIO alone does not count: reading gives it too, FFmpeg for many a damaged file.
    """
    if not isinstance(error, OSError) or error.errno not in DISK_FAULTS or error.errno == errno.EIO:
        return None
    return DiskError(f"cannot be written: {error.strerror}", input=str(error.filename or ""))
