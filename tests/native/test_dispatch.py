"""A wheel built on a new processor must run on an old one: wide instructions only where asked for."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess

import pytest

from narratrace import _native

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
WIDE = re.compile(r"\bymm\d|\bzmm\d|\tv[a-z0-9]+\s")  # 256 bits and more, or any VEX encoding


@pytest.mark.skipif(platform.machine() != "x86_64", reason="about x86-64")
@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump")
def test_only_functions_for_avx2_use_it():
    command = ["objdump", "-d", "--no-show-raw-insn", "-C", str(_native.__file__)]
    function, using = "", set()
    for line in subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines():
        if named := FUNCTION.match(line):
            function = named[1]
        elif WIDE.search(line):
            using.add(function)
    assert using, "the AVX2 code is not there at all"
    assert {f for f in using if "avx2" not in f} == set()
