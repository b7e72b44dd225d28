"""Boxes by the published clustering and by gestures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.align.boxes import BoxOptions, cluster_boxes, gesture_boxes
from narratrace.align.gesture import Gesture
from narratrace.align.kmeans import F64, I64, kmeans
from narratrace.data.shots import Box
from narratrace.data.trace import Trace
from narratrace.data.transcript import Utterance
from narratrace.timebase import Span

from .builders import utterance, words

OPTIONS = BoxOptions()
WIDTH, HEIGHT = 1000, 1000


def visits(*regions: tuple[float, float, float], n: int = 40, seed: int = 0) -> Trace:
    """A pointer that spends ``n`` points in each square (centre x, y, half side), one after the other."""
    random = np.random.default_rng(seed)
    x = np.concatenate([random.uniform(cx - r, cx + r, n) for cx, _, r in regions])
    y = np.concatenate([random.uniform(cy - r, cy + r, n) for _, cy, r in regions])
    return Trace(np.arange(len(x)) * 0.1, x, y, np.ones(len(x)))


def say(n: int, start: float, end: float) -> Utterance:
    return utterance(" ".join(["word"] * n), start, end)


class TestKMeans:
    def test_finds_well_separated_clusters(self) -> None:
        trace = visits((100, 100, 40), (800, 200, 40), (500, 900, 40))
        labels = kmeans(np.stack([trace.x, trace.y], axis=1), 3, seed=0)
        assert labels.tolist() == [0] * 40 + [1] * 40 + [2] * 40

    @given(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40),
        st.integers(1, 6),
        st.integers(0, 5),
    )
    def test_numbers_clusters_by_first_appearance_the_same_every_time(
        self, points: list[tuple[int, int]], k: int, seed: int
    ) -> None:
        array = np.array(points, float).reshape(-1, 2)
        labels = kmeans(array, k, seed)
        assert labels.tolist() == kmeans(array, k, seed).tolist()
        seen = list(dict.fromkeys(labels.tolist()))
        assert seen == list(range(len(seen)))
        assert len(seen) <= min(k, len(set(points)))

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=40))
    def test_every_point_is_with_its_nearest_centre(self, points: list[tuple[int, int]]) -> None:
        array = np.array(points, float)
        labels = kmeans(array, 3, 0)
        centres = np.stack([array[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
        distances = np.linalg.norm(array[:, None] - centres[None], axis=2)
        assert np.allclose(distances[np.arange(len(array)), labels], distances.min(axis=1))

    def test_the_clusters_do_not_depend_on_luck(self) -> None:
        """Traces through more places than clusters have many poor optima; any seed finds a good one."""
        for n in range(12):
            centres = np.random.default_rng(n).uniform(100, 900, (8, 2)).tolist()
            trace = visits(*((x, y, 60.0) for x, y in centres), n=30, seed=n)
            points = np.stack([trace.x, trace.y], axis=1)
            spread = [_spread_of(points, kmeans(points, 4, seed)) for seed in range(8)]
            assert max(spread) <= 1.02 * min(spread)


def _spread_of(points: F64, labels: I64) -> float:
    """Sum of squared distances to the means."""
    means = np.stack([points[labels == c].mean(axis=0) for c in range(int(labels.max()) + 1)])
    return float(((points - means[labels]) ** 2).sum())


class TestClusterBoxes:
    @pytest.mark.parametrize(("spoken", "clusters"), [(10, 1), (11, 2), (40, 2), (41, 3), (60, 3), (61, 4)])
    def test_the_number_of_clusters_follows_the_words(self, spoken: int, clusters: int) -> None:
        regions = [(150, 150, 90), (850, 150, 90), (150, 850, 90), (850, 850, 90)][:clusters]
        trace = visits(*regions)
        each = [spoken // clusters + (i < spoken % clusters) for i in range(clusters)]
        said = [say(n, 4 * i, 4 * i + 2) for i, n in enumerate(each)]
        boxes = cluster_boxes(trace, said, WIDTH, HEIGHT, OPTIONS)
        assert len(boxes) == clusters
        for region, (cx, cy, _) in zip(boxes, regions, strict=True):
            assert region.box.contains(cx, cy)
            assert region.method == "cluster"
            assert region.score == 1.0

    def test_a_sentence_goes_to_the_cluster_whose_mean_time_is_nearest_its_end(self) -> None:
        trace = visits((200, 200, 100), (800, 800, 100))
        said = [utterance("here a b c d e f", 0, 1.9), utterance("there a b c d e f", 2.5, 6.5)]
        boxes = cluster_boxes(trace, said, WIDTH, HEIGHT, OPTIONS)
        assert [box.text.split()[0] for box in boxes] == ["here", "there"]
        late_end = [said[0], utterance("there a b c d e f", 2.5, 2.6)]
        assert len(cluster_boxes(trace, late_end, WIDTH, HEIGHT, OPTIONS)) == 1

    def test_outliers_do_not_stretch_a_box(self) -> None:
        inside = visits((300, 300, 100), n=60)
        x = inside.x.copy()
        x[30] = 990.0
        (region,) = cluster_boxes(
            Trace(inside.t, x, inside.y, inside.score), [say(5, 0, 3)], WIDTH, HEIGHT, OPTIONS
        )
        assert region.box.x1 <= 400
        assert region.score == pytest.approx(59 / 60, abs=0.02)

    @pytest.mark.parametrize(("half", "kept"), [(60, 0), (80, 1), (400, 1), (440, 0)])
    def test_boxes_too_small_or_too_large_are_left_out(self, half: float, kept: int) -> None:
        """0.02 of the picture is a square of half side 71, 0.7 one of 418."""
        trace = visits((500, 500, half), n=2000)
        assert len(cluster_boxes(trace, [say(5, 0, 3)], WIDTH, HEIGHT, OPTIONS)) == kept

    def test_a_box_lasts_beyond_its_last_point(self) -> None:
        trace = visits((500, 500, 200))
        (region,) = cluster_boxes(trace, [say(5, 0, 3)], WIDTH, HEIGHT, OPTIONS)
        assert len(trace.within(region.span)) == len(trace)
        shown = Span(0.0, float(trace.t[-1]) + 1e-4)
        (cut,) = cluster_boxes(trace, [say(5, 0, 3)], WIDTH, HEIGHT, OPTIONS, [shown])
        assert cut.span == shown

    def test_the_score_of_a_single_point_counts_it(self) -> None:
        """A place visited once beside one visited long is a cluster of its own; its box has no area."""
        trace = visits((200, 200, 100))
        t, x, y = (
            np.append(column, last) for column, last in ((trace.t, 9.0), (trace.x, 900), (trace.y, 900))
        )
        said = [say(6, 0, 2), say(6, 8, 9.1)]
        lone = cluster_boxes(Trace(t, x, y, np.ones(len(t))), said, WIDTH, HEIGHT, BoxOptions(min_area=-1))[
            -1
        ]
        assert (lone.span.start, lone.score) == (9.0, 1.0)

    def test_nothing_without_trace_or_text(self) -> None:
        assert cluster_boxes(Trace.empty(), [say(5, 0, 3)], WIDTH, HEIGHT, OPTIONS) == []
        assert cluster_boxes(visits((500, 500, 100)), [], WIDTH, HEIGHT, OPTIONS) == []


class TestGestureBoxes:
    GESTURE = Gesture(kind="circle", span=Span(2.0, 4.0), box=Box(x0=400, y0=400, x1=600, y1=600))

    def test_a_box_has_the_words_spoken_just_before_and_during_the_gesture(self) -> None:
        spoken = words("zero one two three four five six seven eight nine", 0.0, seconds=0.5)
        (region,) = gesture_boxes([self.GESTURE], spoken, Trace.empty(), BoxOptions(lead_s=0.7))
        assert region.text == "three four five six seven"
        (region,) = gesture_boxes([self.GESTURE], spoken, Trace.empty(), BoxOptions(lead_s=0))
        assert region.text == "four five six seven"

    def test_its_score_is_the_share_of_points_inside(self) -> None:
        trace = Trace(
            np.array([1.0, 2.0, 3.0, 3.5, 4.0]),
            np.array([0, 500, 500, 0, 500.0]),
            np.full(5, 500.0),
            np.ones(5),
        )
        (region,) = gesture_boxes([self.GESTURE], words("here it is", 2.0), trace, OPTIONS)
        assert region.score == pytest.approx(2 / 3)
        assert (region.method, region.span) == ("circle", self.GESTURE.span)

    def test_points_on_the_far_edges_are_outside(self) -> None:
        trace = Trace(
            np.array([2.0, 2.5, 3.0, 3.5]),
            np.array([400.0, 600, 500, 599.9]),
            np.array([400.0, 500, 600, 599.9]),
            np.ones(4),
        )
        (region,) = gesture_boxes([self.GESTURE], words("here it is", 2.0), trace, OPTIONS)
        inside = [self.GESTURE.box.contains(x, y) for _, x, y, _ in trace]
        assert inside == [True, False, False, True]
        assert region.score == np.mean(inside)

    def test_a_silent_gesture_has_no_box(self) -> None:
        assert gesture_boxes([self.GESTURE], words("long ago", 0.0), Trace.empty(), OPTIONS) == []
