"""Which options a run's samples depend on, and how two sets of them differ.

Every option counts unless it is listed here as one that cannot alter a sample, so a new option is safe before
anybody has thought about it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from narratrace.options import rows
from narratrace.write.canonical import json_value

if TYPE_CHECKING:
    from narratrace.recipe import EngineOptions

WITHOUT_EFFECT = frozenset(
    {
        "decode.threads",
        "decode.batch_size",
        "decode.device_batch_size",
        "decode.device_sessions",
        "decode.stall_timeout_s",
        "audio.stall_timeout_s",
        "analyse.threads",
        "transcribe.cpu_threads",
        "transcribe.prepare_threads",
        "transcribe.batch_windows",
        "transcribe.allow_download",
        "classify.cpu_threads",
        "classify.batch_size",
        "classify.allow_download",
        "clips.threads",
    }
)
"""Options that change how fast or how patiently a sample is made, never the sample."""

Values = Mapping[str, Any]


def effective(options: EngineOptions) -> dict[str, Any]:
    """Options that samples depend on, by dotted name, as JSON values."""
    return {row.path: json_value(row.value) for row in rows(options) if row.path not in WITHOUT_EFFECT}


def fingerprint(values: Values) -> str:
    """16 hexadecimal digits that stand for the values of :func:`effective`."""
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def difference(before: Values, after: Values) -> list[str]:
    """One line for each option whose value differs, ``name: before -> after``."""
    return [
        f"{name}: {_shown(before, name)} -> {_shown(after, name)}"
        for name in sorted({*before, *after})
        if before.get(name, before) != after.get(name, after)
    ]


def _shown(values: Values, name: str) -> str:
    return json.dumps(values[name]) if name in values else "(no such option)"
