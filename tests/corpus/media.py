"""Small narrated recordings for runs: a slide, a pointer that circles on it, a sentence over each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.media import U8, make_video

WIDTH, HEIGHT, FPS = 320, 192, 10.0


def make_lecture(
    folder: Path,
    name: str,
    seconds: float = 6.0,
    seed: int = 0,
    speech: npt.NDArray[np.float32] | None = None,
) -> Path:
    """A recording with captions beside it; a different picture for every seed. It is silent, or one hears
    ``speech``, samples at 16 kHz.
    """
    path = folder / f"{name}.mp4"
    make_video(
        path,
        width=WIDTH,
        height=HEIGHT,
        fps=FPS,
        seconds=seconds,
        draw=_slide(seed),
        audio="silence"
        if speech is None
        else lambda t: np.interp(t, np.arange(len(speech)) / 16_000, speech),
        crf=26,
        gop=50,
    )
    path.with_suffix(".vtt").write_text(_captions(name, seconds))
    return path


def _slide(seed: int) -> Callable[[int, float], U8]:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(90, 200, (HEIGHT // 16, WIDTH // 16), dtype=np.uint8)
    ground = np.kron(coarse, np.ones((16, 16), np.uint8))

    def draw(i: int, t: float) -> U8:
        picture: U8 = ground.copy()
        x = int(WIDTH / 2 + 60 * np.cos(2.5 * t))
        y = int(HEIGHT / 2 + 40 * np.sin(2.5 * t))
        for row in range(14):
            picture[y + row, x : x + max(1, row * 2 // 3)] = 16
        return picture

    return draw


def _captions(name: str, seconds: float) -> str:
    cues = ["WEBVTT", ""]
    for start in np.arange(0.2, seconds - 1.5, 2.0):
        cues += [f"00:00:0{start:.3f} --> 00:00:0{start + 1.6:.3f}", f"Here {name} shows this lesion.", ""]
    return "\n".join(cues)


def damage(path: Path, kind: int) -> None:
    """Spoil a recording so that it must fail: cut short, emptied, or not media at all."""
    data = path.read_bytes()
    if kind % 3 == 0:
        path.write_bytes(data[: len(data) // 3])
    elif kind % 3 == 1:
        path.write_bytes(b"")
    else:
        path.write_text("this is no video\n")
