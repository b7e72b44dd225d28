from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.data.transcript import Word
from narratrace.timebase import Span
from narratrace.understand.voice import (
    SHORTEST_WORD_S,
    WINDOW_S,
    Piece,
    VoiceOptions,
    Window,
    pack,
    pad_regions,
    split_at_pauses,
    voice_regions,
    windows,
)
from tests.understand.media import SENTENCES

pytest.importorskip("faster_whisper")

OPTIONS = VoiceOptions()


def test_voice_is_found_where_sentences_are_spoken(speech):
    found = voice_regions(speech, OPTIONS)
    assert len(found) == len(SENTENCES)
    for region, sentence in zip(found, SENTENCES, strict=True):
        assert region.start == pytest.approx(sentence.start, abs=0.12)
        assert region.end == pytest.approx(sentence.end, abs=0.12)


@pytest.mark.parametrize("sound", ["nothing", "a click", "silence", "noise", "hum"])
def test_other_sounds_are_not_voice(sound):
    t = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    samples = {
        "nothing": np.zeros(0),
        "a click": np.array([1.0]),
        "silence": np.zeros_like(t),
        "noise": np.random.default_rng(0).normal(0, 0.05, len(t)),
        "hum": 0.3 * np.sin(2 * np.pi * 120 * t) + 0.1 * np.sin(2 * np.pi * 240 * t),
    }[sound].astype(np.float32)
    assert voice_regions(samples, OPTIONS) == []


def test_speech_without_a_pause_is_cut_into_windows(speech):
    sentence = speech[SAMPLE_RATE : round(3.4 * SAMPLE_RATE)]
    audio = Audio(np.tile(sentence, 30), 5.0)
    found = list(windows(0, audio, OPTIONS))
    assert len(found) >= 3
    assert all(len(w.samples) <= WINDOW_S * SAMPLE_RATE + 1 for w in found)
    heard = sum(piece.voice.duration for w in found for piece in w.pieces)
    assert heard == pytest.approx(audio.duration, rel=0.05)


def test_a_window_holds_the_samples_its_pieces_name(speech):
    (window,) = windows(3, Audio(speech, 2.5), OPTIONS)
    assert window.recording == 3
    parts = [speech[round(p.kept.start * 16000) : round(p.kept.end * 16000)] for p in window.pieces]
    assert np.array_equal(window.samples, np.concatenate(parts))
    assert window.span.start == pytest.approx(2.5 + SENTENCES[0].start, abs=0.2)
    assert window.span.end == pytest.approx(2.5 + SENTENCES[-1].end, abs=0.2)


@st.composite
def regions(draw):
    """Voice regions as the detector gives them: in order, apart, shorter than a window, and the duration."""
    steps = st.floats(0.05, 8, allow_nan=False)
    t, found = draw(st.floats(0, 3)), []
    for _ in range(draw(st.integers(0, 12))):
        end = t + draw(st.floats(0.1, WINDOW_S - 2 * OPTIONS.pad_s))
        found.append(Span(t, end))
        t = end + draw(steps)
    return found, (found[-1].end if found else 0.0) + draw(st.floats(0, 3))


@given(regions())
def test_pieces_keep_every_voice_and_overlap_nowhere(case):
    found, duration = case
    pieces = pad_regions(found, duration, OPTIONS)
    assert len(pieces) == len(found)
    for piece, region in zip(pieces, found, strict=True):
        assert piece.kept.start <= piece.voice.start <= region.start < region.end <= piece.voice.end
        assert piece.voice.end <= piece.kept.end <= duration + 1e-9
        assert piece.kept.start >= 0
    for a, b in itertools.pairwise(pieces):
        assert a.kept.end <= b.kept.start + 1e-9


@given(regions())
def test_windows_hold_all_pieces_in_order_and_at_most_half_a_minute(case):
    pieces = pad_regions(*case, OPTIONS)
    groups = list(pack(pieces))
    assert [piece for group in groups for piece in group] == pieces
    for group in groups:
        assert sum(p.kept.duration for p in group) <= WINDOW_S + 1e-9
    for group, following in itertools.pairwise(groups):
        both = sum(p.kept.duration for p in group) + following[0].kept.duration
        assert both > WINDOW_S  # no window is closed early


@given(regions(), st.floats(0, 1), st.floats(0, 1), st.integers(0, 11))
def test_a_word_within_a_voice_goes_back_to_where_it_was_spoken(case, a, b, which):
    found, duration = case
    if not found:
        return
    pieces = pad_regions(found, duration, OPTIONS)
    i = which % len(pieces)
    voice = pieces[i].voice
    start = voice.start + min(a, b) * (voice.duration - SHORTEST_WORD_S)
    end = max(start + SHORTEST_WORD_S, voice.start + max(a, b) * voice.duration)
    offset = sum(p.kept.duration for p in pieces[:i]) - pieces[i].kept.start
    word = Window(0, np.zeros(0, np.float32), tuple(pieces), 7.0).place(
        Word(Span(start + offset, end + offset), "w", 0.5, glued=True)
    )
    assert word.span.start == pytest.approx(7.0 + start, abs=1e-6)
    assert word.span.end == pytest.approx(7.0 + end, abs=1e-6)
    assert (word.text, word.probability, word.glued) == ("w", 0.5, True)


@given(regions(), st.floats(0, 30), st.floats(0, 30))
def test_any_word_ends_up_inside_a_voice(case, a, b):
    found, duration = case
    if not found:
        return
    pieces = pad_regions(found, duration, OPTIONS)
    word = Window(0, np.zeros(0, np.float32), tuple(pieces), 0.0).place(Word(Span(min(a, b), max(a, b)), "w"))
    assert any(p.voice.start - 1e-9 <= word.span.start < word.span.end <= p.voice.end + 1e-9 for p in pieces)


def test_a_word_put_into_a_pause_is_confined_to_its_voice():
    pieces = (Piece(Span(0, 5), Span(1, 4)), Piece(Span(10, 15), Span(11, 14)))
    window = Window(0, np.zeros(0, np.float32), pieces, 100.0)
    assert window.place(Word(Span(3.5, 4.9), "late")).span == Span(103.5, 104.0)
    assert window.place(Word(Span(5.2, 6.5), "early")).span == Span(111.0, 111.5)
    astray = window.place(Word(Span(4.5, 4.9), "astray")).span
    assert astray.end == 104.0
    assert astray.duration == pytest.approx(SHORTEST_WORD_S)


def test_utterances_end_at_pauses():
    words = [Word(Span(t, t + 0.5), str(t)) for t in (0.0, 0.6, 2.0, 3.5, 3.9)]
    assert [[w.text for w in run] for run in split_at_pauses(words, 1.0)] == [
        ["0.0", "0.6", "2.0"],
        ["3.5", "3.9"],
    ]
    assert list(split_at_pauses([], 1.0)) == []
