"""The report as a person uses it, in headless Chromium: mouse, keys, playback, both widths, both schemes."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from narratrace.data.transcript import Transcript
from narratrace.report import build_report
from tests.align.builders import transcript
from tests.report.blocks import pages_of
from tests.report.chromium import Browser, Page
from tests.report.conftest import HOSTILE
from tests.report.runs import write_run
from tests.write.builders import make_recording

pytestmark = pytest.mark.browser

TRACE = "#sample-traces-0"
CLIP = "#sample-clips-0"
CORNER = 8

Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, report: Path) -> Iterator[Open]:
    """Opens the report at an address; at the end nothing may have gone wrong or been asked for."""
    opened: list[Page] = []

    def go(address: str = "#/", **how: Any) -> Page:
        page = browser.open(report, **{"width": 1280, "height": 900, **how})
        opened.append(page)
        page.js(f"location.hash = {json.dumps(address)}")
        page.until("document.querySelector('h1') !== null")
        if address != "#/":
            page.until("document.querySelector('.video .card') !== null")
        return page

    yield go
    for page in opened:
        assert page.js("window.pwned === undefined")
        assert page.trouble == []
        assert page.requests == []
        page.close()


@pytest.fixture(scope="module")
def sample(report: Path) -> dict[str, Any]:
    """Data of the trace sample that the tests look at."""
    return dict(pages_of(report)["generated"]["samples"]["traces"][0])


def words_of(sample: dict[str, Any]) -> list[list[Any]]:
    return [word for sentence in sample["sentences"] for word in sentence]


def lit(page: Page, card: str = TRACE) -> dict[str, Any]:
    """What a card singles out: words, the stretch of trace, the pointer's place, boxes."""
    return dict(
        page.js(f"""(() => {{
            const card = document.querySelector({json.dumps(card)});
            const dot = card.querySelector('.dot');
            const at = dot.style.display === 'none' ? null
                : dot.lastChild.getAttribute('d').match(/[0-9.]+/g).slice(0, 2).map(Number);
            return {{
                words: [...card.querySelectorAll('.word.on')].map((e) => e.textContent),
                stretch: card.querySelector('.lit').getAttribute('d'),
                singled: card.querySelector('.overlay').classList.contains('singled'),
                dot: at,
                boxes: [...card.querySelectorAll('.tag.on')].map((e) => e.textContent),
            }};
        }})()""")
    )


NOTHING = {"words": [], "stretch": "", "singled": False, "dot": None, "boxes": []}


def test_trouble_and_requests_are_noticed(browser: Browser, tmp_path: Path) -> None:
    """The checks of all other tests can fail."""
    bad = tmp_path / "bad.html"
    bad.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('told'); nonsense()</script>")
    page = browser.open(bad, width=300, height=300)
    page.until("document.images[0].complete")
    assert page.requests == ["http://127.0.0.1:9/x.png"]
    assert any("told" in line for line in page.trouble)
    assert any("nonsense is not defined" in line for line in page.trouble)


def test_from_the_run_to_a_recording_and_back(open_page: Open) -> None:
    page = open_page()
    figures = page.js("Object.fromEntries([...document.querySelectorAll('.figures div')]"
                      ".map((e) => [e.firstChild.textContent, e.lastChild.textContent]))")  # fmt: skip
    assert figures["traces"] == "4"
    assert figures["failed"] == "2"
    assert figures["of video"] == "2 min 24 s"
    page.click(".recordings tbody th a")
    page.until("document.querySelector('.video h1') !== null")
    assert page.js("document.querySelector('h1').textContent") == "A generated lecture"
    assert page.js("document.title").startswith("A generated lecture")
    page.click("#where a")
    page.until("document.querySelector('.summary') !== null")


