"""kill -9 at any instant of assembling, then going on, gives the bytes of an undisturbed run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from narratrace.write.bundle import write_bundle
from narratrace.write.options import BundleOptions, ShardOptions
from tests.write.builders import assemble, make_bundles, make_recording, tree
from tests.write.crash_child import DROPPED

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scratch")
    make_bundles(folder, [make_recording(i, (i % 4, (i * 3) % 5, i % 3)) for i in (0, 1, 3, 4, 5, 7)])
    for dropped in (2, 6):
        (folder / f"{dropped:09d}.{DROPPED}").touch()
    return folder


@pytest.fixture(scope="module")
def undisturbed(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("out")
    bundles = [None if p.suffix == f".{DROPPED}" else p for p in sorted(scratch.iterdir())]
    assemble(out, bundles, ShardOptions(max_samples=3))
    return tree(out)


def run_children(scratch: Path, out: Path, *mode: str) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "tests.write.crash_child", str(scratch), str(out), "3", *mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return [tree(folder) for folder in sorted(out.iterdir())]


def test_killed_around_every_call_that_touches_the_disk(
    scratch: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    runs = run_children(scratch, tmp_path, "points", "0", "5")
    assert len(runs) > 20
    assert all(run == undisturbed for run in runs)


def test_killed_at_random_times(scratch: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    runs = run_children(scratch, tmp_path, "times", "1", "12")
    assert all(run == undisturbed for run in runs)


def test_a_worker_killed_while_writing_leaves_no_bundle_of_that_name(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from narratrace.write.bundle import BundleOptions, write_bundle\n"
        "from tests.write.builders import make_recording\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_bundle(make_recording(0), Path(sys.argv[1]), BundleOptions())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."]
    path = write_bundle(make_recording(0), tmp_path, BundleOptions())
    assert path.exists()
