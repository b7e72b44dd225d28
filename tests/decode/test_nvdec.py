"""What is asked of PyNvVideoCodec, and which streams are: no card, no driver, no library involved."""

from __future__ import annotations

import contextlib
import ctypes
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from narratrace import device
from narratrace.decode import DecodeOptions, nvdec
from narratrace.decode import open as opening
from narratrace.decode.sessions import SessionKey
from narratrace.driver import DecodeCap, DriverFacts, Gpu
from narratrace.errors import DeviceError
from narratrace.source import probe
from tests.support.media import FIXTURES, make_video

HOPPER = Gpu(
    index=0,
    name="A Hopper",
    compute="9.0",
    memory_bytes=1,
    nvdec_engines=7,
    decodes=tuple(
        DecodeCap(codec=codec, chroma="4:2:0", bit_depth=8, max_width=4096, max_height=2304)
        for codec in ("h264", "hevc", "vp8", "vp9")
    ),
)


class Refused(Exception):
    """Like the library's own exceptions, no RuntimeError."""


class Recorder:
    """PyNvVideoCodec, as far as it is used; writes down how."""

    PyNvVCException = PyNvVCExceptionUnsupported = Refused
    cudaVideoCodec = SimpleNamespace(H264="H264", VP9="VP9")

    def __init__(self) -> None:
        self.created: dict[str, Any] = {}
        self.fed: list[tuple[bytes, int, int]] = []
        self.answer: Any = []
        self.waited: list[bool] = []

    def CreateDecoder(self, **kwargs: Any) -> Any:
        self.created = kwargs
        return self

    def PacketData(self) -> Any:
        return SimpleNamespace(bsl_data=0, bsl=0, pts=0, decode_flag=0)

    def Decode(self, packet: Any) -> Any:
        data = ctypes.string_at(packet.bsl_data, packet.bsl) if packet.bsl else b""
        self.fed.append((data, packet.pts, packet.decode_flag))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Device:
    """cupy.cuda.Device."""

    def __init__(self, index: int) -> None:
        pass

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    stream = SimpleNamespace(ptr=4711, synchronize=lambda: recorder.waited.append(True))
    cuda = SimpleNamespace(Device=Device, Stream=lambda non_blocking: stream)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    monkeypatch.setattr(nvdec, "_library", lambda: recorder)
    return recorder


def picture(stamp: int) -> Any:
    planes = (SimpleNamespace(shape=[90, 160, 1]), SimpleNamespace(shape=[45, 80, 2]))
    return SimpleNamespace(getPTS=lambda: stamp, cuda=lambda: planes)


def test_a_session_asks_for_pictures_in_device_memory_on_its_own_stream(library: Recorder):
    session = nvdec.NvdecSession(SessionKey("vp9", "yuv420p", (160, 90), b""), 3)
    asked = {"gpuid": 3, "codec": "VP9", "cudacontext": 0, "cudastream": 4711, "usedevicememory": True}
    assert library.created == asked
    library.answer = [picture(33), picture(66)]
    assert [stamp for stamp, _ in session.decode(b"first", 99, anew=True)] == [33, 66]
    session.decode(b"second", 132, anew=False)
    session.finish()
    assert library.fed == [(b"first", 99, 4), (b"second", 132, 0), (b"", 0, 0)]
    assert session.size(picture(0)) == (160, 90)


