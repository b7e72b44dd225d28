"""How a recording's way through the engine ended. Failures are values, not exceptions that stop a run."""

from __future__ import annotations

import traceback
from typing import Generic, TypeVar

from msgspec import Struct

from narratrace import errors
from narratrace.errors import DiskError, NarratraceError, disk_error

T = TypeVar("T")


class Kept(Struct, Generic[T], frozen=True):
    """It went well."""

    value: T


class Dropped(Struct, frozen=True, kw_only=True):
    """Nothing is wrong with it, but a filter does not want it.

    Attributes:
        video_id: The recording.
        rule: Name of the filter, for instance ``min_speech_share``.
        reason: The figures behind the decision, one line.
    """

    video_id: str
    rule: str
    reason: str


class Failed(Struct, frozen=True, kw_only=True):
    """It could not be processed.

    Attributes:
        video_id: The recording.
        uri: Where it was read from.
        station: Where in the engine it ended.
        error: Type of the error.
        message: One line for a person.
        expected: What would have been accepted, may be empty.
        cause: Likely cause, may be empty.
        retryable: Whether trying again may help (storage, memory, a lost worker).
        traceback: Python traceback for developers, may be empty.
    """

    video_id: str
    uri: str
    station: str
    error: str
    message: str
    expected: str = ""
    cause: str = ""
    retryable: bool = False
    traceback: str = ""

    @classmethod
    def from_exception(cls, error: BaseException, *, video_id: str, uri: str, station: str) -> Failed:
        """The failure behind an exception; errors of ours keep their own station and hints."""
        ours = error if isinstance(error, NarratraceError) else disk_error(error)
        message = ours.message if ours else f"{error}" or type(error).__name__
        if isinstance(ours, DiskError) and ours.input:  # ``uri`` is what was read, not what was written
            message = f"{ours.input}: {message}"
        return cls(
            video_id=video_id,
            uri=uri,
            station=(ours.station if ours else "") or station,
            error=type(ours or error).__name__,
            message=message,
            expected=ours.expected if ours else "",
            cause=ours.cause if ours else "",
            retryable=ours.retryable if ours else isinstance(error, (MemoryError, OSError)),
            traceback="".join(traceback.format_exception(error)),
        )

    def to_exception(self) -> NarratraceError:
        """The failure as an error to raise, of the type it began as where that was one of ours."""
        kind = getattr(errors, self.error, None)
        ours = isinstance(kind, type) and issubclass(kind, NarratraceError)
        return (kind if ours and kind else NarratraceError)(
            self.message if ours else f"{self.error}: {self.message}",
            station=self.station,
            input=self.uri,
            expected=self.expected,
            cause=self.cause,
        )


Outcome = Kept[T] | Dropped | Failed
