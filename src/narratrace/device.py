"""Which device does the work: ``cpu``, ``cuda:N``, or ``auto`` for the best that can be used here.

``auto`` may fall back to the CPU, and warns where there is a card that cannot be used; an explicit ``cuda:N``
that cannot be had is an error. Nothing here imports a GPU library before a driver shows a card.

Note [cuBLAS for CTranslate2]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
CTranslate2 is built for CUDA 12 and opens cuBLAS by its bare name, at the first multiplication: a card is
counted, a model loads, and then every recording fails. The other libraries for cards bring CUDA 13, and a
wheel with cuBLAS 12 lies where no loader looks. So the library is loaded here, before anything is promised.
Once it is in the process, its name finds it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import logging
import re
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from narratrace.driver import driver_facts
from narratrace.errors import DeviceError, OptionError

log = logging.getLogger(__name__)

_CUDA = re.compile(r"cuda(?::(\d{1,3}))?")
_CUBLAS, _CUBLAS_WHEEL = ("libcublasLt.so.12", "libcublas.so.12"), "nvidia-cublas-cu12"

Reason = Callable[[int], str]
"""Why a library cannot use a card, by its number; empty when it can."""


class Device(Struct, frozen=True):
    """A parsed choice of device.

    Attributes:
        kind: Which kind.
        index: Number of the card, for ``cuda``.
    """

    kind: Literal["cpu", "cuda", "auto"]
    index: int = 0

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.kind == "cuda" else self.kind


def parse_device(text: str) -> Device:
    """The choice behind ``cpu``, ``auto``, ``cuda`` (the first card) or ``cuda:N``.

    Raises:
        OptionError: anything else.
    """
    if text == "cpu":
        return Device("cpu")
    if text == "auto":
        return Device("auto")
    match = _CUDA.fullmatch(text)
    if match is None:
        raise OptionError(
            f"{text!r} is no device", station="options", input="device", expected="auto, cpu, cuda or cuda:N"
        )
    return Device("cuda", int(match[1] or 0))


def why_not_cuda(index: int) -> str:
    """Why card ``index`` cannot be used by anything, empty when the driver shows it."""
    facts = driver_facts()
    if facts.problem:
        return facts.problem
    if index >= len(facts.gpus):
        return f"there is no card {index}, the driver shows {len(facts.gpus)}"
    return ""


def check_device(text: str) -> Device:
    """The parsed device, if it can be had.

    Raises:
        OptionError: it is none.
        DeviceError: it is a card the driver does not show; the message says why.
    """
    device = parse_device(text)
    reason = why_not_cuda(device.index) if device.kind == "cuda" else ""
    if reason:
        raise DeviceError(reason, station="device", input=str(device), expected="auto or cpu on this machine")
    return device


def model_device(text: str, why_not: Reason, what: str) -> str:
    """``cpu`` or ``cuda:N`` for a model library.

    Args:
        text: The device option.
        why_not: Asks the library; only called when the driver shows the card.
        what: The library, for the log.

    Raises:
        OptionError: ``text`` is no device.
        DeviceError: it is an explicit card that the driver or the library cannot use.
    """
    device = check_device(text)
    if device.kind == "cpu":
        return "cpu"
    reason = why_not_cuda(device.index) or why_not(device.index)
    if not reason:
        return f"cuda:{device.index}"
    if device.kind == "cuda":
        raise DeviceError(reason, station="device", input=str(device), expected="auto or cpu on this machine")
    log.log(fallback_level(), "%s runs on the CPU: %s", what, reason)
    return "cpu"


def fallback_level() -> int:
    """How loudly to log that ``auto`` takes the CPU: nobody without a card expects anything else."""
    return logging.DEBUG if driver_facts().absent else logging.WARNING


def why_not_torch(index: int) -> str:
    """Why torch cannot use a card, empty when it can; imports torch."""
    try:
        torch = importlib.import_module("torch")
    except (ImportError, OSError, RuntimeError) as error:
        return f"torch cannot be imported: {error}"
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA"
    if index >= torch.cuda.device_count():
        return f"torch {torch.__version__} sees {torch.cuda.device_count()} cards"
    return ""


def why_not_ctranslate2(index: int) -> str:
    """Why CTranslate2 cannot use a card, empty when it can; imports ctranslate2, and loads cuBLAS for it."""
    try:
        ctranslate2 = importlib.import_module("ctranslate2")
    except (ImportError, OSError, RuntimeError) as error:
        return f"ctranslate2 cannot be imported: {error}"
    count = ctranslate2.get_cuda_device_count()
    if index >= count:
        return f"ctranslate2 {ctranslate2.__version__} sees {count} cards"
    return why_not_cublas()


def why_not_cublas() -> str:
    """Why cuBLAS 12 is not to be had, empty once it is loaded; see Note [cuBLAS for CTranslate2]."""
    try:
        _load_cublas()
    except OSError as error:
        return f"cuBLAS 12, which ctranslate2 needs, cannot be loaded ({error}): pip install {_CUBLAS_WHEEL}"
    return ""


def _load_cublas() -> None:
    """Load the cuBLAS that the loader finds, else that of the wheel.

    Raises:
        OSError: neither is there, or what is there is broken.
    """
    with contextlib.suppress(OSError):
        ctypes.CDLL(_CUBLAS[-1], ctypes.RTLD_GLOBAL)
        return
    from importlib import metadata  # takes as long as many modules of ours

    try:
        files = metadata.files(_CUBLAS_WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    places = {file.name: str(file.locate()) for file in files}
    for name in _CUBLAS:  # the second needs the first
        ctypes.CDLL(places.get(name, name), ctypes.RTLD_GLOBAL)