def test_a_word_lights_up_its_stretch_of_the_trace(open_page: Open, sample: dict[str, Any]) -> None:
    page = open_page("#/v/generated")
    assert lit(page) == NOTHING
    place = next(i for i, word in enumerate(words_of(sample)) if word[2] == "lesion")
    start, end, text, _, _ = words_of(sample)[place]
    page.js(f"document.querySelectorAll('{TRACE} .word')[{place}].id = 'lesion'")
    page.hover("#lesion")
    found = lit(page)
    assert found["words"] == [text]
    numbers = np.array(found["stretch"].replace("M", " ").replace("L", " ").split(), float).reshape(-1, 2)
    inside = [p for p in sample["trace"] if start < p[0] < end]
    assert len(numbers) == len(inside) + 2
    np.testing.assert_allclose(numbers[1:-1], [p[1:3] for p in inside])
    t, x, y, _ = np.array(sample["trace"]).T
    middle = (start + end) / 2
    assert found["dot"] == pytest.approx([np.interp(middle, t, x), np.interp(middle, t, y)], abs=0.1)
    page.hover("h1")
    assert lit(page) == NOTHING


def test_the_trace_lights_up_the_word(open_page: Open, sample: dict[str, Any]) -> None:
    page = open_page("#/v/generated")
    # The rim is underlined once, so a place on it is one instant.
    word = next(word for word in words_of(sample) if word[2] == "runs")
    point = min(sample["trace"], key=lambda p: abs(p[0] - (word[0] + word[1]) / 2))
    page.hover(f"{TRACE} .frame", point[1] / sample["width"], point[2] / sample["height"])
    assert lit(page)["words"] == ["runs"]
    page.hover(f"{TRACE} .frame", 0.95, 0.95)
    assert lit(page) == NOTHING


def test_a_region_lights_up_its_box_and_words(open_page: Open, sample: dict[str, Any]) -> None:
    page = open_page("#/v/generated")
    number = next(i for i, box in enumerate(sample["boxes"]) if box["method"] == "circle")
    box = sample["boxes"][number]
    page.hover(f"{TRACE} .boxlist li:nth-child({number + 1}) .region")
    found = lit(page)
    assert found["boxes"] == [str(number + 1)]
    assert " ".join(found["words"]) == box["text"]
    assert len(found["words"]) < len(words_of(sample))
    assert found["stretch"] != ""


def test_the_keyboard_reaches_everything(open_page: Open, sample: dict[str, Any]) -> None:
    page = open_page("#/v/generated")
    texts = [word[2] for word in words_of(sample)]
    page.js(f"document.querySelector('{TRACE} .word').focus()")
    assert lit(page)["words"] == texts[:1]
    for _ in range(2):
        page.key("ArrowRight", 39)
    assert lit(page)["words"] == [texts[2]]
    page.key("End", 35)
    assert lit(page)["words"] == texts[-1:]
    page.key("Enter", 13)
    assert page.js(f"Number(document.querySelector('{TRACE} .scrub').value)") == pytest.approx(
        words_of(sample)[-1][0], abs=0.01
    )
    # One stop of the Tab key for all words, one for each region, and the player's two.
    stops = page.js(f"document.querySelectorAll('{TRACE} [tabindex=\"0\"]').length")
    assert stops == 1
    page.key("Tab", 9)
    assert page.js("document.activeElement.classList.contains('region')")


def test_a_still_picture_is_played_in_time(open_page: Open) -> None:
    page = open_page("#/v/generated")
    page.click(f"{TRACE} .play")
    page.until(f"Number(document.querySelector('{TRACE} .scrub').value) > 0.8")
    assert lit(page)["words"]
    page.click(f"{TRACE} .play")
    stopped = page.js(f"document.querySelector('{TRACE} .scrub').value")
    page.js("new Promise((done) => setTimeout(done, 200))")
    assert page.js(f"document.querySelector('{TRACE} .scrub').value") == stopped


