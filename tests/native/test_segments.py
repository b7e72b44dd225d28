"""What the recorder keeps, and pictures put together from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace._native import ChangeJudge, SparseRecorder, TileHistory, compose, shrink, thumbnails
from narratrace.ops.sparse import ChangeOptions, make_recorder
from tests.native.pictures import Planes, flat, heights, pads, random_planes, seeds, widths

NOTHING = np.array([], np.int32)


def exact_recorder(width: int, height: int) -> SparseRecorder:
    """Keeps every tile in which a single sample changed."""
    return SparseRecorder(width, height, 0, 0, 1, 1, refresh_s=1e9, max_stored=1.0)


def judge_of(options: ChangeOptions) -> ChangeJudge:
    """Of a picture of 100 tiles."""
    return ChangeJudge(100, options.max_stored, options.sudden, options.sudden_s)


def move(rng: np.random.Generator, planes: Planes) -> Planes:
    """Some rectangles of noise over a picture."""
    after = tuple(p.copy() for p in planes)
    for _ in range(rng.integers(0, 4)):
        plane = after[rng.integers(3)]
        y, x = rng.integers(plane.shape[0]), rng.integers(plane.shape[1])
        patch = plane[y : y + 9, x : x + 11]
        patch[...] = rng.integers(0, 256, patch.shape, dtype=np.uint8)
    return after[0], after[1], after[2]


def assert_same(got: Planes, wanted: Planes):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=40)
@given(seeds, widths, heights, pads)
def test_every_frame_can_be_had_back(seed: int, width: int, height: int, pad: int):
    rng = np.random.default_rng(seed)
    recorder = exact_recorder(width, height)
    frames = [random_planes(rng, width, height, pad)]
    frames += [frames[0]]  # a still frame
    for _ in range(6):
        frames.append(move(rng, frames[-1]))
    for i, frame in enumerate(frames):
        recorder.push(i / 30, *frame)
        assert recorder.stored
    segment = recorder.take()
    assert segment.times.tolist() == [i / 30 for i in range(len(frames))]
    assert (segment.width, segment.height) == (width, height)
    assert segment.offsets[-1] == len(segment.tiles)
    assert segment.offsets[0] == segment.offsets[1] == segment.offsets[2] == 0
    for i, frame in enumerate(frames):
        assert_same(compose(segment, i, NOTHING, NOTHING), frame)


def test_only_what_changed_is_kept():
    recorder = SparseRecorder(64, 48, 16, 12, 3, 3, refresh_s=2.0, max_stored=0.25)
    ground = flat(64, 48, 100)
    recorder.push(0.0, *ground)
    frame = tuple(p.copy() for p in ground)
    frame[0][20:24, 35:39] = 200
    assert recorder.push(0.1, *frame) == 1
    assert recorder.changed.tolist() == [4 + 2]
    frame[0][40, 0:2] = 200  # two pixels are noise
    assert recorder.push(0.2, *frame) == 0
    assert recorder.push(0.3, *flat(64, 48, 30)) == 12
    assert not recorder.stored
    segment = recorder.take()
    assert segment.tiles.tolist() == [6]
    assert segment.bytes == 384 + 4
    assert len(segment.times) == 3


@given(
    counts=st.lists(st.sampled_from([0, 0, 1, 3, 9, 12, 20, 24, 26, 40]), min_size=1, max_size=25),
    steps=st.lists(st.sampled_from([1 / 30, 0.1, 0.25, 0.6]), min_size=25, max_size=25),
)
def test_the_device_and_the_host_judge_by_the_same_rule(counts: list[int], steps: list[float]):
    """The device's half of a recorder counts tiles by itself, but asks the same judge as this one."""
    options = ChangeOptions()
    recorder, judge = make_recorder(160, 160, options), judge_of(options)
    luma = np.full(100, 20, np.uint8)
    t = 0.0
    for count, step in zip([0, *counts], [0.0, *steps], strict=False):
        t += step
        luma[:count] = 240 - luma[:count]
        _, u, v = flat(160, 160, 0)
        assert recorder.push(t, luma.reshape(10, 10).repeat(16, 0).repeat(16, 1), u, v) == count
        assert recorder.stored == judge.keeps(t, count)


def test_a_change_is_sudden_after_half_a_second_of_calm():
    """Not after the frames between the pictures of a slow camera."""
    kept = []
    for calm in (0.1, 0.4, 0.6):
        judge = judge_of(ChangeOptions())
        for t, count in ((0.0, 12), (0.05, 0), (0.07, 80), (0.09, 1)):
            judge.keeps(t, count)
        kept.append(judge.keeps(calm, 12))
    assert kept == [True, True, False]


def test_what_follows_a_cut_is_held_against_what_was_before():
    judge = judge_of(ChangeOptions())
    assert [judge.keeps(t, count) for t, count in ((0.0, 3), (0.1, 90), (0.2, 20), (0.3, 9))] == [
        True,
        False,
        False,
        True,
    ]


