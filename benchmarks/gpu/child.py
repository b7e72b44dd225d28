"""One part of the GPU benchmark in a process of its own, which may hang or die without taking others along.

    python -m benchmarks.gpu.child MODULE:FUNCTION DESCRIPTOR < CONTEXT.json

The function yields steps. What became of each goes to the descriptor at once, a line of JSON a message.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

Row = dict[str, Any]
Step = tuple[Row, Callable[[], Row]]
"""What is measured, and the measuring: both together are the row."""
Steps = Callable[[Row], Iterator[Step]]
"""A part: steps from the results of the parts before."""

LOOK_EVERY_S = 0.2


def find(name: str) -> Steps:
    """The function behind ``module:function``."""
    module, _, function = name.partition(":")
    found: Steps = getattr(importlib.import_module(module), function)
    return found


def serve(steps: Steps, context: Row, say: Callable[[Row], None]) -> None:
    """Take the steps one by one; a failed one is a row with its problem, and the next one's turn comes."""
    try:
        for what, measure in steps(context):
            say({"begun": what})
            try:
                row = {**what, **measure()}
            except Exception as error:
                traceback.print_exc()
                row = {**what, "problem": f"{type(error).__name__}: {error}"}
            say({"row": row})
    except Exception as error:  # between steps: nothing of the part can go on
        traceback.print_exc()
        say({"problem": f"{type(error).__name__}: {error}"})


class MemoryWatch:
    """Looks at what all processes take of the card's memory, where CuPy can tell."""

    def __init__(self) -> None:
        self.peak_gb = 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        try:
            import cupy

            while True:
                free, total = cupy.cuda.Device(0).mem_info
                self.peak_gb = max(self.peak_gb, (total - free) / 1e9)
                threading.Event().wait(LOOK_EVERY_S)
        except Exception:  # no CuPy or no card: there is no such figure then
            return


def main() -> None:
    name, descriptor = sys.argv[1:]
    context = json.load(sys.stdin)
    watch = MemoryWatch()
    with open(int(descriptor), "w", buffering=1) as out:  # noqa: PTH123  # a descriptor, no path
        serve(
            find(name), context, lambda message: print(json.dumps({**message, "gb": watch.peak_gb}), file=out)
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that hang in native code would keep the process


if __name__ == "__main__":
    main()
