"""Finding a Whisper model on disk and loading it with CTranslate2."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from narratrace.device import why_not_ctranslate2
from narratrace.errors import DeviceError, ModelError, OptionError
from narratrace.understand.hub import hub_folder
from narratrace.understand.voice import missing_asr

_CPU_FACTS = Path("/proc/cpuinfo")


def find_model(name: str, *, allow_download: bool) -> Path:
    """The folder of a CTranslate2 Whisper model.

    Args:
        name: A folder, a name that faster-whisper knows (``small``, ``large-v3-turbo`` ...), or the
            ``owner/name`` of a converted model on the Hugging Face hub.
        allow_download: Whether a named model that is not in the local cache may be fetched.

    Raises:
        ModelError: there is no such model, or it is not on disk and may not be fetched.
        MissingDependency: faster-whisper is not installed.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if name.startswith((".", "/", "~")):
            raise _no_model(name, "there is no such folder")
        folder = hub_folder(_repository(name), station="transcribe", allow_download=allow_download)
    missing = [
        file for file in ("model.bin", "config.json", "tokenizer.json") if not (folder / file).is_file()
    ]
    if missing:
        raise _no_model(name, f"{folder} holds no {' and no '.join(missing)}")
    return folder


def load_model(folder: Path, *, device: str, compute_type: str, workers: int) -> Any:
    """A ``faster_whisper.WhisperModel``.

    On the CPU ``workers`` threads may use it at the same time, each for a computation of its own: were they
    to share one, the order of its sums, and so the text, would depend on how many windows it is about.

    Args:
        folder: See :func:`find_model`.
        device: ``cpu`` or ``cuda:N``.
        compute_type: A CTranslate2 compute type, or ``auto``: float16 on CUDA; int8 on a CPU where it is
            exact, see :func:`int8_is_exact`, else float32.
        workers: Threads that may use it at the same time on the CPU.

    Raises:
        DeviceError: the device cannot be used by CTranslate2.
        OptionError: the device does not do that compute type.
        ModelError: the files are damaged or no Whisper model.
        MissingDependency: faster-whisper is not installed.
    """
    try:
        import ctranslate2
        from faster_whisper import WhisperModel
    except ImportError as error:
        raise missing_asr(error) from error
    kind, _, number = device.partition(":")
    index = int(number or 0)
    reason = why_not_ctranslate2(index) if kind == "cuda" else ""
    if reason:
        raise DeviceError(reason, station="transcribe", input=device, expected="auto or cpu on this machine")
    arithmetic = _arithmetic(kind, compute_type, ctranslate2.get_supported_compute_types(kind, index))
    try:
        return WhisperModel(
            str(folder),
            device=kind,
            device_index=index,
            compute_type=arithmetic,
            cpu_threads=1,
            num_workers=workers if kind == "cpu" else 1,
        )
    except (RuntimeError, ValueError) as error:
        raise _no_model(str(folder), f"cannot be loaded: {error}") from error


def int8_is_exact(machine: str, processor: str) -> bool:
    """Whether this kind of CPU multiplies int8 matrices without saturating.

    On x86 processors but Intel's, CTranslate2 multiplies by oneDNN, which without VNNI instructions adds
    pairs of products in 16 bits and cuts off what does not fit. On an AMD EPYC without VNNI the encoder's
    output was off by 9 % of its spread, which cost words, and float32 was as fast.

    Args:
        machine: The architecture, as of :func:`platform.machine`.
        processor: What is known of it: maker and flags.
    """
    return machine not in ("x86_64", "AMD64") or "GenuineIntel" in processor or "vnni" in processor


def cpu_arithmetic() -> str:
    """The compute type that is both right and fast on this machine's CPU."""
    try:
        processor = _CPU_FACTS.read_text()
    except OSError:  # not Linux
        processor = platform.processor()
    return "int8" if int8_is_exact(platform.machine(), processor) else "float32"


def _arithmetic(kind: str, compute_type: str, supported: set[str]) -> str:
    """The compute type to load, checked against what the device does."""
    wanted = compute_type
    if compute_type == "auto":
        wanted = "float16" if kind == "cuda" else cpu_arithmetic()
    if wanted not in supported:
        raise OptionError(
            f"the device does not do compute type {wanted}",
            station="transcribe",
            input="compute_type",
            expected=", ".join(["auto", *sorted(supported)]),
        )
    return wanted


def _repository(name: str) -> str:
    """The hub repository of a model name; faster-whisper's own names first."""
    try:
        from faster_whisper import utils
    except ImportError as error:
        raise missing_asr(error) from error
    known: dict[str, str] = utils._MODELS
    if name in known:
        return known[name]
    if name.count("/") == 1:
        return name
    raise _no_model(name, "is neither a folder nor a known model name", expected=", ".join(known))


def _no_model(
    name: str, problem: str, expected: str = "a folder with a CTranslate2 Whisper model"
) -> ModelError:
    return ModelError(problem, station="transcribe", input=f"whisper:{name}", expected=expected)
