"""The video benchmark, as far as it goes on a CPU: threads, processes, and which rows there are."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from benchmarks.gpu import video
from benchmarks.gpu.looker import Looker
from benchmarks.gpu.media import make_recording

from narratrace.decode.sessions import SessionKey
from narratrace.driver import DecodeCap, DriverFacts, Gpu


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_recording(tmp_path_factory.mktemp("media") / "short.mp4", "h264", 192, 128, 1)


def test_threads_add_up_and_raise_what_one_of_them_raises():
    assert video.in_threads(3, lambda i: i)[0] == 3
    with pytest.raises(ZeroDivisionError):
        video.in_threads(2, lambda i: 1 // i)


def test_a_thread_that_hangs_is_left_behind():
    released = threading.Event()
    with pytest.raises(TimeoutError, match=r"1 of 2 did not end within 0\.2 s"):
        video.in_threads(2, lambda i: int(i == 0 or released.wait()), 0.2)
    released.set()


def test_threads_and_processes_look_at_every_frame(short: Path, monkeypatch: pytest.MonkeyPatch):
    found = video.visual_fps(short, 2, "cpu")
    assert found["fps"] > 0
    assert found["analysing_s"] > 0
    counted: list[int] = []
    in_threads = video.in_threads

    def note(*args: Any) -> tuple[int, float]:
        frames, took = in_threads(*args)
        counted.append(frames)
        return frames, took

    monkeypatch.setattr(video, "in_threads", note)
    assert video.processes_fps(short, 2, "cpu")["fps"] > 0
    assert counted == [60, 60], "once to start, once to be timed, 30 frames a process"


def test_bare_sessions_are_fed_every_packet_and_closed(short: Path, monkeypatch: pytest.MonkeyPatch):
    made: list[Any] = []

    class Session:
        """Gives a picture back for each packet, the last of them at the end."""

        def __init__(self, key: SessionKey, index: int) -> None:
            self.key, self.frames, self.closed = key, 0, False
            made.append(self)

        def decode(self, data: bytes, stamp: int, *, anew: bool) -> list[int]:
            assert data
            assert anew == (self.frames == 0)
            self.frames += 1
            return [] if anew else [stamp]

        def finish(self) -> list[int]:
            frames, self.frames = self.frames, 0
            assert frames == 30
            return [0]

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr("narratrace.decode.nvdec.NvdecSession", Session)
    assert video.bare_fps(short, 2) > 0
    assert [(one.key, one.closed) for one in made] == [
        (SessionKey("h264", "yuv420p", (192, 128), (192, 128)), True)
    ] * 2


def test_a_process_that_ends_is_an_error(tmp_path: Path):
    looker = Looker(tmp_path / "none.mp4", "cpu", 1)
    with pytest.raises(RuntimeError, match="the process ended with 1"):
        looker.look()
    with pytest.raises(RuntimeError, match="the process ended"):
        looker.look()
    looker.kill()


def test_a_row_for_each_number_of_sessions_and_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video, "usable_cores", lambda: 16)
    monkeypatch.setattr(video, "bare_fps", lambda path, sessions: 100.0 * sessions)
    monkeypatch.setattr(video, "visual_fps", lambda path, sessions: {"fps": 90.0 * sessions})
    monkeypatch.setattr(video, "processes_fps", lambda path, count: {"fps": 45.0 * count})
    steps = video.file_steps(Path("a.mp4"), 7, crews=True)
    rows = [{**what, **measure()} for what, measure in steps]
    assert [row.get("sessions") for row in rows] == [1, 3, 7, 9, None, None]
    assert [row.get("processes") for row in rows][4:] == [7, 16]
    assert [row["ratio"] for row in rows] == pytest.approx([0.9] * 4 + [0.35, 0.8])
    assert [what for what, _ in video.file_steps(Path("a.mp4"), 1, crews=False)] == [
        {"file": "a.mp4", "sessions": 1},
        {"file": "a.mp4", "sessions": 3},
    ]


def test_what_the_card_does_not_decode_is_skipped(monkeypatch: pytest.MonkeyPatch):
    cap = DecodeCap(codec="h264", chroma="4:2:0", bit_depth=8, max_width=4096, max_height=4096)
    card = Gpu(index=0, name="Card", compute="9.0", memory_bytes=1, nvdec_engines=1, decodes=(cap,))
    monkeypatch.setattr("narratrace.driver.driver_facts", lambda: DriverFacts(gpus=(card,)))
    monkeypatch.setattr("narratrace.decode.nvdec.why_not_libraries", lambda: "")
    monkeypatch.setattr(video, "FILES", (("vp9", 192, 128), ("h264", 192, 128)))
    monkeypatch.setattr(video, "SECONDS", 0.5)
    monkeypatch.setattr(video, "bare_fps", lambda path, sessions: 100.0)
    monkeypatch.setattr(video, "visual_fps", lambda path, sessions: {"fps": 90.0})
    rows = [{**what, **measure()} for what, measure in video.video_steps({"machine": {"nvdec_engines": 1}})]
    assert rows[0] == {"file": "vp9-128.webm", "skipped": "Card decodes no vp9"}
    assert [row["file"] for row in rows[1:]] == ["h264-128.mp4"] * 3
    assert rows[1]["seconds"] == 0.5
    assert [row["sessions"] for row in rows[2:]] == [1, 3]
    monkeypatch.setattr("narratrace.decode.nvdec.why_not_libraries", lambda: "none here")
    with pytest.raises(RuntimeError, match="none here"):
        next(video.video_steps({}))
