"""What the NVIDIA driver says: cards, memory, compute capability, and what NVDEC decodes.

Note [Asking the driver]
~~~~~~~~~~~~~~~~~~~~~~~~
``cuInit`` spoils every later ``fork`` of the process, and a broken driver may crash it. So the driver is
asked in a process of its own (``python -m narratrace.driver`` prints the answer as JSON), and only if its
library can be loaded at all: on a machine without a GPU asking costs nothing. The driver, unlike NVML,
heeds ``CUDA_VISIBLE_DEVICES``, so the numbers are those that every CUDA library uses.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterator
from itertools import product
from typing import Any

import msgspec
from msgspec import Struct

_DRIVER, _NVDEC = "libcuda.so.1", "libnvcuvid.so.1"
_TIMEOUT_S = 60
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
_CC_MAJOR, _CC_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
_CODECS = {"mpeg2": 1, "h264": 4, "hevc": 8, "vp8": 9, "vp9": 10, "av1": 11}  # cudaVideoCodec_enum
_CHROMA = {"4:2:0": 1, "4:2:2": 2, "4:4:4": 3}  # cudaVideoChromaFormat_enum
_DEPTHS = (8, 10, 12)


class DecodeCap(Struct, frozen=True, kw_only=True):
    """One kind of video that NVDEC decodes.

    Attributes:
        codec: Decoder name, for instance ``h264``.
        chroma: ``4:2:0``, ``4:2:2`` or ``4:4:4``.
        bit_depth: Bits per sample.
        max_width, max_height: Largest picture in pixels.
    """

    codec: str
    chroma: str
    bit_depth: int
    max_width: int
    max_height: int


class Gpu(Struct, frozen=True, kw_only=True):
    """One card.

    Attributes:
        index: Its number in ``cuda:N``.
        name: As the driver calls it.
        compute: Compute capability, for instance ``9.0``.
        memory_bytes: Device memory.
        nvdec_engines: Decoder engines, 0 when NVDEC cannot be asked.
        decodes: What they decode.
        nvdec_problem: Why NVDEC cannot be used, empty when it can.
    """

    index: int
    name: str
    compute: str
    memory_bytes: int
    nvdec_engines: int = 0
    decodes: tuple[DecodeCap, ...] = ()
    nvdec_problem: str = ""


class DriverFacts(Struct, frozen=True, kw_only=True):
    """The driver's answer.

    Attributes:
        problem: Why there is no usable card, empty when there is one.
        absent: Whether there is no card at all, as far as can be told, rather than one that cannot be used.
        cuda: Newest CUDA version the driver serves, empty when unknown.
        gpus: The cards it shows.
    """

    problem: str = ""
    absent: bool = False
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()


@functools.cache
def driver_facts() -> DriverFacts:
    """What the driver says, asked once; never raises. See Note [Asking the driver]."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError as error:
        return DriverFacts(problem=f"no NVIDIA driver: {error}", absent=True)
    import subprocess

    try:
        asked = subprocess.run(
            [sys.executable, "-m", "narratrace.driver"], capture_output=True, text=True, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return DriverFacts(problem=f"the NVIDIA driver does not answer within {_TIMEOUT_S} s")
    except (OSError, ValueError) as error:  # no process to be had, or its words are no text
        return DriverFacts(problem=f"the NVIDIA driver cannot be asked: {error}")
    try:
        return msgspec.json.decode(asked.stdout, type=DriverFacts)
    except ValueError:
        last = (asked.stderr.strip().splitlines() or ["no message"])[-1]
        return DriverFacts(problem=f"asking the NVIDIA driver failed (exit {asked.returncode}): {last}")


class _CudaError(Exception):
    """A call of the driver failed.

    Attributes:
        code: Its answer.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class _Caps(ctypes.Structure):
    """CUVIDDECODECAPS of cuviddec.h."""

    _fields_ = (
        ("codec", ctypes.c_int),
        ("chroma", ctypes.c_int),
        ("depth_minus_8", ctypes.c_uint),
        ("reserved1", ctypes.c_uint * 3),
        ("supported", ctypes.c_ubyte),
        ("engines", ctypes.c_ubyte),
        ("output_formats", ctypes.c_ushort),
        ("max_width", ctypes.c_uint),
        ("max_height", ctypes.c_uint),
        ("max_macroblocks", ctypes.c_uint),
        ("min_width", ctypes.c_ushort),
        ("min_height", ctypes.c_ushort),
        ("histogram", ctypes.c_ubyte),
        ("counter_depth", ctypes.c_ubyte),
        ("max_bins", ctypes.c_ushort),
        ("reserved3", ctypes.c_uint * 10),
    )


def ask() -> DriverFacts:
    """Ask in this process, which must not fork afterwards."""
    try:
        cuda = ctypes.CDLL(_DRIVER)
        _call(cuda, "cuInit", 0)
        version, count = ctypes.c_int(), ctypes.c_int()
        _call(cuda, "cuDriverGetVersion", ctypes.byref(version))
        _call(cuda, "cuDeviceGetCount", ctypes.byref(count))
        gpus = tuple(_gpu(cuda, index) for index in range(count.value))
    except (OSError, _CudaError) as error:
        absent = isinstance(error, _CudaError) and error.code == _NO_DEVICE
        return DriverFacts(problem=f"the NVIDIA driver cannot be used: {error}", absent=absent)
    shown = f"{version.value // 1000}.{version.value % 1000 // 10}"
    problem = "" if gpus else "the NVIDIA driver shows no card"
    return DriverFacts(problem=problem, absent=not gpus, cuda=shown, gpus=gpus)


def _call(library: ctypes.CDLL, name: str, *args: Any) -> None:
    code = getattr(library, name)(*args)
    if code == 0:
        return
    text = ctypes.c_char_p()
    if hasattr(library, "cuGetErrorString"):
        library.cuGetErrorString(code, ctypes.byref(text))
    raise _CudaError(f"{name}: {(text.value or b'unknown error').decode()} ({code})", code)


def _gpu(cuda: ctypes.CDLL, index: int) -> Gpu:
    device, name, memory = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
    major, minor = ctypes.c_int(), ctypes.c_int()
    _call(cuda, "cuDeviceGet", ctypes.byref(device), index)
    _call(cuda, "cuDeviceGetName", name, len(name), device)
    _call(cuda, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    _call(cuda, "cuDeviceGetAttribute", ctypes.byref(major), _CC_MAJOR, device)
    _call(cuda, "cuDeviceGetAttribute", ctypes.byref(minor), _CC_MINOR, device)
    problem = ""
    try:
        engines, decodes = _nvdec(cuda, device)
    except (OSError, _CudaError) as error:
        engines, decodes, problem = 0, (), f"NVDEC cannot be used: {error}"
    return Gpu(
        index=index,
        name=name.value.decode(errors="replace"),
        compute=f"{major.value}.{minor.value}",
        memory_bytes=memory.value,
        nvdec_engines=engines,
        decodes=decodes,
        nvdec_problem=problem,
    )


def _nvdec(cuda: ctypes.CDLL, device: ctypes.c_int) -> tuple[int, tuple[DecodeCap, ...]]:
    """Number of decoder engines, and what they decode."""
    nvdec = ctypes.CDLL(_NVDEC)
    context = ctypes.c_void_p()
    _call(cuda, "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        _call(cuda, "cuCtxSetCurrent", context)
        answers = list(_capabilities(nvdec))
    finally:
        cuda.cuDevicePrimaryCtxRelease(device)
    return max((engines for engines, _ in answers), default=0), tuple(cap for _, cap in answers)


def _capabilities(nvdec: ctypes.CDLL) -> Iterator[tuple[int, DecodeCap]]:
    """What is decoded, by how many engines.

    Raises:
        _CudaError: of no codec could it be asked whether the usual pictures are decoded.
    """
    usual, refused = False, None
    for codec, chroma, depth in product(_CODECS, _CHROMA, _DEPTHS):
        caps = _Caps(codec=_CODECS[codec], chroma=_CHROMA[chroma], depth_minus_8=depth - 8)
        try:
            _call(nvdec, "cuvidGetDecoderCaps", ctypes.byref(caps))
        except _CudaError as error:  # one answer less, not the end of all others
            refused = refused or error
            continue
        usual = usual or (chroma, depth) == ("4:2:0", 8)
        if caps.supported:
            size = {"max_width": caps.max_width, "max_height": caps.max_height}
            yield caps.engines, DecodeCap(codec=codec, chroma=chroma, bit_depth=depth, **size)
    if refused and not usual:
        raise refused


if __name__ == "__main__":
    print(msgspec.json.encode(ask()).decode())
