"""Whole recordings: segments of the CUDA recorder against those of the native one, bit for bit."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from narratrace.errors import DeviceGaveUp
from narratrace.ops.sparse import ChangeOptions, Recorder, Segment, compose, make_recorder, why_not_recorder
from tests.kernels.pictures import Planes, copied, flat, noise, place
from tests.support.cuda import SIMULATED

tile_engine = pytest.importorskip("narratrace.kernels.recorder", reason="needs numba-cuda")
cuda = pytest.importorskip("numba.cuda")

NOTHING = np.zeros(0, np.int32)
Frames = Iterator[tuple[float, Planes]]


def pointer(rng: np.random.Generator, height: int, width: int) -> Frames:
    """A small thing moves over a noisy page."""
    page = noise(rng, height, width)
    for i in range(14):
        frame = copied(page)
        y, x = rng.integers(0, height), rng.integers(0, width)
        frame[0][y : y + 6, x : x + 4] = 255 - frame[0][y : y + 6, x : x + 4]
        yield i / 10, frame


def slides(rng: np.random.Generator, height: int, width: int) -> Frames:
    """Pages that change as a whole, once for a single frame, and parts of pages."""
    pages = [noise(rng, height, width) for _ in range(4)]
    for i, page in enumerate([0, 0, 1, 1, 1, 2, 3, 3, 3, 3, 0, 0]):
        frame = copied(pages[page])
        frame[1][: 4 + i % 3 * 4] //= 2
        yield 0.07 * i, frame


def film(rng: np.random.Generator, height: int, width: int) -> Frames:
    """Every frame is new, but for a moment of calm in the middle."""
    still = noise(rng, height, width)
    for i in range(10):
        yield i / 25, still if i in (5, 6) else noise(rng, height, width)


def refining(rng: np.random.Generator, height: int, width: int) -> Frames:
    """An encoder refines a still page by steps too small to count; a corner changes now and then."""
    for i in range(14):
        frame = flat(height, width, 90 + i, 120 + i // 2, 130 - i // 2)
        if i >= 6:
            frame[0][:9, :9] = 200 + 20 * (i % 2)
        yield 0.2 * i, frame


def camera(rng: np.random.Generator, height: int, width: int) -> Frames:
    """A small inset with a picture for every third frame, and a late one."""
    page = noise(rng, height, width)
    for i in range(17):
        if i in (3, 6, 9, 15):
            page = copied(page)
            page[0][:9, :9] = 255 - page[0][:9, :9]
        yield i / 10, page


SCENES: list[Callable[..., Frames]] = [pointer, slides, film, refining, camera]
RULES = {
    "usual": ChangeOptions(refresh_s=0.5),
    "everything": ChangeOptions(
        luma=1, chroma=1, min_luma=1, min_chroma=1, max_stored=1.0, sudden=1.0, refresh_s=0.3
    ),
}


def record(
    recorder: Recorder, frames: list[tuple[float, Planes]], batch: int, layout: str
) -> tuple[list, list[Segment]]:
    """What a consumer sees of every frame, and the segments."""
    seen, segments = [], []
    for begin in range(0, len(frames), batch):
        chunk = frames[begin : begin + batch]
        planes = place([p for _, p in chunk], layout) if layout else [p for _, p in chunk]
        timed = [(t, *p) for (t, _), p in zip(chunk, planes, strict=True)]
        recorder.ahead(timed)
        for frame in timed:
            changed = recorder.push(*frame)
            thumbnail = recorder.thumbnail(5 + len(seen) % 2 * 3)
            seen.append((changed, recorder.stored, recorder.frames, recorder.bytes, thumbnail.tolist()))
            if recorder.frames and (not recorder.stored or recorder.frames == 7):
                segments.append(recorder.take())
    segments.append(recorder.take())
    return seen, segments


def assert_same(got: Segment, wanted: Segment) -> None:
    assert got.times.tolist() == wanted.times.tolist()
    assert got.offsets.tolist() == wanted.offsets.tolist()
    assert got.tiles.tolist() == wanted.tiles.tolist()
    for i in range(len(wanted.times)):
        for a, b in zip(compose(got, i, NOTHING, NOTHING), compose(wanted, i, NOTHING, NOTHING), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("scene", SCENES, ids=lambda f: f.__name__)
def test_segments_are_those_of_the_cpu(scene: Callable[..., Frames], rules: str):
    height, width = (35, 50) if rules == "usual" else (48, 64)
    frames = list(scene(np.random.default_rng(len(rules)), height, width))
    layout = {"usual": "nv12 padded", "everything": "nv12"}[rules]
    wanted = record(make_recorder(width, height, RULES[rules]), frames, 1, "")
    got = record(make_recorder(width, height, RULES[rules], "cuda:0"), frames, 6, layout)
    assert got[0] == wanted[0]
    assert len(got[1]) == len(wanted[1])
    for a, b in zip(got[1], wanted[1], strict=True):
        assert_same(a, b)


def test_batches_of_any_size_and_layout_give_the_same():
    frames = list(slides(np.random.default_rng(3), 20, 37))
    runs = [
        record(make_recorder(37, 20, RULES["usual"], "cuda"), frames, batch, layout)
        for batch, layout in ((1, "nv12"), (5, "planar"), (12, "nv12"))
    ]
    for seen, segments in runs[1:]:
        assert seen == runs[0][0]
        for a, b in zip(segments, runs[0][1], strict=True):
            assert_same(a, b)


@pytest.mark.parametrize("layout", ["nv12", "planar"])
def test_buffers_grow_with_what_they_have_to_hold(layout: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tile_engine, "_ROOM", 1)
    rules, rng = RULES["everything"], np.random.default_rng(8)
    few = list(pointer(rng, 48, 64))[:2]
    many = [(t + 2, planes) for t, planes in film(rng, 48, 64)]
    cpu, recorder = (make_recorder(64, 48, rules, device) for device in ("cpu", "cuda:0"))
    for frames in (few, many):
        wanted = record(cpu, frames, 1, "")
        got = record(recorder, frames, len(frames), layout)
        assert got[0] == wanted[0]
        for a, b in zip(got[1], wanted[1], strict=True):
            assert_same(a, b)
        assert recorder._pool is None if layout == "nv12" else recorder._pool.frames == len(frames)


def test_large_pictures_take_no_memory_for_changes_that_may_never_come():
    limits = tile_engine.Limits(16, 12, 3, 2, most=3840 * 2160 // 256 // 4)
    engine = tile_engine.TileEngine(3840, 2160, limits, 32)
    held = {**vars(engine), **vars(engine._outbox)}
    screens = 2 * engine._before.nbytes
    assert sum(getattr(array, "nbytes", 0) for array in held.values()) < screens + 8e6


@pytest.mark.parametrize("layout", ["nv12 padded", "planar"])
def test_a_frame_can_be_kept(layout: str):
    """The copy is the same picture to the recorder, also among frames that lie elsewhere."""
    rng = np.random.default_rng(5)
    pages = [noise(rng, 35, 50) for _ in range(2)]
    planes = place(pages, layout)
    recorder = make_recorder(50, 35, RULES["usual"], "cuda:0")
    recorder.push(0.0, *planes[0])
    kept = recorder.lasting(*planes[0])
    timed = [(0.1, *kept), (0.2, *planes[1]), (0.3, *planes[1]), (0.4, *kept)]
    recorder.ahead(timed)
    assert [recorder.push(*frame) for frame in timed] == [0, 12, 0, 12]


def test_frames_may_come_unannounced_but_not_in_another_order():
    rng = np.random.default_rng(4)
    planes = place([noise(rng, 16, 16) for _ in range(3)], "nv12")
    recorder = make_recorder(16, 16, RULES["usual"], "cuda:0")
    assert recorder.push(0.0, *planes[0]) == 0
    recorder.ahead([(0.1, *planes[1]), (0.2, *planes[2])])
    with pytest.raises(RuntimeError, match="announced"):
        recorder.ahead([(0.3, *planes[2])])
    with pytest.raises(RuntimeError, match=r"0\.1 s"):
        recorder.push(0.2, *planes[2])
    with pytest.raises(ValueError, match="size"):
        make_recorder(32, 16, RULES["usual"], "cuda:0").push(0.0, *planes[0])


def live_arrays() -> int:
    """Arrays on the card, and those that Numba has yet to free."""
    if SIMULATED:
        return sum(type(found).__name__ == "FakeCUDAArray" for found in gc.get_objects())
    context = cuda.current_context()
    return len(context.memory_manager.allocations) + len(context.deallocations)


def test_memory_goes_at_once_when_a_recorder_is_closed():
    rng = np.random.default_rng(6)
    planes = place([noise(rng, 35, 50) for _ in range(3)], "planar")
    gc.collect()
    gc.disable()
    try:
        before = live_arrays()
        for _ in range(3):
            recorder = make_recorder(50, 35, RULES["usual"], "cuda:0")
            for i, picture in enumerate(planes):
                recorder.push(float(i), *picture)
            recorder.lasting(*planes[0])
            assert live_arrays() > before + 10
            recorder.close()
            assert live_arrays() <= before  # less where Numba had others yet to free
            recorder.close()
    finally:
        gc.enable()


class Full(Exception):
    """Like Numba's errors, of no common kind."""


