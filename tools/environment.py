"""Prepares what `make` targets need: a virtual environment, the native module, system programs.

    python3 tools/environment.py demo      # the package with what the demo uses
    python3 tools/environment.py speech    # and with speech recognition
    python3 tools/environment.py test      # and everything the tests and checks use
    python3 tools/environment.py bench     # and what generates recordings and stands for comparison

Runs on any Python 3 with the standard library alone, so that it can say what is missing. Does nothing when
nothing changed since the last time: a stamp in the environment holds a hash of what it was made from.

Debian packages are installed only when this runs as root where there is apt-get, after saying which and why;
NARRATRACE_APT=no forbids it. Without them the demo still runs; tests that need one are skipped and say so.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SUPPORTED = [(3, 10), (3, 11), (3, 12), (3, 13)]

TEST_EXTRAS = ["asr", "classify", "corpus", "ray", "s3", "dev"]
EXTRAS = {"demo": [], "speech": ["asr"], "test": TEST_EXTRAS, "bench": [*TEST_EXTRAS, "bench"]}
TEST_PROGRAMS = {"chromium": "chromium", "ffmpeg": "ffmpeg"}
BENCH_PROGRAMS = {**TEST_PROGRAMS, "espeak-ng": "espeak-ng"}
PROGRAMS = {"demo": {}, "speech": {}, "test": TEST_PROGRAMS, "bench": BENCH_PROGRAMS}
"""Debian packages by the program they bring; nothing fails without them."""

CPP_CHECK = """
#include <Python.h>
#include <numeric>
#include <span>
int main() { int n[] = {1, 2}; std::span<int> s(n); return std::accumulate(s.begin(), s.end(), -3); }
"""


def say(text: str) -> None:
    """Tells what is being done."""
    print(f"set-up: {text}", flush=True)


def stop(text: str) -> None:
    """Ends the set-up with a message that says what to do."""
    raise SystemExit(f"set-up: {text}")


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Whether the command succeeded."""
    sink = subprocess.DEVNULL if quiet else None
    try:
        return (
            subprocess.run(
                [str(c) for c in command], cwd=ROOT, stdout=sink, stderr=sink, check=False
            ).returncode
            == 0
        )
    except FileNotFoundError:
        return False


def apt_install(packages: list[str], why: str) -> bool:
    """Installs Debian packages if that is possible and allowed; says what it does."""
    if os.geteuid() != 0 or not shutil.which("apt-get") or os.environ.get("NARRATRACE_APT") == "no":
        return False
    say(f"installing {' '.join(packages)} with apt-get, {why} (NARRATRACE_APT=no forbids it)")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    return run(*install, quiet=True) or (
        run("apt-get", "update", "-qq", quiet=True) and run(*install, quiet=True)
    )


def require_python() -> None:
    """Stops unless this is a Python that the package runs on."""
    if sys.version_info[:2] not in SUPPORTED:
        version = ".".join(map(str, sys.version_info[:3]))
        stop(
            f"narratrace needs Python 3.10 to 3.13, but {sys.executable} is {version}; "
            "name another one: make PYTHON=python3.12 ..."
        )


def compiles() -> bool:
    """Whether C++20 with Python's headers compiles here."""
    compiler = os.environ.get("CXX") or "c++"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "check.cpp"
        source.write_text(CPP_CHECK)
        include = "-I" + sysconfig.get_path("include")
        return run(
            *compiler.split(), "-std=c++20", include, "-c", source, "-o", source.with_suffix(".o"), quiet=True
        )


def require_compiler() -> None:
    """Stops without a compiler, after trying to install one."""
    if compiles():
        return
    apt_install(["g++", "python3-dev"], "to compile the native module")
    if not compiles():
        stop(
            "no C++20 compiler that finds Python.h (g++ 10 or clang 12 and newer; CXX names one); "
            "on Debian and Ubuntu: apt-get install g++ python3-dev"
        )


def venv_works() -> bool:
    """Whether the environment is there, whole, and made with this Python version."""
    check = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    return (VENV / "bin" / "pip").exists() and run(PYTHON, "-c", check, quiet=True)


def make_venv() -> None:
    """Creates the environment, or again if it does not work or is of another Python."""
    if venv_works():
        return
    say(f"creating {VENV.name} with {sys.executable} {sys.version.split()[0]}")
    create = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    if run(*create, quiet=True) and venv_works():
        return
    apt_install(["python3-venv"], "to create the virtual environment")
    if not (run(*create) and venv_works()):
        stop(f"{sys.executable} -m venv failed; on Debian and Ubuntu: apt-get install python3-venv")


def renew_pip() -> bool:
    """Whether there was a newer pip, and it is here now.

    That of Python 3.12.1 takes 13.0.3 and 13.0.3.0 for two versions, and finds no toolkit for torch.
    """
    version = [PYTHON, "-m", "pip", "--version"]
    before = subprocess.run(version, capture_output=True, check=False).stdout
    say("pip failed, looking for a newer one")
    run(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade", "pip")
    return subprocess.run(version, capture_output=True, check=False).stdout != before


def digest(patterns: list[str], *facts: str) -> str:
    """Hash of files and facts."""
    state = hashlib.sha256("\0".join(facts).encode())
    for path in sorted(p for pattern in patterns for p in ROOT.glob(pattern)):
        state.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def install(purpose: str) -> None:
    """Installs the package, editable, and its dependencies; only the native module when only that changed."""
    extras = EXTRAS[purpose]
    packages = digest(["pyproject.toml", "setup.py", "constraints.txt"], str(ROOT), sys.version)
    native = digest(["csrc/*.[ch]pp"], packages, os.environ.get("NARRATRACE_SANITIZE", ""))
    stamps = VENV / "narratrace-stamps"
    stamps.mkdir(exist_ok=True)
    for_native = stamps / "native"
    # What the tests need includes what the demo needs.
    covering = [stamps / name for name in EXTRAS if set(extras) <= set(EXTRAS[name])]
    covered = any(s.exists() and s.read_text() == packages for s in covering)
    built = (
        for_native.exists()
        and for_native.read_text() == native
        and any(ROOT.glob("src/narratrace/_native.*.so"))
    )
    if covered and built:
        return
    require_compiler()
    target = "." + (f"[{','.join(extras)}]" if extras and not covered else "")
    pip = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", "constraints.txt"]
    say(
        f"installing narratrace{target[1:]} into {VENV.name}" if not covered else "building the native module"
    )
    pip += [*(["--no-deps"] if covered else []), "-e", target]
    if not (run(*pip) or (renew_pip() and run(*pip))):
        stop("pip install failed, see above")
    # Where writing bytecode is turned off, as in containers, every start would compile the package anew.
    run(PYTHON, "-m", "compileall", "-q", "src", "kernels", quiet=True)
    for_native.write_text(native)
    if not covered:
        (stamps / purpose).write_text(packages)


def offer_programs(purpose: str) -> None:
    """Installs what some tests and benchmarks use, or says what will be missing."""
    missing = [package for program, package in PROGRAMS[purpose].items() if not shutil.which(program)]
    if missing and not apt_install(missing, "for what uses them"):
        say(f"without {', '.join(missing)}: what needs them is skipped")


def main() -> None:
    """Does what the first argument names."""
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        stop(f"usage: environment.py {'|'.join(EXTRAS)}")
    purpose = sys.argv[1]
    require_python()
    make_venv()
    install(purpose)
    offer_programs(purpose)


if __name__ == "__main__":
    main()
