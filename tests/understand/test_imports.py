from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "torch",
    "torchvision",
    "open_clip",
    "timm",
    "transformers",
    "faster_whisper",
    "ctranslate2",
    "onnxruntime",
)


def test_no_module_of_the_station_imports_a_heavy_library():
    code = f"""
import importlib, pkgutil, sys
import narratrace.understand as station
for module in pkgutil.iter_modules(station.__path__):
    importlib.import_module("narratrace.understand." + module.name)
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
