"""One worker's work on one recording, from file to bundle; the same in a local process and in a Ray actor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from narratrace.corpus.lent import LentModels
from narratrace.corpus.messages import Job, Made, Progress, Task
from narratrace.corpus.options import LimitOptions
from narratrace.corpus.uris import check_size
from narratrace.data.media import MediaInfo, VideoInput, redacted, redacted_text
from narratrace.data.outcome import Dropped, Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.errors import MediaError, NarratraceError
from narratrace.models import OWN_MODELS
from narratrace.pipeline import Hooks, Stage, run_batch, run_through
from narratrace.source.probe import probe
from narratrace.write.bundle import Bundle, write_bundle

Notify = Callable[[Progress], None]
"""Told what the worker is at; called from the thread that works."""


class Workshop:
    """The opened stages of one worker; a context manager.

    Every fault of a recording is a value; only opening the stages raises.

    Args:
        job: What to do with recordings.
        notify: Told what it is at.
        on_hang: Called from another thread when native code does not come back.
        part: Which of the stages, all by default.
    """

    def __init__(
        self,
        job: Job,
        notify: Notify = lambda _: None,
        on_hang: Callable[[NarratraceError], None] | None = None,
        part: Callable[[list[Stage]], list[Stage]] = list,
    ) -> None:
        self._job = job
        self._notify = notify
        self._station = "source"
        self._duration: float | None = None
        self._waited = 0.0
        models = LentModels(job.lender, self._wait) if job.lender else OWN_MODELS
        hooks = Hooks(on_hang=on_hang, on_progress=self._looked_at, models=models)
        stages = part(job.stages(job.engine, hooks))
        self._stages: list[Stage] = [Announced(stage, self._enter) for stage in stages]

    @property
    def station(self) -> str:
        """What it is at, or was at last."""
        return self._station

    def __enter__(self) -> Workshop:
        for stage in self._stages:
            stage.open()
        return self

    def __exit__(self, *_: object) -> None:
        for stage in self._stages:
            stage.close()

    def carry_out(self, task: Task) -> Outcome[Made]:
        """Process one recording from its file to its bundle."""
        return self.bundle(task, self.begin(task))

    def begin(self, task: Task) -> Outcome[Recording]:
        """Check a recording's file, and take it through the stages."""
        self._duration, self._waited = None, 0.0
        self._enter("source")
        try:
            check_file(task, self._job.limits)
            media = probe(task.path, look=0)
            self._duration = media.duration
            self._enter("source")
            check_media(media, self._job.limits)
        except Exception as error:
            return failure(error, task, self._station)
        local = replace(task.video, uri=task.path, captions_uri=task.captions)
        return run_through(self._stages, Recording(input=local, sequence=task.sequence))

    def go_on(self, recordings: Sequence[Recording]) -> list[Outcome[Recording]]:
        """Take recordings that others have begun through the stages, together."""
        self._duration = sum(r.visual.shown.duration for r in recordings if r.visual)
        outcomes: list[Outcome[Recording]] = [Kept(recording) for recording in recordings]
        for stage in self._stages:
            kept = [outcome.value for outcome in outcomes if isinstance(outcome, Kept)]
            after = iter(run_batch(stage, kept) if kept else ())
            outcomes = [next(after) if isinstance(outcome, Kept) else outcome for outcome in outcomes]
        return outcomes

    def bundle(self, task: Task, outcome: Outcome[Recording]) -> Outcome[Made]:
        """Write what became of a recording, if there is anything."""
        if isinstance(outcome, Failed):
            return renamed(outcome, task.video)
        if isinstance(outcome, Dropped):
            return outcome
        self._enter("write")
        # What is written names the recording as the manifest does, wherever this worker read it from.
        shown = replace(task.video, uri=redacted(task.video.uri))
        try:
            return Kept(self._made(replace(outcome.value, input=shown)))
        except Exception as error:
            return failure(error, task, self._station)

    def _made(self, recording: Recording) -> Made:
        began = time.perf_counter()
        path = write_bundle(recording, Path(self._job.bundles), self._job.engine.bundle)
        with Bundle(path) as bundle:
            counts = {kind.value: count for kind, count in bundle.counts.items()}
        visual = recording.visual
        return Made(
            bundle=path.name,
            size=path.stat().st_size,
            counts=counts,
            duration=visual.shown.duration if visual else 0.0,
            timings={**recording.timings, "write": time.perf_counter() - began},
        )

    def _enter(self, station: str) -> None:
        self._station = station
        self._tell()

    def _looked_at(self, _: str, seconds: float) -> None:
        self._tell(seconds)

    def _wait(self, seconds: float) -> None:
        self._waited += seconds
        self._tell()

    def _tell(self, looked_at: float = 0.0) -> None:
        self._notify(Progress(self._station, looked_at, self._duration, self._waited))


class Announced:
    """A stage that says when its turn has come."""

    def __init__(self, stage: Stage, enter: Callable[[str], None]) -> None:
        self._stage = stage
        self._enter = enter
        self.name = stage.name

    def open(self) -> None:
        """Open the stage."""
        self._stage.open()

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """Say so, and run the stage."""
        self._enter(self.name)
        return self._stage.run(batch)

    def close(self) -> None:
        """Close the stage."""
        self._stage.close()


def check_file(task: Task, limits: LimitOptions) -> None:
    """Refuse files that are missing or too large before anything reads them.

    Raises:
        InputError: as :func:`narratrace.corpus.uris.check_size`.
        OSError: a file is missing.
    """
    path = Path(task.path)
    if path.exists():  # the probe's error for missing files is the better one
        check_size(task.video.uri, path.stat().st_size, limits, "max_bytes")
    if task.captions is not None and Path(task.captions).exists():
        check_size(task.captions, Path(task.captions).stat().st_size, limits, "max_captions_bytes")


def check_media(media: MediaInfo, limits: LimitOptions) -> None:
    """Refuse recordings that would take too long or unpack to too much.

    Raises:
        MediaError: what the header states is over a limit.
    """
    if media.duration is not None and media.duration > limits.max_duration_s:
        raise MediaError(
            f"lasts {media.duration:.0f} s",
            station="source",
            input=media.path,
            expected=f"at most {limits.max_duration_s:.0f} s (run.limits.max_duration_s)",
        )
    pixels = media.video.coded_width * media.video.coded_height if media.video else 0
    if pixels > limits.max_pixels:
        raise MediaError(
            f"has pictures of {pixels} pixels",
            station="source",
            input=media.path,
            expected=f"at most {limits.max_pixels} (run.limits.max_pixels)",
        )


def failure(error: BaseException, task: Task, station: str) -> Failed:
    """The failure behind an exception, under the recording's own name and without its secrets."""
    failed = Failed.from_exception(error, video_id=task.video.video_id, uri=task.video.uri, station=station)
    return renamed(failed, task.video)


def renamed(failed: Failed, video: VideoInput) -> Failed:
    """The same failure of what the manifest names ``video``, whose URIs may be secrets: none is spelt out."""
    texts = {name: getattr(failed, name) for name in ("message", "expected", "cause", "traceback")}
    texts = {name: redacted_text(text, video.uri, video.captions_uri) for name, text in texts.items()}
    return replace(failed, uri=redacted(video.uri), **texts)
