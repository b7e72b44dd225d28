"""Reading weights without running anyone's code, and fitting them to an architecture."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from narratrace.errors import ModelError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
"""Keys under which training scripts file the weights."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What DataParallel, torch.compile and Lightning put before every name."""


def read_weights(path: Path) -> dict[str, Any]:
    """Tensors by name from a safetensors file, or from a torch file that holds nothing but weights.

    Raises:
        ModelError: the file is missing, damaged, or holds more than weights.
    """
    if not path.is_file():
        raise ModelError(
            "there is no such file", station="classify", input=str(path), expected="a checkpoint"
        )
    try:
        loaded = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except pickle.UnpicklingError as error:
        raise ModelError(
            "cannot be read as plain weights",
            station="classify",
            input=str(path),
            expected="safetensors, or torch.save(model.state_dict(), file)",
            cause="it holds pickled Python objects, which could run code, or it is damaged",
        ) from error
    except (
        Exception
    ) as error:  # damaged files fail in many ways: RuntimeError, OSError, EOFError, KeyError ...
        raise ModelError(f"cannot be read: {error}", station="classify", input=str(path)) from error
    weights = _plain(loaded)
    if not weights:
        raise ModelError("holds no weights", station="classify", input=str(path), expected="a state_dict")
    return weights


def fit_weights(model: Any, weights: Mapping[str, Any], *, architecture: str, path: Path) -> None:
    """Load ``weights`` into ``model``; every name and shape has to agree.

    Raises:
        ModelError: naming the first few differences.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    differences = [f"no {name} {wanted[name]}" for name in wanted if name not in found]
    differences += [f"{name} {found[name]} is not known" for name in found if name not in wanted]
    differences += [
        f"{name} is {found[name]} instead of {shape}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    if differences:
        shown = "; ".join(differences[:4]) + (
            f"; and {len(differences) - 4} more" if len(differences) > 4 else ""
        )
        raise ModelError(
            f"the weights do not fit: {shown}",
            station="classify",
            input=str(path),
            expected=f"weights of {architecture}",
        )
    model.load_state_dict(weights)


def _read_safetensors(path: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(path)


def _read_torch(path: Path) -> Any:
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def _plain(loaded: Any) -> dict[str, Any]:
    """The tensors of a checkpoint without the wrapping that training scripts add."""
    import torch

    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
            break
    if not isinstance(loaded, Mapping):
        return {}
    tensors = {str(name): tensor for name, tensor in loaded.items() if isinstance(tensor, torch.Tensor)}
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors
