"""Hardware decoder sessions: so many at a time, and reused from recording to recording.

Note [Reusing sessions]
~~~~~~~~~~~~~~~~~~~~~~~
Making a decoder session allocates all its surfaces, and makes its engine ready; a reused one has both. What
that saves has not been measured on a card. A session may serve another recording only if all that was fixed
at its creation is the same: codec, sampling and bit depth, the size, and what the stream says about its
pictures, Note [Changing sequences]. The coded size alone is a trap: heights of 530 and 532 are both coded as
544, and the second recording would come out cropped like the first. So is size as a whole: a fast encoder
refers to one picture, a slow one to sixteen, and a decoder made for few has nowhere to keep many. Between
recordings a session is flushed, and told of the break. One that has raised is not used again: nobody knows
what is left in it.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any, Protocol

from msgspec import Struct

DEVICE_ERRORS = (RuntimeError, MemoryError, ImportError)
"""What device libraries raise: CuPy's OutOfMemoryError is no RuntimeError, and libraries may load late."""

Picture = tuple[int, Any]
"""A decoded picture: the stamp its packet was handed in with, and where it lies until the next call."""


class SessionKey(Struct, frozen=True):
    """What must be the same for a session to be reused, see Note [Reusing sessions].

    Attributes:
        codec: Decoder name.
        pixel_format: Sampling and bit depth, as FFmpeg names them.
        shown: Width and height of the displayed rectangle.
        sequence: See :attr:`narratrace.decode.bitstream.Feed.sequence`.
    """

    codec: str
    pixel_format: str
    shown: tuple[int, int]
    sequence: bytes


class Session(Protocol):
    """A decoder of elementary streams on a device; used by one thread at a time.

    All methods raise what is in :data:`DEVICE_ERRORS`; the session is then of no more use.
    """

    def decode(self, data: bytes, stamp: int, *, anew: bool) -> list[Picture]:
        """Decodes one packet.

        Args:
            data: The packet, see :mod:`narratrace.decode.bitstream`.
            stamp: Its presentation time: pictures come back in presentation order, each with its own.
            anew: Whether it is the first of a recording.
        """

    def finish(self) -> list[Picture]:
        """The pictures still inside, at the end of a recording."""

    def size(self, picture: Any) -> tuple[int, int]:
        """Width and height of a picture in luma pixels."""

    def batch(self, width: int, height: int, pictures: int) -> Any:
        """Device memory for the pictures of one batch."""

    def copy(self, picture: Any, batch: Any, place: int) -> tuple[Any, Any, Any]:
        """Copies a picture to a place of a batch; Y, U and V there, valid after :meth:`wait`."""

    def wait(self) -> None:
        """Until all copies are done."""

    def to_host(self, plane: Any) -> Any:
        """A plane as a numpy array."""

    def close(self) -> None:
        """Give everything back."""


class MakeSession(Protocol):
    """Makes a session for streams of one key."""

    def __call__(self, key: SessionKey) -> Session:
        """The session; raises one of :data:`DEVICE_ERRORS` if the device has none to give."""


class SessionPool:
    """The sessions of one card, for all threads of this process.

    Args:
        make: Makes a session.
        most: Sessions that exist at once; whoever asks for another waits. One per decoder engine keeps the
            engines busy only if none ever waits for the host, so a little more is better.
    """

    def __init__(self, make: MakeSession, most: int) -> None:
        self._make = make
        self._most = most
        self._idle: list[tuple[SessionKey, Session]] = []  # longest idle first
        self._busy = 0
        self._changed = threading.Condition()
        self.made = 0
        """Sessions made so far."""

    def take(self, key: SessionKey) -> Session:
        """A session for streams of ``key``, as good as new; blocks while all are in use.

        Raises one of :data:`DEVICE_ERRORS` if the device has none to give.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._busy < self._most)
            self._busy += 1
            found = next((i for i, (other, _) in enumerate(self._idle) if other == key), None)
            if found is not None:
                return self._idle.pop(found)[1]
            spare = self._idle.pop(0)[1] if self._busy + len(self._idle) > self._most else None
        if spare is not None:
            _end(spare)
        return self._new(key)

    def give(self, key: SessionKey, session: Session) -> None:
        """Takes a flushed session back for later."""
        with self._changed:
            self._busy -= 1
            self._idle.append((key, session))
            self._changed.notify()

    def drop(self, session: Session | None) -> None:
        """Ends a session that is not fit for reuse; None for one that hangs, which is left alone."""
        if session is not None:
            _end(session)
        with self._changed:
            self._busy -= 1
            self._changed.notify()

    def close(self) -> None:
        """Ends all idle sessions."""
        with self._changed:
            idle, self._idle = self._idle, []
        for _, session in idle:
            _end(session)

    def _new(self, key: SessionKey) -> Session:
        try:
            session = self._make(key)
        except BaseException:
            self.drop(None)
            raise
        self.made += 1
        return session


def _end(session: Session) -> None:
    """Closes a session, which may be too broken even for that."""
    with contextlib.suppress(*DEVICE_ERRORS):
        session.close()
