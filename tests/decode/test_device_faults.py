"""What a hardware decoder cannot do, or does wrongly, ends on the CPU. No card is involved."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from narratrace.analyse import visual
from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.decode import DecodeOptions, DeviceGaveUp, device_pass
from narratrace.decode.bitstream import elementary_feed
from narratrace.decode.contract import Unsuitable
from narratrace.decode.device_pass import DeviceDecoder
from narratrace.decode.sessions import SessionKey, SessionPool
from narratrace.device import parse_device
from narratrace.errors import DeviceError
from narratrace.ops.sparse import Recorder, make_recorder
from narratrace.source import probe
from narratrace.visual_pass import VisualPass
from tests.decode.device_fake import FakeCard, FakeSession, Faults, assert_same, on_cpu, on_fake
from tests.support.media import MadeVideo, make_size_change, make_video, zero_packets

FULL = MemoryError("out of memory allocating 3,110,400 bytes")
ILLEGAL = RuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")


@pytest.mark.parametrize("error", [FULL, ILLEGAL], ids=["full", "illegal"])
@pytest.mark.parametrize(
    ("what", "number"), [("batch", 0), ("batch", 1), ("copy", 0), ("wait", 0), ("to_host", 1)]
)
def test_what_fails_before_the_first_picture_is_left_to_the_cpu(
    what: str, number: int, error: Exception, tmp_path: Path
):
    made = make_video(tmp_path / "a.mp4", seconds=0.5)
    faults = Faults(fails=lambda name, i: error if (name, i) == (what, number) else None)
    card = FakeCard(faults=faults, most=1)
    for _ in range(2):
        with pytest.raises(Unsuitable, match=str(error)[:12]):
            on_fake(made.path, card, frames="all")
    assert [session.closed for session in card.sessions] == [True, True]
    card.faults.__dict__.update(Faults().__dict__)
    assert len(on_fake(made.path, card, frames="all")[0]) == 15


@pytest.mark.parametrize("error", [FULL, ILLEGAL], ids=["full", "illegal"])
@pytest.mark.parametrize(("what", "number"), [("copy", 40), ("wait", 5)])
def test_what_fails_later_ends_the_pass_and_the_session(
    what: str, number: int, error: Exception, tmp_path: Path
):
    made = make_video(tmp_path / "a.mp4", seconds=2)
    card = FakeCard(
        faults=Faults(fails=lambda name, i: error if (name, i) == (what, number) else None), most=1
    )
    with pytest.raises(DeviceGaveUp, match=str(error)[:12]):
        on_fake(made.path, card, frames="all", device_batch_size=4)
    assert card.sessions[0].closed
    card.faults.__dict__.update(Faults().__dict__)
    assert len(on_fake(made.path, card, frames="all")[0]) == 60
    assert card.pool.made == 2


@pytest.mark.parametrize(
    "error", [FULL, ILLEGAL, ImportError("libnvrtc.so")], ids=["full", "illegal", "import"]
)
def test_a_card_without_a_session_to_give(error: Exception, tmp_path: Path):
    def refuse(_key: SessionKey) -> Any:
        raise error

    made = make_video(tmp_path / "a.mp4", seconds=0.2)
    pool = SessionPool(refuse, 1)
    for _ in range(3):
        with pytest.raises(Unsuitable, match="no decoder session"):
            DeviceDecoder(probe(made.path), DecodeOptions(), pool, "nvdec:0")


def test_a_session_too_broken_to_be_closed_leaves_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(self: FakeSession) -> None:
        raise ILLEGAL

    monkeypatch.setattr(FakeSession, "close", fail)
    made = make_video(tmp_path / "a.mp4", seconds=2)
    card = FakeCard(faults=Faults(refuse=lambda i: i == 40), most=1)
    for _ in range(3):
        with pytest.raises(DeviceGaveUp, match="refused"):
            on_fake(made.path, card, frames="all")
    assert card.pool.made == 3


def test_recordings_that_keep_more_pictures_have_sessions_of_their_own(tmp_path: Path):
    """Of one size, but a session made for the first has no room for what the second refers to."""
    card = FakeCard()
    for preset in ("ultrafast", "veryslow", "ultrafast", "veryslow"):
        made = make_video(tmp_path / f"{preset}.mp4", seconds=1, bframes=2, options={"preset": preset})
        assert_same(on_fake(made.path, card)[0], on_cpu(made.path)[0])
    assert card.pool.made == 2


SIZES = {
    "shrinks": [(320, 176), (160, 96)],
    "grows": [(160, 96), (320, 176)],
    "shrinks in one direction": [(160, 96), (160, 80)],
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES.keys())
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.ts", "libx264"), ("a.mkv", "libvpx-vp9"), ("b.mkv", "libvpx"), ("c.mkv", "libsvtav1")],
)
def test_a_change_of_size_is_left_to_the_cpu(
    name: str, codec: str, sizes: list[tuple[int, int]], tmp_path: Path
):
    made = make_size_change(tmp_path / name, sizes, codec=codec)
    card = FakeCard()
    with pytest.raises(DeviceGaveUp, match=r"size|sequence parameters|pictures are"):
        on_fake(made.path, card, frames="all", device_batch_size=4)
    assert not card.sessions[0].closed


def test_parameter_sets_that_change_but_for_the_size_are_left_to_the_cpu(tmp_path: Path):
    """The rest of the recording refers to more pictures than there is room for."""
    made = make_size_change(tmp_path / "a.ts", [(160, 96)] * 2, presets=["ultrafast", "veryslow"])
    with pytest.raises(DeviceGaveUp, match="sequence parameters"):
        on_fake(made.path, FakeCard(), frames="all", device_batch_size=4)


def test_a_header_that_does_not_say_which_pictures_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = make_video(tmp_path / "a.mp4", seconds=0.2)
    monkeypatch.setattr(
        device_pass, "elementary_feed", lambda codec, extra: elementary_feed(codec, extra[:6])
    )
    with pytest.raises(Unsuitable, match="does not say"):
        on_fake(made.path, FakeCard())


def test_damage_that_shows_is_left_to_the_cpu(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=2, bframes=0)
    zero_packets(made.path, tmp_path / "zeros.mp4", share=0.05)
    with pytest.raises(DeviceGaveUp, match="damaged"):
        on_fake(tmp_path / "zeros.mp4", FakeCard(), frames="all", device_batch_size=1)


def test_a_packet_marked_as_corrupt_is_left_to_the_cpu(tmp_path: Path):
    made = make_video(tmp_path / "a.ts", seconds=2)
    data = bytearray(made.path.read_bytes())
    lost = len(data) // 188 * 2 // 3  # a packet of the transport stream that never came
    (tmp_path / "b.ts").write_bytes(data[: 188 * lost] + data[188 * (lost + 1) :])
    with pytest.raises(DeviceGaveUp, match="damaged"):
        on_fake(tmp_path / "b.ts", FakeCard(), frames="all", device_batch_size=4)


@pytest.mark.parametrize("how", ["whole", "early", "gave up"])
def test_device_memory_goes_with_the_pass_and_not_with_the_collector(how: str, tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=2)
    card = FakeCard(faults=Faults(refuse=lambda i: how == "gave up" and i == 50))
    options = DecodeOptions(frames="all", device_batch_size=4)

    def decode() -> None:
        with DeviceDecoder(probe(made.path), options, card.pool, "nvdec:0") as decoder:
            for _ in decoder.batches():
                if how == "early":
                    return

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(DeviceGaveUp):
            decode()
        assert [ref() is None for ref in card.memory] == [True, True]
    finally:
        gc.enable()


@pytest.mark.parametrize("how", ["early", "decode fails", "copy fails"])
def test_memory_goes_once_nothing_is_copied_into_it(how: str, tmp_path: Path):
    """To CuPy's pool, that is, and from there perhaps to another thread."""
    made = make_video(tmp_path / "a.mp4", seconds=4)
    card = FakeCard()
    if how == "early":  # while the second batch is being filled
        card.faults.hang_at = 45
    elif how == "decode fails":
        card.faults.refuse = lambda i: i == 45
    else:
        card.faults.fails = lambda what, i: RuntimeError("lost") if (what, i) == ("copy", 45) else None
    options = DecodeOptions(frames="all", device_batch_size=30)

    def decode() -> None:
        with DeviceDecoder(probe(made.path), options, card.pool, "nvdec:0") as decoder:
            for _ in decoder.batches():
                if how == "early":
                    threading.Timer(0.2, card.sessions[0].released.set).start()
                    return

    with contextlib.suppress(DeviceGaveUp):
        decode()
    gc.collect()
    assert [ref() is None for ref in card.memory] == [True, True]
    assert not card.sessions[0].lost
    assert card.sessions[0].closed == (how != "early")


