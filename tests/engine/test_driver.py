"""What is made of the driver's answers: a small library plays the driver, built on the spot.

The real driver is asked by the tests marked ``cuda``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from narratrace.driver import DecodeCap, DriverFacts, driver_facts

CODE = """
import msgspec
from narratrace.driver import driver_facts
print(msgspec.json.encode(driver_facts()).decode())
"""


@pytest.fixture(scope="module")
def fake(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the two libraries."""
    folder = tmp_path_factory.mktemp("driver")
    source = Path(__file__).with_name("fake_driver.c")
    for name, flags in (("libcuda.so.1", []), ("libnvcuvid.so.1", ["-DNVDEC"])):
        command = [compiler, "-shared", "-fPIC", *flags, "-o", str(folder / name), str(source)]
        subprocess.run(command, check=True)
    return folder


def ask(folder: Path | None, **settings: str) -> DriverFacts:
    import msgspec

    environment = {**os.environ, **settings, "LD_LIBRARY_PATH": str(folder or "")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env=environment
    )
    return msgspec.json.decode(done.stdout, type=DriverFacts)


def test_cards_and_decoders_are_listed(fake: Path):
    facts = ask(fake)
    assert facts.problem == ""
    assert facts.cuda == "13.2"
    assert [(gpu.index, gpu.name, gpu.compute) for gpu in facts.gpus] == [
        (0, "First Card", "9.0"),
        (1, "Second Card", "9.0"),
    ]
    gpu = facts.gpus[0]
    assert gpu.memory_bytes == 80 << 30
    assert (gpu.nvdec_engines, gpu.nvdec_problem) == (7, "")
    assert gpu.decodes == (
        DecodeCap(codec="h264", chroma="4:2:0", bit_depth=8, max_width=4096, max_height=4096),
        DecodeCap(codec="hevc", chroma="4:2:0", bit_depth=8, max_width=8192, max_height=8192),
        DecodeCap(codec="hevc", chroma="4:2:0", bit_depth=10, max_width=8192, max_height=8192),
    )


def test_a_driver_that_fails_says_why(fake: Path):
    facts = ask(fake, FAKE_INIT="100")
    assert facts.gpus == ()
    assert "cuInit: no CUDA-capable device is detected (100)" in facts.problem
    assert ask(fake, FAKE_COUNT="0").problem == "the NVIDIA driver shows no card"
    assert ask(fake, FAKE_INIT="999").problem


def test_no_card_is_told_from_one_that_cannot_be_used(fake: Path):
    assert ask(fake, FAKE_INIT="100").absent
    assert ask(fake, FAKE_COUNT="0").absent
    assert not ask(fake, FAKE_INIT="999").absent
    assert not ask(fake).absent


def test_cards_without_nvdec_are_still_cards(fake: Path, tmp_path: Path):
    (gpu, _) = ask(fake, FAKE_NVDEC="1").gpus
    assert gpu.nvdec_engines == 0
    assert "cuvidGetDecoderCaps" in gpu.nvdec_problem
    shutil.copy(fake / "libcuda.so.1", tmp_path)
    (gpu, _) = ask(tmp_path).gpus
    assert "libnvcuvid.so.1" in gpu.nvdec_problem


def test_a_question_that_a_driver_refuses_closes_nvdec_for_no_other(fake: Path):
    """As of VP8, or of 4:4:4 in 12 bits."""
    gpu = ask(fake, FAKE_ODD="801").gpus[0]
    assert (gpu.nvdec_engines, gpu.nvdec_problem) == (7, "")
    assert [(cap.codec, cap.chroma, cap.bit_depth) for cap in gpu.decodes] == [
        ("h264", "4:2:0", 8),
        ("hevc", "4:2:0", 8),
    ]


def test_a_driver_that_crashes_takes_nobody_with_it(compiler: str, fake: Path, tmp_path: Path):
    (tmp_path / "libcuda.so.1").write_bytes((fake / "libcuda.so.1").read_bytes())
    source = tmp_path / "crash.c"
    source.write_text("#include <stdlib.h>\nint cuInit(unsigned f) { (void)f; abort(); }\n")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(tmp_path / "libcuda.so.1"), str(source)], check=True
    )
    assert "asking the NVIDIA driver failed" in ask(tmp_path).problem


def test_a_driver_that_cannot_be_asked_is_a_problem_not_an_error(fake: Path, tmp_path: Path):
    gone = f"import sys; sys.executable = {str(tmp_path / 'gone')!r}\n{CODE}"
    done = subprocess.run(
        [sys.executable, "-c", gone],
        capture_output=True,
        text=True,
        env={**os.environ, "LD_LIBRARY_PATH": str(fake)},
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be asked" in done.stdout


def test_this_machine_is_asked_without_raising():
    facts = driver_facts()
    assert bool(facts.problem) == (not facts.gpus)


CHOOSE = """
import sys
from narratrace.device import check_device, model_device
def why_not(index):
    return {0: "", 1: "too old"}[index]
for text in sys.argv[1:]:
    try:
        print(check_device(text), model_device(text, why_not, "it"))
    except Exception as error:
        print(type(error).__name__, error)
"""


def choose(folder: Path | None, *texts: str) -> list[str]:
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder or "")}
    done = subprocess.run(
        [sys.executable, "-c", CHOOSE, *texts], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.splitlines()


def test_devices_are_chosen_by_what_driver_and_library_say(fake: Path):
    cpu, auto, first, second, third = choose(fake, "cpu", "auto", "cuda", "cuda:1", "cuda:2")
    assert (cpu, auto, first) == ("cpu cpu", "auto cuda:0", "cuda:0 cuda:0")
    assert second.startswith("DeviceError device: cuda:1: too old")
    assert third.startswith("DeviceError device: cuda:2: there is no card 2, the driver shows 2")


@pytest.mark.skipif(not driver_facts().problem, reason="this machine has a card")
def test_without_a_driver_auto_is_the_cpu_and_cuda_an_error():
    auto, cuda, nonsense, negative = choose(None, "auto", "cuda:0", "gpu", "cuda:-1")
    assert auto == "auto cpu"
    assert cuda.startswith("DeviceError device: cuda:0: no NVIDIA driver")
    assert nonsense.startswith("OptionError options: device: 'gpu' is no device")
    assert negative.startswith("OptionError")


@pytest.mark.cuda
def test_the_real_driver_shows_its_cards():
    facts = driver_facts()
    if facts.problem:
        pytest.skip(facts.problem)
    assert all(gpu.memory_bytes > 1 << 30 and float(gpu.compute) >= 5 for gpu in facts.gpus)
    assert any(cap.codec == "h264" for cap in facts.gpus[0].decodes)
