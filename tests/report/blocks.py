"""Reading a report back as a browser would: with an HTML parser that knows nothing of how it was written."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


class Scripts(HTMLParser):
    """Script blocks of a file: ``data`` by id, and those a browser would run, ``code``."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, str] = {}
        self.code: list[str] = []
        self.policy = ""
        self.tags: list[str] = []
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"] or ""
        if tag == "script":
            is_data = named.get("type") in ("application/json", "text/plain")
            self._open = (named["id"] or "") if is_data else ""
            if not is_data:
                self.code.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = None

    def handle_data(self, data: str) -> None:
        if self._open:
            self.data[self._open] = self.data.get(self._open, "") + data
        elif self._open is not None:
            self.code[-1] += data


def scripts(path: Path) -> Scripts:
    """The script blocks of a report."""
    parser = Scripts()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    return parser


def summary_of(path: Path) -> dict[str, Any]:
    """The data of the first page."""
    return dict(json.loads(scripts(path).data["summary"]))


def pages_of(path: Path) -> dict[str, dict[str, Any]]:
    """The data of the recordings' pages by video id."""
    data = scripts(path).data
    return {
        name.removeprefix("video-"): json.loads(text)
        for name, text in data.items()
        if name.startswith("video-")
    }
