"""Odd recordings: a late clock, writing from right to left, long links, upright pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.data.recording import Recording
from narratrace.data.sample import SampleKind
from narratrace.data.shots import Shot
from narratrace.data.trace import Trace
from narratrace.data.transcript import Utterance, Word
from narratrace.report import build_report
from narratrace.report.inventory import read_inventory
from narratrace.report.samples import words_of_box
from narratrace.timebase import Span
from tests.report.blocks import pages_of, summary_of
from tests.report.chromium import Browser, Page
from tests.report.runs import write_run
from tests.write.builders import make_recording

BEGIN = 53_600.0
"""Where the clock of a transport stream may begin, s."""

Show = Callable[..., Page]


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Show]:
    """Opens the page of a recording; at the end nothing may have gone wrong."""
    opened: list[Page] = []

    def go(recording: Recording, width: int = 1280, height: int = 900) -> Page:
        report = build_report(write_run(tmp_path / f"out{len(opened)}", [recording]))
        page = browser.open(report, width=width, height=height)
        opened.append(page)
        page.js(f"location.hash = '#/v/{recording.video_id}'")
        page.until("document.querySelector('.video') !== null")
        return page

    yield go
    for page in opened:
        assert page.trouble == []
        page.close()


def late(sequence: int = 0) -> Recording:
    """A minute on a clock that begins at :data:`BEGIN`, one still picture, no samples."""
    made = make_recording(sequence, (0, 0, 0))
    assert made.visual is not None
    whole = Span(BEGIN, BEGIN + 60)
    visual = replace(
        made.visual,
        video=replace(made.visual.video, start_pts_s=whole.start, duration=whole.end),
        shots=(Shot(span=whole, transition="none", settled=whole.start),),
        stable_spans=(replace(made.visual.stable_spans[0], span=whole, keyframe_t=whole.middle),),
        changes=(),
        moving_regions=(),
        trace=Trace.empty(),
        dwells=(),
    )
    return replace(made, visual=visual)


def saying(text: str, recording: Recording) -> Recording:
    """The recording with ``text`` in its trace samples and their boxes."""
    samples = []
    for sample in recording.samples or ():
        words = text.split()
        step = sample.span.duration / len(words)
        spoken = tuple(
            Word(Span(sample.span.start + i * step, sample.span.start + (i + 1) * step), word)
            for i, word in enumerate(words)
        )
        said = {"text": text, "utterances": (Utterance(sample.span, spoken),), "word_positions": ()}
        boxes = tuple(replace(box, text=text) for box in sample.boxes)
        samples.append(replace(sample, boxes=boxes, **said) if sample.kind is SampleKind.TRACE else sample)
    return replace(recording, samples=tuple(samples))


def test_lengths_do_not_depend_on_where_the_clock_begins(tmp_path: Path) -> None:
    early = make_recording(1)
    out = write_run(tmp_path / "out", [late(), early])
    assert {entry.video_id: entry.duration for entry in read_inventory(out).entries} == {
        "vid-0000": 60.0,
        "vid-0001": 60.0,
    }
    assert summary_of(build_report(out))["totals"]["seconds"] == 120.0


@pytest.mark.browser
def test_the_timeline_goes_from_the_first_picture_to_the_last(show: Show) -> None:
    page = show(late())
    line = "document.querySelector('.scroller')"
    page.until(f"{line}.hasAttribute('aria-valuetext')")
    told = f"{line}.getAttribute('aria-valuetext')"
    figures = page.js("Object.fromEntries([...document.querySelectorAll('.figures div')]"
                      ".map((e) => [e.firstChild.textContent, e.lastChild.textContent]))")  # fmt: skip
    assert figures["Length"] == "1 min"
    assert page.js(told).startswith("14:53:20.0  ·  shot 1 of 1  ·  still")
    assert page.js(f"['valuemin', 'valuemax'].map((n) => Number({line}.getAttribute('aria-' + n)))") == [
        BEGIN,
        BEGIN + 60,
    ]
    page.js(f"{line}.focus()")
    page.key("End", 35)
    assert page.js(told).startswith("14:54:20.0")
    page.key("Home", 36)
    assert page.js(told).startswith("14:53:20.0")
    page.hover(".scroller", 0.5, 0.6)
    assert page.js(f"Number({line}.getAttribute('aria-valuenow'))") == pytest.approx(BEGIN + 30, abs=0.2)
    shot = page.js(
        "(({left, width}) => [left, width])(document.querySelector('.shot').getBoundingClientRect())"
    )
    frame = page.js(f"(({{left, width}}) => [left, width])({line}.getBoundingClientRect())")
    assert shot == pytest.approx(frame, abs=3)
    # A zoom keeps the mark where it is.
    before = page.js("document.querySelector('.mark').getAttribute('x1')")
    page.key("+", 187, "+")
    page.until(f"{line}.scrollWidth > 1.9 * {line}.clientWidth")
    page.until(f"Math.abs(document.querySelector('.mark').getAttribute('x1') - {before}) < 2")


@pytest.mark.browser
def test_writing_from_right_to_left_is_read_that_way(show: Show) -> None:
    arabic = "هذه خلية كبيرة هنا"
    made = saying(arabic, make_recording(0, (0, 1, 0)))
    page = show(replace(made, input=replace(made.input, title=arabic)))
    for selector in ("h1", ".spoken", ".region .quote"):
        assert page.js(f"getComputedStyle(document.querySelector('{selector}')).direction") == "rtl", selector
    lefts = page.js("[...document.querySelectorAll('.word')].map((e) => e.getBoundingClientRect().left)")
    assert lefts == sorted(lefts, reverse=True)
    page.js("document.querySelector('.word').focus()")
    page.key("ArrowLeft", 37)
    assert page.js("document.activeElement.textContent") == arabic.split()[1]
    page.js("location.hash = '#/'")
    page.until("document.querySelector('.recordings') !== null")
    assert page.js("getComputedStyle(document.querySelector('.recordings tbody th a')).direction") == "rtl"


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_long_link_does_not_widen_the_page(show: Show, width: int) -> None:
    made = make_recording(0)
    long = replace(made, input=replace(made.input, link=f"https://video.example/{'w' * 400}"))
    page = show(long, width)
    assert page.js("document.documentElement.scrollWidth") == width
    assert page.js("document.querySelector('.lead a').getBoundingClientRect().width") <= min(width, 26 * 16)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_an_upright_picture_fits_into_the_window(show: Show, width: int, height: int) -> None:
    made = make_recording(0)
    assert made.visual is not None
    video = replace(made.visual.video, width=1080, height=1920)
    page = show(replace(made, visual=replace(made.visual, video=video)), width, height)
    box = page.js("(({width, height}) => [width, height])(document.querySelector('.card figure')"
                  ".getBoundingClientRect())")  # fmt: skip
    assert box[1] <= height - 64, "the bar at the top hides a part of it"
    frame = page.js("(({width, height}) => [width, height])(document.querySelector('.card .frame')"
                    ".getBoundingClientRect())")  # fmt: skip
    assert frame[0] / frame[1] == pytest.approx(9 / 16, abs=0.01)
    assert frame[1] > 0.6 * height


@pytest.mark.parametrize(
    ("text", "start", "end", "chosen"),
    [
        ("the cell and", 0.0, 1.0, [0, 1, 2]),
        ("the cell", 0.0, 1.0, [0, 1]),
        ("the cell", 8.0, 9.0, [5, 6]),
        ("thecell", 8.0, 9.0, [5, 6]),
        ("the cell and here the cell.", 3.0, 4.0, [0, 1, 2, 4, 5, 6]),
        ("nothing of this", 3.2, 4.5, [3, 4]),
    ],
)
def test_the_words_of_a_box_are_those_of_its_text(
    text: str, start: float, end: float, chosen: list[int]
) -> None:
    sentences = [
        [[0, 1, "the"], [1, 2, "cell"], [2, 3, "and"]],
        [[3, 4, "rim."]],
        [[4, 5, "here"], [5, 6, "the"], [6, 7, "cell."]],
    ]
    if text in ("the cell", "thecell"):
        sentences[2][2][2] = "cell"
    assert words_of_box({"text": text, "start": start, "end": end}, sentences) == chosen


def test_every_box_of_the_lecture_knows_its_words(report: Path) -> None:
    samples = pages_of(report)["generated"]["samples"]
    boxes = [(sample, box) for kind in samples.values() for sample in kind for box in sample["boxes"]]
    assert {box["method"] for _, box in boxes} >= {"circle", "underline", "cluster"}
    for sample, box in boxes:
        words = [word for sentence in sample["sentences"] for word in sentence]
        assert " ".join(words[i][2] for i in box["words"]) == box["text"]
