"""Runs the parts of the GPU benchmark one after the other, each in a process that has a time limit.

Whatever a part does, its rows so far are kept, and the others have their turn: it may raise, crash in native
code, or hang. Its limit is a share of the time that is left, so that no part takes that of those behind it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GRACE_S = 5.0
"""How long a process may take to end, once it has said all, or was killed."""


@dataclass(frozen=True)
class Part:
    """A part of the benchmark.

    Attributes:
        steps: ``module:function`` of its steps, see benchmarks/gpu/child.py.
        share_s: Seconds it may take, by which the time that is left is shared out.
    """

    steps: str
    share_s: float


def run_parts(
    parts: Mapping[str, Part],
    results: dict[str, Any],
    budget_s: float,
    changed: Callable[[str], None] = lambda _: None,
) -> None:
    """Runs all parts.

    Args:
        parts: By name, in order.
        results: Rows are added under the part's name, problems under ``problems``, device memory under
            ``peak_device_memory_gb``.
        budget_s: Seconds for all of them.
        changed: Told a part's name after every row and problem.
    """
    deadline = time.monotonic() + budget_s
    shares = [part.share_s for part in parts.values()]
    problems: dict[str, str] = results.setdefault("problems", {})
    results.setdefault("peak_device_memory_gb", 0.0)
    for i, (name, part) in enumerate(parts.items()):
        left = deadline - time.monotonic()
        rows = results[name] = []
        problem = f"left out: {budget_s:g} s were over"
        if left > 0:
            problem = _run_part(
                part, results, left * shares[i] / sum(shares[i:]), rows, partial(changed, name)
            )
        failed = [row["problem"] for row in rows if "problem" in row]
        if failed:
            problem = "; ".join(filter(None, (problem, f"{len(failed)} of {len(rows)} rows: {failed[0]}")))
        if problem:
            problems[name] = problem
        changed(name)


def _run_part(
    part: Part, results: dict[str, Any], limit_s: float, rows: list[Any], changed: Callable[[], None]
) -> str:
    """Runs one part; what went wrong with it as a whole, empty if nothing did."""
    deadline, at, problem = time.monotonic() + limit_s, "its start", ""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        _child(part, results, folder) as child,
    ):
        process, reader = child
        try:
            for message in _messages(reader, deadline):
                results["peak_device_memory_gb"] = max(results["peak_device_memory_gb"], message["gb"])
                at = f"{message['begun']}" if "begun" in message else at
                problem = message.get("problem", problem)
                if "row" in message:
                    rows.append(message["row"])
                    changed()
        except TimeoutError:
            return f"stopped after {limit_s:.0f} s, at {at}"
        try:
            status = process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            return problem or f"did not end by itself after {at}"
    if status:
        return f"ended by {f'signal {-status}' if status < 0 else f'exit code {status}'}, at {at}"
    return problem


@contextlib.contextmanager
def _child(part: Part, results: dict[str, Any], folder: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The part's process and the descriptor it talks to; in the end nothing of its process group is left."""
    reader, writer = os.pipe()
    try:
        with tempfile.TemporaryFile(dir=folder) as context:
            context.write(json.dumps(results).encode())
            context.seek(0)
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.gpu.child", part.steps, str(writer)],
                stdin=context,
                pass_fds=[writer],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": folder},
                start_new_session=True,
            )
        os.close(writer)
        try:
            yield process, reader
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # it is stuck in the driver: leave it
                process.wait(GRACE_S)
    finally:
        os.close(reader)


def _messages(reader: int, deadline: float) -> Iterator[dict[str, Any]]:
    """Messages as they come, until the other end is closed.

    Raises:
        TimeoutError: that takes longer than until ``deadline`` on the monotonic clock.
    """
    rest = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        data = os.read(reader, 1 << 16)
        *lines, rest = (rest + data).split(b"\n")
        yield from map(json.loads, lines)
        if not data:
            return
