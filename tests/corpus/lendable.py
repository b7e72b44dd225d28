"""Models for tests of lending: they say what they were asked together, and misbehave on request."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from narratrace.data.outcome import Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.errors import MediaError, ModelError
from narratrace.models import Model, Models, answers
from narratrace.pipeline import Hooks, Stage
from narratrace.recipe import EngineOptions, build_stages


class ForeignError(OSError):
    """An error that a process which did not import this module cannot know."""


class Echo:
    """Answers with what it was asked, in capitals and backwards; some words it does not take well."""

    def __init__(self, most: int, log: Path | None = None, pause_s: float = 0.0) -> None:
        self.facts = {"process": os.getpid()}
        self.most = most
        self._log = log
        self._pause_s = pause_s

    def answer(self, items: Sequence[str]) -> Iterator[tuple[int, str]]:
        time.sleep(self._pause_s)
        if self._log:
            with self._log.open("a") as file:
                file.write(" ".join(items) + "\n")
        for i in reversed(range(len(items))):
            yield i, self._one(items[i])

    def close(self) -> None:
        pass

    def _one(self, item: str) -> str:
        what, _, marker = item.partition(" once ")
        if marker and Path(marker).exists():
            return item.upper()
        if marker:
            Path(marker).touch()
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif what == "hang":
            time.sleep(600)
        elif what == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(600)  # another thread may have been stopped first
        elif what == "hog":
            hoard = [os.urandom(10_000_000) for _ in range(40)]
            time.sleep(600)
            raise AssertionError(f"got {len(hoard)} blocks, nobody stopped it")
        elif what == "bug":
            raise KeyError("a fault of ours")
        elif what == "media":
            raise MediaError("cannot be read", station="ask", input="x")
        elif what == "foreign":
            raise ForeignError("elsewhere")
        return item.upper()


def make_echo(most: int = 4, log: Path | None = None, pause_s: float = 0.0) -> Echo:
    """An Echo."""
    return Echo(most, log, pause_s)


def make_nothing() -> Model:
    """A model that is not there."""
    raise ModelError("is not on disk", station="ask", input="nothing")


def make_and_die() -> Model:
    """A model that takes its process down."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


class Ask:
    """A stage that asks a shared Echo the manifest's column ``mischief``."""

    name = "ask"

    def __init__(self, models: Models) -> None:
        self._models = models

    def open(self) -> None:
        self._model = self._models.open("ask", make_echo)

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        words = [str(recording.input.extra.get("mischief") or recording.video_id) for recording in batch]
        assert answers(self._model, words) == [word.upper() for word in words]
        return [Kept(recording) for recording in batch]

    def close(self) -> None:
        self._model.close()


def asking(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """The engine's stages after one that asks a shared model."""
    return [Ask(hooks.models), *build_stages(engine, hooks)]


class Gathering:
    """A model that begins with its first batch when ``askers`` have asked, so that later ones are shared."""

    def __init__(self, model: Model, notes: Path, askers: int) -> None:
        self.facts, self.most = model.facts, model.most
        self._model = model
        self._notes = notes
        self._askers = askers

    def answer(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        deadline = time.monotonic() + 60
        while len(list(self._notes.glob("*.asked"))) < self._askers and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)  # who says so asks in the next instant
        return self._model.answer(items)

    def close(self) -> None:
        self._model.close()


def _gathering(notes: Path, name: str, askers: int, make: Callable[[], Model]) -> Model:
    with (notes / "loads").open("a") as file:
        file.write(f"{name}\n")
    return Gathering(make(), notes, askers)


class Asking:
    """A model of which a file says that this process asks it."""

    def __init__(self, model: Model, notes: Path) -> None:
        self.facts, self.most = model.facts, model.most
        self._model = model
        self._notes = notes

    def answer(self, items: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        (self._notes / f"{os.getpid()}.asked").touch()
        return self._model.answer(items)

    def close(self) -> None:
        self._model.close()


class Watched:
    """Where models are, each with notes on who loads and who asks it."""

    def __init__(self, models: Models, notes: Path, askers: int) -> None:
        self._models = models
        self._notes = notes
        self._askers = askers

    def call(self, function: Callable[[], Any]) -> Any:
        return self._models.call(function)

    def open(self, name: str, make: Callable[[], Model]) -> Model:
        watched = partial(_gathering, self._notes, name, self._askers, make)
        return Asking(self._models.open(name, watched), self._notes)


class Loaded:
    """A stage that writes down which libraries its process has loaded."""

    name = "loaded"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        pass

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        names = sorted({name.partition(".")[0] for name in sys.modules})
        (self._folder / f"{os.getpid()}.modules").write_text(" ".join(names))
        return [Kept(recording) for recording in batch]

    def close(self) -> None:
        pass


def watched(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """The engine's stages with notes on their models in the folder ``NOTES``; ``ASKERS`` have to gather."""
    notes = Path(os.environ["NOTES"])
    models = Watched(hooks.models, notes, int(os.environ["ASKERS"]))
    return [*build_stages(engine, replace(hooks, models=models)), Loaded(notes)]