@pytest.mark.parametrize("when", ["made", "compare", "thumbnail"])
def test_what_the_card_cannot_do_is_left_to_the_cpu(when: str, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object, **__: object) -> None:
        raise Full("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")

    rng = np.random.default_rng(7)
    planes = place([noise(rng, 35, 50) for _ in range(3)], "nv12")
    if when == "made":
        monkeypatch.setattr(tile_engine, "_Outbox", fail)
        with pytest.raises(DeviceGaveUp, match="OUT_OF_MEMORY"):
            make_recorder(50, 35, RULES["usual"], "cuda:0")
        return
    recorder = make_recorder(50, 35, RULES["usual"], "cuda:0")
    for i, picture in enumerate(planes[:2]):
        recorder.push(float(i), *picture)
    monkeypatch.setattr(tile_engine.TileEngine, when, fail)
    with pytest.raises(DeviceGaveUp, match="OUT_OF_MEMORY"):
        recorder.thumbnail(4) if when == "thumbnail" else recorder.push(2.0, *planes[2])
    recorder.close()


def test_a_card_is_tried_before_recordings_are(monkeypatch: pytest.MonkeyPatch):
    assert why_not_recorder(0) == ""
    with monkeypatch.context() as patched:  # kernels that write, but not what they should
        patched.setattr(
            tile_engine.TileEngine,
            "_compare",
            lambda self, *_: self._flags.copy_to_device(np.zeros(self._flags.shape, np.uint8)),
        )
        assert "found 0 changed tiles where there is one" in why_not_recorder(0)

    def fail(*_: object, **__: object) -> None:
        raise Full("libnvvm.so cannot be found")

    monkeypatch.setattr(tile_engine.TileEngine, "compare", fail)
    assert "cannot be used: ops: cuda:0: the CUDA kernels cannot go on: libnvvm" in why_not_recorder(0)
