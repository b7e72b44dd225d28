"""Beginning a run, or going on with one: what must agree before anything is done."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from narratrace.corpus.fingerprint import difference, effective, fingerprint
from narratrace.corpus.inputs import digest, lasting, weight_of
from narratrace.corpus.ledger import Ledger, lock
from narratrace.corpus.ledger_queries import FOLDER
from narratrace.corpus.ledger_rows import Head
from narratrace.corpus.places import DEAD_LETTERS, LEDGER, PREVIOUS, RUN, make_folder
from narratrace.corpus.stamps import changes
from narratrace.corpus.uris import is_local, local_path, located, redacted
from narratrace.data.media import VideoInput
from narratrace.errors import InputError, OptionError
from narratrace.options import from_mapping
from narratrace.recipe import EngineOptions
from narratrace.source import resolve
from narratrace.write.canonical import json_value
from narratrace.write.files import storage_errors
from narratrace.write.run_json import versions
from narratrace.write.shard_file import INDEX, SHARDS
from narratrace.write.shards import ANALYSIS, NARRATIVES

_log = logging.getLogger(__name__)

ENGINE = "engine"
"""Fact of a run: the engine's options."""

_OUTPUTS = (SHARDS, INDEX, ANALYSIS, NARRATIVES, RUN, DEAD_LETTERS, f"{LEDGER}-wal", f"{LEDGER}-shm", LEDGER)
_SHOWN = 12


class Opened(Struct, frozen=True, kw_only=True):
    """A ledger that may be worked on.

    Attributes:
        ledger: Open for writing.
        engine: The options to work with.
        head: What holds for the run.
    """

    ledger: Ledger
    engine: EngineOptions
    head: Head


def open_run(
    sources: Sequence[str | Path], out: Path, engine: EngineOptions | None, *, new_run: bool = False
) -> Opened:
    """Begin a run in ``out``, or go on with the one that is there; one without any result begins anew.

    Args:
        sources: Inputs as :func:`narratrace.source.resolve` takes them; none goes on with the ledger's.
        out: Output folder on this machine.
        engine: The engine's options; None takes the ledger's, or the defaults for a new run.
        new_run: Set aside what is in ``out`` first, once the inputs are known to be there.

    Raises:
        InputError: an input names nothing, recordings of the run in ``out`` are not among the inputs or have
            changed since, or ``out`` holds the output of something else.
        OptionError: options that samples depend on differ from those of the run in ``out``.
        StorageError: another run is writing ``out``, or it cannot be written.
    """
    videos = resolve(sources) if sources else []
    if new_run and not videos:
        raise InputError("a new run needs inputs", station="corpus", input=str(out), expected="recordings")
    if not new_run and not (out / LEDGER).exists():
        _check_new(videos, out)  # already here, so that what is refused leaves nothing behind
    make_folder(out)
    if new_run:
        set_aside(out)
    ledger = Ledger(out / LEDGER)
    try:
        if ledger.is_new:
            return _begin(ledger, sources, videos, out, engine or EngineOptions())
        return _continue(ledger, sources, videos, out, engine)
    except BaseException:
        ledger.close()
        raise


def _begin(
    ledger: Ledger,
    sources: Sequence[str | Path],
    videos: Sequence[VideoInput],
    out: Path,
    engine: EngineOptions,
) -> Opened:
    _check_new(videos, out)
    options = effective(engine)
    head = Head(
        options=options,
        fingerprint=fingerprint(options),
        inputs=digest(videos),
        sources=_shown(sources),
        versions=versions(),
    )
    facts = {FOLDER: str(Path.cwd()), ENGINE: json_value(engine)}
    ledger.begin(head, ((video, weight_of(video)) for video in videos), facts)
    return Opened(ledger=ledger, engine=engine, head=head)


def _check_new(videos: Sequence[VideoInput], out: Path) -> None:
    if not videos:
        raise InputError("there is no run to go on with", station="corpus", input=str(out), expected="inputs")
    if any((out / INDEX).glob("*.parquet")):
        raise InputError(
            "holds shards but no ledger",
            station="corpus",
            input=str(out),
            expected="an empty folder, or --new-run",
            cause="the ledger was deleted",
        )


