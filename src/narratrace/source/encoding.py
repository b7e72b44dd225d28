"""The text of captions files, whatever wrote them."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from narratrace.errors import InputError

_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NULS_PER_BYTE = 0.01
"""Share of zero bytes that text may have, left by a program that failed; UTF-16 without its mark has more."""
_RUN = re.compile(r"[^\x00-\x7f–—‘’“”…«»·•°]{3,}")  # noqa: RUF001
_FOREIGN = re.compile(r"[^\x00-\x7f–—‘’“”…«»·•°]")  # noqa: RUF001
_MOST_IN_RUNS = 0.5
"""Share of the letters beyond ASCII that may stand three or more in a row. In the languages that Windows-1252
is for hardly any do; read as that, nearly all of Cyrillic, Greek, Arabic, Thai, Chinese or Japanese do."""


def read_text(file: Path) -> tuple[str, list[str]]:
    """The text with lines ended by newlines, and a warning where it had to be mended, or its coding guessed.

    Raises:
        InputError: the file cannot be read, or is neither UTF-8, UTF-16 with its mark, nor Windows-1252.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", station="source", input=str(file)) from error
    if b"\0" in data and data[:2] not in _BYTE_ORDER_MARKS:
        return _without_nuls(file, data)
    for encoding in ("utf-16",) if data[:2] in _BYTE_ORDER_MARKS else ("utf-8-sig", "cp1252"):
        try:
            text = _lines(data.decode(encoding))
        except UnicodeDecodeError:
            continue
        if encoding != "cp1252":
            return text, []
        if not _is_garbage(text):
            return text, ["not UTF-8, read as Windows-1252"]
    raise _refused(file, "another encoding, such as GB18030, Shift JIS or Windows-1251")


def _without_nuls(file: Path, data: bytes) -> tuple[str, list[str]]:
    count = data.count(0)
    with contextlib.suppress(UnicodeDecodeError):
        if count <= max(1, _NULS_PER_BYTE * len(data)):
            text = _lines(data.replace(b"\0", b"").decode("utf-8-sig"))
            return text, [f"zero bytes left out: {count}"]
    raise _refused(file, "UTF-16 without a byte order mark, or no text at all")


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
