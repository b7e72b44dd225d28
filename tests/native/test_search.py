"""Searching for a pointer: nothing is lost by the order or the company in which places are looked at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narratrace._native import (
    Glyph,
    SparseRecorder,
    cut_out,
    find_blobs,
    find_candidates,
    find_places,
    learn_glyph,
)
from narratrace.analyse.glyphs import PIXEL, SAMPLE
from tests.analyse.screen import ARROW, POINTERS, Pointer, copied, flat, put, slide_of
from tests.native.pictures import Planes, seeds


def glyph_of(pointer: Pointer) -> Glyph:
    """Its own pixels."""
    ys, xs = np.nonzero(pointer.cover > 0)
    pixels = np.zeros(len(ys), PIXEL)
    pixels["dx"], pixels["dy"], pixels["weight"] = xs - pointer.spot[0], ys - pointer.spot[1], 255
    for i, name in enumerate("yuv"):
        pixels[name] = pointer.color[ys, xs, i]
    return Glyph(pixels)


def noisy(planes: Planes, rng: np.random.Generator) -> Planes:
    y, u, v = planes
    return np.clip(y + rng.normal(0, 10, y.shape), 0, 255).astype(np.uint8), u, v


@given(seeds, st.sampled_from(sorted(POINTERS)), st.integers(20, 560), st.integers(20, 300))
@settings(max_examples=60, deadline=None)
def test_places_come_best_first_and_apart(seed: int, name: str, x: int, y: int):
    rng, pointer = np.random.default_rng(seed), POINTERS[name]
    screen = noisy(put(slide_of(seed, 640, 360), pointer, (x, y)), rng)
    glyph = glyph_of(pointer)
    places = find_places(screen, glyph, 0, 0, 640, 360, 48, 3)
    similarities = [similarity for _, _, similarity in places]
    assert similarities == sorted(similarities, reverse=True)
    x0, y0, x1, y1 = glyph.box
    apart = max(2, max(x1 - x0, y1 - y0) // 2)
    for i, (ax, ay, _) in enumerate(places):
        assert all(max(abs(ax - bx), abs(ay - by)) >= apart for bx, by, _ in places[:i])


@pytest.mark.parametrize("seed", range(3))
def test_a_place_that_looks_better_from_close_by_comes_first(seed: int):
    """A step over every few pixels of noise ranks places wrongly now and then."""
    rng = np.random.default_rng(seed)
    for _ in range(40):
        at = int(rng.integers(20, 300)), int(rng.integers(20, 160))
        screen = noisy(put(slide_of(int(rng.integers(1 << 30)), 340, 200), POINTERS["cross"], at), rng)
        x, y, _ = find_places(screen, glyph_of(POINTERS["cross"]), 0, 0, 340, 200, 48, 2)[0]
        assert max(abs(x - at[0]), abs(y - at[1])) <= 1


@pytest.mark.parametrize("threads", [2, 3, 4])
def test_threads_do_not_look_at_later_pictures(threads: int):
    """Beside a resting pointer a webcam picture, whose tiles count as equal, looks otherwise every time."""
    rng, paper = np.random.default_rng(0), flat(235)
    recorder = SparseRecorder(320, 192, 16, 12, 3, 3, 2.0, 1.0)
    plate = copied(paper)
    for i in range(128):
        planes = copied(paper)
        planes = put(planes, ARROW, (106, 100)) if i else planes
        planes[0][96:128, 112:144] = rng.integers(30, 220, (32, 32))
        plate = plate if i else planes
        recorder.push(i / 30, *planes)
    segment = recorder.take()
    ignore = np.zeros((12, 20), np.uint8)
    ignore[6:8, 7:9] = 1
    blobs = find_blobs(segment, 0, 128, plate, ignore.ravel(), 28, 6, 2, 32)
    one, several = (
        find_candidates(segment, 0, plate, *blobs, [glyph_of(ARROW)], 48, 28, 3, 6, 220, n)
        for n in (1, threads)
    )
    for a, b in zip(one, several, strict=True):
        np.testing.assert_array_equal(a, b)


def test_candidates_of_what_stays_are_those_of_looking_again():
    """What changes elsewhere is no reason to look again; what changes beside the blob is."""
    paper = slide_of(3)
    recorder = SparseRecorder(320, 192, 16, 12, 3, 3, 2.0, 1.0)
    shown = [paper]
    for i in range(6):
        planes = copied(put(paper, ARROW, (100, 100)))
        planes[0][8:16, 250 + i : 258 + i] = 20  # far from it
        planes[0][105, 96:99] = 20 if i >= 3 else planes[0][105, 96:99]  # beside it, too small for its blob
        shown.append(planes)
    for i, planes in enumerate(shown):
        recorder.push(i / 10, *planes)
    segment = recorder.take()
    blobs, first, last = find_blobs(segment, 0, 7, paper, np.zeros(240, np.uint8), 28, 6, 2, 32)
    glyph = [glyph_of(ARROW)]
    together = find_candidates(segment, 0, paper, blobs, first, last, glyph, 48, 28, 3, 6, 220)
    for i in range(7):
        alone, begin, end = find_candidates(
            segment, i, paper, blobs, first[i : i + 1], last[i : i + 1], glyph, 48, 28, 3, 6, 220
        )
        np.testing.assert_array_equal(together[0][together[1][i] : together[2][i]], alone[begin[0] : end[0]])


def test_looks_searched_before_are_not_searched_again():
    """A white arrow on grey, which the black one does not fit, and a black one, which it fits well."""
    paper = flat(128)
    recorder = SparseRecorder(320, 192, 16, 12, 3, 3, 2.0, 1.0)
    recorder.push(0.0, *paper)
    for i in range(1, 6):
        black = put(paper, ARROW, (30 + 9 * i, 40))
        white = put(paper, ARROW, (200, 60 + 9 * i))
        recorder.push(
            i / 10, *(np.where(w == p, b, 255 - w) for b, w, p in zip(black, white, paper, strict=True))
        )
    segment = recorder.take()
    blobs = find_blobs(segment, 0, 6, paper, np.zeros(240, np.uint8), 28, 6, 2, 32)
    looks = [glyph_of(ARROW), glyph_of(POINTERS["cross"]), glyph_of(POINTERS["hand"])]

    def search(glyphs: list, *before: object):
        return find_candidates(segment, 0, paper, *blobs, glyphs, 48, 28, 3, 6, 220, 1, *before)

    whole, first = search(looks), search(looks[:1])
    for a, b in zip(whole, search(looks, first[0], 1), strict=True):
        np.testing.assert_array_equal(a, b)
    # That the first result is taken as it is shows that it is not worked out again.
    told = first[0].copy()
    told["similarity"] = 0.125
    again = search(looks, told, 1)[0]
    assert set(again["similarity"][again["glyph"] == 0]) == {np.float32(0.125)}
    assert len(first[0]) < len(whole[0]) < 3 * len(first[0])  # one of the two blobs needs the other looks
    with pytest.raises(ValueError, match="by blob"):
        search(looks, told[::-1].copy(), 1)


def test_a_blob_as_large_as_the_picture_does_not_overflow():
    black, white = flat(0, 5120, 2880), flat(255, 5120, 2880)
    recorder = SparseRecorder(5120, 2880, 16, 12, 3, 3, 2.0, 1.0)
    recorder.push(0.0, *white)
    blobs, _, _ = find_blobs(recorder.take(), 0, 1, black, np.zeros(320 * 180, np.uint8), 28, 6, 2, 32)
    assert blobs["weight"].tolist() == [2**31 - 1]
    assert (blobs["cx"][0], blobs["cy"][0]) == (2560.0, 1440.0)


def test_what_lies_beyond_the_picture_says_nothing_about_a_look():
    """Six whole arrows, and five of which the lower half is below the edge."""
    paper = flat(235)
    recorder = SparseRecorder(320, 192, 16, 12, 3, 3, 2.0, 1.0)
    recorder.push(0.0, *paper)
    spots = [(20 + 40 * i, 60) for i in range(6)] + [(30 + 40 * i, 182) for i in range(5)]
    samples = np.zeros(len(spots), SAMPLE)
    for i, (x, y) in enumerate(spots):
        recorder.push(1.0 + i, *put(paper, ARROW, (x, y)))
        samples[i] = (i + 1, x, y, x + 13, min(192, y + 21))
    maps = learn_glyph(cut_out(recorder.take(), paper, samples, 28), 48, 0.6)
    outline = maps["opaque"].sum(axis=1)
    rows = np.flatnonzero(outline)
    assert rows[-1] - rows[0] >= 18
    lower = maps["differs"][rows[0] + 12 : rows[-1]]
    assert lower[lower > 0].min() == 1.0
