"""Stations whose models another process holds: what they ask, and what becomes of them when it dies."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest

from narratrace.data.audio import SAMPLE_RATE
from narratrace.data.outcome import Kept
from narratrace.errors import WorkerLost
from narratrace.models import OwnModels
from narratrace.pipeline import run_batch
from narratrace.understand.judges import Judges, Shown
from narratrace.understand.recogniser import Recogniser, Spoken, load_recogniser
from narratrace.understand.transcribe import Transcribe
from narratrace.understand.transcriber import DecodingOptions, TranscribeOptions
from narratrace.understand.whisper_decoder import Reading
from tests.understand.media import read_audio, recording, write_wav

GREEDY = DecodingOptions(beam_size=1, retry_ngram=0)


class Travelled:
    """A model as another process has it: all that goes in and out is pickled."""

    def __init__(self, model):
        self.facts = pickle.loads(pickle.dumps(model.facts))
        self.most = model.most
        self._model = model

    def answer(self, items):
        sent = pickle.loads(pickle.dumps(list(items)))
        return pickle.loads(pickle.dumps(list(self._model.answer(sent))))

    def close(self):
        self._model.close()


class Elsewhere(OwnModels):
    """Models of another process; the first question after each mishap finds that process dead."""

    def __init__(self, mishaps=0):
        self.mishaps = mishaps

    def open(self, name, make):
        if self.mishaps:
            self.mishaps -= 1
            raise WorkerLost("died", station=name)
        return Travelled(pickle.loads(pickle.dumps(make))())


def stage(models, **options):
    return Transcribe(
        TranscribeOptions(cpu_threads=1, decoding=GREEDY, **options),
        captions_reader=lambda _: None,
        audio_reader=read_audio,
        models=models,
    )


@pytest.fixture
def spoken(tmp_path, speech):
    return recording("a", write_wav(tmp_path / "a.wav", speech))


def heard(made, spoken):
    made.open()
    (outcome,) = run_batch(made, [spoken])
    made.close()
    assert isinstance(outcome, Kept), outcome
    return outcome.value.transcript


def test_a_model_elsewhere_is_asked_the_same_and_answers_the_same(tiny_whisper, spoken):
    asr = f"whisper:{tiny_whisper}"
    assert heard(stage(Elsewhere(), asr=asr), spoken) == heard(stage(OwnModels(), asr=asr), spoken)


def test_auto_tries_again_where_whoever_holds_the_model_died(tiny_whisper, spoken):
    made = stage(Elsewhere(mishaps=1), auto_model=str(tiny_whisper))
    made.open()
    (failed,) = run_batch(made, [spoken])
    assert (failed.error, failed.station, failed.retryable) == ("WorkerLost", "transcribe", True)
    (outcome,) = run_batch(made, [spoken])
    made.close()
    assert outcome.value.transcript.source == f"whisper:{tiny_whisper}"


def test_windows_of_any_languages_are_answered_in_their_places(tiny_whisper, speech):
    options = TranscribeOptions(cpu_threads=2, decoding=GREEDY)
    own = load_recogniser(str(tiny_whisper), options, "cpu")
    features = own._decoder.features
    pieces = [speech[SAMPLE_RATE * i : SAMPLE_RATE * (i + 3)] for i in (1, 6, 3, 7)]
    asked = [
        Spoken(features(piece), len(piece) / SAMPLE_RATE, language)
        for piece, language in zip(pieces, ("de", "", "en", "de"), strict=True)
    ]
    alone = [dict(own.answer([item]))[0] for item in asked]
    assert isinstance(alone[1], str)
    assert all(isinstance(alone[i], Reading) for i in (0, 2, 3))
    together = Recogniser(own._decoder, own.facts, most=8, device="cuda:0", threads=1)  # as a card is asked
    seen = []
    together._decoder = _Watched(own._decoder, seen)
    assert dict(own.answer(asked)) == dict(enumerate(alone))
    found = dict(together.answer(asked))
    assert found[1] == alone[1]
    assert [found[i].text for i in (0, 2, 3)] == [alone[i].text for i in (0, 2, 3)]  # rounded otherwise
    assert len({found[i].text for i in (0, 2, 3)}) == 3
    for made in (own, together):
        made.close()
    assert sorted(seen) == [("", 1), ("de", 2), ("en", 1)], "windows of one language go together"


class _Watched:
    """A decoder that notes which languages it is asked, and how many windows of each."""

    def __init__(self, decoder, seen):
        self._decoder = decoder
        self._seen = seen

    def detect_languages(self, windows):
        self._seen.append(("", len(windows)))
        return self._decoder.detect_languages(windows)

    def read(self, windows, seconds, language):
        self._seen.append((language, len(windows)))
        return self._decoder.read(windows, seconds, language)


def test_what_is_asked_of_a_lender_pickles(tiny_whisper):
    make = partial(load_recogniser, str(tiny_whisper), TranscribeOptions(cpu_threads=1), "cpu")
    item = Spoken(np.ones((80, 3000), np.float32), 2.5, "en")
    again = pickle.loads(pickle.dumps((make, item)))[1]
    assert (again.seconds, again.language, again.features.sum()) == (2.5, "en", item.features.sum())


class FakeMember:
    """A classifier whose outputs tell whose they are, and of which picture."""

    def __init__(self, number):
        self.sight = number
        self.batches = []
        self._number = number

    def outputs(self, pixels):
        self.batches.append(len(pixels))
        return np.stack([[self._number, picture.sum()] for picture in pixels])


def test_pictures_for_any_member_are_answered_in_their_places():
    members = [FakeMember(0), FakeMember(1), FakeMember(2)]
    model = Judges(members, most=8, device="cuda:0")
    asked = [Shown(member, np.full((3, 2, 2), i, np.float32)) for i, member in enumerate((1, 0, 1, 1, 0))]
    found = dict(model.answer(asked))
    assert [list(found[i]) for i in range(5)] == [[1, 0], [0, 12], [1, 24], [1, 36], [0, 48]]
    assert [member.batches for member in members] == [[2], [3], []]
    assert model.facts == (0, 1, 2)
    assert (model.most, Judges(members, most=8, device="cpu").most) == (8, 0)
