"""The text of captions files, whatever wrote them."""

from __future__ import annotations

import re
from pathlib import Path

from narratrace.errors import InputError

_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_RUN = re.compile(r"[^\x00-\x7f–—‘’“”…«»·•°]{3,}")  # noqa: RUF001
_FOREIGN = re.compile(r"[^\x00-\x7f–—‘’“”…«»·•°]")  # noqa: RUF001
_MOST_IN_RUNS = 0.5
"""Share of the letters beyond ASCII that may stand three or more in a row. In the languages that Windows-1252
is for hardly any do; read as that, nearly all of Cyrillic, Greek, Arabic, Thai, Chinese or Japanese do."""


def read_text(file: Path) -> tuple[str, list[str]]:
    """The text with lines ended by newlines, and a warning where it had to be guessed how it is coded.

    Raises:
        InputError: the file cannot be read, or is neither UTF-8, UTF-16 with its mark, nor Windows-1252.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", station="source", input=str(file)) from error
    if b"\0" in data and data[:2] not in _BYTE_ORDER_MARKS:
        raise _refused(file, "UTF-16 without a byte order mark, or no text at all")
    for encoding in ("utf-16",) if data[:2] in _BYTE_ORDER_MARKS else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            continue
        if encoding != "cp1252":
            return text, []
        if not _is_garbage(text):
            return text, ["not UTF-8, read as Windows-1252"]
    raise _refused(file, "another encoding, such as GB18030, Shift JIS or Windows-1251")


def _is_garbage(text: str) -> bool:
    in_runs = sum(map(len, _RUN.findall(text)))
    return in_runs > _MOST_IN_RUNS * len(_FOREIGN.findall(text))


def _refused(file: Path, cause: str) -> InputError:
    return InputError(
        "is not text that can be read",
        station="source",
        input=str(file),
        expected=f"UTF-8: iconv -f ENCODING -t UTF-8 '{file.name}'",
        cause=cause,
    )