def test_a_plane_comes_to_the_host_without_a_kernel_of_cupys(
    library: Recorder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(nvdec, "to_host", lambda plane: ["row by row", plane])
    session = nvdec.NvdecSession(SessionKey("h264", "yuv420p", (160, 90), b""), 0)
    assert session.to_host("a plane") == ["row by row", "a plane"]


@pytest.mark.parametrize("broken", [False, True])
def test_a_session_waits_before_its_surfaces_go(broken: bool, library: Recorder):
    def wait() -> None:
        library.waited.append(decoder() is not None)
        if broken:
            raise RuntimeError("cudaErrorIllegalAddress")

    made = [Device(0)]
    decoder = weakref.ref(made[0])
    library.CreateDecoder = lambda **_: made.pop()  # type: ignore[method-assign]
    session = nvdec.NvdecSession(SessionKey("h264", "yuv420p", (160, 90), b""), 0)
    session._stream.synchronize = wait
    with pytest.raises(RuntimeError) if broken else contextlib.nullcontext():
        session.close()
    assert library.waited == [True]
    assert decoder() is None


def test_what_the_library_raises_becomes_a_runtime_error(library: Recorder):
    session = nvdec.NvdecSession(SessionKey("h264", "yuv420p", (160, 90), b""), 0)
    library.answer = Refused("MBCount not supported")
    with pytest.raises(RuntimeError, match="MBCount"):
        session.decode(b"x", 0, anew=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"pixel_format": "yuvj420p"}, ""),
        ({"codec": "av1"}, "A Hopper does not decode av1"),
        ({"pixel_format": "yuv420p10le"}, "yuv420p10le pictures are converted"),
        ({"pixel_format": "yuv444p"}, "yuv444p pictures are converted"),
        ({"rotation": 90}, "rotated"),
        ({"interlaced": True}, "fields"),
        ({"width": 853}, "odd width"),
        ({"coded_width": 5120}, "up to 4096 x 2304"),
    ],
)
def test_streams_for_the_cpu(change: dict[str, Any], reason: str, tmp_path: Path):
    video = probe(make_video(tmp_path / "a.mp4", seconds=0.1).path).video
    assert video is not None
    told = nvdec.why_not_stream(replace(video, **change), HOPPER)
    assert reason in told
    assert bool(reason) == bool(told)


def test_a_card_whose_nvdec_is_closed():
    video = probe(FIXTURES / "hevc_10bit.mp4").video
    problem = "NVDEC cannot be used: libnvcuvid.so.1"
    assert nvdec.why_not_stream(video, replace(HOPPER, nvdec_problem=problem)) == problem


def test_the_library_is_not_loaded_before_it_is_needed():
    names = "PyNvVideoCodec", "cupy", "numba"
    code = f"import sys, narratrace.decode.nvdec; print([m for m in {names} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize("error", [ImportError("no such module"), RuntimeError("libcuda.so.1\nlong advice")])
def test_missing_and_driverless_libraries_are_told(error: Exception, monkeypatch: pytest.MonkeyPatch):
    def fail() -> Any:
        raise error

    monkeypatch.setattr(nvdec, "_library", fail)
    monkeypatch.setattr(nvdec.importlib.util, "find_spec", lambda name: object())
    assert str(error).splitlines()[0] in nvdec.why_not_libraries()
    assert "advice" not in nvdec.why_not_libraries()
    monkeypatch.setattr(nvdec.importlib.util, "find_spec", lambda name: None if name == "cupy" else object())
    assert "narratrace[cuda]" in nvdec.why_not_libraries()


