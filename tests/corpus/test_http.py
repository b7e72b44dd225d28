"""Inputs over HTTP that do not come, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from narratrace.corpus.options import LimitOptions
from narratrace.corpus.storage import localise, open_filesystem
from narratrace.data.media import VideoInput
from narratrace.errors import InputError, StorageError
from tests.support.web import serving

pytest.importorskip("fsspec", reason="needs fsspec")
pytest.importorskip("aiohttp", reason="needs aiohttp")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """See :func:`tests.support.web.serving`."""
    with serving(tmp_path) as address:
        yield address


def fetched(uri: str, folder: Path, limits: LimitOptions | None = None) -> str:
    return localise(VideoInput(video_id="v", uri=uri), folder, limits or LimitOptions())[0]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, InputError, "cannot be read: HTTP 403 Forbidden"),
        (404, InputError, "cannot be read: HTTP 404 Not Found"),
        (410, InputError, "cannot be read: HTTP 410 Gone"),
        (302, InputError, "cannot be read: TooManyRedirects"),
        (500, StorageError, "cannot be fetched: HTTP 500 Internal Server Error"),
        (503, StorageError, "cannot be fetched: HTTP 503 Service Unavailable"),
    ],
)
def test_refusals_are_told_apart(
    web: str, status: int, kind: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as caught:
        fetched(f"{web}/{status}/a%20b.mp4?sig=SECRET", tmp_path)
    assert str(caught.value) == f"source: {web}/{status}/a%20b.mp4: {said}"


def test_servers_that_are_not_there_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"Cannot connect to host 127\.0\.0\.1:9") as caught:
        fetched("http://127.0.0.1:9/a.mp4?sig=SECRET", tmp_path)
    assert "SECRET" not in str(caught.value)


def test_a_server_that_falls_silent_is_given_up(web: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no answer for 0.2 s"):
        fetched(f"{web}/mute/a.mp4", tmp_path, LimitOptions(silence_s=0.2))


def test_a_transfer_that_is_alive_may_take_any_time() -> None:
    timeout = open_filesystem("https://host/a.mp4", 60.0)[0].client_kwargs["timeout"]
    assert (timeout.total, timeout.sock_connect, timeout.sock_read) == (None, 30.0, 60.0)
    open_filesystem("memory://a.mp4", 60.0)  # which knows no such option
