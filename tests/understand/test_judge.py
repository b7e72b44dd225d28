from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from narratrace.data.analysis import FrameLabel, VideoStats
from narratrace.data.outcome import Dropped, Failed, Kept
from narratrace.data.trace import Trace
from narratrace.data.transcript import Transcript
from narratrace.errors import OptionError
from narratrace.options import from_mapping, rows, validate
from narratrace.pipeline.stage import Stage
from narratrace.understand.filters import FilterOptions, apply
from narratrace.understand.judge import Judge
from narratrace.understand.stats import (
    StatsOptions,
    narrative_score,
    phash_cosine,
    pointer_spans,
    video_stats,
)
from tests.understand.media import keyframe, recording, stable, transcript, visual

OPTIONS = StatsOptions()
hashes = st.integers(0, 2**64 - 1)


def trace(*times):
    t = np.asarray(times, float)
    return Trace(t, t, t, np.ones(len(t)))


def spans(*phashes):
    return tuple(stable(10 * i, 10 * i + 5, phash=phash, group=i) for i, phash in enumerate(phashes))


# --- figures


def test_figures_of_a_recording_whose_clock_does_not_start_at_zero():
    image = keyframe(0)
    labels = [FrameLabel(medical=m, probability=0.5) for m in (True, False, True, True)]
    pictures = (
        stable(20, 30, image),
        stable(30, 40, image, phash=2**64 - 1),
        stable(50, 60, image),
        stable(60, 70),
    )
    stats = video_stats(
        visual(pictures, start=20, duration=120, trace=trace(30, 30.5, 31, 40, 40.5, 60)),
        transcript((25, 35, "one two three four"), (30, 45, "five")),
        labels,
    )
    assert stats == VideoStats(
        duration=100,
        speech_share=0.2,
        stable_share=0.4,
        pointer_share=pytest.approx(0.015),
        narrative_score=0.5,
        medical_share=pytest.approx(2 / 3),
        spw=4.0,
        words=5,
    )


def test_unknown_figures_are_none_and_shares_are_zero():
    stats = video_stats(visual(duration=0), Transcript(), None)
    assert (stats.spw, stats.medical_share, stats.narrative_score) == (None, None, None)
    assert stats.speech_share == stats.stable_share == stats.pointer_share == 0
    assert (
        video_stats(visual(spans(1)), Transcript(), [FrameLabel(medical=True, probability=1)]).medical_share
        is None
    )


def test_labels_that_belong_to_other_spans_are_a_mistake():
    with pytest.raises(ValueError, match="longer"):
        video_stats(visual(spans(1, 2)), Transcript(), [FrameLabel(medical=True, probability=1)])


@given(
    st.lists(st.tuples(st.floats(-50, 150), st.floats(0, 80)), max_size=8),
    st.lists(st.floats(-10, 120), max_size=30, unique=True),
)
def test_shares_lie_between_zero_and_one(utterances, times):
    stats = video_stats(
        visual(trace=trace(*sorted(times))), transcript(*((a, a + d, "word") for a, d in utterances)), None
    )
    assert 0 <= stats.speech_share <= 1
    assert 0 <= stats.pointer_share <= 1


@given(st.lists(st.floats(0, 100), max_size=40, unique=True), st.floats(0.1, 5))
def test_the_pointer_is_visible_between_close_points_only(times, gap):
    times = sorted(times)
    expected = sum(b - a for a, b in itertools.pairwise(times) if b - a <= gap)
    assert sum(span.duration for span in pointer_spans(trace(*times), gap)) == pytest.approx(expected)


# --- narrative style


@given(hashes, st.integers(0, 64))
def test_the_cosine_of_hashes_is_that_of_their_signs(a, distance):
    b = a ^ ((1 << distance) - 1)
    signs = [np.array([1 if value >> i & 1 else -1 for i in range(64)]) for value in (a, b)]
    assert phash_cosine(a, b) == pytest.approx(signs[0] @ signs[1] / 64)


def test_repeats_are_counted_on_both_sides_and_three_bits_are_forgiven():
    far = 0xFFFFFFFF00000000
    assert narrative_score(spans(0, 0b111, far), OPTIONS) == pytest.approx(2 / 3)
    assert narrative_score(spans(0, 0b1111, far), OPTIONS) == 0
    assert narrative_score(spans(5), OPTIONS) is None
    assert narrative_score((), OPTIONS) is None


@given(st.lists(hashes, min_size=2, max_size=60), st.integers(0, 5))
def test_the_score_is_reproducible_and_a_share(phashes, seed):
    options = StatsOptions(seed=seed)
    score = narrative_score(spans(*phashes), options)
    assert score is not None
    assert 0 <= score <= 1
    assert score == narrative_score(spans(*phashes), options)
    assert (score * min(20, len(phashes))) == pytest.approx(round(score * min(20, len(phashes))))


def test_the_sample_is_the_same_on_every_machine_and_follows_the_seed():
    # 100 keyframes of which the first half repeat: the score counts how many of the 20 fell into it.
    rng = np.random.default_rng(0)
    phashes = [0] * 50 + [int(value) for value in rng.integers(0, 2**63, 50)]
    scores = [narrative_score(spans(*phashes), StatsOptions(seed=seed)) for seed in range(4)]
    assert scores == [0.55, 0.4, 0.35, 0.45]


