"""NVDEC itself: every test here needs a card, and most compare it with the CPU bit for bit."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.decode import DecodeOptions, DeviceGaveUp, open_decoder
from narratrace.driver import driver_facts
from narratrace.source import probe
from narratrace.visual_pass import VisualPass
from tests.conftest import EVAL
from tests.decode.conftest import on_host
from tests.support.cuda import require_card
from tests.support.media import make_size_change, make_video, moving_square

pytestmark = pytest.mark.cuda


@pytest.fixture(autouse=True)
def _card() -> None:
    require_card()


def frames(path: Path, device: str, **options: Any) -> list[tuple[Any, ...]]:
    with open_decoder(probe(path), DecodeOptions(**options), device) as decoder:
        assert decoder.backend == ("pyav" if device == "cpu" else "nvdec:0"), "it fell back"
        return [
            (frame.pts, frame.key, on_host(frame.y), on_host(frame.u), on_host(frame.v))
            for batch in decoder.batches()
            for frame in batch
        ]


def assert_same(got: Sequence[tuple[Any, ...]], wanted: Sequence[tuple[Any, ...]]) -> None:
    assert [(pts, key) for pts, key, *_ in got] == [(pts, key) for pts, key, *_ in wanted]
    for (*_, y, u, v), (*_, a, b, c) in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(y, a)
        np.testing.assert_array_equal(u, b)
        np.testing.assert_array_equal(v, c)


@pytest.mark.parametrize("options", [{"frames": "all"}, {"frames": "auto"}], ids=["all", "auto"])
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"bframes": 3}),
        ("a.mp4", {"times": [0.0, 0.05, 0.2, 0.21, 0.9, 0.95, 1.6], "bframes": 2}),
        ("a.mp4", {"start": 1.5, "bframes": 2}),
        ("a.mkv", {"full_range": True}),
        ("a.ts", {"bframes": 2}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.webm", {"codec": "libvpx"}),
    ],
)
def test_pictures_are_those_of_the_cpu(
    name: str, how: dict[str, Any], options: dict[str, Any], tmp_path: Path
):
    made = make_video(
        tmp_path / name, width=320, height=178 if "full_range" not in how else 176, seconds=2, **how
    )
    assert_same(frames(made.path, "cuda:0", **options), frames(made.path, "cpu", **options))


def test_heights_that_share_a_coded_size(tmp_path: Path):
    """A session reused for the wrong one of these would crop it like the other."""
    paths = [
        make_video(
            tmp_path / f"{i}.mp4", width=1280, height=h, seconds=0.3, draw=moving_square(1280, h, seed=i)
        ).path
        for i, h in enumerate([532, 530, 532, 544, 530])
    ]
    for path in paths:
        assert_same(frames(path, "cuda:0", frames="all"), frames(path, "cpu", frames="all"))


def test_recordings_that_keep_more_pictures(tmp_path: Path):
    """A session made for the fast one, and reused for the slow one, has no room for what that refers to."""
    for preset in ("ultrafast", "veryslow", "ultrafast", "veryslow"):
        made = make_video(
            tmp_path / f"{preset}.mp4", width=640, height=360, seconds=4, gop=120, bframes=3,
            options={"preset": preset},
        )  # fmt: skip
        assert_same(frames(made.path, "cuda:0", frames="all"), frames(made.path, "cpu", frames="all"))


@pytest.mark.parametrize("sizes", [[(640, 360), (320, 176)], [(320, 176), (640, 360)]], ids=["less", "more"])
@pytest.mark.parametrize(("name", "codec"), [("a.ts", "libx264"), ("a.mkv", "libvpx-vp9")])
def test_a_change_of_size_is_left_to_the_cpu(
    name: str, codec: str, sizes: list[tuple[int, int]], tmp_path: Path
):
    made = make_size_change(tmp_path / name, sizes, codec=codec)
    with pytest.raises(DeviceGaveUp):
        frames(made.path, "cuda:0", frames="all", device_batch_size=4)


def test_as_many_threads_as_sessions(tmp_path: Path):
    count = driver_facts().gpus[0].nvdec_engines + 3
    paths = [
        make_video(
            tmp_path / f"{i}.mp4", width=640, height=360, seconds=3, draw=moving_square(640, 360, seed=i)
        ).path
        for i in range(count)
    ]
    wanted = [frames(path, "cpu", frames="all") for path in paths]
    wrong: list[BaseException] = []

    def work(i: int) -> None:
        try:
            for n in range(3):
                place = (i + n) % count
                assert_same(frames(paths[place], "cuda:0", frames="all"), wanted[place])
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 240
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong


def analysed(path: Path, device: str) -> VisualAnalysis:
    recording = Recording(input=VideoInput(video_id="a", uri=str(path)), sequence=0)
    stage = VisualPass(DecodeOptions(), AnalyseOptions(), device=device)
    (outcome,) = stage.run([recording])
    assert isinstance(outcome, Kept), outcome
    visual = outcome.value.visual
    assert visual is not None
    assert visual.video.backend == ("pyav" if device == "cpu" else "nvdec:0"), visual.video.warnings
    return visual


@pytest.mark.parametrize("name", ["v01.mp4", "v02.webm", "v03.mp4", "v04.mkv"])
def test_the_analysis_of_real_recordings_is_that_of_the_cpu(name: str):
    path = EVAL / name
    if not path.exists():
        pytest.skip(f"needs the shared evaluation recordings ({path})")
    got, wanted = analysed(path, "cuda:0"), analysed(path, "cpu")
    for field in ("shots", "changes", "moving_regions", "dwells"):
        assert getattr(got, field) == getattr(wanted, field), field
    assert got.trace.x.tolist() == wanted.trace.x.tolist()
    assert [s.span for s in got.stable_spans] == [s.span for s in wanted.stable_spans]
    for a, b in zip(got.stable_spans, wanted.stable_spans, strict=True):
        assert (a.keyframe and a.keyframe.jpeg) == (b.keyframe and b.keyframe.jpeg)


@pytest.mark.parametrize("collector", [True, False], ids=["collected", "not collected"])
def test_device_memory_stays_flat(collector: bool, tmp_path: Path):
    """Of whole analyses, each in a thread that ends, as the stages of a run do."""
    import cupy
    from numba import cuda
    from numba.cuda.cudadrv.driver import PinnedMemory

    paths = [
        make_video(tmp_path / f"{h}.mp4", width=640, height=h, seconds=0.5, draw=moving_square(640, h)).path
        for h in (352, 360, 354, 356)
    ]

    def held_after(passes: int) -> tuple[int, int]:
        """Bytes of the card in use, and Numba's pieces of device and of pinned memory."""
        for i in range(passes):
            with ThreadPoolExecutor(1) as thread:
                thread.submit(analysed, paths[i % len(paths)], "cuda:0").result()
        cupy.get_default_memory_pool().free_all_blocks()
        free, total = cupy.cuda.Device(0).mem_info
        context = cuda.current_context()
        pinned = sum(isinstance(found, PinnedMemory) for found in gc.get_objects())
        return total - free, pinned + len(context.memory_manager.allocations) + len(context.deallocations)

    gc.collect()
    if not collector:
        gc.disable()
    try:
        memory, allocations = held_after(12)
        more, later = held_after(60)
    finally:
        gc.enable()
    assert more < memory + 32e6
    assert later <= allocations
