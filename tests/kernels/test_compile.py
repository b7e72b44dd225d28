"""Every kernel becomes machine code for every supported card, without a card."""

from __future__ import annotations

import json
import re

import pytest

pytest.importorskip("numba.cuda", reason="needs numba-cuda")
pytest.importorskip("cuda.bindings.nvjitlink", reason="needs the CUDA wheels of numba-cuda[cu13]")

from benchmarks import kernel_report

from tests.support.cuda import SIMULATED

if SIMULATED:
    pytest.skip("the simulator does not compile", allow_module_level=True)

KERNELS = ("compare", "list_tiles", "collect", "settle", "shrink", "interleave")


def test_no_kernel_is_left_out():
    from narratrace.kernels import tiles

    defined = {name for name, value in vars(tiles).items() if hasattr(value, "py_func") and name[0] != "_"}
    words = {"add_lanes", "differing", "even_bytes", "first_bytes"}
    assert defined - words == set(KERNELS) == set(kernel_report.signatures())


@pytest.mark.parametrize("arch", kernel_report.ARCHITECTURES, ids=lambda a: f"sm_{a[0]}{a[1]}")
@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_compile(kernel: str, arch: tuple[int, int]):
    ptx = kernel_report.compile_ptx(kernel, arch)
    assert f".target sm_{arch[0]}{arch[1]}" in ptx
    assert len(re.findall(r"\.visible \.entry", ptx)) == 1
    assert not re.search(r"\bcall\b", ptx), "everything is inlined"
    if kernel in ("compare", "collect", "settle"):
        wide = len(re.findall(r"ld\.global\.v2\.(?:u|b)64", ptx))
        assert wide >= (3 if kernel == "compare" else 1), "16 bytes at a time"
        assert not re.search(r"ld\.global\.(?:u|b)64", ptx) or kernel == "settle"
    needs = kernel_report.needs(kernel, arch, ptx)
    assert needs.spilled == 0
    assert needs.registers <= 64
    assert needs.blocks * needs.threads >= 768, "enough threads to hide the memory's latency"


def test_the_report_is_that_of_these_kernels():
    kept = json.loads(kernel_report.RESULT.read_text())["kernels"]
    assert {(row["kernel"], row["arch"]) for row in kept} == {
        (kernel, f"sm_{major}{minor}") for kernel in KERNELS for major, minor in kernel_report.ARCHITECTURES
    }
    assert {row["shared"] for row in kept if row["kernel"] == "compare"} == {64}
