"""Builds the native module; everything else about the package is declared in pyproject.toml."""

from __future__ import annotations

import os
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension
from setuptools import find_packages, setup

# NARRATRACE_SANITIZE=address,undefined builds the extension for a sanitizer run (see Makefile).
sanitize = os.environ.get("NARRATRACE_SANITIZE")
flags = ["-O1", "-g", f"-fsanitize={sanitize}", "-fno-sanitize-recover=all"] if sanitize else ["-O3", "-g0"]

native = Pybind11Extension(
    "narratrace._native",
    sorted(str(path) for path in Path("csrc").glob("*.cpp")),
    include_dirs=["csrc"],
    cxx_std=20,
    # No fused multiply-add: floating-point results are then the same on every processor.
    extra_compile_args=[
        *flags,
        "-ffp-contract=off",
        "-fvisibility=hidden",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Wno-sign-conversion",
    ],
    extra_link_args=[f"-fsanitize={sanitize}"] if sanitize else [],
)
ParallelCompile("NARRATRACE_BUILD_JOBS").install()
setup(
    ext_modules=[native],
    packages=[*find_packages("src"), "narratrace.kernels"],
    package_dir={"": "src", "narratrace.kernels": "kernels"},
    package_data={"narratrace": ["py.typed", "*.pyi", "report/*.html", "report/*.css", "report/*.js"]},
)
