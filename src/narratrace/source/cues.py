"""Cues of WebVTT and SubRip files: put in order, cleaned of markup, with inline word times where given."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from narratrace.data.spacing import goes_on, reading_letters, split_text, stands_alone
from narratrace.errors import InputError
from narratrace.source.sounds import without_sounds
from narratrace.timebase import Span

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{2})(?:[.,](\d{1,3}))?"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}", re.MULTILINE)
"""A time line; some tools leave milliseconds out."""
_LOOKS_TIMED = re.compile(r"-->|\d\s*->\s*-?\d")
_NO_CUES = re.compile(r"\s*(?:WEBVTT|NOTE|STYLE|REGION)\b")
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
_NOT_SPEECH = re.compile(r"♪+|♫+|^\s*(?:>>|&gt;&gt;)+")
READING_SPEED = 15.0
"""Characters per second assumed for text without an end (the usual captioning guideline)."""


class CueWord(Struct, frozen=True):
    """One word of a cue.

    Attributes:
        text: Without white space.
        glued: Whether no space stands before it, see Note [Words without spaces].
        start: When it is spoken in seconds, None where the cue does not tell.
    """

    text: str
    glued: bool = False
    start: float | None = None


class Cue(Struct, frozen=True):
    """One cue.

    Attributes:
        span: When it is shown.
        lines: Its words by line, without markup.
    """

    span: Span
    lines: tuple[tuple[CueWord, ...], ...]

    @property
    def words(self) -> tuple[CueWord, ...]:
        """All words in reading order."""
        return tuple(word for line in self.lines for word in line)

    @property
    def text(self) -> str:
        """All words as one text."""
        return "".join(word.text if word.glued else f" {word.text}" for word in self.words).strip()

    @property
    def last_stamp(self) -> float | None:
        """The latest start that a word of it has, None when no word has one."""
        return max((word.start for word in self.words if word.start is not None), default=None)

    def without_first(self, words: int) -> Cue:
        """The cue without its first ``words`` words."""
        lines, left = [], words
        for line in self.lines:
            lines.append(line[left:])
            left = max(0, left - len(line))
        return replace(self, lines=tuple(line for line in lines if line))


def reading_s(text: str) -> float:
    """Seconds that reading ``text`` takes at :data:`READING_SPEED`."""
    return reading_letters(text) / READING_SPEED


def read_cues(text: str, name: str) -> tuple[list[Cue], list[str]]:
    """Cues with words in time order, and warnings.

    Args:
        text: Content of the file, lines ended by newlines.
        name: File name, for errors; its suffix does not matter.

    Raises:
        InputError: there is text, but no cue in it.
    """
    import pysubs2

    if not text.strip() or text.strip() == "WEBVTT":
        return [], ["the captions file holds no cues"]
    prepared, warnings = _prepared(text)
    try:
        events = pysubs2.SSAFile.from_string(prepared, format_="vtt", keep_html_tags=True).events
    except (pysubs2.exceptions.Pysubs2Error, ValueError) as error:
        raise InputError(f"is malformed: {error}", station="source", input=name) from error
    if not events:
        raise InputError(
            "holds no cue", station="source", input=name, expected="WebVTT or SubRip time lines (A --> B)"
        )
    cues = [_cue(event.start / 1000, event.end / 1000, event.text) for event in events]
    fitted, oddities = _in_order([cue for cue in cues if cue.words])
    return fitted, [*oddities, *warnings]


def _prepared(text: str) -> tuple[str, list[str]]:
    """The time lines and what belongs to them, and warnings about text without times.

    pysubs2 takes everything up to the next time line for text, comments, style sheets and identifiers
    included, and takes a line with two inline time stamps for a time line.
    """
    kept: list[list[str]] = []
    unreadable = loose = 0
    blocks = re.split(r"\n{2,}", text)
    for block, following in zip(blocks, [*blocks[1:], ""], strict=True):
        lines = block.split("\n")
        first = next((i for i, line in enumerate(lines) if _TIMING.match(line)), None)
        before = lines[:first]
        if first is not None:
            # Before the time line stands an identifier; text before its number is the former cue's.
            before = before[:-1] if before and before[-1].strip().isdigit() else []
        elif len(before) == 1 and before[0].strip().isdigit() and _TIMING.match(following):
            before = []
        if _NO_CUES.match(block) or not "".join(before).strip():
            pass
        elif kept and not any(map(_LOOKS_TIMED.search, before)):
            kept[-1] += before
            loose += 1
        else:
            unreadable += 1
        if first is not None:
            kept.append([_TIMING.sub(_plain_times, line) for line in lines[first:]])
    warnings = []
    if loose:
        warnings.append(f"{loose} blocks of text had no times: taken for the end of the cue before")
    if unreadable:
        warnings.append(f"{unreadable} cues had no readable times: left out")
    # The closing tag keeps pysubs2 from taking a last line like "42" for the next cue's number.
    cues = "\n\n".join("\n".join(lines) + "</c>" for lines in kept)
    return _INLINE.sub(_protect, cues), warnings


def _plain_times(line: re.Match[str]) -> str:
    """A time line with hours and milliseconds, as pysubs2 wants it."""
    times = (line.groups()[:4], line.groups()[4:])
    return " --> ".join(
        f"{int(hours or 0):02}:{int(minutes):02}:{seconds}.{(fraction or ''):0<3}"
        for hours, minutes, seconds, fraction in times
    )


def _protect(stamp: re.Match[str]) -> str:
    hours, minutes, seconds, milliseconds = (int(part or 0) for part in stamp.groups())
    return f"<ms {((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds}>"


def _cue(start: float, end: float, markup: str) -> Cue:
    """Words and times of one cue; ``end`` before ``start`` counts as no length."""
    lines: list[tuple[CueWord, ...]] = []
    for line in markup.replace("\\N", "\n").split("\n"):
        words = _words(_PROTECTED.split(_NOT_SPEECH.sub(" ", without_sounds(line))))
        if words and lines and goes_on(lines[-1][-1].text, words[0].text):
            words[0] = replace(words[0], glued=True)
        if words:
            lines.append(tuple(words))
    return Cue(Span(start, max(start, end)), tuple(lines))


def _words(pieces: Sequence[str]) -> list[CueWord]:
    """The words of a line, given as its text with a stamp in milliseconds between each two pieces."""
    words: list[CueWord] = []
    stamp: float | None = None
    apart = True  # whether white space, or nothing, came last
    for i, piece in enumerate(pieces):
        if i % 2:
            stamp = int(piece) / 1000
            continue
        text = html.unescape(_MARKUP.sub("", piece))
        for n, (word, glued) in enumerate(split_text(text)):
            goes_on_inside = n == 0 and not apart and not text[0].isspace()
            if goes_on_inside and not stands_alone(words[-1].text, word):
                words[-1] = replace(words[-1], text=words[-1].text + word)
            else:
                words.append(CueWord(word, glued or goes_on_inside, stamp))
            stamp = None
        apart = text[-1].isspace() if text else apart
    return words


def _in_order(cues: list[Cue]) -> tuple[list[Cue], list[str]]:
    ordered = sorted(cues, key=lambda cue: cue.span.start)
    warnings = []
    if ordered != cues:
        warnings.append("cues were not in time order: sorted")
    merged = _merge_simultaneous(ordered)
    overlapping = lengthless = 0
    fitted = []
    for cue, following in zip(merged, [*merged[1:], None], strict=True):
        end, limit = cue.span.end, following.span.start if following is not None else None
        if end <= cue.span.start:
            lengthless += 1
            end = given_end(cue.span.start, cue.text, limit)
        elif following is not None and _is_chained(cue, following):
            overlapping += 1
            end = following.span.start
        fitted.append(replace(cue, span=Span(cue.span.start, end)))
    if overlapping:
        warnings.append(f"{overlapping} cues overlapped the next: ended at its start")
    if lengthless:
        warnings.append(f"{lengthless} cues had no length: given {READING_SPEED:g} characters a second")
    return fitted, warnings


def given_end(start: float, text: str, limit: float | None) -> float:
    """When text without a length ends: once it is read, or at the next start ``limit`` after ``start``."""
    end = start + reading_s(text)
    return min(end, limit) if limit is not None and limit > start else end


def _is_chained(cue: Cue, following: Cue) -> bool:
    """Whether a cue stays on the screen for too long: until after the next began, which stays as long.

    A cue that the next lies within is spoken for its whole time, and so is one whose words have times there.
    """
    start, stamp = following.span.start, cue.last_stamp
    overlaps = cue.span.start < start < cue.span.end <= following.span.end
    return overlaps and (stamp is None or stamp < start)


def _merge_simultaneous(cues: list[Cue]) -> list[Cue]:
    """Cues that start together become one, in the order of the file, unless their words have times."""
    merged: list[Cue] = []
    for cue in cues:
        last = merged[-1] if merged else None
        if last and cue.span.start <= last.span.start and last.last_stamp is None and cue.last_stamp is None:
            both = Span(last.span.start, max(last.span.end, cue.span.end))
            merged[-1] = Cue(both, last.lines + cue.lines)
        else:
            merged.append(cue)
    return merged
