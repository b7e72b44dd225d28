"""Bringing remote inputs to scratch, through fsspec: s3, gs, http(s), and whatever else it knows."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from narratrace.corpus.options import LimitOptions
from narratrace.corpus.uris import LimitName, check_size, check_uri, file_name, scheme_of
from narratrace.data.media import VideoInput, is_local, local_path, redacted, redacted_text
from narratrace.errors import (
    DiskError,
    InputError,
    MissingDependency,
    NarratraceError,
    StorageError,
    disk_error,
)
from narratrace.write.files import temporary_name

GivenUp = Callable[[], bool]
"""Whether a fetch is to end."""

_BLOCK = 8 << 20
_CONNECT_S = 30.0
_TOO_MANY, _SERVER_ERROR = 429, 500  # HTTP status


def open_filesystem(uri: str, silence_s: float | None = None) -> tuple[Any, str]:
    """The fsspec file system a URI belongs to, and its path there.

    Args:
        uri: What is to be opened.
        silence_s: Longest wait for data over HTTP in seconds, None for that of its library, which also
            ends a transfer that is alive.

    Raises:
        MissingDependency: fsspec, or its part for this scheme, is not installed.
    """
    with _libraries(redacted(uri)):
        import fsspec.core

        options = {} if silence_s is None else _patient(uri, silence_s)
        filesystem, path = fsspec.core.url_to_fs(uri, **options)
    return filesystem, path


def check_libraries(schemes: Iterable[str]) -> None:
    """Refuse schemes whose libraries are missing, so that not every recording fails by itself.

    Raises:
        MissingDependency: see :func:`open_filesystem`.
    """
    for scheme in schemes:
        with _libraries(f"{scheme}://"), contextlib.suppress(ValueError):  # one that fsspec does not know
            import fsspec

            fsspec.get_filesystem_class(scheme)


@contextlib.contextmanager
def _libraries(what: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingDependency(
            f"{error}",
            station="source",
            input=what,
            expected="pip install 'narratrace[s3]', or the fsspec library of this scheme",
        ) from error


def _patient(uri: str, silence_s: float) -> dict[str, Any]:
    """Options of a file system that waits as long as data come: aiohttp else ends every transfer at 300 s."""
    if scheme_of(uri) not in ("http", "https"):
        return {}
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(_CONNECT_S, silence_s), sock_read=silence_s)
    return {"client_kwargs": {"timeout": timeout}}


def localise(
    video: VideoInput, folder: Path, limits: LimitOptions, given_up: GivenUp = lambda: False
) -> tuple[str, str | None]:
    """Local paths of a recording and its captions; remote ones are fetched into ``folder``.

    Args:
        video: The recording.
        folder: For fetched files.
        limits: What they may be.
        given_up: Asked now and then whether nobody wants them any more.

    Raises:
        InputError: a URI is refused (Note [URIs are not trusted]), or nothing is there.
        StorageError: the storage does not answer; trying again may help.
        DiskError: the scratch disk is full.
        MissingDependency: see :func:`open_filesystem`.
    """
    captions = video.captions_uri
    return (
        _localise(video.uri, folder / "media", limits, "max_bytes", given_up),
        _localise(captions, folder / "captions", limits, "max_captions_bytes", given_up)
        if captions
        else None,
    )


def _localise(uri: str, folder: Path, limits: LimitOptions, most: LimitName, given_up: GivenUp) -> str:
    check_uri(uri, limits)
    if is_local(uri):
        return str(local_path(uri).absolute())  # workers may have another current folder
    # Captions are told apart, and named in the samples, by their file's name.
    path = folder / file_name(uri)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fetch(uri, path, limits, most, given_up)
    except NarratraceError:
        raise
    except Exception as error:  # every storage library has errors of its own
        if disk := disk_error(error):
            raise DiskError(disk.message, station="source", input=str(path)) from error
        if isinstance(error, (FileNotFoundError, PermissionError)) and not _is_passing(error.__cause__):
            kind: type[NarratraceError] = InputError
            what = "cannot be read"
        else:
            kind, what = StorageError, "cannot be fetched"
        message = f"{what}: {_told(error, uri, limits.silence_s)}"
        raise kind(message, station="source", input=redacted(uri)) from error
    return str(path)


def _told(error: Exception, uri: str, silence_s: float) -> str:
    """What happened, in one line without secrets; over HTTP an error names the URI, its cause the fault."""
    told = []
    for one in (error, error.__cause__):
        status, name = getattr(one, "status", None), type(one).__name__
        text = "" if one is None else str(one)
        if status is not None:  # of aiohttp, which spells out the URI once more
            text = f"HTTP {status} {getattr(one, 'message', '')}".rstrip() if status else name
        elif one is not None and not text:
            text = f"no answer for {silence_s:g} s" if "Timeout" in name else name
        elif one is error and not isinstance(one, OSError):
            text = f"{name}: {text}"
        if text not in ("", uri):
            told.append(text)
    return redacted_text(" ".join(": ".join(told).split()), uri) or type(error).__name__


def _is_passing(cause: BaseException | None) -> bool:
    """Whether what is behind a missing object may pass: over HTTP every trouble looks like one."""
    status = getattr(cause, "status", 0)
    is_busy = isinstance(status, int) and (status >= _SERVER_ERROR or status == _TOO_MANY)
    is_cut_off = isinstance(cause, (OSError, TimeoutError)) and not isinstance(cause, FileNotFoundError)
    return is_busy or is_cut_off


def fetch(uri: str, path: Path, limits: LimitOptions, most: LimitName, given_up: GivenUp) -> None:
    """Copy a remote object to a local file, whole or not at all.

    Args:
        uri: The object.
        path: The file.
        limits: What it may be.
        most: The option that says how large.
        given_up: Asked now and then whether nobody wants it any more.

    Raises:
        InputError: it is too large, by its storage's account or in fact.
        StorageError: it is cut short, or given up.
        Exception: whatever the storage library raises.
    """
    filesystem, remote = open_filesystem(uri, limits.silence_s)
    size = filesystem.info(remote).get("size")
    check_size(uri, size, limits, most)
    part, count = temporary_name(path), 0
    try:
        with (
            filesystem.open(remote, "rb", cache_type="none", block_size=_BLOCK) as source,
            part.open("wb") as file,
        ):
            while block := source.read(_BLOCK):
                count += len(block)
                check_size(uri, count, limits, most)
                if given_up():
                    raise StorageError("is not wanted any more", station="source", input=redacted(uri))
                file.write(block)
        if size is not None and count != size:
            raise StorageError(f"gave {count} bytes of {size}", station="source", input=redacted(uri))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Delete a recording's fetched files."""
    shutil.rmtree(folder, ignore_errors=True)
