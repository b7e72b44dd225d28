"""Values that flow: what makes two of them equal."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.data.frames import row_pitch
from narratrace.data.sample import SampleKind
from narratrace.data.trace import Trace
from tests.write.builders import make_recording, make_sample, make_visual


@pytest.mark.parametrize("kind", SampleKind)
def test_samples_are_equal_by_what_they_hold(kind: SampleKind) -> None:
    sample = make_sample(kind, "v", 3)
    for twin in (pickle.loads(pickle.dumps(sample)), copy.deepcopy(sample), make_sample(kind, "v", 3)):
        assert twin == sample
        assert hash(twin) == hash(sample)
        assert len({twin, sample}) == 1
    assert sample.image is not None
    for other in (
        replace(sample, text="other words"),
        replace(sample, meta={}),
        replace(sample, image=replace(sample.image, jpeg=b"other")),
        replace(sample, trace=Trace(*np.ones((4, 1)))),
        replace(sample, clip=replace(sample.clip, mp4=b"other")) if sample.clip else None,
    ):
        assert other != sample


def test_recordings_and_analyses_are_equal_by_what_they_hold() -> None:
    for value in (make_visual(1), make_recording(1)):
        twin = pickle.loads(pickle.dumps(value))
        assert twin == value
        assert hash(twin) == hash(value)
    assert make_visual(1) != make_visual(2)
    assert make_recording(1) != make_recording(2)


def test_traces_are_equal_by_their_columns_and_stay_fixed() -> None:
    trace = Trace(*np.arange(12.0).reshape(4, 3))
    twin = pickle.loads(pickle.dumps(trace))
    assert (twin, hash(twin)) == (trace, hash(trace))
    with pytest.raises(ValueError, match="read-only"):
        twin.x[0] = 1.0
    assert trace != Trace(*(np.arange(12.0).reshape(4, 3) + 1))
    assert trace != Trace.empty()
    assert trace != "trace"
    assert Trace.empty() == Trace.empty()


@pytest.mark.parametrize("width", [1, 2, 16, 127, 128, 129, 1919, 1920])
def test_rows_on_a_device_are_whole_cache_lines_with_room_for_all_chroma(width: int) -> None:
    pitch = row_pitch(width)
    assert pitch % 128 == 0
    assert 2 * ((width + 1) // 2) <= pitch <= width + 128
