"""The rule that drops pictures: on made-up packet lists, and on real encodes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.decode.droppable import WINDOW, DropWindow
from narratrace.decode.nonref import Traits
from tests.decode.conftest import RunPass
from tests.support.media import FIXTURES, Draw, make_video


@dataclass(frozen=True)
class Picture:
    pts: int | None
    dts: int | None
    droppable: bool
    inherits: bool = False


@st.composite
def streams(draw: st.DrawFn) -> list[Picture]:
    """Groups of an anchor and the B pictures shown before it, in decoding order, with honest times."""
    groups = draw(st.lists(st.integers(0, 6), min_size=1, max_size=12))
    count = sum(groups) + len(groups)
    steps = draw(st.lists(st.integers(1, 50), min_size=count, max_size=count))
    times = np.cumsum(steps).tolist()
    delay = draw(st.integers(0, 2))
    order, shown = [], 0
    for inner in groups:  # the anchor is shown after its B pictures and decoded before them
        order += [(shown + inner, False), *((shown + k, draw(st.booleans())) for k in range(inner))]
        shown += inner + 1
    ranks = sorted(range(count))
    lead = 1 + delay  # decoding runs ahead of presentation by this many pictures
    dts = [times[k - lead] if k >= lead else times[0] - 50 * (lead - k) for k in ranks]
    return [Picture(times[i], min(dts[k], times[i]), droppable) for k, (i, droppable) in enumerate(order)]


def decide(stream: list[Picture], max_gap: int) -> list[tuple[Picture, bool]]:
    window = DropWindow[Picture](max_gap)
    out = []
    for p in stream:
        out += window.push(p, pts=p.pts, dts=p.dts, traits=Traits(p.droppable, p.inherits))
        assert len(window._queue) <= WINDOW
    return out + window.flush()


def check_gaps(decided: list[tuple[Picture, bool]], max_gap: int) -> None:
    shown = sorted((p.pts, drop) for p, drop in decided if p.pts is not None)
    kept = [i for i, (_, drop) in enumerate(shown) if not drop]
    assert not shown or (kept and kept[0] == 0 and kept[-1] == len(shown) - 1)
    for a, b in pairwise(kept):
        assert b == a + 1 or shown[b][0] - shown[a][0] <= max_gap


@given(streams(), st.integers(0, 300))
def test_gaps_stay_within_the_limit_and_only_droppable_pictures_go(
    stream: list[Picture], max_gap: int
) -> None:
    decided = decide(stream, max_gap)
    assert [p for p, _ in decided] == stream
    assert all(p.droppable for p, drop in decided if drop)
    check_gaps(decided, max_gap)


@given(streams())
def test_everything_droppable_between_first_and_last_goes_if_gaps_do_not_matter(
    stream: list[Picture],
) -> None:
    ends = {min(p.pts for p in stream), max(p.pts for p in stream)}
    for p, drop in decide(stream, 10**9):
        assert drop == (p.droppable and p.pts not in ends)


@given(streams(), st.integers(0, 300))
def test_no_picture_is_kept_that_could_go(stream: list[Picture], max_gap: int) -> None:
    decided = decide(stream, max_gap)
    shown = sorted(((p.pts, drop, p) for p, drop in decided), key=lambda row: row[0])
    for i in range(1, len(shown) - 1):
        _, drop, p = shown[i]
        if p.droppable and not drop:
            before = max(t for t, dropped, _ in shown[:i] if not dropped)
            assert shown[i + 1][0] - before > max_gap


@given(
    st.lists(
        st.builds(
            Picture,
            pts=st.none() | st.integers(-50, 400),
            dts=st.none() | st.integers(-50, 400),
            droppable=st.booleans(),
            inherits=st.booleans(),
        ),
        max_size=200,
        unique_by=lambda p: p.pts if p.pts is not None else object(),
    ),
    st.integers(0, 100),
)
def test_lying_containers_cannot_break_the_limit(stream: list[Picture], max_gap: int) -> None:
    decided = decide(stream, max_gap)
    assert [p for p, _ in decided] == stream
    assert all(p.droppable and p.pts is not None for p, drop in decided if drop)
    check_gaps(decided, max_gap)


def test_what_the_next_packet_inherits_from_stays() -> None:
    times = range(0, 50, 10)
    stream = [Picture(t, t, True, inherits=t == 30) for t in times]
    assert [p.pts for p, drop in decide(stream, 1000) if drop] == [10, 30]


def test_packets_without_decoding_times_are_kept_within_the_window() -> None:
    stream = [Picture(10 * i, None, i % 2 == 1) for i in range(4 * WINDOW)]
    decided = decide(stream, 1000)
    assert [p for p, _ in decided] == stream
    assert not any(drop for p, drop in decided[:WINDOW])


REAL: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 mp4": ("a.mp4", {"bframes": 3}),
    "h264 transport stream": ("a.ts", {"bframes": 3}),
    "h264 mkv": ("a.mkv", {"bframes": 5, "audio": "tone"}),
    "av1": ("a.mkv", {"codec": "libsvtav1"}),
    "vp9 of a conference": (
        "a.webm",
        {
            "codec": "libvpx-vp9",
            "crf": None,
            "options": {
                "b": "200k",
                "error-resilient": "default",
                "ts-parameters": "ts_number_layers=3:ts_target_bitrate=100,150,200:"
                "ts_rate_decimator=4,2,1:ts_periodicity=4:ts_layer_id=0,2,1,2:ts_layering_mode=3",
            },
        },
    ),
}


def noise(seed: int = 3) -> Draw:
    """A painter whose every frame differs all over, so that a wrong reference shows."""
    texture = np.random.default_rng(seed).integers(30, 220, (200, 400), dtype=np.uint8)
    return lambda i, t: texture[i % 100 : i % 100 + 96, 2 * i % 200 : 2 * i % 200 + 160]


def check_against_full_pass(run_pass: RunPass, path: Path, rate: float) -> int:
    """Kept frames equal those of the full pass, and lie densely enough; returns how many were skipped."""
    full, auto = run_pass(path), run_pass(path, frames="auto", analysis_rate_hz=rate)
    by_pts = dict(zip(full.pts, full.luma, strict=True))
    for pts, luma in zip(auto.pts, auto.luma, strict=True):
        np.testing.assert_array_equal(luma, by_pts[pts])
    assert auto.summary.frames_decoded + auto.summary.frames_skipped == len(full.pts)
    assert auto.summary.corrupt == 0
    assert auto.summary.vfr == full.summary.vfr
    assert auto.summary.fps_mean == pytest.approx(full.summary.fps_mean)
    assert (auto.times[0], auto.times[-1]) == (full.times[0], full.times[-1])
    index = {pts: i for i, pts in enumerate(full.pts)}
    for a, b in pairwise(auto.pts):
        gap = full.times[index[b]] - full.times[index[a]]
        assert index[b] == index[a] + 1 or gap <= 1 / rate + 1e-9
    return auto.summary.frames_skipped


@pytest.mark.parametrize("kind", REAL)
def test_kept_frames_are_bit_identical_to_a_full_decode(kind: str, run_pass: RunPass, tmp_path: Path) -> None:
    name, options = REAL[kind]
    made = make_video(tmp_path / name, seconds=4, gop=50, draw=noise(), **options)
    assert check_against_full_pass(run_pass, made.path, 10) >= 0.2 * made.frames
    assert check_against_full_pass(run_pass, made.path, 25) == 0


@pytest.mark.parametrize("name", ["hevc_10bit.mp4", "hevc_layers.mkv"])
def test_hevc(name: str, run_pass: RunPass) -> None:
    assert check_against_full_pass(run_pass, FIXTURES / name, 10) >= 6


def test_irregular_times_keep_the_rate(run_pass: RunPass, tmp_path: Path) -> None:
    steps = np.random.default_rng(5).choice([0.01, 0.03, 0.07, 0.2], 120)
    made = make_video(tmp_path / "a.mp4", times=np.cumsum(steps).tolist(), bframes=3, draw=noise())
    skipped = [check_against_full_pass(run_pass, made.path, rate) for rate in (2, 5, 10, 30)]
    assert skipped[0] > skipped[-1] > 0
    assert skipped == sorted(skipped, reverse=True)


def test_ordinary_vp9_keeps_every_frame(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.webm", codec="libvpx-vp9", draw=noise())
    assert check_against_full_pass(run_pass, made.path, 1) == 0


def test_pictures_hidden_by_an_edit_list_do_not_count_as_neighbours(
    run_pass: RunPass, tmp_path: Path
) -> None:
    made = make_video(tmp_path / "a.mp4", start=-0.5, bframes=3, draw=noise())
    full, auto = run_pass(made.path), run_pass(made.path, frames="auto")
    assert auto.times[0] == full.times[0]
    assert auto.summary.frames_decoded + auto.summary.frames_skipped == len(full.pts)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_agrees_with_ffmpeg_on_which_pictures_nobody_needs(
    codec: str, run_pass: RunPass, tmp_path: Path
) -> None:
    path = FIXTURES / "hevc_10bit.mp4"
    if codec == "h264":
        path = make_video(tmp_path / "a.mp4", bframes=4, draw=noise()).path
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = "NONREF"
        needed = [frame.pts for frame in container.decode(stream)]
    ours = run_pass(path, frames="auto", analysis_rate_hz=0.01).pts
    assert set(ours) - set(needed) <= {max(ours)}  # the last picture is always kept
    assert set(needed) <= set(ours)


def test_limit_is_never_rounded_up() -> None:
    # 29.97 Hz in 1/90000 s: three frames are 9009 ticks, more than a tenth of a second.
    ticks = [3003 * i for i in range(30)]
    stream = [Picture(t, t, i % 3 != 0) for i, t in enumerate(ticks)]
    check_gaps(decide(stream, math.floor(0.1 * 90_000)), 9000)
    assert sum(drop for _, drop in decide(stream, 9000)) < 20 <= sum(d for _, d in decide(stream, 9009)) + 1
