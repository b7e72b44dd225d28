"""The logic around a hardware decoder: packets, times, batches, reuse, faults. No card is involved.

What a card really does is tested in test_nvdec_card.py, on a card.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.decode import DecodeOptions, DeviceGaveUp, device_pass, open_decoder
from narratrace.decode import open as opening
from narratrace.decode.contract import Unsuitable
from narratrace.decode.device_pass import DeviceDecoder
from narratrace.decode.packets import wanted_packets
from narratrace.decode.sessions import SessionKey, SessionPool
from narratrace.device import parse_device
from narratrace.driver import DriverFacts
from narratrace.errors import DecodeTimeout, DeviceError, InputError, MediaError
from narratrace.source import probe
from narratrace.visual_pass import VisualPass
from tests.decode.device_fake import FakeCard, Faults, assert_same, on_cpu, on_fake
from tests.support.media import make_video, moving_square

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "mp4 with B pictures": ("a.mp4", {"bframes": 3}),
    "irregular": ("a.mp4", {"times": [0.0, 0.05, 0.2, 0.21, 0.9, 0.95, 1.6], "bframes": 2}),
    "start not 0": ("a.mp4", {"start": 1.5, "bframes": 2}),
    "matroska": ("a.mkv", {"bframes": 2}),
    "transport stream": ("a.ts", {"bframes": 2}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9"}),
    "av1": ("a.mkv", {"codec": "libsvtav1"}),
    "one frame": ("a.mp4", {"times": [0.0]}),
}


@pytest.mark.parametrize("frames", ["all", "auto"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pass_is_that_of_the_cpu(kind: str, frames: str, tmp_path: Path):
    name, how = KINDS[kind]
    made = make_video(tmp_path / name, seconds=1.5, **how)
    got, summary = on_fake(made.path, FakeCard(), frames=frames)
    wanted, cpu = on_cpu(made.path, frames=frames)
    assert_same(got, wanted)
    assert summary.backend == "nvdec:0"
    fields = ("packets", "frames_decoded", "frames_skipped", "corrupt", "duration", "vfr", "warnings")
    assert [getattr(summary, f) for f in fields] == [getattr(cpu, f) for f in fields]


def test_batches_are_bounded_and_valid_until_the_next(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=2, bframes=2)
    card = FakeCard()
    options = DecodeOptions(frames="all", device_batch_size=7)
    with DeviceDecoder(probe(made.path), options, card.pool, "nvdec:0") as decoder:
        sizes, at = [], 0
        for batch in decoder.batches():
            time.sleep(0.02)  # the next batch is being decoded meanwhile
            sizes.append(len(batch))
            for frame in batch:
                assert np.abs(frame.y.astype(int) - made.luma(at)).mean() < 3, at
                at += 1
    assert sizes == [7] * 8 + [4]
    assert card.sessions[0].calls.count("batch") == 2


def test_a_session_serves_recordings_of_its_kind_alone(tmp_path: Path):
    card = FakeCard()
    paths = [
        make_video(
            tmp_path / f"{i}.mp4", seconds=0.3, height=height, draw=moving_square(160, height, seed=i)
        ).path
        for i, height in enumerate([96, 96, 90, 96])
    ]
    for path in paths:
        assert_same(on_fake(path, card)[0], on_cpu(path)[0])
    assert card.pool.made == 2
    first = card.sessions[0].calls
    assert first.count("anew") == 3
    assert [first[i - 1] for i, call in enumerate(first) if call == "anew"] == ["batch"] * 3
    assert first.count("finish") == 3


def key(name: str) -> SessionKey:
    return SessionKey(name, "yuv420p", (16, 16), b"")


def test_the_longest_idle_session_makes_room():
    card = FakeCard(most=2)
    held = {name: card.pool.take(key(name)) for name in ("h264", "vp9")}
    for name in ("h264", "vp9"):
        card.pool.give(key(name), held[name])
    card.pool.take(key("vp8"))
    assert [s.closed for s in card.sessions] == [True, False, False]
    assert card.pool.take(key("vp9")) is held["vp9"]


def test_whoever_comes_too_many_waits():
    card = FakeCard(most=1)
    held = card.pool.take(key("h264"))
    got: list[Any] = []
    waiter = threading.Thread(target=lambda: got.append(card.pool.take(key("h264"))))
    waiter.start()
    waiter.join(0.2)
    assert not got
    card.pool.give(key("h264"), held)
    waiter.join(5)
    assert got == [held]


def test_a_session_that_cannot_be_made_takes_no_place():
    def refuse(_key: SessionKey) -> Any:
        raise RuntimeError("out of memory")

    pool = SessionPool(refuse, 1)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            pool.take(key("h264"))


def test_many_threads_share_a_card(tmp_path: Path):
    paths = [
        make_video(tmp_path / f"{i}.mp4", seconds=0.5, bframes=2, draw=moving_square(160, 96, seed=i)).path
        for i in range(3)
    ]
    wanted = [on_cpu(path)[0] for path in paths]
    card, wrong = FakeCard(most=2), []

    def work(n: int) -> None:
        for i in range(4):
            try:
                assert_same(on_fake(paths[(n + i) % 3], card)[0], wanted[(n + i) % 3])
            except BaseException as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert card.pool.made <= 2


def test_pictures_that_never_come_are_told(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=2, bframes=2)
    seen, summary = on_fake(made.path, FakeCard(faults=Faults(lose=lambda i: i in (7, 8, 30))), frames="all")
    assert len(seen) == 57
    assert summary.corrupt == 3
    assert "3 of 60 video packets" in summary.warnings[0]


def test_a_refusal_ends_the_pass_and_the_cpu_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = make_video(tmp_path / "a.mp4", seconds=2)
    card = FakeCard(faults=Faults(refuse=lambda i: i == 40))
    with pytest.raises(DeviceGaveUp, match="cannot go on: refused"):
        on_fake(made.path, card, frames="all")
    card.put_in(monkeypatch)
    recording = Recording(input=VideoInput(video_id="a", uri=str(made.path)), sequence=0)
    options = DecodeOptions(frames="all")
    anew, cpu = (
        VisualPass(options, AnalyseOptions(), device=device).run([recording])[0] for device in ("auto", "cpu")
    )
    assert isinstance(anew, Kept)
    assert isinstance(cpu, Kept)
    got, wanted = anew.value.visual, cpu.value.visual
    assert got is not None
    assert wanted is not None
    assert got.video.warnings == ("decoded on the CPU: in memory cannot go on: refused",)
    assert got.shots == wanted.shots
    assert got.trace.x.tolist() == wanted.trace.x.tolist()
    assert got.video.frames_decoded == 60


def test_packets_without_times_are_left_to_the_cpu_wherever_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = make_video(tmp_path / "a.mp4", seconds=2)

    def untimed(number: int) -> None:
        def packets(*args: Any) -> Iterator[Any]:
            for i, packet in enumerate(wanted_packets(*args)):
                if i == number:
                    packet.pts = packet.dts = None
                yield packet

        monkeypatch.setattr(device_pass, "wanted_packets", packets)

    untimed(0)
    with pytest.raises(Unsuitable, match="no presentation times"):
        on_fake(made.path, FakeCard(), frames="all")
    untimed(40)
    with pytest.raises(DeviceGaveUp, match="no presentation times"):
        on_fake(made.path, FakeCard(), frames="all")


def test_less_than_half_is_an_error(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=1)
    with pytest.raises(MediaError, match="of 30 video packets"):
        on_fake(made.path, FakeCard(faults=Faults(lose=lambda i: i > 10)), frames="all")


def test_invented_stamps_are_placed_by_order(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=1)
    faults = Faults(stamp=lambda i, stamp: 123456789 if i == 5 else stamp)
    seen, summary = on_fake(made.path, FakeCard(faults=faults), frames="all")
    wanted, _ = on_cpu(made.path, frames="all")
    assert [pts for pts, *_ in seen] == [pts for pts, *_ in wanted]
    assert any("without a usable time stamp" in warning for warning in summary.warnings)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(spoil=True), "differs from FFmpeg's"),
        (Faults(lose=lambda i: i == 0), "its first picture is that of pts"),
        (Faults(lose=lambda _i: True), "no picture came"),
        (Faults(size=(176, 96)), "176 x 96, not 160 x 96"),
    ],
)
def test_recordings_that_come_out_wrong_are_left_to_the_cpu(faults: Faults, reason: str, tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=0.5)
    card = FakeCard(faults=faults)
    with pytest.raises(Unsuitable, match=reason):
        on_fake(made.path, card, frames="all")
    card.faults.__dict__.update(Faults().__dict__)
    assert len(on_fake(made.path, card, frames="all")[0]) == 15  # the card can still be used


def test_codecs_that_nvdec_does_not_know(tmp_path: Path):
    made = make_video(tmp_path / "a.mkv", codec="ffv1", seconds=0.2)
    with pytest.raises(Unsuitable, match="ffv1"):
        on_fake(made.path, FakeCard())


def test_a_session_that_cannot_be_flushed_is_not_reused(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=0.5)
    card = FakeCard(faults=Faults(finish=True))
    for number in range(2):
        with pytest.raises(DeviceGaveUp, match="cannot be flushed"):
            on_fake(made.path, card, frames="all", device_batch_size=4)
        assert card.sessions[number].closed
    assert card.pool.made == 2


def test_leaving_early_gives_the_session_back(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=4)
    card = FakeCard()
    options = DecodeOptions(frames="all", device_batch_size=4)
    with DeviceDecoder(probe(made.path), options, card.pool, "nvdec:0") as decoder:
        next(decoder.batches())
    assert card.sessions[0].calls[-1] == "finish"
    assert len(on_fake(made.path, card, frames="all")[0]) == 120
    assert card.pool.made == 1


@pytest.mark.parametrize("hang_at", [0, 40])
def test_a_hang_ends_in_time_and_keeps_its_session(hang_at: int, tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=3)
    card = FakeCard(faults=Faults(hang_at=hang_at))
    begun = time.monotonic()
    with pytest.raises(DecodeTimeout, match=r"no frame for 0\.5 s"):
        on_fake(made.path, card, frames="all", stall_timeout_s=0.5)
    assert time.monotonic() - begun < 10
    assert not card.sessions[0].closed
    card.faults.hang_at = -1
    assert len(on_fake(made.path, card, frames="all")[0]) == 90
    assert card.pool.made == 2
    card.sessions[0].released.set()


def test_a_decoder_makes_one_pass(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=0.2)
    with DeviceDecoder(probe(made.path), DecodeOptions(), FakeCard().pool, "nvdec:0") as decoder:
        list(decoder.batches())
        with pytest.raises(RuntimeError, match="one pass"):
            list(decoder.batches())


def test_a_file_that_is_gone(tmp_path: Path):
    made = make_video(tmp_path / "a.mp4", seconds=0.2)
    media = probe(made.path)
    made.path.unlink()
    with pytest.raises(InputError):
        DeviceDecoder(media, DecodeOptions(), FakeCard().pool, "nvdec:0")


@pytest.mark.parametrize("device", ["auto", "cuda:0"])
def test_what_a_card_cannot_decode_is_decoded_on_the_cpu_and_says_so(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    made = make_video(tmp_path / "a.mp4", seconds=0.5)

    def refuse(*_: Any) -> Any:
        raise Unsuitable("the card has no taste for it")

    monkeypatch.setattr(opening, "check_device", parse_device)
    monkeypatch.setattr(opening, "_why_not_card", lambda index: "")
    monkeypatch.setattr(opening, "_on_card", refuse)
    caplog.set_level("INFO")
    with open_decoder(probe(made.path), None, device) as decoder:
        assert decoder.backend == "pyav"
        assert sum(len(batch) for batch in decoder.batches()) > 0
        assert "decoded on the CPU: the card has no taste for it" in decoder.summary().warnings
    assert "no taste" in caplog.text
    assert str(made.path) in caplog.text


@pytest.mark.parametrize(("absent", "level"), [(True, "DEBUG"), (False, "WARNING")])
def test_without_a_card_auto_falls_back_and_cuda_is_refused(
    absent: bool,
    level: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    made = make_video(tmp_path / "a.mp4", seconds=0.2)
    reason = f"no driver {tmp_path}"
    monkeypatch.setattr(opening, "check_device", parse_device)
    monkeypatch.setattr(opening, "_why_not_card", lambda index: reason)
    facts = DriverFacts(problem=reason, absent=absent)
    monkeypatch.setattr("narratrace.device.driver_facts", lambda: facts)
    caplog.set_level("DEBUG", "narratrace")
    for _ in range(3):
        with open_decoder(probe(made.path), None, "auto") as decoder:
            assert decoder.backend == "pyav"
            list(decoder.batches())
            assert not decoder.summary().warnings
    assert [record.levelname for record in caplog.records if reason in record.getMessage()] == [level]
    with pytest.raises(DeviceError, match="no driver"):
        open_decoder(probe(made.path), None, "cuda:0")
