"""Data inside an HTML file: JSON and media as script blocks that the browser keeps but never runs.

Note [Data blocks]
~~~~~~~~~~~~~~~~~~
``<script type="application/json" id="...">`` holds JSON in which every ``<`` is written ``\\u003c``, so that
no text of a recording can end the block; ``<script type="text/plain" id="media-...">`` holds base64, which
has no ``<``. A browser reads both as inert text; pages parse them when they are opened. Equal pictures, and
a picture serves several samples, are one block.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any, BinaryIO

from narratrace.write.canonical import json_line

_DATA = '<script type="application/json" id="{}">'
_MEDIA = '<script type="text/plain" id="media-{}">'
_END = b"</script>\n"


def json_block(name: str, value: Any) -> bytes:
    """A JSON value as a block, see Note [Data blocks].

    Args:
        name: Its id; letters, digits, ``-`` and ``_``.
        value: JSON value.

    Raises:
        ValueError: it holds a number that is not finite.
    """
    text = json_line(value).rstrip().replace(b"<", b"\\u003c")
    return _DATA.format(name).encode() + text + _END


class MediaWriter:
    """Writes pictures and clips into the file within a bound, equal ones once.

    Args:
        file: The report, open for writing.
        picture_width: Wider pictures are made smaller.

    Attributes:
        room: Bytes that may still be written.
    """

    def __init__(self, file: BinaryIO, picture_width: int) -> None:
        self.room = 0
        self._file = file
        self._picture_width = picture_width
        self._known: set[str] = set()

    def reserve(self, size: int) -> bool:
        """Take ``size`` bytes of the room for data written elsewhere; False when there is not as much."""
        if size > self.room:
            return False
        self.room -= size
        return True

    def picture(self, jpeg: bytes, beside: int = 0) -> str | None:
        """Name of a picture's block, None when there is no room for it and ``beside`` further bytes.

        Raises:
            OSError: it is no picture.
        """
        # The name is that of the original: a second sample with the same picture costs no second scaling.
        return self._add(jpeg, self._smaller, beside)

    def clip(self, mp4: bytes, beside: int = 0) -> str | None:
        """Name of a clip's block, None when there is no room for it and ``beside`` further bytes."""
        return self._add(mp4, bytes, beside)

    def _add(self, content: bytes, prepare: Callable[[bytes], bytes], beside: int) -> str | None:
        name = hashlib.sha256(content).hexdigest()[:16]
        if name in self._known:
            return name if self.reserve(beside) else None
        block = _MEDIA.format(name).encode() + base64.b64encode(prepare(content)) + _END
        if not self.reserve(len(block) + beside):
            return None
        self._known.add(name)
        self._file.write(block)
        return name

    def _smaller(self, jpeg: bytes) -> bytes:
        from PIL import Image

        with Image.open(io.BytesIO(jpeg)) as picture:
            if picture.width <= self._picture_width:
                return jpeg
            height = max(1, round(picture.height * self._picture_width / picture.width))
            out = io.BytesIO()
            small = picture.convert("RGB").resize((self._picture_width, height), Image.Resampling.LANCZOS)
            small.save(out, "JPEG", quality=85)
            return out.getvalue()
