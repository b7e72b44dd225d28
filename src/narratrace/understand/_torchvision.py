"""The one place that imports torchvision, so that it also works beside a CPU build of torch.

Note [torchvision without its native library]
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
torchvision's wheels link their native operators to CUDA. Beside a CPU build of torch the library does not
load, and importing torchvision fails with "operator torchvision::nms does not exist", because it registers
shape rules for operators that were never defined. Defining the schemas of those two operators beforehand is
enough: models and transforms need neither of them, and calling one still fails cleanly. open_clip, timm and
transformers import torchvision too, so they are imported after :func:`import_torchvision`.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from narratrace.errors import MissingDependency

_lock = threading.Lock()
_schemas: list[Any] = []  # the definitions live as long as their library object


def import_torchvision() -> Any:
    """The torchvision module; see Note [torchvision without its native library].

    Raises:
        MissingDependency: torch or torchvision is not installed.
    """
    with _lock:
        try:
            import torchvision
        except ImportError as error:
            raise MissingDependency(
                f"frame classification needs {error.name or 'torchvision'}",
                station="classify",
                expected="pip install 'narratrace[classify]'",
            ) from error
        except RuntimeError as error:
            if "torchvision::nms does not exist" not in str(error):
                raise
            _define_schemas()
            import torchvision
        return torchvision


def _define_schemas() -> None:
    import importlib

    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # half imported
    library: Any = importlib.import_module("torch.library").Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _schemas.append(library)