def test_a_session_that_hangs_when_it_is_emptied_holds_nobody_up(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=4)
    card = FakeCard(faults=Faults(finish_hangs=True))
    options = DecodeOptions(frames="all", device_batch_size=4)
    begun = time.monotonic()
    with DeviceDecoder(probe(made.path), options, card.pool, "nvdec:0") as decoder:
        next(decoder.batches())
    assert time.monotonic() - begun < 20
    assert not card.sessions[0].closed
    card.faults.finish_hangs = False
    assert len(on_fake(made.path, card, frames="all")[0]) == 120
    assert card.pool.made == 2
    card.sessions[0].released.set()


@dataclass
class Failing:
    """Stands before a recorder of frames on a card that fails at some frame."""

    recorder: Recorder
    at: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.recorder, name)

    def push(self, *frame: Any) -> int:
        self.at -= 1
        if self.at < 0:
            raise DeviceGaveUp("the CUDA kernels cannot go on: [2] out of memory", station="ops")
        return self.recorder.push(*frame)


def visual_pass(made: MadeVideo, device: str) -> Outcome[Recording]:
    stage = VisualPass(DecodeOptions(frames="all", device_batch_size=4), AnalyseOptions(), device=device)
    recording = Recording(input=VideoInput(video_id="a", uri=str(made.path)), sequence=0)
    return stage.run([recording])[0]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    card = FakeCard()
    card.put_in(monkeypatch)
    return card


@pytest.mark.parametrize("at", [None, 0, 30], ids=["made", "begun", "under way"])
@pytest.mark.parametrize("device", ["auto", "cuda:0"])
def test_an_analysis_that_a_card_cannot_go_on_with_is_made_anew_on_the_cpu(
    device: str, at: int | None, card: FakeCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = make_video(tmp_path / "a.mp4", seconds=2)
    cpu = visual_pass(made, "cpu")
    begun: list[list[bool]] = []

    def make(*args: Any) -> Any:
        begun.append([ref() is None for ref in card.memory])
        if len(begun) > 1:
            return make_recorder(*args)
        if at is None:
            raise DeviceGaveUp("the CUDA kernels cannot go on: [2] out of memory", station="ops")
        return Failing(make_recorder(*args), at)

    monkeypatch.setattr(visual, "make_recorder", make)
    gc.disable()
    try:
        anew = visual_pass(made, device)
    finally:
        gc.enable()
    assert begun == [[False, False], [True, True]]  # the CPU begins once device memory is free
    assert isinstance(anew, Kept)
    assert isinstance(cpu, Kept)
    got, wanted = anew.value.visual, cpu.value.visual
    assert got is not None
    assert wanted is not None
    assert got.video.warnings == ("decoded on the CPU: the CUDA kernels cannot go on: [2] out of memory",)
    assert (got.video.backend, got.shots) == ("pyav", wanted.shots)
    assert got.trace.x.tolist() == wanted.trace.x.tolist()
    assert card.pool.made == 1
    assert not card.sessions[0].closed


@pytest.mark.parametrize(("device", "kept"), [("auto", True), ("cuda:0", False)])
def test_kernels_that_cannot_be_loaded_are_an_error_for_a_card_asked_for(
    device: str, kept: bool, card: FakeCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def make(*args: Any) -> Any:
        if not made:
            made.append(args)
            raise DeviceError("the CUDA kernels cannot be loaded: no numba", station="ops")
        return make_recorder(*args)

    made: list[Any] = []
    monkeypatch.setattr(visual, "make_recorder", make)
    outcome = visual_pass(make_video(tmp_path / "a.mp4", seconds=0.5), device)
    assert isinstance(outcome, Kept if kept else Failed)


def test_a_full_card_fails_no_recording(card: FakeCard, tmp_path: Path):
    card.faults.fails = lambda what, i: FULL if what == "batch" else None
    made = make_video(tmp_path / "a.mp4", seconds=0.5)
    for _ in range(5):
        outcome = visual_pass(made, "cuda:0")
        assert isinstance(outcome, Kept)
        assert outcome.value.visual is not None
        assert "out of memory" in outcome.value.visual.video.warnings[0]


@pytest.mark.parametrize("part", ["decoding", "analysing"])
def test_what_no_recording_can_do_on_a_card_is_told_before_the_first(
    part: str,
    card: FakeCard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    reason = f"no {part} here {tmp_path}"
    for name in ("decoding", "analysing"):
        told = reason if name == part else ""
        monkeypatch.setattr(f"narratrace.visual_pass.why_not_{name}", lambda index, told=told: told)
    monkeypatch.setattr("narratrace.visual_pass.check_device", parse_device)
    stage = VisualPass(DecodeOptions(), AnalyseOptions(), device="cuda:0")
    with pytest.raises(DeviceError, match=f"no {part} here"):
        stage.open()
    made = make_video(tmp_path / "a.mp4", seconds=0.5)
    recording = Recording(input=VideoInput(video_id="a", uri=str(made.path)), sequence=0)
    caplog.set_level("DEBUG", "narratrace")
    for _ in range(2):
        stage = VisualPass(DecodeOptions(), AnalyseOptions(), device="auto")
        stage.open()
        (outcome,) = stage.run([recording])
        assert isinstance(outcome, Kept)
        assert outcome.value.visual is not None
        assert outcome.value.visual.video.backend == "pyav"
    assert [reason in record.getMessage() for record in caplog.records].count(True) == 1
    assert not card.sessions


def test_a_card_that_works_is_used(card: FakeCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("decoding", "analysing"):
        monkeypatch.setattr(f"narratrace.visual_pass.why_not_{name}", lambda index: "")
    monkeypatch.setattr("narratrace.visual_pass.check_device", parse_device)
    stage = VisualPass(DecodeOptions(), AnalyseOptions(), device="cuda:0")
    stage.open()
    made = make_video(tmp_path / "a.mp4", seconds=0.5)
    recording = Recording(input=VideoInput(video_id="a", uri=str(made.path)), sequence=0)
    assert isinstance(stage.run([recording])[0], Kept)
    assert card.sessions
