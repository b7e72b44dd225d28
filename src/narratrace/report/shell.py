"""The fixed parts of the file: page, style sheets and scripts, and the policy that shuts everything else out.

Note [No requests]
~~~~~~~~~~~~~~~~~~
The file is looked at where data may be confidential and titles come from strangers. Its content security
policy lets the browser load pictures and clips from the file itself only, run the one script whose hash it
names, and nothing else: even text that slipped through as markup could not run or fetch anything.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from importlib import resources

from msgspec import Struct

STYLES = ("base.css", "summary.css", "video.css", "sample.css", "timeline.css")
SCRIPTS = (
    *("dom.js", "format.js", "colour.js", "store.js", "moment.js"),
    *("trace.js", "figure.js", "words.js", "player.js", "card.js"),
    *("lanes.js", "timeline.js", "video.js", "losses.js", "recordings.js", "summary.js", "main.js"),
)
"""In the order in which they are put together: each uses only what stands before it, but for functions."""


class Shell(Struct, frozen=True):
    """The file around the data.

    Attributes:
        page: HTML with ``{{TITLE}}``, ``{{POLICY}}``, ``{{STYLE}}``, ``{{DATA}}`` and ``{{SCRIPT}}``.
        style: Style sheets in one.
        script: Scripts in one.
    """

    page: str
    style: str
    script: str

    @classmethod
    def load(cls) -> Shell:
        """Read the files beside this module."""
        return cls(_text(["page.html"]), _text(STYLES), _text(SCRIPTS))

    def head(self, title: str) -> bytes:
        """Everything before the data."""
        digest = base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()
        policy = (
            f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
            "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'"
        )
        head, _, _ = self.page.partition("{{DATA}}")
        head = head.replace("{{STYLE}}", self.style).replace("{{POLICY}}", policy)
        return head.replace("{{TITLE}}", html.escape(title)).encode("utf-8", "replace")

    def tail(self) -> bytes:
        """Everything after the data."""
        _, _, tail = self.page.partition("{{DATA}}")
        return tail.replace("{{SCRIPT}}", self.script).encode()


def _text(names: Iterable[str]) -> str:
    folder = resources.files("narratrace.report")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
