"""Stages that do little but are watched, and recordings for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from narratrace.data.media import VideoInput
from narratrace.data.outcome import Dropped, Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.pipeline import Hooks, Station

Verdict = Callable[[Recording], Outcome[Recording]]


def recording(number: int) -> Recording:
    return Recording(input=VideoInput(video_id=f"v{number}", uri=f"/videos/{number}.mp4"), sequence=number)


def recordings(count: int) -> list[Recording]:
    return [recording(number) for number in range(count)]


def number_of(outcome: Outcome[Recording]) -> int:
    video_id = outcome.value.video_id if isinstance(outcome, Kept) else outcome.video_id
    return int(video_id[1:])


class Watched:
    """A stage that notes what it is given, waits, and judges each recording by itself."""

    def __init__(self, name: str = "first", *, seconds: float = 0.0, verdict: Verdict = Kept) -> None:
        self.name = name
        self.seconds = seconds
        self.verdict = verdict
        self.batches: list[list[int]] = []
        self.threads: set[int] = set()
        self.opened = self.closed = 0
        self.running = self.most_running = 0
        self.begun: list[float] = []
        self._lock = threading.Lock()

    def open(self) -> None:
        self.opened += 1

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        with self._lock:
            self.batches.append([r.sequence for r in batch])
            self.threads.add(threading.get_ident())
            self.begun.append(time.monotonic())
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        time.sleep(self.seconds)
        with self._lock:
            self.running -= 1
        return [self.verdict(r) for r in batch]

    def close(self) -> None:
        self.closed += 1

    def station(self, **sizes: float) -> Station:
        """A station whose workers share this stage, so that the test sees all of them."""

        def make(hooks: Hooks) -> Watched:
            return self

        return Station(name=self.name, make=make, **sizes)  # type: ignore[arg-type]


def fail_some(*numbers: int) -> Verdict:
    def verdict(r: Recording) -> Outcome[Recording]:
        if r.sequence not in numbers:
            return Kept(r)
        return Failed(
            video_id=r.video_id, uri=r.input.uri, station="first", error="MediaError", message="damaged"
        )

    return verdict


def drop_some(*numbers: int) -> Verdict:
    def verdict(r: Recording) -> Outcome[Recording]:
        return Dropped(video_id=r.video_id, rule="odd", reason="1 > 0") if r.sequence in numbers else Kept(r)

    return verdict
