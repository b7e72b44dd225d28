"""Finding lines of text that the pointer runs along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from narratrace.align.gesture import Gesture, extent
from narratrace.align.path import Path, PathOptions, paths
from narratrace.data.trace import Trace
from narratrace.options import option
from narratrace.timebase import Span


class UnderlineOptions(Struct, frozen=True, kw_only=True):
    """What counts as underlining: an even, level stroke.

    Text is level, so a stroke that is not is travel, or follows a shape whose box would mean little.
    """

    min_length: Annotated[
        float, option("shortest stroke", unit="frame diagonals", source="a word of 4 letters at 720p", gt=0)
    ] = 0.05
    max_slope: Annotated[
        float, option("rise over run of the whole stroke", source="recorded underlines stay under 0.05", ge=0)
    ] = 0.12
    max_step_slope: Annotated[
        float, option("rise over run of each step", source="tracker noise at 10 Hz, and a waver", ge=0)
    ] = 0.35
    max_speed: Annotated[
        float,
        option(
            "fastest mean speed; faster is travel",
            unit="frame diagonals / s",
            source="recorded underlines reach 0.27",
            gt=0,
        ),
    ] = 0.32
    line_height: Annotated[
        float,
        option("how far up the box reaches from the stroke", unit="frame heights", source="slide text", ge=0),
    ] = 0.05


def find_underlines(
    trace: Trace, width: int, height: int, options: UnderlineOptions, path_options: PathOptions
) -> list[Gesture]:
    """The underlined lines of a trace in time order; a box is the stroke and the line of text above.

    Args:
        trace: Pointer positions over one still picture.
        width, height: Size of the picture in pixels.
        options: What counts as underlining.
        path_options: How trace points become a path.
    """
    diagonal = float(np.hypot(width, height))
    found = []
    for path in paths(trace, diagonal, path_options):
        for i, j in _level_runs(path, options):
            run, rise = np.ptp(path.x[i : j + 1]), np.ptp(path.y[i : j + 1])
            seconds = float(path.t[j] - path.t[i])
            if (
                run < options.min_length
                or rise > options.max_slope * run
                or run > options.max_speed * seconds
            ):
                continue
            span = Span(float(path.t[i]), float(path.t[j]))
            seen = trace.within(span)
            stroke = extent(
                np.append(path.x[i : j + 1] * diagonal, seen.x),
                np.append(path.y[i : j + 1] * diagonal, seen.y),
            )
            box = replace(stroke, y0=stroke.y0 - options.line_height * height)
            found.append(Gesture(kind="underline", span=span, box=box))
    return found


def _level_runs(path: Path, options: UnderlineOptions) -> Iterator[tuple[int, int]]:
    """First and last point of each run of level steps in one direction."""
    dx, dy = np.diff(path.x), np.diff(path.y)
    level = path.moving & (np.abs(dy) <= options.max_step_slope * np.abs(dx))
    way = np.where(level, np.sign(dx), 0.0)
    edges = np.flatnonzero(np.diff(way, prepend=np.nan, append=np.nan))
    for i, j in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if way[i]:
            yield i, j
