"""What a user names on the command line, as a list of recordings.

Note [Ids of one name]
~~~~~~~~~~~~~~~~~~~~~~
Recordings whose file names give the same id, also where only upper and lower case differ, have a hash behind
it: of the path below the innermost folder that all of them lie in, or of the whole URI. So it does not matter
from where, and how, a path is typed, nor where the set lies, nor what else is named; a further recording of
that name may alter the ids of the others.
"""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from narratrace.data.media import VideoInput, is_local, local_path
from narratrace.errors import InputError
from narratrace.source import manifest
from narratrace.source.captions import SUFFIXES as SIDECARS
from narratrace.source.captions import SidecarIndex

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg"}
    | {".wmv", ".asf", ".flv", ".ogv", ".3gp", ".gif"}
)
"""Suffixes of files taken from folders and globs; a file named outright may have any."""

_ANY = "a file, folder, glob, URI or manifest"
_GLOB = re.compile(r"[*?\[]")
_LONGEST_STEM = 100
_MOST_SHOWN = 5

Named = str | os.PathLike[str]
"""A file, folder, glob, URI or manifest."""

_Candidate = tuple[VideoInput, bool]
"""A recording, and whether its id was given and must stay."""

log = logging.getLogger(__name__)


def names_of(inputs: object) -> list[str]:
    """What a caller named, one thing or several, as texts.

    Raises:
        InputError: something is no name.
    """
    if isinstance(inputs, (str, bytes, os.PathLike)) or not isinstance(inputs, Iterable):
        inputs = [inputs]
    return [_name(item) for item in inputs]


def _name(item: object) -> str:
    name = os.fspath(item) if isinstance(item, (str, os.PathLike)) else None
    if not isinstance(name, str):
        raise InputError(
            "names no recording", station="source", input=repr(item), expected=f"{_ANY}, as text or Path"
        )
    return name


def resolve(inputs: Named | Iterable[Named]) -> list[VideoInput]:
    """The recordings that files, folders, globs, URIs and manifests name.

    The order is that of the inputs; folders are searched recursively, and their files and those of globs
    are sorted by path. A file named twice counts once, where it comes first, unless manifests
    give it several ids; links of other names are counted in a log line. A link named as a video that leads
    nowhere is a recording, which fails in its turn. Ids are made from file names; those that would collide
    get a short hash, see Note [Ids of one name]. Captions are looked for beside local files.

    Args:
        inputs: Local paths, glob patterns, URIs, or manifests (see ``manifest.py``); one, or several.

    Raises:
        InputError: an input names nothing, a manifest is broken, or two manifests give the same id.
    """
    sidecars = SidecarIndex()
    candidates: list[_Candidate] = []
    known: dict[str, set[str]] = {}  # ids that manifests gave, by recording; "" where none was given
    uris: dict[str, str] = {}  # by recording, where it was first named
    others: dict[str, str] = {}  # names left out, with the one that the recording goes by
    for name in names_of(inputs):
        for entry, given in _entries(name):
            identity = _identity(entry.uri)
            ids, first = known.setdefault(identity, set()), uris.setdefault(identity, entry.uri)
            if not ids or (given and not {"", entry.video_id} & ids):
                ids.add(entry.video_id if given else "")
                candidates.append((entry, given))
            elif is_local(entry.uri) and _absolute(entry.uri) != _absolute(first):
                others[str(_absolute(entry.uri))] = first
    if others:
        name, first = next(iter(others.items()))
        log.info("left out further names of the same files (%d), such as %s for %s", len(others), name, first)
    return [
        _captioned(video, sidecars) if is_local(video.uri) and not video.captions_uri else video
        for video in _with_ids(candidates)
    ]


def with_captions(videos: Iterable[VideoInput]) -> Iterator[VideoInput]:
    """The same recordings, with captions found by name where the file is local and none are named."""
    sidecars = SidecarIndex()
    for video in videos:
        yield _captioned(video, sidecars) if video.captions_uri is None and is_local(video.uri) else video


def _captioned(video: VideoInput, sidecars: SidecarIndex) -> VideoInput:
    sidecar = sidecars.find(local_path(video.uri))
    return replace(video, captions_uri=str(sidecar)) if sidecar else video


def _entries(name: str) -> Iterator[_Candidate]:
    try:
        yield from _named_by(name)
    except OSError as error:  # a name that is too long, a folder that must not be read
        raise InputError(
            f"cannot be read: {error.strerror or error}", station="source", input=name
        ) from error


def _named_by(name: str) -> Iterator[_Candidate]:
    path = Path(name)
    if not name.strip():  # a path would stand for the current folder: more than an unset variable may name
        raise InputError("is empty", station="source", input=repr(name), expected=_ANY)
    if "://" in name:
        yield VideoInput(video_id="", uri=name), False
    elif path.is_dir():
        yield from _named(_some(_videos_below(path), name, f"a folder with videos ({_known()})"))
    elif path.suffix.lower() in manifest.SUFFIXES and path.exists():
        yield from manifest.read_manifest(path)
    elif path.suffix.lower() in manifest.OTHER_TABLES and path.exists():
        raise InputError(
            "is neither a video nor a manifest that can be read",
            station="source",
            input=name,
            expected=f"a manifest as {', '.join(manifest.SUFFIXES)}",
        )
    elif path.exists():
        yield from _named([name])
    elif _GLOB.search(name):
        yield from _named(_some(_matches(name), name, f"a pattern that matches videos ({_known()})"))
    else:
        raise InputError(
            "no such file or folder",
            station="source",
            input=name,
            expected=_ANY,
        )


