"""The figures of a benchmark as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

SPEED = {
    "wall_s": ("wall s", "{:.2f}"),
    "cpu_s": ("cpu s", "{:.2f}"),
    "wall_ratio": ("wall x", "{:.2f}"),
    "inside_ratio": ("inside x", "{:.2f}"),
    "cpu_ratio": ("cpu x", "{:.2f}"),
    "rss_mb": ("MB", "{:.0f}"),
}
ACCURACY = {
    "shot_f1": ("shot F1", "{:.2f}"),
    "stable_iou": ("stable IoU", "{:.2f}"),
    "cursor_recall": ("recall", "{:.2f}"),
    "cursor_precision": ("precision", "{:.2f}"),
    "cursor_error_px": ("error px", "{:.1f}"),
    "false_points_per_min": ("false/min", "{:.1f}"),
}


def text(result: dict[str, Any]) -> str:
    """Machine, a table a recording, memory against duration, and what is aimed at."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: dict[str, Any]) -> Iterator[str]:
    about = result["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    yield f"{about['date']}, {about['processor']}, {about['cores']} cores, load {about['load']} at the start"
    yield f"{about['system']}, Python {about['python']}, ffmpeg {about['ffmpeg']}, {versions}"
    yield result["command"]
    for recording in result["recordings"]:
        size = f"{recording['width']} x {recording['height']}"
        frames = ", B-frames" if recording["b_frames"] else ""
        coded = f"{recording['codec']}{frames}"
        yield f"\n{recording['recording']}: {coded}, {size}, {recording['duration']:.0f} s"
        yield from _table(recording)
    if "memory" in result:
        yield from _memory(result["memory"])
    if result["bars"]:
        yield "\naimed at"
    for bar in result["bars"]:
        verdict = "reached" if bar["reached"] else "NOT REACHED"
        yield f"  {bar['what']}: {bar['measured']:g}, at most {bar['bar']:g}: {verdict}"


def _table(recording: dict[str, Any]) -> Iterator[str]:
    columns = {**SPEED, **(ACCURACY if recording["accuracy"] else {})}
    rows = [["", *(title for title, _ in columns.values())]]
    for method, speed in recording["methods"].items():
        figures = {**speed, **recording["accuracy"].get(method, {})}
        rows.append([method, *(_cell(figures.get(name), form) for name, (_, form) in columns.items())])
    yield from aligned(rows)


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _memory(memory: dict[str, Any]) -> Iterator[str]:
    size = f"{memory['width']} x {memory['height']}"
    yield f"\nmemory against duration: {memory['recording']}, {size}, repeated"
    rows = [["", "minutes", "peak MB", "wall s"]]
    rows += [
        [r["method"], f"{r['minutes']:g}", f"{r['rss_mb']:.0f}", f"{r['wall_s']:.0f}"] for r in memory["rows"]
    ]
    yield from aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as text, the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for name, *cells in rows:
        figures = "".join(f"{cell:>{width + 2}}" for cell, width in zip(cells, widths[1:], strict=True))
        yield f"  {name:<{widths[0]}}{figures}"
