"""Stages that misbehave on request, before the real ones: what a bad recording does to a worker."""

from __future__ import annotations

import ctypes
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from narratrace.data.outcome import Dropped, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.errors import ModelError, StorageError
from narratrace.pipeline import Hooks, Stage
from narratrace.recipe import EngineOptions, build_stages


class Mischief:
    """Does to this process what the manifest's column ``mischief`` says.

    ``... once`` happens only the first time; the column ``marker`` names a file that remembers.
    """

    name = "mischief"

    def open(self) -> None:
        """Nothing to load."""

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        return [self._run(recording) for recording in batch]

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, recording: Recording) -> Outcome[Recording]:
        what = str(recording.input.extra.get("mischief") or "")
        if what.endswith(" once"):
            marker = Path(str(recording.input.extra["marker"]))
            if marker.exists():
                return Kept(recording)
            marker.touch()
        return _do(what.removesuffix(" once"), recording)


def _do(what: str, recording: Recording) -> Outcome[Recording]:
    if what == "hang":
        time.sleep(600)
    elif what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "litter":
        tempfile.mkdtemp(prefix="narratrace-")
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "segfault":
        ctypes.string_at(0)
    elif what == "hog":
        hoard = [bytearray(50_000_000) for _ in range(200)]
        raise AssertionError(f"got {len(hoard)} blocks, nobody stopped it")
    elif what == "creep":
        hoard = []
        for _ in range(600):
            hoard.append(os.urandom(1_000_000))
            time.sleep(0.01)
        raise AssertionError("nobody stopped it")
    elif what == "storage":
        raise StorageError("does not answer", station="source", input=recording.input.uri)
    elif what == "full disk":
        Path("/dev/full").write_bytes(b"what does not fit")
    elif what == "bug":
        raise KeyError("a fault of ours")
    elif what == "drop":
        return Dropped(video_id=recording.video_id, rule="wish", reason="somebody wished so")
    return Kept(recording)


def mischievous(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """The engine's stages after one that misbehaves."""
    return [Mischief(), *build_stages(engine, hooks)]


class Hopeless(Mischief):
    """A stage that cannot be set up."""

    def open(self) -> None:
        raise ModelError("the model is not there", station="mischief", input="model")


def hopeless(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """Stages of which one cannot be set up."""
    return [Hopeless()]


class OnCard(Mischief):
    """A stage that cannot be set up, and says on which card it should work."""

    def __init__(self, device: str) -> None:
        self._device = device

    def open(self) -> None:
        raise ModelError(f"{self._device} of {os.environ.get('CUDA_VISIBLE_DEVICES')}", input="card")


def on_card(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """Stages that say which card they were given."""
    return [OnCard(engine.device)]


class StillBorn(Mischief):
    """A stage whose worker dies while it is set up."""

    def open(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def still_born(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """Stages that no worker survives."""
    return [StillBorn()]


class Slow(Mischief):
    """Takes its time, and changes nothing."""

    def _run(self, recording: Recording) -> Outcome[Recording]:
        time.sleep(1.0)
        return Kept(recording)


def slow(engine: EngineOptions, hooks: Hooks) -> list[Stage]:
    """The engine's stages after one that takes its time."""
    return [Slow(), *build_stages(engine, hooks)]
