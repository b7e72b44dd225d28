"""Opening media files with PyAV, and choosing their streams.

Note [FFmpeg's log]
~~~~~~~~~~~~~~~~~~~
FFmpeg prints its complaints, which PyAV turns off unless asked. It stays off here: with frame threads the
lines come from worker threads that cannot be told apart by file, so capturing them would put one recording's
warnings on another; and the callback needs the interpreter lock, which PyAV holds while it joins those very
threads. Damage is counted from facts that belong to one file instead: errors of single packets, pictures
marked as corrupt, and pictures that never came.

Note [Playback and presentation]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
A sidecar counts from the beginning of playback. In MP4, Matroska and the like that is time 0 of the file's
own clock, whenever the first picture comes. Transport and program streams and Ogg carry the clock of a
broadcast: it begins anywhere (1.4 s with ffmpeg), and players show the earliest time of any stream as 0.
"""

from __future__ import annotations

from typing import Any

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition

from narratrace.data.media import is_local, local_path
from narratrace.errors import DecodeTimeout, InputError, MediaError, NarratraceError, StorageError

SCHEMES = ("http", "https")
"""Schemes of URIs that are read where they lie; runs fetch what they read, from more places."""

_NOT_MOTION = Disposition.attached_pic | Disposition.timed_thumbnails

_FREE_CLOCK = 0x0200  # AVFMT_TS_DISCONT

_STATED_LENGTH = frozenset({"matroska", "webm", "flv"})


def open_container(path: str, timeout_s: float, *, station: str) -> InputContainer:
    """Open a media file or URI for reading.

    A local file may only open local files: a playlist in disguise must not reach out into the network.

    Args:
        path: File, or a URI whose scheme is one of :data:`SCHEMES`.
        timeout_s: Longest wait for remote storage in seconds.
        station: Who asks, for errors.

    Raises:
        InputError: there is no such file, it must not be read, or the URI has another scheme.
        MediaError: it is no media file.
        StorageError: the storage does not answer, or not as it should.
        DecodeTimeout: the storage did not answer in time.
    """
    local = is_local(path)
    _check_scheme(path, station)
    # Absolute, because FFmpeg takes what is before a colon for a protocol.
    name = str(local_path(path).absolute()) if local else path
    options = {"protocol_whitelist": "file"} if local else {}
    try:
        return av.open(name, options=options, timeout=timeout_s, metadata_errors="replace")
    except FileNotFoundError as error:
        raise InputError("no such file", station=station, input=path) from error
    except PermissionError as error:
        raise InputError(
            f"cannot be read: {error.strerror}",
            station=station,
            input=path,
            cause="the permissions of the file, or of a folder above it",
        ) from error
    except av.error.ExitError as error:
        raise DecodeTimeout(f"no answer for {timeout_s:g} s", station=station, input=path) from error
    except (av.error.FFmpegError, OSError) as error:
        raise _not_opened(error, path, station) from error


def _check_scheme(path: str, station: str) -> None:
    scheme = path.partition("://")[0].lower()
    if not is_local(path) and scheme not in SCHEMES:
        raise InputError(
            f"a URI with {scheme}:// cannot be read here",
            station=station,
            input=path,
            expected="a local file or http(s)://; narratrace process and corpus run fetch s3:// and gs://",
        )


def _not_opened(error: Exception, path: str, station: str) -> NarratraceError:
    """The error for a file that is there, and for whatever a server may answer."""
    message = f"cannot be opened: {getattr(error, 'strerror', None) or error}"
    if isinstance(error, av.error.HTTPClientError):
        return InputError(message, station=station, input=path)
    is_media = isinstance(error, av.error.InvalidDataError)
    if not is_local(path) and not is_media:
        return StorageError(message, station=station, input=path)
    cut = "not a media file, or a recording that was cut off before its index (moov) was written"
    return MediaError(
        message,
        station=station,
        input=path,
        expected="a media file FFmpeg can read",
        cause=cut if is_media and is_local(path) else "",
    )


def best_video(container: InputContainer) -> Any | None:
    """The largest stream of moving pictures that can be decoded, the first of equals; None without any."""
    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & _NOT_MOTION
    ]
    return max(
        streams, key=lambda s: (s.codec_context.width * s.codec_context.height, -s.index), default=None
    )


def best_audio(container: InputContainer) -> Any | None:
    """The sound marked as default, else the first that can be decoded; None without any."""
    streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
    return max(streams, key=lambda s: (bool(s.disposition & Disposition.default), -s.index), default=None)


def has_free_clock(container: InputContainer) -> bool:
    """Whether the format's clock may begin anywhere, and be set anew: transport and program streams, Ogg."""
    return bool(container.format.flags & _FREE_CLOCK)


def states_length(container: InputContainer) -> bool:
    """Whether the format's header has a length that stays when the file is cut short: Matroska, WebM, FLV.

    An MP4 lists its pictures; elsewhere FFmpeg guesses the length from what the file holds.
    """
    return not _STATED_LENGTH.isdisjoint(container.format.name.split(","))


def start_of_playback(container: InputContainer) -> float:
    """Seconds on the presentation clock at which playback is at 0, see Note [Playback and presentation]."""
    if container.start_time is None or not has_free_clock(container):
        return 0.0
    return container.start_time / av.time_base
