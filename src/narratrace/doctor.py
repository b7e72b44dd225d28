"""What this machine can do for narratrace, and the exact reason for whatever it cannot.

Libraries are imported in processes of their own: a broken one may crash, and a working one (torch) would take
seconds and gigabytes that nobody asked for.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from msgspec import Struct

from narratrace.driver import Gpu, driver_facts
from narratrace.errors import NarratraceError
from narratrace.threads import usable_cores

Status = Literal["ok", "absent", "broken"]

_TIMEOUT_S = 120
_CPU_CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "aac", "opus")
_ENCODERS = ("libx264", "libx265", "aac")


class Fact(Struct, frozen=True, kw_only=True):
    """One line of the report.

    Attributes:
        section: What it belongs to: ``machine``, ``core``, ``gpu``, ``libraries`` or ``models``.
        name: What it is about.
        status: ``ok``; ``absent``: not there, and needed only for some uses; ``broken``: does not work
            although it is there, or is needed for everything.
        detail: Version and capabilities, or why not.
    """

    section: str
    name: str
    status: Status
    detail: str


class Library(Struct, frozen=True):
    """An optional library.

    Attributes:
        distribution: Its name for pip.
        module: What is imported.
        extra: The extra of ours that installs it.
        more: Expression of the imported module ``m`` that tells more.
        before: Statement to run first.
        needs_driver: Whether it is of no use without an NVIDIA driver.
        why_not: Module and function of ours that says why it cannot use a card, by its number; asked for
            every card the driver shows.
    """

    distribution: str
    module: str
    extra: str
    more: str = "''"
    before: str = ""
    needs_driver: bool = False
    why_not: str = ""


_TORCHVISION = "from narratrace.understand._torchvision import import_torchvision; import_torchvision()"
"""See Note [torchvision without its native library]."""


LIBRARIES = (
    Library("faster-whisper", "faster_whisper", "asr"),
    Library(
        "ctranslate2",
        "ctranslate2",
        "asr",
        "f'{m.get_cuda_device_count()} CUDA cards'",
        why_not="narratrace.device:why_not_ctranslate2",
    ),
    Library("torch", "torch", "classify", "f'CUDA {m.version.cuda}, {m.cuda.device_count()} cards usable'"),
    Library("torchvision", "torchvision", "classify", before=_TORCHVISION),
    Library("open_clip_torch", "open_clip", "classify", before=_TORCHVISION),
    Library(
        "PyNvVideoCodec",
        "PyNvVideoCodec",
        "cuda",
        needs_driver=True,
        why_not="narratrace.decode.nvdec:why_not_pynvvideocodec",
    ),
    Library("cupy-cuda13x", "cupy", "cuda", "f'{m.cuda.runtime.getDeviceCount()} cards'", needs_driver=True),
    Library(
        "numba-cuda",
        "numba.cuda",
        "cuda",
        "f'{len(m.gpus)} cards' if m.is_available() else 1/0",
        needs_driver=True,
    ),
    Library("ray", "ray", "ray"),
    Library("s3fs", "s3fs", "s3"),
)


def examine() -> list[Fact]:
    """All facts, in the order in which they are worth reading."""
    return [*_machine(), *_core(), *_gpu(), *_libraries(), *_models()]


def is_usable(facts: list[Fact]) -> bool:
    """Whether the main job can be done on the CPU: nothing of the core is broken."""
    return not any(fact.section == "core" and fact.status != "ok" for fact in facts)


def _machine() -> Iterator[Fact]:
    yield Fact(
        section="machine",
        name="python",
        status="ok",
        detail=f"{platform.python_version()} on {platform.platform()}",
    )
    yield Fact(section="machine", name="processor", status="ok", detail=_processor())


def _processor() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{platform.machine()}, {usable_cores()} cores for this process, {memory:.1f} GiB of memory"


def _core() -> Iterator[Fact]:
    yield _tried("native module", _native)
    yield _tried("decoder pyav", _pyav)
    yield _tried("video decoders", lambda: _codecs(_CPU_CODECS, "r"))
    yield _tried("clip encoders", lambda: _codecs(_ENCODERS, "w"))


def _tried(name: str, tell: Callable[[], str]) -> Fact:
    try:
        return Fact(section="core", name=name, status="ok", detail=tell())
    except Exception as error:
        return Fact(section="core", name=name, status="broken", detail=f"{type(error).__name__}: {error}")


def _native() -> str:
    from narratrace.ops.sparse_cpu import HAVE_AVX2

    return "AVX2 code" if HAVE_AVX2 else "baseline code: the processor has no AVX2"


def _pyav() -> str:
    import av

    numbers = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{importlib.metadata.version('av')} with libavcodec {numbers}"


def _codecs(names: tuple[str, ...], mode: Literal["r", "w"]) -> str:
    missing = [name for name in names if not _has_codec(name, mode)]
    if missing:
        raise LookupError(f"this build of FFmpeg lacks {', '.join(missing)}")
    return ", ".join(names)


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    import av.codec

    try:
        av.codec.Codec(name, mode)
    except ValueError:
        return False
    return True


def _gpu() -> Iterator[Fact]:
    if not _has_cuda_backend():
        detail = "this version decodes and analyses on the CPU only"
        yield Fact(section="gpu", name="visual analysis", status="absent", detail=detail)
    facts = driver_facts()
    if facts.problem:
        status: Status = "absent" if facts.absent else "broken"
        yield Fact(section="gpu", name="driver", status=status, detail=facts.problem)
        return
    yield Fact(section="gpu", name="driver", status="ok", detail=f"serves CUDA {facts.cuda}")
    for gpu in facts.gpus:
        detail = f"{gpu.name}, compute {gpu.compute}, {gpu.memory_bytes / 2**30:.1f} GiB"
        yield Fact(section="gpu", name=f"cuda:{gpu.index}", status="ok", detail=detail)
        status = "broken" if gpu.nvdec_problem else "ok"
        yield Fact(section="gpu", name=f"nvdec:{gpu.index}", status=status, detail=_nvdec(gpu))


def _has_cuda_backend() -> bool:
    try:
        return importlib.util.find_spec("narratrace.decode.nvdec") is not None
    except ImportError:  # the station itself cannot be imported; the section core says why
        return False


def _nvdec(gpu: Gpu) -> str:
    if gpu.nvdec_problem:
        return gpu.nvdec_problem
    kinds: dict[str, list[str]] = {}
    for cap in gpu.decodes:
        kinds.setdefault(cap.codec, []).append(f"{cap.chroma} {cap.bit_depth} bit")
    listed = "; ".join(f"{codec} {', '.join(details)}" for codec, details in kinds.items())
    return f"{gpu.nvdec_engines} engines; {listed}"


def _libraries() -> Iterator[Fact]:
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(_library, LIBRARIES)


def _library(library: Library) -> Fact:
    """Whether a library is there and can be used, tried in a process of its own."""
    install = f"pip install 'narratrace[{library.extra}]'"
    try:
        version = importlib.metadata.version(library.distribution)
    except importlib.metadata.PackageNotFoundError:
        return _about(library, "absent", f"not installed: {install}")
    problem = driver_facts().problem if library.needs_driver else ""
    if problem:
        return _about(library, "absent", f"{version}, of no use here: {problem}")
    load = f"import importlib; m = importlib.import_module({library.module!r})"
    code = f"{library.before}\n{load}\nprint({library.more})\n{_asking(library)}"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return _about(library, "broken", f"{version}, importing it takes over {_TIMEOUT_S} s")
    if tried.returncode != 0:
        last = (tried.stderr.strip().splitlines() or [f"exit {tried.returncode}"])[-1]
        return _about(library, "broken", f"{version}, {last}")
    more = (tried.stdout.strip().splitlines() or [""])[-1]
    return _about(library, "ok", f"{version}, {more}" if more else version)


def _asking(library: Library) -> str:
    """Code that fails with the reason where the library cannot use a card that is there."""
    cards = range(len(driver_facts().gpus)) if library.why_not else ()
    if not cards:
        return ""
    module, function = library.why_not.split(":")
    ask = f"from {module} import {function} as ask"
    return f"{ask}\nimport sys\nsys.exit('; '.join(filter(None, dict.fromkeys(map(ask, {cards})))) or None)"


def _about(library: Library, status: Status, detail: str) -> Fact:
    return Fact(section="libraries", name=library.distribution, status=status, detail=detail)


def _models() -> Iterator[Fact]:
    from narratrace.understand.transcriber import TranscribeOptions
    from narratrace.understand.whisper_model import cpu_arithmetic, find_model

    arithmetic = cpu_arithmetic()
    why = "" if arithmetic == "int8" else ": int8 sums overflow without VNNI instructions"
    yield Fact(section="models", name="speech on the CPU", status="ok", detail=f"in {arithmetic}{why}")
    name = TranscribeOptions().auto_model
    try:
        folder = find_model(name, allow_download=False)
        yield Fact(section="models", name=f"whisper {name}", status="ok", detail=str(folder))
    except NarratraceError as error:
        yield Fact(section="models", name=f"whisper {name}", status="absent", detail=error.message)