def test_tiles_are_replaced_by_blocks_or_the_base():
    recorder = exact_recorder(40, 20)
    for i, luma in enumerate([10, 60, 110]):
        recorder.push(float(i), *flat(40, 20, luma))
    segment = recorder.take()
    y, _, _ = compose(segment, 2, np.array([0, 5], np.int32), np.array([-1, 5], np.int32))
    assert (y[:16, :16] == 10).all()  # from the base
    assert (y[16:, 32:] == 60).all()  # the sixth block is the last tile of the second frame
    assert (y[:16, 16:] == 110).all()
    for tile, block in [(6, 0), (-1, 0), (0, 12)]:
        with pytest.raises(IndexError):
            compose(segment, 0, np.array([tile], np.int32), np.array([block], np.int32))
    with pytest.raises(ValueError, match="length"):
        compose(segment, 0, np.array([0, 1], np.int32), np.array([0], np.int32))


@given(seeds, st.integers(1, 7), st.integers(1, 3))
@settings(max_examples=20)
def test_thumbnails_are_means_of_squares(seed: int, step: int, every: int):
    rng = np.random.default_rng(seed)
    recorder = exact_recorder(45, 31)
    frames = [random_planes(rng, 45, 31)]
    for _ in range(4):
        frames.append(move(rng, frames[-1]))
    for i, frame in enumerate(frames):
        recorder.push(float(i), *frame)
    rows, cols = 31 // step, 45 // step

    def shrunk(frame: Planes):
        whole = frame[0][: rows * step, : cols * step].astype(int)
        return whole.reshape(rows, step, cols, step).sum(axis=(1, 3)) // step**2

    np.testing.assert_array_equal(recorder.thumbnail(step), shrunk(frames[-1]))
    np.testing.assert_array_equal(shrink(frames[-1][0], step), shrunk(frames[-1]))
    small = thumbnails(recorder.take(), 1, 5, every, step)
    assert len(small) == len(range(1, 5, every))
    for got, i in zip(small, range(1, 5, every), strict=True):
        np.testing.assert_array_equal(got, shrunk(frames[i]))


def test_steps_of_nothing_are_refused():
    recorder = exact_recorder(32, 32)
    recorder.push(0.0, *flat(32, 32, 50))
    with pytest.raises(ValueError, match="step"):
        recorder.thumbnail(0)
    with pytest.raises(ValueError, match="every"):
        thumbnails(recorder.take(), 0, 1, 0, 4)


def test_epochs_outlive_the_segment_they_are_of():
    def history() -> TileHistory:
        recorder = exact_recorder(16, 16)
        for i, luma in enumerate([10, 10, 200, 10, 10, 90, 90]):
            recorder.push(float(i), *flat(16, 16, luma))
        return TileHistory(recorder.take())

    rows = history().epochs(0, 7, 24, 5, 0.6)
    assert [(r["first"], r["last"]) for r in rows] == [(0, 5), (5, 7)]
    assert rows["seen"].tolist() == [4.0, 1.0]


def test_a_frame_can_be_kept():
    planes = random_planes(np.random.default_rng(2), 40, 20, 8)
    recorder = make_recorder(40, 20, ChangeOptions())
    recorder.push(0.0, *planes)
    wanted = [plane.copy() for plane in planes]
    kept = recorder.lasting(*planes)
    for plane in planes:
        plane[...] = 0
    assert_same(kept, (wanted[0], wanted[1], wanted[2]))
    assert recorder.push(0.1, *kept) == 0


def test_a_frame_that_nobody_can_write_to_is_not_copied():
    planes = random_planes(np.random.default_rng(2), 40, 20, 8)
    for plane in planes:
        plane.flags.writeable = False
    kept = make_recorder(40, 20, ChangeOptions()).lasting(*planes)
    assert all(a is b for a, b in zip(kept, planes, strict=True))


def test_interleaved_chroma_is_taken_apart():
    rng = np.random.default_rng(1)
    y, u, v = random_planes(rng, 40, 20, 0)
    pairs = np.stack([u, v], axis=2).reshape(u.shape[0], -1)
    options = ChangeOptions()
    segments = []
    for frame in ((y, u, v), (y, pairs[:, 0::2], pairs[:, 1::2])):
        recorder = make_recorder(40, 20, options)
        recorder.push(0.0, *frame)
        segments.append(recorder.take())
    assert_same(compose(segments[1], 0, NOTHING, NOTHING), compose(segments[0], 0, NOTHING, NOTHING))


@pytest.mark.parametrize("passers", [20, 47, 60, 200])
def test_content_is_noticed_however_much_has_passed_before_it(passers: int):
    """A hand that draws shows a tile with another piece of the pointer a hundred times a minute."""
    rng, recorder = np.random.default_rng(0), exact_recorder(16, 16)
    ground, content = flat(16, 16, 200), flat(16, 16, 90)
    shown = [ground]
    for _ in range(passers):
        shown += [(rng.integers(0, 120, (16, 16), dtype=np.uint8), *ground[1:]), ground]
    shown += [content] * 50
    for i, planes in enumerate(shown):
        recorder.push(0.1 * i, *planes)
    count = len(shown)
    history = TileHistory(recorder.take())
    rows = history.epochs(0, count, 24, 5, 0.6)
    assert [(r["first"], r["last"]) for r in rows] == [(0, count - 50), (count - 50, count)]
    stays = history.stays(0, count, 24, 5, 1.0, np.zeros(1, np.uint8))
    assert [(r["first"], r["last"]) for r in stays] == [(0, count - 50), (count - 50, count)]