def _continue(
    ledger: Ledger,
    sources: Sequence[str | Path],
    videos: Sequence[VideoInput],
    out: Path,
    engine: EngineOptions | None,
) -> Opened:
    head = ledger.head()
    stored = from_mapping(EngineOptions, ledger.noted(ENGINE, {}), input=str(ledger.path))
    lines = difference(head.options, effective(engine)) if engine is not None else []
    is_other = bool(videos) and digest(videos) != head.inputs
    if videos and (lines or is_other) and not ledger.has_results():
        _log.info("no recording of the run in %s was finished: it begins anew", out)
        return _begin(ledger, sources, videos, out, engine or stored)
    if lines:
        raise OptionError(
            "options that samples depend on differ from the run's:\n  " + "\n  ".join(_short(lines)),
            station="corpus",
            input=str(ledger.path.parent),
            expected="the same options, another output folder, or --new-run",
        )
    _check_files(ledger, videos)
    added = _new(ledger, videos) if is_other else []
    if is_other:
        head = replace(head, inputs=digest(videos), sources=_shown(sources))
    if videos:
        ledger.go_on(head, ((video, weight_of(video)) for video in added), videos, Path.cwd())
    for line in _short(difference(head.versions, versions())):
        _log.warning("samples may differ from those made before: %s", line)
    return Opened(ledger=ledger, engine=engine or stored, head=head)


def _check_files(ledger: Ledger, videos: Sequence[VideoInput]) -> None:
    """Refuse files that are not those that finished recordings were made from, see Note [Changed files].

    Raises:
        InputError: one has another size.
    """
    changed, touched = changes(ledger.stamps(), videos)
    if changed:
        raise InputError(
            "recordings have changed since they were done:\n  " + "\n  ".join(_short(changed)),
            station="corpus",
            input=str(ledger.path.parent),
            expected="the files that were read, another output folder, or --new-run",
        )
    if touched:
        _log.warning(
            "%d recordings were written anew since they were done, with the size they had, and are taken "
            "for the same: %s",
            *(len(touched), ", ".join(_short(touched))),
        )


def _new(ledger: Ledger, videos: Sequence[VideoInput]) -> list[VideoInput]:
    """Recordings that the run does not have yet.

    Raises:
        InputError: one that it has is not among ``videos``, or described otherwise.
    """
    rows = {row.video.video_id: row.video for row in ledger.rows_from(0)}
    known = {name: lasting(video) for name, video in rows.items()}
    given = {video.video_id: lasting(video) for video in videos}
    gone = [video for name, video in rows.items() if name not in given]
    faults = _missing(gone, videos, Path(ledger.noted(FOLDER, "")))
    faults += [
        f"{name} is described otherwise, or has captions now and had none, or the reverse"
        for name, text in known.items()
        if given.get(name, text) != text
    ]
    added = [video for video in videos if video.video_id not in known]
    if faults:
        raise InputError(
            "the recordings differ from the run's:\n  " + "\n  ".join(_short(faults)),
            station="corpus",
            input=str(ledger.path.parent),
            expected="all that the run has (files may have moved) and any more, another output folder, or "
            "--new-run",
        )
    if added:
        _log.info("%d recordings are new: they go to the end", len(added))
    return added


def _missing(gone: Sequence[VideoInput], videos: Sequence[VideoInput], folder: Path) -> list[str]:
    """Why recordings, whose paths are relative to ``folder``, are not among ``videos`` under their ids."""
    names = {_place(video.uri): video.video_id for video in videos} if gone else {}
    renamed = [(video.video_id, names.get(_place(located(video, folder).uri))) for video in gone]
    return [
        f"{old} would now be called {new}, as another file has its name: give ids in a manifest"
        if new
        else f"{old} is missing"
        for old, new in renamed
    ]


def _place(uri: str) -> str:
    return os.path.realpath(local_path(uri)) if is_local(uri) else uri


def _shown(sources: Sequence[str | Path]) -> tuple[str, ...]:
    return tuple(redacted(str(source)) for source in sources)


def _short(lines: list[str]) -> list[str]:
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], f"... and {more} more"]


def set_aside(out: Path) -> Path | None:
    """Move what an earlier run wrote to a folder of its own below ``out``; nothing is deleted.

    The ledger is only moved, and last, so it may be damaged, or of another version.

    Returns:
        That folder, None when there was nothing.

    Raises:
        StorageError: a run is writing it, or it cannot be moved.
    """
    with lock(out / LEDGER):
        found = [out / name for name in _OUTPUTS if (out / name).exists()]
        if not found:
            return None
        target = out / PREVIOUS / f"{_last_number(out / PREVIOUS) + 1:03d}"
        make_folder(target)
        with storage_errors(target):
            for path in found:
                path.rename(target / path.name)
    return target


def _last_number(folder: Path) -> int:
    """The highest number that is the name of something in a folder, 0 where there is none."""
    return max((int(path.name) for path in folder.glob("*") if path.name.isdecimal()), default=0)
