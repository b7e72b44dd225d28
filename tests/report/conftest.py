"""One output folder and its report for all tests, and a browser where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.data.recording import Recording
from narratrace.data.sample import SampleKind
from narratrace.data.transcript import Utterance, Word
from narratrace.report import build_report
from tests.report.chromium import Browser, find_chromium
from tests.report.lecture import lecture
from tests.report.runs import failure, write_run
from tests.write.builders import make_recording

HOSTILE = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=2'>{{STYLE}}<!--"


def hostile_recording() -> Recording:
    """Markup and scripts wherever a stranger's text can be."""
    made = make_recording(1, (2, 2, 0))
    samples = tuple(
        replace(
            sample,
            text=HOSTILE,
            utterances=(Utterance(sample.span, (Word(sample.span, HOSTILE),)),),
            meta={**sample.meta, HOSTILE: HOSTILE},
            boxes=tuple(replace(box, text=HOSTILE, method=HOSTILE) for box in sample.boxes),
            labels={HOSTILE: 0.5},
        )
        if sample.kind is SampleKind.TRACE
        else sample
        for sample in made.samples or ()
    )
    source = replace(made.input, title=HOSTILE, channel=HOSTILE, link="javascript:window.pwned=3")
    return replace(made, input=source, samples=samples)


@pytest.fixture(scope="session")
def run_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three recordings, two failures and three drops; nobody may change it."""
    folder = tmp_path_factory.mktemp("report")
    recordings = [lecture(folder), hostile_recording(), make_recording(2, (0, 0, 0))]
    failures = [failure("broken"), failure("evil", message=HOSTILE)]
    return write_run(folder / "a run", recordings, failures, drops={"min_speech_share": 2, "min_stable": 1})


@pytest.fixture(scope="session")
def report(run_out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report about it."""
    return build_report(run_out, tmp_path_factory.mktemp("html") / "report.html")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        pytest.skip("needs Chromium (apt-get install chromium, or set CHROMIUM to its path)")
    with Browser(executable) as opened:
        yield opened
