"""Cues of WebVTT and SubRip files: put in order, cleaned of markup, with inline word times where given."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace

from narratrace.errors import InputError
from narratrace.timebase import Span

_TIMING = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->")
_NO_CUES = ("WEBVTT", "NOTE", "STYLE", "REGION")
"""How blocks of WebVTT begin that are not cues."""
_INLINE = re.compile(r"<(?:(\d+):)?(\d{2}):(\d{2})[.,](\d{3})>")
_PROTECTED = re.compile(r"<ms (\d+)>")
_MARKUP = re.compile(
    r"""</?[A-Za-z][A-Za-z0-9]*(?:\.[^\s<>]*)?  # <i>, </font>, <c.loud>
    (?:\s+[\w-]+\s*=[^<>]*)?\s*/?>  # <font color="red">
    |<(?:v|lang)(?:\.[^\s<>]*)?\s[^<>]*>  # <v Dr. Example>
    |<[\d:.,]+>  # a time stamp in none of the usual forms
    |\{\\[^}]*\}  # {\an8}""",
    re.VERBOSE | re.IGNORECASE,
)
"""Tags of WebVTT, SubRip and SubStation; `p < 0.05 and n > 30` is none."""
_NOT_SPEECH = re.compile(r"\[[^\]]*\]:?|♪+|♫+|^\s*(?:>>|&gt;&gt;)+")
_READING_SPEED = 15.0
"""Characters per second assumed for a cue without a length (the usual captioning guideline)."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue.

    Attributes:
        span: When it is shown.
        lines: Its words by line, without markup.
        stamps: Start of each word in seconds, None for words without a time of their own; empty when no
            word has one.
    """

    span: Span
    lines: tuple[tuple[str, ...], ...]
    stamps: tuple[float | None, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """All words in reading order."""
        return tuple(word for line in self.lines for word in line)

    def without_first(self, words: int) -> Cue:
        """The cue without its first ``words`` words."""
        lines, left = [], words
        for line in self.lines:
            lines.append(line[left:])
            left = max(0, left - len(line))
        return replace(self, lines=tuple(line for line in lines if line), stamps=self.stamps[words:])


def read_cues(text: str, name: str) -> tuple[list[Cue], list[str]]:
    """Cues with words in time order, none overlapping the next, and warnings.

    Args:
        text: Content of the file, lines ended by newlines.
        name: File name, for errors; its suffix does not matter.

    Raises:
        InputError: there is text, but no cue in it.
    """
    import pysubs2

    if not text.strip() or text.strip() == "WEBVTT":
        return [], ["the captions file holds no cues"]
    kind = "vtt" if text.lstrip().startswith("WEBVTT") else "srt"
    prepared, unreadable = _prepared(text)
    try:
        events = pysubs2.SSAFile.from_string(prepared, format_=kind, keep_html_tags=True).events
    except (pysubs2.exceptions.Pysubs2Error, ValueError) as error:
        raise InputError(f"is malformed: {error}", station="source", input=name) from error
    if not events:
        raise InputError(
            "holds no cue", station="source", input=name, expected="WebVTT or SubRip time lines (A --> B)"
        )
    cues = [_cue(event.start / 1000, event.end / 1000, event.text) for event in events]
    fitted, warnings = _in_order([cue for cue in cues if cue.words])
    if unreadable:
        warnings.append(f"{unreadable} cues had no readable times: left out")
    return fitted, warnings


def _prepared(text: str) -> tuple[str, int]:
    """The time lines and what belongs to them, and how many blocks have an arrow but no times.

    pysubs2 takes everything up to the next time line for text, comments, style sheets and identifiers
    included, and takes a line with two inline time stamps for a time line.
    """
    kept = []
    unreadable = 0
    for block in re.split(r"\n{2,}", text):
        lines = block.split("\n")
        first = next((i for i, line in enumerate(lines) if _TIMING.match(line)), None)
        if first is not None:
            # The closing tag keeps pysubs2 from taking a last line like "42" for the next cue's number.
            kept.append("\n".join(lines[first:]) + "</c>")
        elif "->" in block and not block.startswith(_NO_CUES):
            unreadable += 1
    return _INLINE.sub(_protect, "\n\n".join(kept)), unreadable


def _protect(stamp: re.Match[str]) -> str:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in stamp.groups())
    return f"<ms {((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds}>"


def _cue(start: float, end: float, markup: str) -> Cue:
    """Words and times of one cue; ``end`` before ``start`` counts as no length."""
    lines: list[tuple[str, ...]] = []
    stamps: list[float | None] = []
    for line in markup.replace("\\N", "\n").split("\n"):
        words: list[str] = []
        stamp: float | None = start if not stamps else None
        pieces = _PROTECTED.split(_NOT_SPEECH.sub(" ", line))
        for i, piece in enumerate(pieces):
            if i % 2:
                stamp = int(piece) / 1000
                continue
            for word in html.unescape(_MARKUP.sub("", piece)).split():
                words.append(word)
                stamps.append(stamp)
                stamp = None
        lines.append(tuple(words))
    timed = _PROTECTED.search(markup) is not None
    return Cue(
        Span(start, max(start, end)), tuple(line for line in lines if line), tuple(stamps) if timed else ()
    )


def _in_order(cues: list[Cue]) -> tuple[list[Cue], list[str]]:
    ordered = sorted(cues, key=lambda cue: cue.span.start)
    warnings = []
    if ordered != cues:
        warnings.append("cues were not in time order: sorted")
    merged = _merge_simultaneous(ordered)
    overlapping = lengthless = 0
    fitted = []
    for cue, following in zip(merged, [*merged[1:], None], strict=True):
        start, end = cue.span.start, cue.span.end
        if end <= start:
            lengthless += 1
            end = start + len(" ".join(cue.words)) / _READING_SPEED
        if following is not None and end > following.span.start:
            overlapping += cue.span.end > following.span.start
            end = following.span.start
        fitted.append(replace(cue, span=Span(start, end)))
    if overlapping:
        warnings.append(f"{overlapping} cues overlapped the next: ended at its start")
    if lengthless:
        warnings.append(f"{lengthless} cues had no length: given {_READING_SPEED:g} characters a second")
    return fitted, warnings


def _merge_simultaneous(cues: list[Cue]) -> list[Cue]:
    """Cues that start together become one, in the order of the file."""
    merged: list[Cue] = []
    for cue in cues:
        if merged and cue.span.start <= merged[-1].span.start:
            last = merged[-1]
            both = Span(last.span.start, max(last.span.end, cue.span.end))
            merged[-1] = Cue(both, last.lines + cue.lines)
        else:
            merged.append(cue)
    return merged
