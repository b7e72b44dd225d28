"""The whole station: from a recording to its samples."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.align.clips import ClipOptions
from narratrace.align.stage import Align, AlignOptions
from narratrace.align.text import TextOptions
from narratrace.data.outcome import Failed, Kept
from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample, SampleKind
from narratrace.data.trace import Dwell, Trace
from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.options import from_mapping, rows, validate
from narratrace.pipeline.stage import Stage
from narratrace.timebase import Span

from .builders import line_trace, recording, transcript
from .hands import Hand

THREE_SENTENCES = transcript(
    ("This is a slide.", 1, 4), ("Here is the cell itself.", 6, 9), ("And the end.", 14, 16)
)


def samples(made: Recording, options: AlignOptions | None = None) -> tuple[AlignedSample, ...]:
    (outcome,) = Align(options).run([made])
    assert isinstance(outcome, Kept), outcome
    found = outcome.value.samples
    assert found is not None
    return found


def without_keyframes(made: Recording) -> Recording:
    """The recording as it is analysed when no keyframe pictures are asked for."""
    assert made.visual is not None
    bare = tuple(replace(still, keyframe=None) for still in made.visual.stable_spans)
    return replace(made, visual=replace(made.visual, stable_spans=bare))


def of(kind: SampleKind, found: Sequence[AlignedSample]) -> list[AlignedSample]:
    return [sample for sample in found if sample.kind is kind]


def texts(found: Sequence[AlignedSample], kind: SampleKind = SampleKind.PAIR) -> list[str]:
    return [sample.text for sample in of(kind, found)]


class TestPairs:
    def test_each_picture_has_its_sentences(self) -> None:
        found = samples(recording(stable=[(0, 5), (5, 12), (12, 20)], transcript=THREE_SENTENCES))
        assert texts(found) == ["This is a slide.", "Here is the cell itself.", "And the end."]
        first = found[0]
        assert (first.key, first.index, first.span) == ("lecture_0", 0, Span(1, 4))
        assert (first.stable_span, first.image_t) == (Span(0, 5), 2.5)
        assert first.image is not None

    def test_a_picture_without_text_is_no_pair(self) -> None:
        found = samples(recording(stable=[(0, 5), (5, 9.5), (9.5, 11)], transcript=THREE_SENTENCES))
        assert len(texts(found)) == 2

    def test_near_identical_pictures_of_a_chunk_are_one_with_the_longest_keyframe(self) -> None:
        made = recording(
            stable=[(0, 5), (5, 5.5), (5.5, 12)], groups=[0, 1, 0], transcript=transcript(("a b c.", 1, 11))
        )
        (pair,) = of(SampleKind.PAIR, samples(made))
        assert pair.stable_span == Span(5.5, 12)

    def test_the_same_picture_much_later_is_another_pair(self) -> None:
        talk = transcript(("One two three.", 1, 4), ("Four five six.", 50, 53))
        found = samples(recording(stable=[(0, 10), (10, 45), (45, 60)], groups=[0, 1, 0], transcript=talk))
        assert texts(found) == ["One two three.", "Four five six."]

    def test_speech_over_a_picture_that_is_not_medical_is_in_no_pair(self) -> None:
        made = recording(
            stable=[(0, 5), (5, 12), (12, 20)], medical=[True, False, True], transcript=THREE_SENTENCES
        )
        assert texts(samples(made)) == ["This is a slide.", "And the end."]

    def test_a_picture_with_much_text_gives_several_pairs(self) -> None:
        options = AlignOptions(text=TextOptions(max_words=5))
        found = samples(recording(stable=[(0, 20)], transcript=THREE_SENTENCES), options)
        assert texts(found) == ["This is a slide.", "Here is the cell itself.", "And the end."]
        assert [sample.key for sample in of(SampleKind.PAIR, found)] == [
            "lecture_0",
            "lecture_1",
            "lecture_2",
        ]

    def test_captions_without_punctuation_go_to_the_picture_on_the_screen(self) -> None:
        """As captions of a recogniser are: no stops, a cue lasts until the next, ten seconds a picture."""
        talk = transcript(
            *((f"w{4 * i} w{4 * i + 1} w{4 * i + 2} w{4 * i + 3}", 2 * i, 2 * i + 2) for i in range(15))
        )
        found = texts(samples(recording(stable=[(0, 10), (10, 20), (20, 30)], transcript=talk)))
        assert [text.split() for text in found] == [
            [f"w{i}" for i in range(20 * slide, 20 * slide + 20)] for slide in range(3)
        ]

    def test_a_sentence_longer_than_a_text_may_be_is_cut(self) -> None:
        options = AlignOptions(text=TextOptions(max_words=3))
        found = samples(recording(stable=[(0, 20)], transcript=THREE_SENTENCES), options)
        assert max(len(text.split()) for text in texts(found)) == 3
        assert " ".join(texts(found)) == "This is a slide. Here is the cell itself. And the end."

    def test_labels_are_those_of_the_picture(self) -> None:
        made = recording(
            stable=[(0, 20)], medical=[True], domains={"ct": 0.9, "mri": 0.1}, transcript=THREE_SENTENCES
        )
        assert samples(made)[0].labels == {"ct": 0.9, "mri": 0.1}

    @pytest.mark.parametrize(
        ("made", "why"),
        [
            pytest.param(
                recording(stable=[(0, 9)], transcript=Transcript(warnings=("no captions sidecar",))),
                "it has no words; no captions sidecar",
                id="no words",
            ),
            pytest.param(
                recording(stable=[], transcript=THREE_SENTENCES), "no picture stays", id="no pictures"
            ),
            pytest.param(
                without_keyframes(recording(stable=[(0, 20)], transcript=THREE_SENTENCES)),
                "no keyframe pictures were asked for",
                id="no keyframes",
            ),
            pytest.param(
                recording(stable=[(0, 9)], medical=[False], transcript=THREE_SENTENCES),
                "no picture is medical",
                id="not medical",
            ),
            pytest.param(
                recording(stable=[(30, 39)], transcript=THREE_SENTENCES),
                "nothing is said while a picture stays",
                id="apart",
            ),
        ],
    )
    def test_nothing_to_align_gives_no_samples_and_a_warning(
        self, made: Recording, why: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert samples(made) == ()
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert f"lecture gives no samples: {why}" in record.getMessage()


class TestTraces:
    def test_a_trace_has_a_position_per_word_and_lasts_as_long_as_the_text(self) -> None:
        made = recording(
            stable=[(0, 20)], trace=line_trace(0, 20, (0, 0), (1000, 500)), transcript=THREE_SENTENCES
        )
        (trace,) = of(SampleKind.TRACE, samples(made))
        assert trace.span == Span(1, 16)
        assert [p.word.text for p in trace.word_positions] == trace.text.split()
        assert [p.x for p in trace.word_positions][:2] == pytest.approx([68.75, 106.25])
        assert trace.trace.t[0] >= 1
        assert trace.trace.t[-1] < 16

    def test_the_trace_is_cut_to_the_time_of_its_picture(self) -> None:
        talk = transcript(("A sentence that goes on over two pictures.", 0, 8))
        pointer = line_trace(0, 20, (0, 0), (1000, 500))
        found = samples(recording(stable=[(0, 5), (5, 20)], trace=pointer, transcript=talk))
        (trace,) = of(SampleKind.TRACE, found)
        assert trace.trace.t[-1] < 5
        assert trace.word_positions[-1].x is None

    @pytest.mark.parametrize(
        "pointer",
        [
            pytest.param(Trace.empty(), id="none"),
            pytest.param(line_trace(0, 20, (600, 300), (603, 302)), id="parked"),
            pytest.param(line_trace(1, 1.5, (0, 0), (900, 500)), id="seen for a word of twelve"),
        ],
    )
    def test_too_little_of_a_pointer_is_no_trace(self, pointer: Trace) -> None:
        found = samples(recording(stable=[(0, 20)], trace=pointer, transcript=THREE_SENTENCES))
        assert texts(found, SampleKind.TRACE) == []
        assert len(texts(found)) == 1


def pointed() -> Recording:
    """Two slides; a region of the first is circled during its second sentence, another rested on later."""
    hand = Hand(5, x=100, y=650)
    hand.rest(5.8)
    hand.circle(600, 300, 90, 70, turns=2, seconds=2.4)
    hand.reach(1100, 600)
    hand.rest(20 - hand.now)
    rest = Dwell(span=Span(hand.drawn[-1].span.start, 15.0), x=1100, y=600, radius=3)
    talk = (("This is a slide.", 1, 4), ("Here is the cell itself.", 6, 9), ("And its rim.", 10, 12))
    return recording(
        stable=[(0, 16), (16.5, 20)],
        shots=[(0, 16.2), (16.2, 20)],
        trace=hand.trace(),
        dwells=[rest],
        transcript=transcript(*talk, ("The end.", 17, 19)),
        extra={"licence_year": 2020, "day": date(2020, 1, 2)},
    )


def test_speech_that_overlaps_is_not_mixed() -> None:
    talk = transcript(("A long sentence over ten seconds.", 1, 11), ("Short aside.", 3, 5))
    (pair,) = of(SampleKind.PAIR, samples(recording(stable=[(0, 20)], transcript=talk)))
    assert pair.text == "A long sentence over ten seconds. Short aside."


class TestBoxes:
    def test_a_circled_region_has_the_words_spoken_then(self) -> None:
        trace = of(SampleKind.TRACE, samples(pointed()))[0]
        circle = next(region for region in trace.boxes if region.method == "circle")
        assert circle.text == "Here is the cell itself."
        assert circle.score > 0.7
        assert {region.method for region in trace.boxes} == {"circle", "dwell", "cluster"}

    @pytest.mark.parametrize(
        ("methods", "made"),
        [("gestures", {"circle", "dwell"}), ("clusters", {"cluster"}), ("none", set())],
    )
    def test_methods_are_an_option(self, methods: str, made: set[str]) -> None:
        options = from_mapping(AlignOptions, {"boxes": {"methods": methods}})
        trace = of(SampleKind.TRACE, samples(pointed(), options))[0]
        assert {region.method for region in trace.boxes} == made

    def test_text_without_spaces_gets_none(self) -> None:
        talk = pointed().transcript
        assert talk is not None
        said = [
            replace(
                u,
                words=tuple(
                    replace(w, text="肝" if w is not u.words[-1] else "脏。", glued=True) for w in u.words
                ),
            )
            for u in talk.utterances
        ]
        made = replace(pointed(), transcript=replace(talk, utterances=tuple(said)))
        trace = of(SampleKind.TRACE, samples(made))[0]
        assert trace.text == "肝肝肝脏。肝肝肝肝脏。肝肝脏。"
        circle, cluster = (next(b for b in trace.boxes if b.method == m) for m in ("circle", "cluster"))
        assert circle.text == "肝肝肝肝脏。"
        assert cluster.text in trace.text

    def test_a_trace_goes_on_until_its_gestures_end(self) -> None:
        talk = transcript(("Look here.", 5, 6.4))
        made = replace(pointed(), transcript=talk)
        trace = of(SampleKind.TRACE, samples(made))[0]
        (circle,) = (region for region in trace.boxes if region.method == "circle")
        assert trace.span.end == circle.span.end > 6.4


def rested_across_the_cut() -> Recording:
    """The pointer comes to rest at 8 s, stays where it is over the cut at 10 s, and leaves at 14 s."""
    hand = Hand(5, x=100, y=650)
    hand.reach(600, 300)
    hand.rest(14 - hand.now)
    hand.reach(1100, 600)
    hand.rest(20 - hand.now)
    return recording(
        stable=[(0, 10), (10, 20)],
        shots=[(0, 10), (10, 20)],
        trace=hand.trace(),
        dwells=[
            Dwell(span=Span(8, 14), x=600, y=300, radius=3),
            Dwell(span=Span(15, 18), x=1100, y=600, radius=3),
        ],
        transcript=transcript(("The slide before.", 7, 9.5), ("This is a cell.", 10.5, 15.5)),
    )


class TestPictureTime:
    """What is pointed out belongs to the picture that is on the screen then."""

    def test_a_trace_of_a_rest_over_a_cut_begins_with_its_picture(self) -> None:
        trace = of(SampleKind.TRACE, samples(rested_across_the_cut()))[-1]
        assert trace.text == "This is a cell."
        assert trace.span == Span(10, 18)
        assert [dwell.span for dwell in trace.dwells] == [Span(10, 14), Span(15, 18)]
        assert [region.span for region in trace.boxes if region.method == "dwell"] == [
            Span(10, 14),
            Span(15, 18),
        ]
        assert trace.trace.t[0] >= 10

    def test_a_word_mostly_spoken_over_the_next_picture_has_no_position(self) -> None:
        talk = transcript(("One two three over, there.", 6, 11))
        pointer = line_trace(0, 20, (0, 0), (1000, 500))
        made = recording(stable=[(0, 9.6), (9.6, 20)], trace=pointer, transcript=talk)
        (trace,) = of(SampleKind.TRACE, samples(made))
        assert [p.x is None for p in trace.word_positions] == [False, False, False, False, True]
        later = recording(stable=[(0, 9.4), (9.4, 20)], trace=pointer, transcript=talk)
        (trace,) = of(SampleKind.TRACE, samples(later))
        assert [p.x is None for p in trace.word_positions] == [False, False, False, True, True]

    def test_dwells_lie_within_the_span_of_their_sample(self) -> None:
        options = AlignOptions(clips=ClipOptions(events="all", max_s=4))
        found = samples(rested_across_the_cut(), options)
        assert {sample.kind for sample in found if sample.dwells} == set(SampleKind)
        for sample in found:
            for part in [*sample.dwells, *sample.boxes]:
                assert sample.span.start <= part.span.start <= part.span.end <= sample.span.end


class TestClips:
    def test_a_clip_holds_the_gesture_with_the_words_around_it(self) -> None:
        (clip,) = of(SampleKind.CLIP, samples(pointed()))
        assert clip.clip is not None
        assert (clip.clip.mp4, clip.clip.span, clip.clip.offset) == (b"", clip.span, clip.span.start)
        assert clip.text == "Here is the cell itself. And its rim."
        assert [region.method for region in clip.boxes] == ["circle"]
        assert clip.span.start <= clip.boxes[0].span.start
        assert clip.boxes[0].span.end <= clip.span.end

    @pytest.mark.parametrize("seconds", [0.9, 2.7])
    def test_the_words_of_a_clip_lie_within_it(self, seconds: float) -> None:
        """Long words, and no room for the clips to grow: they begin and end inside words."""
        spoken = tuple(Word(Span(i * seconds, (i + 1) * seconds), f"w{i}") for i in range(int(16 / seconds)))
        made = replace(pointed(), transcript=Transcript(utterances=(Utterance(Span(0, 16), spoken),)))
        options = AlignOptions(clips=ClipOptions(before_s=0, after_s=0, min_s=1.0, max_s=1.5, events="all"))
        clips = of(SampleKind.CLIP, samples(made, options))
        words = [(clip, word) for clip in clips for u in clip.utterances for word in u.words]
        assert any(word not in spoken for _, word in words)
        for clip, word in words:
            assert clip.span.start <= word.span.start < word.span.end <= clip.span.end
            whole = next(other for other in spoken if other.text == word.text)
            assert clip.span.contains(whole.span.middle)

    def test_a_silent_clip_is_left_out(self) -> None:
        made = replace(pointed(), transcript=transcript(("The end.", 17, 19)))
        assert of(SampleKind.CLIP, samples(made)) == []

    def test_dwells_are_clipped_on_request(self) -> None:
        options = AlignOptions(clips=ClipOptions(events="all", max_s=4, min_s=2))
        assert len(of(SampleKind.CLIP, samples(pointed(), options))) > 1

    def test_a_clip_does_not_cross_a_cut(self) -> None:
        options = AlignOptions(clips=ClipOptions(events="all", after_s=10.0))
        assert all(s.span.end <= 16.2 for s in of(SampleKind.CLIP, samples(pointed(), options)))


class TestAllKinds:
    def test_no_word_is_in_two_samples_of_a_kind(self) -> None:
        options = AlignOptions(text=TextOptions(max_words=4), clips=ClipOptions(events="all", max_s=4))
        found = samples(pointed(), options)
        for kind in SampleKind:
            starts = [w.span.start for s in of(kind, found) for u in s.utterances for w in u.words]
            assert len(starts) == len(set(starts)) > 0

    def test_order_keys_and_indices(self) -> None:
        found = samples(pointed())
        assert [s.kind for s in found] == sorted((s.kind for s in found), key=list(SampleKind).index)
        for kind in SampleKind:
            own = of(kind, found)
            assert [s.index for s in own] == list(range(len(own)))
            assert [s.key for s in own] == [f"lecture_{i}" for i in range(len(own))]
            assert all(a.span.start <= b.span.start for a, b in itertools.pairwise(own))

    def test_text_utterances_and_span_agree(self) -> None:
        for sample in samples(pointed()):
            assert sample.text == " ".join(u.text for u in sample.utterances)
            assert all(sample.span.overlap(u.span) > 0 for u in sample.utterances)

    def test_meta_is_json_and_says_what_the_chunk_was(self) -> None:
        found = samples(pointed())
        for sample in found:
            assert json.loads(json.dumps(sample.meta)) == sample.meta
        meta = found[0].meta
        assert (meta["title"], meta["licence_year"], meta["day"]) == ("A title", 2020, "2020-01-02")
        assert meta["pair_chunk_time"] == pytest.approx(20 * meta["spw"])
        assert meta["chunk"]["stable_times"] == [[0, 16]]
        assert len(meta["chunk"]["pointing_times"]) == 2

    def test_a_manifest_column_does_not_displace_a_field(self) -> None:
        made = recording(stable=[(0, 20)], transcript=THREE_SENTENCES, extra={"spw": "x", "chunk": 1})
        assert samples(made)[0].meta["spw"] == pytest.approx(8 / 12)

    def test_the_same_recording_gives_the_same_samples(self) -> None:
        assert [_flat(s) for s in samples(pointed())] == [_flat(s) for s in samples(pointed())]


def _flat(sample: AlignedSample) -> bytes:
    columns = [np.asarray(c).tobytes() for c in (sample.trace.t, sample.trace.x, sample.trace.y)]
    rest = (
        sample.key,
        sample.span,
        sample.text,
        sample.word_positions,
        sample.boxes,
        sample.dwells,
        sample.meta,
    )
    return pickle.dumps((columns, repr(rest)))


class TestStage:
    def test_meets_the_contract(self) -> None:
        stage = pickle.loads(pickle.dumps(Align()))
        assert isinstance(stage, Stage)
        stage.open()
        assert stage.run([]) == []
        stage.close()

    def test_one_bad_recording_does_not_touch_its_neighbours(self) -> None:
        good = recording(stable=[(0, 20)], transcript=THREE_SENTENCES)
        blind = replace(good, visual=None)
        mislabelled = recording(stable=[(0, 20)], medical=[], transcript=THREE_SENTENCES)  # fmt: skip
        outcomes = Align().run([good, blind, mislabelled, good])
        assert [type(outcome) for outcome in outcomes] == [Kept, Failed, Failed, Kept]
        for outcome in outcomes[1:3]:
            assert isinstance(outcome, Failed)
            assert (outcome.station, outcome.video_id) == ("align", "lecture")
            assert outcome.expected

    def test_time_is_booked_on_the_station(self) -> None:
        (outcome,) = Align().run([recording(stable=[(0, 20)], transcript=THREE_SENTENCES)])
        assert isinstance(outcome, Kept)
        assert outcome.value.timings["align"] > 0

    def test_every_option_is_documented_with_its_source(self) -> None:
        options = AlignOptions()
        assert validate(options) == options
        for row in rows(options):
            assert row.doc, row.path
            assert row.source, row.path
