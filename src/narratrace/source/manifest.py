"""Manifests: tables that name recordings, and what is known about them.

Columns ``video_id``, ``uri``, ``captions_uri``, ``title``, ``channel``, ``link``, ``licence`` and
``language`` are ours; only ``uri`` is required. Every other column passes through to the samples. A relative
``uri`` or ``captions_uri`` is relative to the manifest. Files are not looked for here: one missing recording
among thousands fails by itself later, and must not stop the others.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from narratrace.data.media import VideoInput
from narratrace.errors import InputError
from narratrace.languages import language_code

SUFFIXES = (".csv", ".jsonl", ".parquet")
"""File suffixes that make an input a manifest."""

OTHER_TABLES = (".json", ".ndjson", ".tsv", ".xlsx")
"""Suffixes of files that are meant as manifests, and are not read."""

SAFE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""A video_id that is safe as a file name."""

_TEXTS = ("title", "channel", "link", "licence")
_OURS = frozenset({"video_id", "uri", "captions_uri", "language", *_TEXTS})

Row = tuple[int, Mapping[str, Any]]
"""Line number (for Parquet the row number) from 1, and the columns."""


def read_manifest(path: str | Path) -> list[tuple[VideoInput, bool]]:
    """The recordings a manifest names, in its order.

    Returns:
        Each recording, and whether the manifest gave its ``video_id``; where it did not, the id is empty.

    Raises:
        InputError: naming the file and the line: a broken line, an empty ``uri``, an id that is unsafe as a
            file name, or one that came before. Or it has no rows.
    """
    file = Path(path)
    entries: list[tuple[VideoInput, bool]] = []
    seen: dict[str, int] = {}
    for line, row in _rows(file):
        entry = _entry(file, line, row)
        key = entry.video_id.casefold()
        if key in seen:
            raise _broken(file, line, f"video_id {entry.video_id!r} was used in line {seen[key]} already")
        if key:
            seen[key] = line
        entries.append((entry, bool(key)))
    if not entries:
        raise InputError("has no rows", station="source", input=str(file), expected="a row a recording")
    return entries


def _entry(file: Path, line: int, row: Mapping[str, Any]) -> VideoInput:
    uri, video_id = _text(file, line, row, "uri"), _text(file, line, row, "video_id")
    if "uri" not in row:
        raise _without_uri(file, line, row)
    if not uri:
        raise _broken(file, line, "uri is empty", "a path or URI")
    if video_id and not SAFE_ID.fullmatch(video_id):
        raise _broken(file, line, f"video_id {video_id!r} is not safe", "up to 128 letters, digits, - and _")
    captions, language = _text(file, line, row, "captions_uri"), _text(file, line, row, "language")
    return VideoInput(
        video_id=video_id,
        uri=_beside(file, uri),
        captions_uri=_beside(file, captions) if captions else None,
        **{name: _text(file, line, row, name) for name in _TEXTS},
        language=language_code(language) or language,
        extra={name: value for name, value in row.items() if name not in _OURS},
    )


def _text(file: Path, line: int, row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return str(value).strip()
    raise _broken(file, line, f"{column} holds {type(value).__name__}", "text")


def _beside(file: Path, uri: str) -> str:
    return uri if "://" in uri else str(file.parent / uri)


def _rows(file: Path) -> Iterator[Row]:
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
    try:
        yield from readers[file.suffix.lower()](file)
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", station="source", input=str(file)
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error.reason}", station="source", input=str(file)) from error


def _csv_rows(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            _check_columns(file, header)
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise _broken(
                        file, reader.line_num, f"has {len(cells)} cells", f"{len(header)}, as the header has"
                    )
                yield reader.line_num, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise _broken(file, reader.line_num, f"is not CSV: {error}") from error


def _jsonl_rows(file: Path) -> Iterator[Row]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise _broken(file, number, f"is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise _broken(file, number, f"holds {type(row).__name__}", "an object")
            yield number, row


def _parquet_rows(file: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(file) as table:
            _check_columns(file, table.schema_arrow.names)
            number = 0
            for batch in table.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except pyarrow.ArrowException as error:
        raise InputError(f"is not Parquet: {error}", station="source", input=str(file)) from error


def _check_columns(file: Path, columns: Iterable[str]) -> None:
    names = list(columns)
    if "uri" not in names:
        raise _without_uri(file, 1, names)
    if len(set(names)) != len(names):
        raise _broken(file, 1, "names a column twice")


def _without_uri(file: Path, line: int, names: Iterable[str]) -> InputError:
    return _broken(file, line, f"has no column uri, only {', '.join(names) or 'nothing'}", "at least uri")


def _broken(file: Path, line: int, message: str, expected: str = "") -> InputError:
    return InputError(f"line {line}: {message}", station="source", input=str(file), expected=expected)
