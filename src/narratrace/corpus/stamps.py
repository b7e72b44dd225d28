"""Whether a recording's files are still those that were read.

Note [Changed files]
~~~~~~~~~~~~~~~~~~~~
A run takes what is done as done, so it must notice when a file under the same name has become another one.
Hashing a corpus takes as long as reading it; the size of a file is known at once, and files that only moved
keep it. The time of the last change they may lose on the way, so another time is worth a warning and no more.
Both are taken down when an attempt begins; what was not finished is read anew in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from narratrace.corpus.messages import Task
from narratrace.data.media import VideoInput, is_local, local_path

Stamp = list[tuple[int, int] | None]
"""Size in bytes and time of the last change (ns since 1970) of the recording's file and of its captions, each
None where it is not local, or not there."""

_FILES = ("file", "captions")


def stamp_of(uri: str | None, captions_uri: str | None) -> Stamp:
    """The stamp of a recording's files now."""
    return [_facts(uri), _facts(captions_uri)]


def stamp_of_task(task: Task) -> Stamp:
    """The stamp of the files that an attempt reads; those fetched for it do not count."""
    video = task.video
    return stamp_of(
        task.path if is_local(video.uri) else None,
        task.captions if is_local(video.captions_uri or "") else None,
    )


def _facts(uri: str | None) -> tuple[int, int] | None:
    if uri is None or not is_local(uri):
        return None
    try:
        found = local_path(uri).stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def changes(stamps: Mapping[str, Stamp], videos: Iterable[VideoInput]) -> tuple[list[str], list[str]]:
    """What has become of files that were read, see Note [Changed files].

    Args:
        stamps: Of finished recordings, by id.
        videos: The recordings as they are named now.

    Returns:
        A line for each file of another size, and the ids of recordings with one that only has another time.
    """
    changed, touched = [], []
    for video in videos:
        if video.video_id not in stamps:
            continue
        now = stamp_of(video.uri, video.captions_uri)
        for name, old, new in zip(_FILES, stamps[video.video_id], now, strict=True):
            if old is None or new is None or old == new:
                continue
            if old[0] == new[0]:
                touched.append(video.video_id)
            else:
                changed.append(f"{video.video_id}: its {name} had {old[0]} bytes when read, and has {new[0]}")
    return changed, list(dict.fromkeys(touched))
