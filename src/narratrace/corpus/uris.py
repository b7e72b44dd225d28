"""What a URI may be, and what of it may be shown.

Note [URIs are not trusted]
~~~~~~~~~~~~~~~~~~~~~~~~~~~
A manifest may come from anywhere. A URI must have an allowed scheme and no credentials of its own (those
belong in the environment, where the storage library finds them); a local path must be a regular file and,
where an input root is set, lie in it after symbolic links. FFmpeg only ever opens local files: remote ones
are fetched first. Query strings are left out wherever a URI is shown or written, because signed URLs are
credentials too. The one place that has them is the ledger beside the work, without which nothing could be
fetched again; the copy of it that goes to a remote output has not. No name from a manifest becomes a path
without having passed ``SAFE_ID``.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import unquote

from msgspec.structs import replace

from narratrace.corpus.options import LimitOptions
from narratrace.data.media import VideoInput
from narratrace.data.media import is_local as is_local
from narratrace.data.media import local_path as local_path
from narratrace.data.media import redacted as redacted
from narratrace.errors import InputError

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 120

LimitName = Literal["max_bytes", "max_captions_bytes"]
"""The option that says how large a file of some kind may be."""


def scheme_of(uri: str) -> str:
    """Scheme in lower case, ``file`` for paths."""
    return "file" if is_local(uri) else uri.partition("://")[0].lower()


def file_name(uri: str) -> str:
    """The last part of a URI's path as a safe name for a file, never hidden, empty or a folder."""
    path = uri if is_local(uri) else re.split(r"[?#]", uri, maxsplit=1)[0]
    name = _UNSAFE.sub("_", PurePosixPath(unquote(path)).name).lstrip(".")
    return name[-_LONGEST_NAME:] or "input"


def located(video: VideoInput, folder: Path) -> VideoInput:
    """The same recording, its paths relative to ``folder`` put below it; absolute ones and URIs stay."""
    captions = video.captions_uri
    return replace(
        video,
        uri=located_uri(video.uri, folder),
        captions_uri=None if captions is None else located_uri(captions, folder),
    )


def located_uri(uri: str, folder: Path) -> str:
    """See :func:`located`."""
    return str(folder / uri) if "://" not in uri else uri


def check_uri(uri: str, limits: LimitOptions) -> None:
    """Refuse what must not be opened, see Note [URIs are not trusted].

    Raises:
        InputError: another scheme, credentials, or a path outside the input root.
    """
    scheme = scheme_of(uri)
    if scheme not in limits.schemes:
        raise _refused(uri, f"scheme {scheme!r} is not allowed", "one of " + ", ".join(limits.schemes))
    if not is_local(uri):
        check_credentials(uri)
        return
    if limits.input_root:
        root = Path(limits.input_root).resolve()
        if not local_path(uri).resolve().is_relative_to(root):
            raise _refused(uri, "lies outside the input root", f"a path in {root}")


def check_credentials(uri: str) -> None:
    """Refuse a remote URI with a user and password; some storages have a name before the ``@``, and no colon.

    Raises:
        InputError: it has them.
    """
    user, at, _ = uri.partition("://")[2].partition("/")[0].rpartition("@")
    if at and (":" in user or scheme_of(uri) in ("http", "https")):
        raise _refused(uri, "holds credentials", "credentials in the environment")


def check_size(uri: str, size: int | None, limits: LimitOptions, option: LimitName) -> None:
    """Refuse a file that is too large.

    Args:
        uri: The file.
        size: Bytes of it, None when unknown.
        limits: What files may be.
        option: Which of them holds here.

    Raises:
        InputError: it has more bytes than allowed.
    """
    most: int = getattr(limits, option)
    if size is not None and size > most:
        raise _refused(uri, f"has {size} bytes", f"at most {most} (run.limits.{option})")


def _refused(uri: str, what: str, expected: str) -> InputError:
    return InputError(what, station="source", input=redacted(uri), expected=expected)
