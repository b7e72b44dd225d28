"""Running a stage on recordings so that no fault of one recording reaches another, or the caller."""

from __future__ import annotations

from collections.abc import Sequence

from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.pipeline.stage import Stage


def run_batch(stage: Stage, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
    """One outcome per recording, in the same order, whatever the stage does.

    A stage reports faults of recordings as values. Should it raise after all, its recordings are tried again
    one by one, so that only those which raise fail.
    """
    try:
        outcomes = stage.run(batch)
        _check(stage, batch, outcomes)
    except Exception as error:
        if len(batch) == 1:
            return [failure(error, batch[0], stage.name)]
        return [outcome for recording in batch for outcome in run_batch(stage, [recording])]
    return outcomes


def run_through(stages: Sequence[Stage], recording: Recording) -> Outcome[Recording]:
    """A recording through opened stages, one after another, in the calling thread."""
    outcome: Outcome[Recording] = Kept(recording)
    for stage in stages:
        if not isinstance(outcome, Kept):
            break
        outcome = run_batch(stage, [outcome.value])[0]
    return outcome


def failure(error: BaseException, recording: Recording, station: str) -> Failed:
    """The failure of ``recording`` at ``station`` behind an exception."""
    return Failed.from_exception(error, video_id=recording.video_id, uri=recording.input.uri, station=station)


def _check(stage: Stage, batch: Sequence[Recording], outcomes: Sequence[Outcome[Recording]]) -> None:
    """Refuse results that would land on another video.

    Raises:
        RuntimeError: not one outcome per recording in the same order.
    """
    wanted = [recording.video_id for recording in batch]
    got = [o.value.video_id if isinstance(o, Kept) else o.video_id for o in outcomes]
    if got != wanted:
        raise RuntimeError(f"{stage.name} was given {wanted} and answered for {got}")
