"""Compiles every CUDA kernel for every supported architecture, and tells what each needs. No GPU is used.

python -m benchmarks.kernel_report                 # table
python -m benchmarks.kernel_report --write         # also benchmarks/results/kernels.json
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "kernels.json"

ARCHITECTURES = ((7, 5), (8, 0), (9, 0), (10, 0))
"""Turing, Ampere, Hopper and Blackwell data centre cards."""


@dataclass(frozen=True)
class Needs:
    """What a kernel takes of a multiprocessor.

    Attributes:
        kernel, arch: Which, and compiled for what.
        registers: 32-bit registers a thread.
        shared: Bytes of shared memory a block.
        spilled: Bytes of local memory a thread; anything but 0 costs bandwidth.
        threads: Threads a block.
        blocks: Blocks of that size a multiprocessor has registers for.
    """

    kernel: str
    arch: str
    registers: int
    shared: int
    spilled: int
    threads: int
    blocks: int


def signatures() -> dict[str, tuple[Any, Any, int]]:
    """Every kernel by name: the dispatcher, the types it is launched with, and the threads of a block."""
    from numba import types

    from narratrace.kernels import tiles

    def array(element: Any, ndim: int, layout: str = "C") -> Any:
        return types.Array(element, ndim, layout)

    words, octets = array(types.uint64, 3), array(types.uint8, 2)
    counts, lists = array(types.int32, 1), array(types.int32, 2)
    size = (types.int64, types.int64)  # width, height
    compare = (words, types.int64, types.int64, types.int64, words, words, *size)
    compare += (types.uint64, types.uint64, types.int64, types.int64, octets)
    collect = (words, types.int64, types.int64, *size, types.int64, counts, lists)
    collect += (array(types.int32, 1), array(types.uint64, 2))
    settle = (words, types.int64, types.int64, types.int64, *size, octets, array(types.float64, 1))
    settle += (types.boolean, types.float64, words, array(types.float64, 1), array(types.uint8, 1), octets)
    plane = array(types.uint8, 2, "A")
    return {
        "compare": (tiles.compare, compare, tiles.STRIP * tiles.ROWS),
        "list_tiles": (tiles.list_tiles, (octets, types.int64, types.int64, counts, lists), tiles.LISTERS),
        "collect": (tiles.collect, collect, tiles.ROWS * tiles.COLLECTED),
        "settle": (tiles.settle, settle, 64),
        "shrink": (tiles.shrink, (words, types.int64, octets), 128),
        "interleave": (tiles.interleave, (plane, plane, plane, types.int64, octets), 256),
    }


def compile_ptx(kernel: str, arch: tuple[int, int]) -> str:
    """The kernel as PTX."""
    from numba import cuda

    dispatcher, arguments, _ = signatures()[kernel]
    ptx, _ = cuda.compile(dispatcher.py_func, arguments, device=False, abi="numba", cc=arch)
    text: str = ptx
    return text


def assemble(ptx: str, arch: tuple[int, int]) -> str:
    """What the assembler says about the machine code it makes of PTX."""
    from cuda.bindings import nvjitlink

    code = ptx.encode()
    linker = nvjitlink.create(2, [f"-arch=sm_{arch[0]}{arch[1]}", "-verbose"])
    try:
        nvjitlink.add_data(linker, nvjitlink.InputType.PTX, code, len(code), "kernel")
        nvjitlink.complete(linker)
        log = bytearray(nvjitlink.get_info_log_size(linker))
        nvjitlink.get_info_log(linker, log)
        if not nvjitlink.get_linked_cubin_size(linker):
            raise RuntimeError("the assembler made no machine code")
    finally:
        nvjitlink.destroy(linker)
    return bytes(log).decode()


def needs(kernel: str, arch: tuple[int, int], ptx: str) -> Needs:
    """Reads the assembler's report."""
    log = assemble(ptx, arch)
    threads = signatures()[kernel][2]
    registers = int(_figure(r"used (\d+) registers", log))
    allocated = -(-registers // 8) * 8 * threads  # in units of 8 a thread
    return Needs(
        kernel=kernel,
        arch=f"sm_{arch[0]}{arch[1]}",
        registers=registers,
        shared=sum(int(size) for size in re.findall(r"\.shared [^;]*\[(\d+)\];", ptx)),
        spilled=int(_figure(r"(\d+) bytes lmem", log)),
        threads=threads,
        blocks=min(65536 // allocated, (1024 if arch == (7, 5) else 2048) // threads),
    )


def _figure(pattern: str, log: str) -> str:
    found = re.search(pattern, log)
    return found[1] if found else "0"


def report() -> list[Needs]:
    """All kernels for all architectures."""
    return [
        needs(kernel, arch, compile_ptx(kernel, arch)) for kernel in signatures() for arch in ARCHITECTURES
    ]


def main() -> None:
    """Prints the table, and writes it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.name}")
    write = parser.parse_args().write
    rows = report()
    print(f"{'kernel':<12}{'arch':<8}{'registers':>10}{'shared':>8}{'spilled':>8}{'threads':>8}{'blocks':>8}")
    for row in rows:
        print(
            f"{row.kernel:<12}{row.arch:<8}{row.registers:>10}{row.shared:>8}{row.spilled:>8}{row.threads:>8}{row.blocks:>8}"
        )
    if write:
        compilers = {name: version(name) for name in ("numba-cuda", "nvidia-nvvm", "nvidia-nvjitlink")}
        RESULT.write_text(
            json.dumps({"compilers": compilers, "kernels": [asdict(row) for row in rows]}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