@pytest.mark.parametrize("name", ["CreateDecoder", "PyNvVCException", "decode_flag"])
def test_another_version_of_the_library_is_told_once(
    name: str, library: Recorder, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(nvdec.importlib.util, "find_spec", lambda name: object())
    assert nvdec.why_not_libraries() == ""
    packet = library.PacketData()
    if name == "decode_flag":
        del packet.decode_flag
    library.PacketData = lambda: packet  # type: ignore[method-assign]
    names = {
        *("CreateDecoder", "PyNvVCException", "PyNvVCExceptionUnsupported", "cudaVideoCodec", "PacketData")
    }
    older = SimpleNamespace(**{n: getattr(library, n) for n in names - {name}}, __version__="1.9")
    monkeypatch.setattr(nvdec, "_library", lambda: older)
    told = nvdec.why_not_libraries()
    assert "PyNvVideoCodec 1.9 has no" in told
    assert name in told


def test_arguments_of_another_version_are_no_error_of_ours(library: Recorder):
    def create(gpuid: int) -> Any:
        """Takes less than it is given."""

    library.CreateDecoder = create  # type: ignore[assignment,method-assign]
    with pytest.raises(RuntimeError, match="unexpected keyword"):
        nvdec.NvdecSession(SessionKey("h264", "yuv420p", (160, 90), b""), 0)


def test_a_card_is_asked_for_a_session_before_recordings_are(
    library: Recorder, monkeypatch: pytest.MonkeyPatch
):
    gpus = (HOPPER, replace(HOPPER, nvdec_problem="closed"), replace(HOPPER, decodes=()))
    monkeypatch.setattr(nvdec, "driver_facts", lambda: DriverFacts(gpus=gpus))
    asked: list[tuple[int, ...]] = []
    monkeypatch.setattr(nvdec, "Batch", lambda *size: asked.append(size))
    assert nvdec.why_not_session(0) == ""
    assert library.created["codec"] == "H264"
    assert library.waited, "it was not closed"
    assert asked == [(32, 32, 1)]
    assert nvdec.why_not_session(1) == "closed"
    assert "decodes nothing" in nvdec.why_not_session(2)
    for error in (Refused("no memory"), OSError("libnvcuvid.so.1")):
        monkeypatch.setattr(library, "CreateDecoder", raising(error))
        assert nvdec.why_not_session(0) == f"no decoder session: {error}"


def raising(error: Exception) -> Any:
    def fail(**_: Any) -> Any:
        raise error

    return fail


def test_so_many_sessions_keep_a_card_busy(library: Recorder, monkeypatch: pytest.MonkeyPatch):
    facts = DriverFacts(gpus=(HOPPER, replace(HOPPER, index=1, nvdec_problem="closed", nvdec_engines=0)))
    for module in (nvdec, opening, device):
        monkeypatch.setattr(module, "driver_facts", lambda: facts)
    reasons = {0: "", 1: ""}
    monkeypatch.setattr(opening, "_why_not_card", lambda index: reasons[index])
    assert [opening.device_sessions(name) for name in ("cpu", "cuda", "auto", "cuda:1")] == [0, 9, 9, 0]
    reasons[0] = "no library"
    assert opening.device_sessions("auto") == 0
    with pytest.raises(DeviceError):
        opening.device_sessions("cuda:2")


@pytest.mark.parametrize(("asked", "most"), [(0, 9), (2, 2)])
def test_a_process_has_as_many_sessions_as_it_is_told_to(
    library: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: int, most: int
):
    monkeypatch.setattr(nvdec, "driver_facts", lambda: DriverFacts(gpus=(HOPPER,)))
    pools: list[Any] = []
    monkeypatch.setattr(nvdec, "DeviceDecoder", lambda media, options, pool, backend: pools.append(pool))
    monkeypatch.setattr(nvdec, "_pools", {})
    media = probe(make_video(tmp_path / "a.mp4", seconds=0.1).path)
    for _ in range(2):
        nvdec.open_nvdec(media, DecodeOptions(device_sessions=asked), 0)
    assert pools[0] is pools[1]
    key = SessionKey("h264", "yuv420p", (160, 96), (160, 90))
    for _ in range(most):
        pools[0].take(key)
    waiting = threading.Thread(target=pools[0].take, args=(key,), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive(), "there is one more than there should be"
    pools[0].drop(None)
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_card_has_one_pool_whoever_asks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nvdec, "_pools", {})
    both = threading.Barrier(2, timeout=0.5)
    asked: list[int] = []

    def slowly(index: int) -> int:
        asked.append(index)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait()  # as long as two threads could be in here
        return 9

    monkeypatch.setattr(nvdec, "busy_sessions", slowly)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(nvdec.session_pool, [0, 0])
    assert first is second
    assert asked == [0]
    assert nvdec.session_pool(0, 2) is first
    assert nvdec.session_pool(1) is not first
