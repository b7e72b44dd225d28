"""Every kind of input ends in a right result or in one typed error, and leaves its neighbours alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from narratrace import Engine, EngineOptions, NarratraceError, VideoInput
from narratrace.data.outcome import Failed, Kept
from narratrace.data.recording import Recording
from narratrace.write.analysis_json import analysis_json
from tests.engine.judging import assert_sane, assert_shows_lecture
from tests.support.attempt import attempt
from tests.support.zoo import ALL, BROKEN, DAMAGED, SOUND, Specimen

CPU = EngineOptions(device="cpu")


@pytest.mark.parametrize("specimen", SOUND, ids=str)
def test_sound_inputs_are_analysed_right(specimen: Specimen, zoo: dict[str, Path]):
    visual = Engine(CPU).analyze(zoo[specimen.name])
    assert_sane(visual, specimen)
    if specimen.shows_lecture:
        assert_shows_lecture(visual, specimen)


@pytest.mark.parametrize("specimen", BROKEN, ids=str)
def test_broken_inputs_end_in_an_error_that_names_file_and_station(specimen: Specimen, zoo: dict[str, Path]):
    assert specimen.error is not None
    with pytest.raises(specimen.error) as caught:
        Engine(CPU).analyze(zoo[specimen.name])
    assert isinstance(caught.value, NarratraceError)
    assert caught.value.input == str(zoo[specimen.name])
    assert caught.value.station in ("source", "decode")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("specimen", DAMAGED, ids=str)
def test_damaged_inputs_end_in_either(specimen: Specimen, zoo: dict[str, Path]):
    assert specimen.error is not None
    ended = attempt(NarratraceError, Engine(CPU).analyze, zoo[specimen.name])
    if isinstance(ended, NarratraceError):
        assert isinstance(ended, specimen.error)
        assert (ended.station, ended.input) == ("decode", str(zoo[specimen.name]))
    else:
        assert_sane(ended, specimen)
        assert ended.video.corrupt == 0 or ended.video.warnings


def test_neighbours_of_bad_inputs_are_untouched(zoo: dict[str, Path]):
    """All inputs in one run, good and bad in turn, against each one alone."""
    good, bad = list(SOUND), [*BROKEN, *DAMAGED]
    mixed = [s for pair in zip(good, bad, strict=False) for s in pair] + good[len(bad) :]
    assert len(mixed) == len(ALL)
    videos = [VideoInput(video_id=f"v{n}", uri=str(zoo[s.name])) for n, s in enumerate(mixed)]
    together = list(Engine(CPU).recordings(videos))
    assert len(together) == len(mixed)
    for number, (specimen, outcome) in enumerate(zip(mixed, together, strict=True)):
        if specimen.error and not specimen.either:
            assert isinstance(outcome, Failed)
            assert outcome.uri == str(zoo[specimen.name])
            assert outcome.error == specimen.error.__name__
        elif not specimen.either:  # what a decoder makes of damage may depend on its threads' timing
            assert isinstance(outcome, Kept)
            assert outcome.value.sequence == number
            alone = Engine(CPU).examine(videos[number], words=True)
            assert described(outcome.value) == described(alone)


def described(recording: Recording) -> dict[str, Any]:
    """The analysis document without what differs from run to run."""
    assert recording.visual is not None
    document = analysis_json(
        video_id=recording.video_id,
        path=recording.input.uri,
        visual=recording.visual,
        transcript=recording.transcript,
    )
    del document["timings"]
    return document
