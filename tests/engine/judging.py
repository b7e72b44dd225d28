"""Whether an analysis is right for a specimen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from narratrace.data.analysis import VisualAnalysis
from tests.support.zoo import CUT, Specimen, tip


def assert_sane(visual: VisualAnalysis, specimen: Specimen) -> None:
    """What holds for every analysis: facts, a partition into shots, everything in time and in the picture."""
    video = visual.video
    assert (video.width, video.height) == specimen.size
    if specimen.frames:
        assert video.frames_decoded + video.frames_skipped == specimen.frames
    assert video.frames_decoded >= 1
    assert specimen.warns in " ".join(video.warnings)
    shots = [shot.span for shot in visual.shots]
    assert shots[0].start == video.start_pts_s
    assert shots[-1].end == video.duration
    assert all(a.end == b.start for a, b in pairwise(shots))
    for stable in visual.stable_spans:
        assert video.start_pts_s <= stable.span.start < stable.span.end <= video.duration
        assert stable.span.contains(stable.keyframe_t)
    trace = visual.trace
    if len(trace):
        assert video.start_pts_s <= trace.t[0] <= trace.t[-1] <= video.duration
        assert 0 <= trace.x.min() <= trace.x.max() < video.width
        assert 0 <= trace.y.min() <= trace.y.max() < video.height
    assert set(visual.timings) >= {"decode_s", "analyse_s"}


def assert_shows_lecture(visual: VisualAnalysis, specimen: Specimen) -> None:
    """The cut is found, and the arrow is followed to within three pixels."""
    starts = [shot.span.start for shot in visual.shots]
    assert len(starts) == 2, starts
    assert abs(starts[1] - CUT) <= 0.15
    assert len(visual.stable_spans) == 2
    trace = visual.trace
    width, height = specimen.size
    wanted = np.array([tip(t, width, height) for t in trace.t.tolist()])
    errors = np.hypot(trace.x - wanted[:, 0], trace.y - wanted[:, 1])
    assert len(trace) >= 0.8 * visual.video.frames_decoded
    assert np.median(errors) <= 3, f"median error {np.median(errors):.1f} px"
    assert np.mean(errors <= 8) >= 0.95
