"""The engine as a Python object: recordings in, aligned samples out, while later ones are still decoding."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterable, Iterator

from narratrace.data.analysis import VisualAnalysis
from narratrace.data.media import VideoInput, redacted_text
from narratrace.data.outcome import Dropped, Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample
from narratrace.device import check_device
from narratrace.errors import InputError
from narratrace.options import given
from narratrace.pipeline import BudgetOptions, FailureBudget, PipelineStats, Runner
from narratrace.pipeline.description import ignore_progress
from narratrace.recipe import EngineOptions, FlowOptions, build_pipeline
from narratrace.source import resolve, with_captions
from narratrace.source.listing import Named

log = logging.getLogger(__name__)

Inputs = Named | Iterable[Named] | Iterable[VideoInput]
"""What a run is about. An iterable of :class:`VideoInput` is drawn from as room becomes free, so it may be
endless; names are resolved at once, because ids depend on all of them. Captions of local files are looked for
beside them, but for a :class:`VideoInput` whose ``captions_uri`` is no None."""


class Engine:
    """Turns narrated recordings into aligned samples on one machine.

        for sample in Engine().stream("lectures/"):
            print(sample.key, sample.text)

    Models are loaded at the start of each run. An engine serves one run at a time.

    Args:
        options: What comes out of a recording.
        flow: How many recordings are in memory, and how they are batched.
        budget: How many recordings may fail before a run is given up.
        on_progress: Told from a worker's thread how many seconds of a recording (by video_id) have been
            looked at.

    Raises:
        OptionError: an option is out of its bounds.
        DeviceError: an explicit card cannot be had.
    """

    def __init__(
        self,
        options: EngineOptions | None = None,
        *,
        flow: FlowOptions | None = None,
        budget: BudgetOptions | None = None,
        on_progress: Callable[[str, float], None] = ignore_progress,
    ) -> None:
        self.options = given(options, EngineOptions)
        self._flow = given(flow, FlowOptions)
        self._budget = given(budget, BudgetOptions)
        self._on_progress = on_progress
        self._runner: Runner | None = None
        check_device(self.options.device)

    def stream(
        self, inputs: Inputs, *, on_skipped: Callable[[Dropped | Failed], None] | None = None
    ) -> Iterator[AlignedSample]:
        """The samples of all recordings, in input order.

        A recording that fails, or that a filter drops, has no samples and leaves the others untouched; it is
        logged, and handed to ``on_skipped``.

        Args:
            inputs: See :data:`Inputs`.
            on_skipped: Told about each recording without samples that is dropped or fails.

        Raises:
            InputError: an input names nothing, or a manifest is broken; before anything is decoded.
            BudgetExceeded: too many recordings failed.
            NarratraceError: a model cannot be loaded.
        """
        for outcome in self.recordings(inputs):
            if isinstance(outcome, Kept):
                yield from outcome.value.samples or ()
                continue
            if on_skipped is not None:
                on_skipped(outcome)
            if isinstance(outcome, Failed):
                log.warning("%s", redacted_text(str(outcome.to_exception()), outcome.uri))
            else:
                log.info("%s is dropped by %s: %s", outcome.video_id, outcome.rule, outcome.reason)

    def recordings(self, inputs: Inputs) -> Iterator[Outcome[Recording]]:
        """One outcome per recording, in input order: finished, dropped or failed.

        At most ``flow.in_flight`` recordings exist at once, the one in the caller's hands included. Closing
        the iterator ends the run.

        Args:
            inputs: See :data:`Inputs`.

        Raises:
            InputError, BudgetExceeded, NarratraceError: as :meth:`stream`.
        """
        yield from self._run(_videos(inputs), until="clips")

    def examine(self, input: Named | VideoInput, *, words: bool = False) -> Recording:
        """One recording as the engine sees and hears it, without samples.

        Args:
            input: Names exactly one recording.
            words: Whether to transcribe it too.

        Raises:
            InputError: it names no recording, or several.
            NarratraceError: the recording cannot be analysed; the type tells why.
        """
        videos = list(with_captions([input])) if isinstance(input, VideoInput) else resolve([input])
        if len(videos) != 1:
            raise InputError(
                f"names {len(videos)} recordings", station="source", input=str(input), expected="one"
            )
        outcomes = list(self._run(videos, until="transcribe" if words else "analyse"))
        (outcome,) = outcomes
        if isinstance(outcome, Failed):
            log.debug("%s", outcome.traceback)
            raise outcome.to_exception()
        assert isinstance(outcome, Kept)  # filters come later
        return outcome.value

    def analyze(self, input: Named | VideoInput) -> VisualAnalysis:
        """What one recording shows: shots, still pictures, the pointer's trace.

        Raises:
            InputError, NarratraceError: as :meth:`examine`.
        """
        visual = self.examine(input).visual
        assert visual is not None
        return visual

    def stats(self) -> PipelineStats | None:
        """What the stations did in the current or latest run, None before the first; from any thread."""
        return self._runner.stats() if self._runner else None

    def _run(self, videos: Iterable[VideoInput], *, until: str) -> Iterator[Outcome[Recording]]:
        pipeline = build_pipeline(self.options, self._flow, until=until)
        runner = self._runner = Runner(pipeline, on_progress=self._on_progress)
        recordings = (Recording(input=video, sequence=number) for number, video in enumerate(videos))
        yield from runner.run(recordings, FailureBudget(self._budget))


def _videos(inputs: Inputs) -> Iterable[VideoInput]:
    """The recordings behind what the caller named.

    Raises:
        InputError: see :func:`narratrace.source.resolve`.
        TypeError: names and :class:`VideoInput` are mixed.
    """
    if isinstance(inputs, (str, bytes, os.PathLike)) or not isinstance(inputs, Iterable):
        return resolve(inputs)
    items = iter(inputs)
    first = list(itertools.islice(items, 1))
    if first and isinstance(first[0], VideoInput):
        return with_captions(_chain(first[0], items))
    return resolve([*first, *items])  # type: ignore[list-item]  # it checks them


def _chain(first: VideoInput, rest: Iterator[Named | VideoInput]) -> Iterator[VideoInput]:
    yield first
    for item in rest:
        if not isinstance(item, VideoInput):
            raise TypeError(f"names and VideoInput are mixed: {item!r}")
        yield item