# --- rules

GOOD = VideoStats(
    duration=200,
    speech_share=0.6,
    stable_share=0.7,
    pointer_share=0.3,
    narrative_score=0.2,
    medical_share=0.5,
    spw=0.4,
    words=300,
)


def test_nothing_is_dropped_by_default():
    empty = VideoStats(
        duration=0,
        speech_share=0,
        stable_share=0,
        pointer_share=0,
        narrative_score=None,
        medical_share=None,
        spw=None,
        words=0,
    )
    assert apply("a", GOOD, "en", FilterOptions()) is None
    assert apply("a", empty, "", FilterOptions()) is None


@pytest.mark.parametrize(
    ("rule", "kept", "dropped", "reason"),
    [
        ("min_duration_s", 200, 201, "duration in seconds 200 < 201"),
        ("max_duration_s", 200, 199, "duration in seconds 200 > 199"),
        ("min_speech_share", 0.6, 0.61, "share with speech 0.6 < 0.61"),
        ("min_spw", 0.4, 0.5, "seconds per word 0.4 < 0.5"),
        ("max_spw", 0.4, 0.3, "seconds per word 0.4 > 0.3"),
        ("min_stable_share", 0.7, 0.8, "share with a still picture 0.7 < 0.8"),
        ("min_pointer_share", 0.3, 0.4, "share with a pointer 0.3 < 0.4"),
        ("min_medical_share", 0.5, 0.6, "share of medical keyframes 0.5 < 0.6"),
        ("min_narrative_score", 0.2, 0.3, "narrative score 0.2 < 0.3"),
        ("languages", ("de", "en"), ("de", "fr"), "speech in en, wanted de, fr"),
    ],
)
def test_each_rule_drops_beyond_its_limit_and_says_why(rule, kept, dropped, reason):
    assert apply("a", GOOD, "en", from_mapping(FilterOptions, {rule: kept})) is None
    outcome = apply("a", GOOD, "en", from_mapping(FilterOptions, {rule: dropped}))
    assert outcome == Dropped(video_id="a", rule=rule, reason=reason)


def test_every_filter_option_has_its_rule_tested():
    tested = {mark.args[0] for mark in []} or {
        case[0] for case in test_each_rule_drops_beyond_its_limit_and_says_why.pytestmark[0].args[1]
    }
    assert tested == {field.name for field in fields(FilterOptions)}


def test_unknown_figures_drop_nothing():
    unknown = replace(GOOD, spw=None, medical_share=None, narrative_score=None)
    for spw in ({"min_spw": 9}, {"max_spw": 0.01}):
        strict = FilterOptions(**spw, min_medical_share=1, min_narrative_score=1, languages=("de",))
        assert apply("a", unknown, "", strict) is None


@pytest.mark.parametrize("name", ["en", "EN", " en ", "eng", "en-US", "English", "english"])
def test_languages_are_taken_as_manifests_name_them(name):
    options = FilterOptions(languages=("German", name, "deu"))
    assert options == FilterOptions(languages=("de", "en"))
    assert apply("a", GOOD, "en", options) is None
    assert apply("a", GOOD, "fr", options).reason == "speech in fr, wanted de, en"


@pytest.mark.parametrize("name", ["", "xx", "engl", "Klingon", "en,de"])
def test_unknown_languages_are_refused(name):
    with pytest.raises(OptionError, match="is no known language"):
        FilterOptions(languages=(name,))
    with pytest.raises(OptionError, match="is no known language"):
        from_mapping(FilterOptions, {"languages": [name]})


@pytest.mark.parametrize("what", ["duration_s", "spw"])
def test_limits_that_nothing_meets_are_refused(what):
    low, high = f"min_{what}", f"max_{what}"
    for fine in ({low: 2}, {high: 2}, {low: 2, high: 2}, {low: 2, high: 0}):
        FilterOptions(**fine)
    with pytest.raises(OptionError, match=f"filters.{high}: 2 is less than 2.5.*filters.{low}"):
        FilterOptions(**{low: 2.5, high: 2})


def test_options_are_documented_and_validated():
    assert validate(FilterOptions()) == FilterOptions()
    assert all(row.doc for options in (FilterOptions(), StatsOptions()) for row in rows(options))


# --- the stage


def test_the_stage_fills_in_the_figures_drops_and_carries_on():
    stage = Judge(FilterOptions(min_speech_share=0.5), StatsOptions())
    assert isinstance(stage, Stage)
    stage = pickle.loads(pickle.dumps(stage))
    stage.open()
    talk = replace(recording("a"), visual=visual(), transcript=transcript((0, 80, "a b c d")))
    silent = replace(recording("b"), visual=visual())
    a, b, c = stage.run([talk, silent, recording("c")])
    stage.close()
    assert isinstance(a, Kept)
    assert a.value.stats.speech_share == 0.8
    assert a.value.transcript is talk.transcript
    assert b == Dropped(video_id="b", rule="min_speech_share", reason="share with speech 0 < 0.5")
    assert isinstance(c, Failed)
    assert (c.video_id, c.station) == ("c", "judge")
