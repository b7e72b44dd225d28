"""Sound is prepared ahead of the recogniser: in order, bounded, no fault of one reaching another."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.understand.prepare import Preparer
from narratrace.understand.voice import VoiceOptions

pytest.importorskip("faster_whisper")


def features(samples: np.ndarray) -> np.ndarray:
    return np.full((2, 3), samples.mean(), np.float32)


@pytest.fixture
def make():
    made = []

    def build(read, threads=2):
        made.append(Preparer(read, features, VoiceOptions(), threads))
        return made[-1]

    yield build
    for preparer in made:
        preparer.close()


def test_windows_come_ready_and_without_their_samples(make, speech):
    (sound,) = make(lambda uri: Audio(speech, 2.5)).prepare(["a"])
    assert sound.error is None
    assert not sound.problem
    (ready,) = sound.windows
    assert ready.window.recording == 0
    assert ready.window.origin == 2.5
    assert ready.window.samples.size == 0
    assert 5 < ready.seconds < 11
    assert ready.features.shape == (2, 3)


def test_what_cannot_be_heard_is_told(make):
    silence = Audio(np.zeros(3 * SAMPLE_RATE, np.float32), 0.0)

    def read(uri):
        if uri == "broken":
            raise OSError("damaged")
        return {"mute": None, "silent": silence}[uri]

    broken, mute, silent = make(read).prepare(["broken", "mute", "silent"])
    assert isinstance(broken.error, OSError)
    assert (mute.problem, silent.problem) == ("no audio stream", "no voice in 3.0 s of sound")
    assert not broken.windows + mute.windows + silent.windows


@pytest.mark.parametrize("threads", [1, 3])
def test_recordings_stay_in_order_and_few_are_held(make, threads):
    lock, begun, taken = threading.Lock(), [], []
    most = 0

    def read(uri):
        nonlocal most
        with lock:
            begun.append(uri)
            most = max(most, len(begun) - len(taken))
        time.sleep(0.03 if int(uri) % 3 == 0 else 0.0)  # some are slower
        raise OSError(uri)

    for sound in make(read, threads).prepare([str(i) for i in range(20)]):
        with lock:
            taken.append(str(sound.error))
    assert taken == [str(i) for i in range(20)]
    assert most <= threads + 1


@pytest.mark.parametrize("threads", [1, 3])
def test_the_next_recording_is_prepared_while_one_is_in_use(make, threads):
    begun = [threading.Event() for _ in range(8)]

    def read(uri):
        begun[int(uri)].set()
        raise OSError(uri)

    sounds = make(read, threads).prepare([str(i) for i in range(8)])
    for number in range(8 - threads):
        next(sounds)
        assert begun[number + threads].wait(10)


def test_leaving_early_cancels_what_is_waiting(make):
    begun = []

    def read(uri):
        begun.append(uri)
        time.sleep(0.05)

    stream = make(read, 2).prepare([str(i) for i in range(50)])
    next(stream)
    stream.close()
    time.sleep(0.3)
    assert len(begun) <= 5
