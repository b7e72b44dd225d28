"""Models and sound shared by the tests of this station."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.understand.media import SPEECH_FILE, read_audio
from tests.understand.tiny_whisper import build_tiny_whisper


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a Whisper with random weights whose text depends on what it hears."""
    pytest.importorskip("faster_whisper")
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    return build_tiny_whisper(tmp_path_factory.mktemp("whisper"), seed=1)


@pytest.fixture(scope="session")
def speech() -> npt.NDArray[np.float32]:
    """Two spoken sentences, see :data:`tests.understand.media.SENTENCES`."""
    audio = read_audio(str(SPEECH_FILE))
    assert audio is not None
    return audio.samples


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Small models on a busy machine spend most of their time waiting for each other's threads."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail on any attempt to reach another machine."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