def test_a_clip_plays_with_its_words_and_pointer(open_page: Open, report: Path) -> None:
    page = open_page("#/v/generated/clips/0")
    (clip,) = pages_of(report)["generated"]["samples"]["clips"]
    video = f"document.querySelector('{CLIP} video')"
    page.until(f"{video} !== null && {video}.readyState >= 2")
    assert page.js(f"[{video}.videoWidth, {video}.videoHeight, {video}.error]") == [640, 360, None]
    assert page.js(f"{video}.duration") == pytest.approx(clip["end"] - clip["clip"]["offset"], abs=0.2)
    page.click(f"{CLIP} .play")
    page.until(f"{video}.currentTime > 0.6")
    found = lit(page, CLIP)
    t = page.js(f"Number(document.querySelector('{CLIP} .scrub').value)")
    assert t == pytest.approx(page.js(f"{video}.currentTime") + clip["clip"]["offset"], abs=0.5)
    assert found["dot"] is not None
    page.click(f"{CLIP} .play")
    assert page.js(f"{video}.paused")
    # A word moves the clip to its begin.
    word = words_of(clip)[5]
    page.click(f"{CLIP} .sentence .word:nth-of-type(6)")
    page.until(f"Math.abs({video}.currentTime - {word[0] - clip['clip']['offset']}) < 0.02")


def test_the_timeline_is_walked_zoomed_and_followed(open_page: Open) -> None:
    page = open_page("#/v/generated")
    line = "document.querySelector('.scroller')"
    page.until(f"{line}.hasAttribute('aria-valuetext')")
    page.js(f"{line}.focus()")
    page.key("End", 35)
    assert page.js(f"{line}.getAttribute('aria-valuetext')").startswith("0:24.0")
    page.key("Home", 36)
    page.key("ArrowRight", 39)
    assert page.js(f"Number({line}.getAttribute('aria-valuenow'))") > 0
    width = page.js(f"{line}.scrollWidth")
    page.key("+", 187, "+")
    assert page.js(f"{line}.scrollWidth") == pytest.approx(2 * width, abs=2)
    page.key("0", 48, "0")
    assert page.js(f"{line}.scrollWidth") == width
    page.hover(".scroller", 4.8 / 24.0, 0.6)
    told = page.js("document.querySelector('.readout').textContent")
    assert told.startswith("0:04.8")
    assert "shot 1 of 2" in told
    assert "pointer at" in told
    assert "“lesion”" in told
    page.click(".sample.traces:nth-of-type(2) rect")
    page.until("location.hash === '#/v/generated/traces/1'")
    page.until("document.activeElement.id === 'sample-traces-1'")


def test_close_up_the_timeline_shows_the_words(open_page: Open) -> None:
    page = open_page("#/v/generated")
    for _ in range(3):
        page.click(".zoom button:nth-child(2)")
    page.until("document.querySelectorAll('.spoken-word text').length > 0")
    assert page.js("document.querySelector('.spoken-word text').textContent") == "Here"
    chopped = page.js(
        "[...document.querySelectorAll('.spoken-word text')].filter((text) =>"
        " text.getBBox().width + 3 > text.parentNode.width.baseVal.value).map((text) => text.textContent)"
    )
    assert chopped == []
    page.click(".zoom button:nth-child(3)")
    page.until("document.querySelectorAll('.spoken-word').length === 0")


def test_hostile_text_stays_text(open_page: Open) -> None:
    page = open_page("#/v/vid-0001")
    assert page.js("document.querySelector('h1').textContent") == HOSTILE
    assert page.js("document.querySelector('.word').textContent") == HOSTILE
    assert page.js("document.querySelectorAll('main img[onerror], main script').length") == 0
    links = page.js("[...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))")
    assert len(links) > 3
    assert all(link.startswith("#/") for link in links)
    page.click(".card .facts summary")
    page.js("location.hash = '#/'")
    page.until("document.querySelector('.summary') !== null")
    page.click(".failure:nth-of-type(2) summary")
    assert page.js("document.querySelectorAll('.failure summary span')[1].textContent") == HOSTILE


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nobody/%E0%A4%A", "This report knows no such recording."),
        ("broken", "holds no video stream"),
        ("evil", HOSTILE),
    ],
)
def test_an_address_without_a_page_says_why(open_page: Open, name: str, told: str) -> None:
    page = open_page()
    page.js(f"location.hash = '#/v/{name}'")
    page.until("document.querySelector('.figures') === null")
    assert page.js("document.querySelector('h1').textContent") == name.split("/")[0]
    assert told in page.js("document.querySelector('.summary').textContent")
    page.click(".lead a")
    page.until("document.querySelector('.figures') !== null")


