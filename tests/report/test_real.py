"""A real recording through the whole engine, and its report opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from narratrace.cli import main
from tests.report.blocks import pages_of, summary_of
from tests.report.chromium import Browser


@pytest.mark.eval
@pytest.mark.browser
def test_a_real_recording(real_recording: Path, tmp_path: Path, browser: Browser) -> None:
    out = tmp_path / "out"
    assert main(["--quiet", "process", str(real_recording), "-o", str(out)]) == 0
    assert main(["--quiet", "report", str(out)]) == 0
    path = out / "report.html"
    found = summary_of(path)
    assert found["totals"]["traces"] > 0
    assert found["notes"] == []
    (traces,) = [page["samples"]["traces"] for page in pages_of(path).values()]
    assert len(traces) == found["totals"]["traces"]
    page = browser.open(path, width=1280, height=900)
    page.click(".recordings tbody th a")
    page.until(
        "document.querySelector('.frame img')?.complete && document.querySelector('.word.seen') !== null"
    )
    page.hover(".word.seen")
    assert page.js("document.querySelector('.lit').getAttribute('d').length") > 0
    assert page.trouble == []
    assert page.requests == []
    page.close()
