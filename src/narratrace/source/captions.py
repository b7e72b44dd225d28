"""Captions beside a recording: finding the file, and reading it as a transcript."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from narratrace.data.transcript import Transcript
from narratrace.errors import InputError
from narratrace.languages import known_language, language_code
from narratrace.source.cues import Cue, read_cues
from narratrace.source.encoding import read_text
from narratrace.source.rolling import unroll
from narratrace.source.whisper_json import looks_like_whisper, read_whisper_json
from narratrace.source.words import cue_words, to_utterances

SUFFIXES = (".json", ".vtt", ".srt")
"""Kinds of sidecars in order of preference: recognisers write all three, and JSON has exact word times."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_VTT_LANGUAGE = re.compile(r"^Language:\s*([A-Za-z]{2,3})\b", re.MULTILINE)


class SidecarIndex:
    """Finds sidecars of many recordings, and reads each folder once, and anew when it has changed."""

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[int, dict[str, list[tuple[tuple[int, str], int, str]]]]] = {}

    def find(self, path: str | Path) -> Path | None:
        """The captions file of a recording, by name; None when there is none.

        ``NAME.vtt`` goes before ``NAME.en.vtt``, English before other languages (these in alphabetical
        order), and within one language the order is that of :data:`SUFFIXES`. A ``.json`` counts only if
        it looks like a recogniser's output: downloaders leave all kinds of JSON beside a video.
        """
        return next(self.all(path), None)

    def all(self, path: str | Path) -> Iterator[Path]:
        """All captions files of a recording, that of :meth:`find` first."""
        video = Path(path)
        changed = _last_change(video.parent)
        known, folder = self._folders.get(video.parent, (-1, {}))
        if known != changed:
            folder = _sidecars(video.parent)
            self._folders[video.parent] = changed, folder
        for _, _, name in sorted(folder.get(video.stem, ())):
            sidecar = video.parent / name
            if sidecar.suffix.lower() != ".json" or looks_like_whisper(sidecar):
                yield sidecar


def _last_change(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:  # see :func:`_sidecars`
        return 0


def _sidecars(folder: Path) -> dict[str, list[tuple[tuple[int, str], int, str]]]:
    """Sidecars of a folder by the stem of the recording they may belong to, with their preference."""
    found: dict[str, list[tuple[tuple[int, str], int, str]]] = {}
    try:
        files = list(folder.iterdir())
    except OSError:  # nor can the recording be read: whoever opens it says so
        files = []
    for file in files:
        if file.suffix.lower() not in SUFFIXES:
            continue
        order = SUFFIXES.index(file.suffix.lower())
        found.setdefault(file.stem, []).append((_preference(""), order, file.name))
        stem, _, language = file.stem.rpartition(".")
        if stem and _LANGUAGE.fullmatch(language):
            found.setdefault(stem, []).append((_preference(language), order, file.name))
    return found


def load_sidecar(path: str | Path, video: str | Path) -> Transcript:
    """The captions at ``path``; if they cannot be read but belong to ``video`` by name, its next ones.

    Raises:
        InputError: for ``path``, see :func:`load_captions`; none of the others can be read either.
    """
    try:
        return load_captions(path)
    except InputError as error:
        sidecars = list(SidecarIndex().all(video))
        others = sidecars[sidecars.index(Path(path)) + 1 :] if Path(path) in sidecars else []
        for other in others:
            try:
                transcript = load_captions(other)
            except InputError:
                continue
            instead = f"captions {Path(path).name} {error.message}: took {other.name} instead"
            return replace(transcript, warnings=(instead, *transcript.warnings))
        raise


def load_captions(path: str | Path) -> Transcript:
    """Read WebVTT, SubRip, or the JSON of Whisper and WhisperX.

    Words have exact times where the file holds them (JSON, YouTube's inline time stamps); elsewhere they are
    spread over their cue in proportion to their length, and ``word_times`` says ``interpolated``. A file
    without cues is an empty transcript with a warning.

    Raises:
        InputError: the file is missing or malformed, naming the place as far as it is known.
    """
    file = Path(path)
    text, warnings = read_text(file)
    source = f"captions:{file.name}"
    if file.suffix.lower() == ".json":
        transcript = read_whisper_json(text, source, str(file))
        return replace(transcript, warnings=(*warnings, *transcript.warnings))
    if file.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"captions of kind {file.suffix or '(no suffix)'} cannot be read",
            station="source",
            input=str(file),
            expected=", ".join(SUFFIXES),
        )
    cues, oddities = read_cues(text, str(file))
    cues = unroll(cues)
    return Transcript(
        utterances=to_utterances([(cue.span, cue_words(cue)) for cue in cues]),
        language=_language(file, text),
        source=source,
        word_times="exact" if _are_timed(cues) else "interpolated",
        warnings=(*warnings, *oddities),
    )


def _are_timed(cues: Sequence[Cue]) -> bool:
    """Whether words have times of their own; YouTube's lines of one word have them from their cue."""
    timed = [cue.last_stamp is not None for cue in cues]
    return any(timed) and all(t or len(cue.words) == 1 for t, cue in zip(timed, cues, strict=True))


def _preference(language: str) -> tuple[int, str]:
    if not language:
        return 0, ""
    return (1 if language_code(language) == "en" else 2), language


def _language(file: Path, text: str) -> str:
    """ISO 639-1 code from the header or the file name, empty when neither tells."""
    stated = _VTT_LANGUAGE.search(text[:1000])
    if stated:
        return language_code(stated[1])
    return known_language(file.stem.rpartition(".")[2]) if "." in file.stem else ""