def test_a_dropped_recording_says_by_what(browser: Browser, report: Path, tmp_path: Path) -> None:
    page = report.read_text(encoding="utf-8")
    row = '"dropped":[["quiet","min_speech_share","0.1 of 0.2"]]'
    assert page.count('"dropped":[]') == 1
    changed = tmp_path / "report.html"
    changed.write_text(page.replace('"dropped":[]', row), encoding="utf-8")
    opened = browser.open(changed, width=1280, height=900)
    opened.js("location.hash = '#/v/quiet'")
    opened.until("document.querySelector('.figures') === null")
    told = opened.js("document.querySelector('.note').textContent")
    assert told == "It was dropped by min speech share: 0.1 of 0.2"
    opened.close()


def test_a_recording_without_samples_says_why_and_which_file_it_is(browser: Browser, tmp_path: Path) -> None:
    made = make_recording(0, (0, 0, 0))
    assert made.visual is not None
    warned = Transcript(warnings=("no captions sidecar",))
    blank = replace(made.visual, stable_spans=())
    said = transcript(("a b c.", 1, 4))
    ways = {
        "it has no words": replace(made, transcript=warned),
        "no picture stays the same": replace(made, transcript=said, visual=blank),
        "nothing is said over its still pictures": replace(made, transcript=said),
    }
    for number, (why, recording) in enumerate(ways.items()):
        report = build_report(write_run(tmp_path / str(number), [recording]))
        page = browser.open(report, width=1280, height=900)
        page.js(f"location.hash = '#/v/{recording.video_id}'")
        page.until("document.querySelector('.video') !== null")
        assert f"This recording gave no samples: {why}" in page.js(
            "document.querySelector('.samples').textContent"
        )
        assert page.js("document.querySelectorAll('.tabs').length") == 0
        assert recording.input.uri in page.js("document.querySelector('.lead').textContent")
        notes = page.js("[...document.querySelectorAll('.note.warn')].map((e) => e.textContent)")
        assert ("no captions sidecar" in notes) == (number == 0)
        assert page.trouble == []
        page.close()


def test_figures_that_mean_nothing_are_not_shown(browser: Browser, tmp_path: Path) -> None:
    made = make_recording(0)
    assert made.visual is not None
    video = replace(made.visual.video, fps_mean=0.0, vfr=False)
    odd = replace(made, visual=replace(made.visual, video=video, timings={}), timings={"analyse": 0.001})
    page = browser.open(build_report(write_run(tmp_path / "out", [odd])), width=1280, height=900)
    page.js(f"location.hash = '#/v/{odd.video_id}'")
    page.until("document.querySelector('.video') !== null")
    figures = page.js("Object.fromEntries([...document.querySelectorAll('.figures div')]"
                      ".map((e) => [e.firstChild.textContent, e.lastChild.textContent]))")  # fmt: skip
    assert figures["Stream"] == "h264"
    assert "> 10,000" in figures["Computing"]
    page.close()


def test_a_thumbnail_is_no_higher_than_a_row(open_page: Open) -> None:
    for width in (1280, 390):
        page = open_page(width=width)
        # In one step: the list is drawn anew when the window has settled.
        wide, high = (
            page.js(
                "((e, ratio) => { e.style.setProperty('--ratio', ratio);"
                " const box = e.getBoundingClientRect(); return [box.width, box.height]; })"
                f"(document.querySelector('.thumb'), {ratio})"
            )
            for ratio in (16 / 9, 9 / 16)
        )
        assert high[1] <= wide[1] + 1
        assert high[0] / high[1] == pytest.approx(9 / 16, abs=0.01)


