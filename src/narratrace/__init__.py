"""narratrace turns narrated screen recordings into aligned image-text-trace samples.

    from narratrace import Engine

    for sample in Engine().stream("lectures/"):
        print(sample.key, sample.text, len(sample.trace))

The names below are loaded on first use, so importing the package costs next to nothing and needs none of the
optional libraries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from narratrace.corpus.options import RunOptions
    from narratrace.data.analysis import VisualAnalysis
    from narratrace.data.media import VideoInput
    from narratrace.data.outcome import Dropped, Failed, Kept
    from narratrace.data.recording import Recording
    from narratrace.data.sample import AlignedSample, SampleKind
    from narratrace.engine import Engine
    from narratrace.errors import NarratraceError
    from narratrace.pipeline.budget import BudgetOptions
    from narratrace.recipe import EngineOptions, FlowOptions

    __version__: str

_HOMES = {
    "AlignedSample": "data.sample",
    "BudgetOptions": "pipeline.budget",
    "Dropped": "data.outcome",
    "Engine": "engine",
    "EngineOptions": "recipe",
    "Failed": "data.outcome",
    "FlowOptions": "recipe",
    "Kept": "data.outcome",
    "NarratraceError": "errors",
    "Recording": "data.recording",
    "RunOptions": "corpus.options",
    "SampleKind": "data.sample",
    "VideoInput": "data.media",
    "VisualAnalysis": "data.analysis",
}

__all__ = [
    "AlignedSample",
    "BudgetOptions",
    "Dropped",
    "Engine",
    "EngineOptions",
    "Failed",
    "FlowOptions",
    "Kept",
    "NarratraceError",
    "Recording",
    "RunOptions",
    "SampleKind",
    "VideoInput",
    "VisualAnalysis",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("narratrace")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'narratrace' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"narratrace.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
