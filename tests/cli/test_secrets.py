"""Signed URLs are credentials: no command, log line or document shows their query."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from narratrace import Engine, EngineOptions
from narratrace.cli.output import set_up_logging
from narratrace.data.media import redacted_text
from tests.cli.conftest import Narratrace
from tests.support.web import serving


def test_a_signed_url_is_analysed_and_shown_without_its_query(
    zoo: dict[str, Path], tmp_path: Path, narratrace: Narratrace
) -> None:
    with serving(zoo["odd.webm"].parent) as address:
        uri = f"{address}/odd.webm?sig=SECRET"
        target = tmp_path / "analysis.json"
        said = [
            narratrace("analyze", uri, "-o", target, "--device", "cpu"),
            narratrace("probe", uri),
            narratrace("probe", uri, "--json"),
            narratrace("probe", f"{address}/404/odd.webm?sig=SECRET", "--debug"),
        ]
    assert [ended.code for ended in said] == [0, 0, 0, 2], said[0].err
    assert json.loads(target.read_text())["video"]["path"] == f"{address}/odd.webm"
    assert said[1].out.splitlines()[0] == f"{address}/odd.webm"
    assert "404" in said[3].err
    for text in (target.read_text(), *(ended.out + ended.err for ended in said)):
        assert "SECRET" not in text


def test_streams_log_no_secrets(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with serving(tmp_path) as address:
        uri = f"{address}/404/a talk.mp4?sig=SECRET more-SECRET"
        assert list(Engine(EngineOptions(device="cpu")).stream([uri])) == []
    assert f"{address}/404/a talk.mp4: cannot be opened" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_log_lines_of_libraries_show_no_secrets(
    log_format: str, own_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(log_format, quiet=False, debug=True)
    uri = "https://host/a.mp4?sig=SECRET"
    try:
        raise FileNotFoundError(uri)
    except FileNotFoundError:
        logging.getLogger("fsspec.http").debug(
            'Fetch <File "%s">, %s : 0-1', uri, uri, extra={"uri": uri}, exc_info=True
        )
    said = capsys.readouterr().err
    assert "SECRET" not in said
    assert said.count("https://host/a.mp4") >= 3
    if log_format == "json":
        assert json.loads(said)["uri"] == "https://host/a.mp4"


def test_the_text_around_a_uri_stays() -> None:
    assert redacted_text("source: http://h/x?sig=1: is gone (see s3://b/y?k=2).") == (
        "source: http://h/x: is gone (see s3://b/y)."
    )
    assert redacted_text("http://h/a?s=1 b: gone", "http://h/a?s=1 b") == "http://h/a: gone"
