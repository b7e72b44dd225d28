from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.understand.hallucination import RejectionOptions, compression_ratio, fault, longest_run

LIMITS = RejectionOptions()
NARRATION = (
    "In the sagittal plane the corpus callosum forms a bright arch, and underneath you see the thalamus "
    "and the brain stem running downwards; the cerebellum sits behind the stem with its folded surface."
)


@pytest.mark.parametrize(
    ("text", "avg_logprob", "no_speech_prob", "reason"),
    [
        (NARRATION, -0.3, 0.1, None),
        ("Very, very, very good.", -0.3, 0.1, None),
        ("Thank you. " * 30, -0.1, 0.1, "compression ratio"),
        ("so so so so so", -0.1, 0.1, "5 repeats of 1 word"),
        (
            f"{NARRATION} we see it we see it we see it we see it we see it now",
            -0.1,
            0.0,
            "5 repeats of 3 words",
        ),
        (NARRATION, -1.2, 0.1, "mean log probability"),
        ("Thanks for watching!", -0.7, 0.9, "no-speech probability"),
        ("Thanks for watching!", -0.2, 0.9, None),
        ("是的是的是的是的是的好", -0.1, 0.0, "5 repeats of 2 words"),
        ("今天我们看肝脏。这里是一个病灶，边界清楚。", -0.1, 0.0, None),  # noqa: RUF001
        ("", 0.0, 0.0, None),
    ],
)
def test_invented_text_is_told_by_its_figures(text, avg_logprob, no_speech_prob, reason):
    found = fault(text, avg_logprob, no_speech_prob, LIMITS)
    assert (found is None) if reason is None else (reason in (found or ""))


def test_compression_ratio_separates_prose_from_loops():
    assert compression_ratio(NARRATION) < 2 < LIMITS.max_compression_ratio < compression_ratio("no no " * 40)


@given(
    before=st.lists(st.sampled_from("abcdefgh"), max_size=6, unique=True),
    phrase=st.lists(st.sampled_from("ijklmnop"), min_size=1, max_size=6, unique=True),
    repeats=st.integers(1, 9),
    after=st.lists(st.sampled_from("qrstuvw"), max_size=6, unique=True),
)
def test_a_planted_loop_is_counted_exactly(before, phrase, repeats, after):
    expected = (repeats, len(phrase)) if repeats > 1 else (1, 1)
    assert longest_run([*before, *(phrase * repeats), *after]) == expected


def test_case_and_punctuation_do_not_hide_a_loop():
    assert longest_run(["No.", "no,", "NO!", "no?"]) == (4, 1)
    assert longest_run([]) == (0, 0)
