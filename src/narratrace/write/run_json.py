"""OUT/run.json: with what, and how, a run was made; the one output that may differ between equal runs."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from narratrace.write.canonical import json_page, json_value, seconds
from narratrace.write.files import write_atomic

SCHEMA = "narratrace.run/1"
_PACKAGES = (
    "narratrace",
    "av",
    "numpy",
    "pillow",
    "pyarrow",
    "pysubs2",
    "faster-whisper",
    "ctranslate2",
    "torch",
    "torchvision",
    "open_clip_torch",
    "numba-cuda",
    "cupy-cuda13x",
    "PyNvVideoCodec",
    "ray",
)


def versions() -> dict[str, str]:
    """Versions of what the output may depend on, by name; packages that are not installed are left out.

    Nothing is imported but PyAV, whose FFmpeg libraries have versions of their own.
    """
    import av

    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    for library, numbers in sorted(av.library_versions.items()):
        found[library] = ".".join(map(str, numbers))
    return found


def write_run_json(
    path: Path,
    *,
    options: Any,
    counts: Mapping[str, int],
    timings: Mapping[str, float],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the record of a run, see Note [Whole or absent].

    Args:
        path: OUT/run.json.
        options: The run's options, structs all the way down.
        counts: Whatever was counted (videos, dropped, failed, samples by kind, shards, ...).
        timings: Seconds by station, summed over recordings, and ``wall_s``.
        facts: Further JSON values (device, decoder, executor, drops by reason, ...).

    Raises:
        StorageError: the file cannot be written.
    """
    document = {
        "schema": SCHEMA,
        "versions": versions(),
        "options": json_value(options),
        "counts": dict(sorted(counts.items())),
        "timings": {name: seconds(timings[name]) for name in sorted(timings)},
        **json_value(facts or {}),
    }
    write_atomic(path, json_page(document))