def test_figures_keep_to_their_line_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    made = make_recording(0, (16, 12, 10))
    assert made.visual is not None
    long = replace(made, visual=replace(made.visual, video=replace(made.visual.video, duration=599.0)))
    page = browser.open(build_report(write_run(tmp_path / "out", [long])), width=390, height=844)
    page.until("document.querySelector('.recordings tbody tr') !== null")
    assert page.js("document.querySelector('.figures dd').textContent") == "9 min 59 s"
    lines = "(e) => e.getClientRects().length && e.scrollHeight / parseFloat(getComputedStyle(e).lineHeight)"
    heights = page.js(f"[...document.querySelectorAll('.figures dd')].map({lines})")
    assert max(heights) < 1.5
    beyond = page.js(
        "[...document.querySelectorAll('.recordings tbody td')].filter((e) => e.scrollWidth > e.clientWidth"
        " || e.getBoundingClientRect().right > e.parentNode.getBoundingClientRect().right).length"
    )
    assert beyond == 0
    page.close()


def test_the_list_is_filtered_and_sorted(browser: Browser, tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(i, (1 + i % 3, 0, 0)) for i in range(10)])
    page = browser.open(build_report(out), width=1280, height=900)
    names = "[...document.querySelectorAll('.recordings tbody th')].map((e) => e.firstChild.textContent)"
    page.until(f"{names}.length === 10")
    page.click(".recordings thead th:nth-of-type(3) button")
    assert page.js(names)[:3] == ["Lecture 2", "Lecture 5", "Lecture 8"]
    page.click(".filter input")
    page.call("Input.insertText", text="lecture 7")
    assert page.js(names) == ["Lecture 7"]
    assert page.js("document.querySelector('.filter span').textContent") == "1 of 10"
    assert page.trouble == []
    page.close()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_looks_right(
    open_page: Open, sample: dict[str, Any], tmp_path: Path, width: int, dark: bool
) -> None:
    how = {"width": width, "height": 900 if width > 600 else 844, "dark": dark, "touch": width < 600}
    for address in ("#/", "#/v/generated/traces/0"):
        page = open_page(address, **how)
        assert page.js("document.documentElement.scrollWidth") == width, "wider than the window"
        beyond = page.js(
            "[...document.querySelectorAll('main *')].filter((e) => !e.closest('.scroller')"
            " && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.className)"
        )
        assert beyond == []
        ground = page.js("getComputedStyle(document.body).backgroundColor")
        shades = [int(v) for v in ground.removeprefix("rgb(").removesuffix(")").split(",")]
        assert (max(shades) < 64) if dark else (min(shades) > 192)
    page.until(f"document.querySelector('{TRACE} img').complete")
    with_trace = pixels(page, tmp_path / "with.png")
    page.js("document.querySelector('.layers input').click()")
    without = pixels(page, tmp_path / "without.png")
    changed = np.abs(with_trace - without).max(axis=2) > 24
    # The drawing lies where the trace is: on the picture, along the path, and nowhere else.
    left, top = page.place(f"{TRACE} .frame", 0, 0)
    right, bottom = page.place(f"{TRACE} .frame", 1, 1)
    scale = (right - left) / sample["width"]
    on_path = [changed[int(top + y * scale), int(left + x * scale)] for _, x, y, _ in sample["trace"]]
    assert np.mean(on_path) > 0.9
    # The round corners of the frame may be smoothed one way or the other.
    inner = changed[int(top) + CORNER : int(bottom) - CORNER, int(left) + CORNER : int(right) - CORNER]
    ys, xs = np.nonzero(inner)
    path = scale * line_through(sample["trace"]) - CORNER
    far = [np.min(np.hypot(*(path - point).T)) for point in np.stack([xs, ys], axis=1)[::25]]
    assert max(far) < 12


def line_through(trace: list[list[float]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Points along the drawn line: it goes straight between points at most half a second apart."""
    parts = [np.linspace(a[1:3], b[1:3], 100) for a, b in itertools.pairwise(trace) if b[0] - a[0] <= 0.5]
    return np.concatenate(parts)


def pixels(page: Page, path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The window with the trace card in its middle."""
    page.place(f"{TRACE} .frame")
    return np.asarray(Image.open(io.BytesIO(page.screenshot(path))).convert("RGB")).astype(np.int16)


def test_the_scheme_can_be_switched(open_page: Open) -> None:
    page = open_page()
    before = page.js("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.js("getComputedStyle(document.body).backgroundColor") != before
    page.click("#theme")
    assert page.js("getComputedStyle(document.body).backgroundColor") == before
