"""Numbers and JSON text that come out the same on every run and every machine.

Note [Rounding of outputs]
~~~~~~~~~~~~~~~~~~~~~~~~~~
Everything written as text is rounded once, on the way out: times up to 0.1 ms, durations to 1 ms, positions
to 0.1 px, shares, scores and probabilities to 4 decimals, positions relative to the picture to 5 decimals
(0.1 px of a 4K picture is 2.6e-5), other computed facts to 6. That is finer than anything the engine measures
and coarser than the last bits in which two summation orders differ. A time mostly is that of a frame, and is
rounded up because a reader who looks for what is on the screen at a time that lies before the frame's finds
the frame before, with the pointer elsewhere. All times are rounded by this one rule, because it keeps their
order: what lies within a span does so in the file, at a time from its start that is not negative, and spans
that meet still do. Trace points whose rounded time repeats the one before are left out, so that times still
increase strictly after a round trip; numbers that are not finite never reach a file.
"""

from __future__ import annotations

import datetime
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from narratrace.data.trace import F64, Trace

_DURATION, _TIME, _PIXEL, _SHARE = 3, 4, 1, 4
_PER_S = 10_000  # times are multiples of its inverse
_SLACK = 1e-3  # of that, for the last bits of a time that is such a multiple
RELATIVE = 5
"""Decimals of positions given as a share of the picture's width or height."""
FACT = 6
"""Decimals of computed numbers that have no other rule."""


def instant(value: float) -> float:
    """A time on any clock, up to 0.1 ms: of two, the later is never written as the earlier.

    Raises:
        ValueError: the value is not finite.
    """
    return math.ceil(_finite(value) * _PER_S - _SLACK) / _PER_S


def since(time: float, zero: float) -> float:
    """Seconds from one instant to another, of times as they are written: the sum gives the time again."""
    return rounded(instant(time) - instant(zero), _TIME)


def seconds(value: float) -> float:
    """A duration, to 1 ms."""
    return rounded(value, _DURATION)


def pixels(value: float) -> float:
    """A position or length in pixels, to 0.1 px."""
    return rounded(value, _PIXEL)


def share(value: float) -> float:
    """A share, score or probability, to 4 decimals."""
    return rounded(value, _SHARE)


def rounded(value: float, digits: int) -> float:
    """``value`` to ``digits`` decimals, never ``-0.0``.

    Raises:
        ValueError: the value is not finite.
    """
    return round(_finite(value), digits) + 0.0


def _finite(value: float) -> float:
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"a number to be written is not finite: {value}")
    return value


def trace_columns(trace: Trace) -> tuple[F64, F64, F64, F64]:
    """Rounded t (s), x, y (px) and score of the points worth writing, see Note [Rounding of outputs]."""
    t = np.ceil(np.asarray(trace.t, np.float64) * _PER_S - _SLACK) / _PER_S + 0.0
    x, y, score = (
        np.round(np.asarray(column, np.float64), digits) + 0.0
        for column, digits in ((trace.x, _PIXEL), (trace.y, _PIXEL), (trace.score, _SHARE))
    )
    keep = np.isfinite(t) & np.isfinite(x) & np.isfinite(y) & np.isfinite(score)
    keep[1:] &= np.diff(t) > 0
    return t[keep], x[keep], y[keep], score[keep]


def json_value(value: Any, digits: int | None = None) -> Any:
    """The nearest JSON value of anything a manifest or a stage may hand over.

    Mappings are sorted by key, numbers that are not finite become null, dates ISO 8601 text, enumerations
    their values, NumPy values their Python counterparts, structs mappings, and whatever else there is
    its ``str``.

    Args:
        value: Anything.
        digits: Decimals of floating-point numbers, None to leave them as they are.
    """
    if isinstance(value, Enum):
        return json_value(value.value, digits)
    if isinstance(value, (np.generic, np.ndarray)):
        return json_value(value.tolist(), digits)
    if isinstance(value, Struct):
        return json_value(asdict(value), digits)
    if isinstance(value, Mapping):
        return {str(key): json_value(value[key], digits) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return [json_value(item, digits) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((json_value(item, digits) for item in value), key=str)
    if isinstance(value, float):
        return None if not math.isfinite(value) else value if digits is None else rounded(value, digits)
    return _json_scalar(value)


def _json_scalar(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def json_line(value: Any) -> bytes:
    """Compact JSON in UTF-8, keys in the order given, ended by a newline.

    Raises:
        ValueError: it holds a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # A lone surrogate (a mangled title or file name) has no UTF-8 form; its JSON escape does.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def json_page(value: Any) -> bytes:
    """JSON in UTF-8 for files that people open: a line to each member, and to each row of a list.

    Args:
        value: What JSON can hold, and iterators of rows, which are drawn one by one: as dictionaries, an
            hour's trace takes several times the memory of its text.

    Raises:
        ValueError: it holds a number that is not finite.
    """
    page = bytearray()
    for piece in _pieces(value, "\n"):
        page += piece.encode("utf-8", "backslashreplace")
    return bytes(page) + b"\n"


_text = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _pieces(value: Any, line: str) -> Iterator[str]:
    """The text of a page; ``line`` begins a line at the level of ``value``."""
    if isinstance(value, Mapping):
        members = (itertools.chain([f"{_text(str(k))}: "], _pieces(v, line + " ")) for k, v in value.items())
        yield from _enclosed("{", members, "}", line)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        yield from _enclosed("[", ([_text(row)] for row in value), "]", line)
    else:
        yield _text(value)


def _enclosed(begin: str, members: Iterable[Iterable[str]], end: str, line: str) -> Iterator[str]:
    """Members on lines of their own, a level deeper than ``line``."""
    yield begin
    between = ""
    for pieces in members:
        yield f"{between}{line} "
        yield from pieces
        between = ","
    yield line + end if between else end
