"""What a card is told to be unusable for, with the next step; small libraries play cuBLAS."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from narratrace import device, doctor
from narratrace.device import model_device, why_not_ctranslate2, why_not_cublas
from narratrace.driver import DriverFacts, Gpu
from narratrace.errors import DeviceError
from narratrace.understand.whisper_model import load_model
from tests.support.cuda import require_card

CARD = Gpu(index=0, name="card", compute="9.0", memory_bytes=1 << 34, nvdec_engines=7)
OPENED = """
import ctypes
from narratrace.device import why_not_cublas
def found():
    try:
        ctypes.CDLL("libcublas.so.12")
    except OSError:
        return False
    return True
print(found(), repr(why_not_cublas()), found())
"""


@pytest.fixture(scope="module")
def wheel(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the wheel's libraries, the second of which needs the first."""
    site = tmp_path_factory.mktemp("site")
    folder = site / "nvidia" / "cublas" / "lib"
    folder.mkdir(parents=True)
    before: list[str] = []
    for name in ("libcublasLt.so.12", "libcublas.so.12"):
        command = [compiler, "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", str(folder / name)]
        command += ["-x", "c", "/dev/null", "-x", "none", "-Wl,--no-as-needed", *before]
        subprocess.run(command, check=True)
        before = [str(folder / name)]
    facts = site / "nvidia_cublas_cu12-12.9.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: nvidia-cublas-cu12\nVersion: 12.9\n")
    (facts / "RECORD").write_text("".join(f"nvidia/cublas/lib/{f.name},,\n" for f in folder.iterdir()))
    return site


def found(*paths: Path) -> str:
    """What OPENED prints, with folders before the import path."""
    code = f"import sys; sys.path[:0] = {[str(path) for path in paths]}\n{OPENED}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def one_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver and a CTranslate2 that show a card, on a machine without cuBLAS 12."""
    monkeypatch.setattr(device, "driver_facts", lambda: DriverFacts(gpus=(CARD,)))
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(device, "_CUBLAS", ("libcublasLt.so.none", "libcublas.so.none"))


def test_the_wheels_cublas_is_loaded_before_ctranslate2_opens_it_by_name(wheel: Path):
    if found().startswith("True"):
        pytest.skip("the loader finds a cuBLAS 12 here")
    assert found(wheel) == "False '' True\n"
    before, reason = found().split(maxsplit=1)
    assert before == "False"
    assert "libcublasLt.so.12: cannot open" in reason
    assert "pip install nvidia-cublas-cu12" in reason
    assert reason.endswith("False\n")


def test_the_extra_for_cards_brings_it():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    extra = text.split("\ncuda = [", 1)[1].split("\n]", 1)[0]
    assert f'"{device._CUBLAS_WHEEL}>=12"' in extra


def test_speech_falls_back_to_the_cpu_where_cublas_is_missing(
    one_card: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    reason = why_not_ctranslate2(0)
    assert reason == why_not_cublas()
    assert "pip install nvidia-cublas-cu12" in reason
    with caplog.at_level(logging.WARNING):
        assert model_device("auto", why_not_ctranslate2, "speech recognition") == "cpu"
    assert caplog.messages == [f"speech recognition runs on the CPU: {reason}"]
    with pytest.raises(DeviceError, match="pip install nvidia-cublas-cu12"):
        model_device("cuda:0", why_not_ctranslate2, "speech recognition")
    with pytest.raises(DeviceError, match="pip install nvidia-cublas-cu12"):
        load_model(tmp_path, device="cuda:0", compute_type="auto", workers=1)


def test_more_cards_than_ctranslate2_sees_are_refused(one_card: None):
    assert "sees 1 cards" in why_not_ctranslate2(1)


def test_the_doctor_says_what_a_library_cannot_do_on_a_card(monkeypatch: pytest.MonkeyPatch):
    library = doctor.Library("numpy", "numpy", "x", "'fine'", why_not="narratrace.device:why_not_cuda")
    monkeypatch.setattr(doctor, "driver_facts", lambda: DriverFacts(gpus=(CARD,) * 100))
    fact = doctor._library(library)  # which asks the real driver, in a process of its own
    assert fact.status == "broken"
    assert "NVIDIA driver" in fact.detail or "there is no card 99" in fact.detail
    monkeypatch.setattr(doctor, "driver_facts", DriverFacts)
    fact = doctor._library(library)
    assert (fact.status, fact.detail.endswith(", fine")) == ("ok", True), "nobody asks where there is no card"
    asked = {one.module: one.why_not.split(":") for one in doctor.LIBRARIES if one.why_not}
    assert set(asked) == {"ctranslate2", "PyNvVideoCodec"}
    assert all(callable(getattr(importlib.import_module(name), what)) for name, what in asked.values())


@pytest.mark.parametrize(("required", "ends"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_required_tests_fail_where_a_library_cannot_use_the_card(
    monkeypatch: pytest.MonkeyPatch, required: str, ends: type[BaseException]
):
    monkeypatch.setenv("NARRATRACE_REQUIRE_CUDA", required)
    monkeypatch.setattr("tests.support.cuda.why_not_cuda", lambda _: "")
    monkeypatch.setitem(
        sys.modules,
        "torch",
        SimpleNamespace(__version__="2", version=SimpleNamespace(cuda=None)),  # type: ignore[arg-type]
    )
    with pytest.raises(ends, match="torch 2 is built without CUDA"):
        require_card(library=device.why_not_torch)
