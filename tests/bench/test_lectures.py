"""Generated lectures: what a seed draws depends on nothing but the seed."""

from __future__ import annotations

from benchmarks.lectures.set_dev import DEV
from benchmarks.lectures.set_heldout import HELDOUT
from benchmarks.lectures.set_mixed import mixed


def test_the_first_recordings_of_a_seed_do_not_depend_on_how_many_there_are() -> None:
    few = mixed(53, 3)
    assert [spec.name for spec in few] == ["m53_01", "m53_02", "m53_03"]
    assert mixed(53, 6)[:3] == few
    assert mixed(54, 3) != few


def test_each_part_of_a_mixed_recording_is_of_one_in_the_sets() -> None:
    donors = (*DEV, *HELDOUT)
    for spec in mixed(53, 6):
        assert spec.pointer in [donor.pointer for donor in donors]
        assert spec.encoding in [donor.encoding for donor in donors]
        assert spec.shots in [donor.shots for donor in donors]