def _named(paths: Iterable[str]) -> Iterator[_Candidate]:
    return ((VideoInput(video_id="", uri=path), False) for path in paths)


def _some(paths: list[str], name: str, expected: str) -> list[str]:
    if not paths:
        raise InputError("names no video", station="source", input=name, expected=expected)
    return paths


def _known() -> str:
    return " ".join(sorted(VIDEO_SUFFIXES))


def _videos_below(folder: Path) -> list[str]:
    """The videos below a folder: each folder once, by a path without links where there is one.

    Raises:
        InputError: a folder below it cannot be read, and may hold any number of recordings.
    """
    found: list[str] = []
    lost: list[str] = []
    seen: set[str] = set()
    waiting = [str(folder)]  # folders that links lead to come last
    while waiting:
        for place, folders, files in os.walk(waiting.pop(0), onerror=_refuse):
            if (real := os.path.realpath(place)) in seen:
                folders.clear()
                continue
            seen.add(real)
            paths = [Path(place, name) for name in files]
            found += [str(path) for path in paths if _is_video(path)]
            lost += [str(path) for path in paths if not _is_video(path) and _may_be_folder(path)]
            waiting += sorted(
                str(path) for path in (Path(place, name) for name in folders) if path.is_symlink()
            )
    if lost:
        shown = ", ".join(sorted(lost)[:_MOST_SHOWN]) + (", ..." if len(lost) > _MOST_SHOWN else "")
        log.warning(
            "left out links that lead nowhere (%d), and any folders they stood for: %s", len(lost), shown
        )
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise InputError(
        f"the folder cannot be read: {error.strerror}",
        station="source",
        input=str(error.filename),
        expected="the right to read it, or inputs that leave it out, such as a glob",
    ) from error


def _matches(pattern: str) -> list[str]:
    # Path.glob refuses absolute patterns.
    return sorted(name for name in glob.glob(pattern, recursive=True) if _is_video(Path(name)))  # noqa: PTH207


def _is_video(path: Path) -> bool:
    # Hidden files are leftovers of file managers and synchronisation, under a video's name.
    if path.suffix.lower() not in VIDEO_SUFFIXES or path.name.startswith("."):
        return False
    return path.is_file() or _leads_nowhere(path)  # that link stands for one recording, which fails alone


def _may_be_folder(path: Path) -> bool:
    known = path.suffix.lower() in SIDECARS or path.name.startswith(".")
    return not known and _leads_nowhere(path)


def _leads_nowhere(path: Path) -> bool:
    """Whether it is a link to what is not there, or in a circle."""
    return path.is_symlink() and not path.exists()


def _identity(uri: str) -> str:
    return os.path.realpath(local_path(uri)) if is_local(uri) else uri


def _with_ids(candidates: list[_Candidate]) -> list[VideoInput]:
    """The recordings with an id each: given ones stay, made ones give way."""
    wanted = [entry.video_id if given else _safe_stem(entry.uri) for entry, given in candidates]
    uses: dict[str, list[str]] = {}
    for (entry, _), stem in zip(candidates, wanted, strict=True):
        uses.setdefault(stem.casefold(), []).append(entry.uri)
    taken: dict[str, str] = {}  # where each id was first used
    videos = []
    for (entry, given), stem in zip(candidates, wanted, strict=True):
        alike = uses[stem.casefold()]
        video_id = stem if given or len(alike) == 1 else f"{stem}-{_hash(_distinction(entry.uri, alike))}"
        other = taken.get(video_id.casefold())
        if other is not None:
            raise InputError(
                f"video_id {video_id!r} is given to {other} too", station="source", input=entry.uri
            )
        taken[video_id.casefold()] = entry.uri
        videos.append(replace(entry, video_id=video_id))
    return videos


def _safe_stem(uri: str) -> str:
    """The file name without suffix in letters, digits, ``-`` and ``_``; a hash where none of it is left."""
    stem = Path(re.split(r"[?#]", uri)[0] if "://" in uri else uri).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_")[:_LONGEST_STEM]
    return safe or f"video-{_hash(stem)}"


def _distinction(uri: str, alike: Sequence[str]) -> str:
    """What tells a recording from ``alike``, those of its name, see Note [Ids of one name]."""
    if not is_local(uri):
        return uri
    folders = [_absolute(other).parent for other in alike if is_local(other)]
    return _absolute(uri).relative_to(os.path.commonpath(folders)).as_posix()


def _absolute(uri: str) -> Path:
    """The path without ``..``, and with symbolic links, whose names may be the telling ones."""
    return Path(os.path.abspath(local_path(uri)))  # noqa: PTH100


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
