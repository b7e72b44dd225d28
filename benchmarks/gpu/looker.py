"""One process of several that look at a recording: as a corpus run has them, but without models.

    python -m benchmarks.gpu.looker FILE DEVICE THREADS

For every line it is sent it makes a visual pass, and says how many frames that were.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.decode import DecodeOptions
from narratrace.visual_pass import VisualPass

ROOT = Path(__file__).resolve().parents[2]
SAYS = "frames "


def visual_stage(device: str, threads: int = 0) -> VisualPass:
    """The visual pass, every frame decoded."""
    return VisualPass(
        DecodeOptions(frames="all", threads=threads), AnalyseOptions(threads=threads), device=device
    )


def look(stage: VisualPass, path: Path, device: str, number: int = 0) -> VisualAnalysis:
    """One pass.

    Raises:
        RuntimeError: it failed, or was not made on the card that was asked for.
    """
    recording = Recording(input=VideoInput(video_id=f"v{number}", uri=str(path)), sequence=number)
    (outcome,) = stage.run([recording])
    if not isinstance(outcome, Kept) or outcome.value.visual is None:
        raise RuntimeError(f"the pass failed: {outcome}")
    visual = outcome.value.visual
    if device != "cpu" and not visual.video.backend.startswith("nvdec"):
        raise RuntimeError(f"it was not decoded on the card: {visual.video.warnings}")
    return visual


class Looker:
    """Such a process, seen from outside; used by one thread."""

    def __init__(self, path: Path, device: str, threads: int) -> None:
        command = [sys.executable, "-m", "benchmarks.gpu.looker", str(path), device, str(threads)]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def look(self) -> int:
        """Frames of one more pass.

        Raises:
            RuntimeError: the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
        except OSError as error:
            raise RuntimeError("the process ended") from error
        for line in self._process.stdout:
            if line.startswith(SAYS):
                return int(line.removeprefix(SAYS))
        raise RuntimeError(f"the process ended with {self._process.wait()}")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def main() -> None:
    path, device, threads = sys.argv[1:]
    stage = visual_stage(device, int(threads))
    for _ in sys.stdin:
        print(f"{SAYS}{look(stage, Path(path), device).video.frames_decoded}", flush=True)


if __name__ == "__main__":
    main()
