"""Where the report's figures come from: the ledger when there is one, the other files of a run when not."""

from __future__ import annotations

from pathlib import Path

from narratrace.corpus.ledger import Ledger
from narratrace.corpus.ledger_rows import Head
from narratrace.corpus.messages import Made
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Dropped
from narratrace.report.inventory import read_inventory
from narratrace.write.dead_letter import append_dead_letter
from tests.report.runs import failure, write_run
from tests.write.builders import make_recording


def _ledger(path: Path) -> None:
    videos = [
        VideoInput(video_id=f"vid-{i:04d}", uri=f"/media/{i}.mp4", title=f"Title {i}", channel="C")
        for i in range(5)
    ]
    head = Head(options={}, fingerprint="f", inputs="i", sources=(), versions={})
    with Ledger(path) as ledger:
        ledger.begin(head, [(video, 60.0) for video in videos])
        for sequence in range(2):
            counts = {"pairs": 3, "traces": 2, "clips": 1}
            timings = {"analyse": 1.5, "align": 0.25}
            made = Made(bundle=f"{sequence}", size=1, counts=counts, duration=61.0, timings=timings)
            ledger.done(sequence, made, 2.0, "f")
        ledger.dropped(2, Dropped(video_id="vid-0002", rule="min_speech", reason="0.1 < 0.2"), 1.0, "f")
        ledger.failed(3, failure("vid-0003"), 1.0, "f")


def test_the_ledger_knows_best(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(i) for i in range(2)])
    _ledger(out / "ledger.sqlite")
    append_dead_letter(out / "dead_letter.jsonl", failure("vid-0003"), "narratrace corpus reproduce")
    found = read_inventory(out)
    assert [(e.video_id, e.title, e.duration) for e in found.entries] == [
        ("vid-0000", "Title 0", 61.0),
        ("vid-0001", "Title 1", 61.0),
    ]
    assert found.entries[0].counts == {"pairs": 3, "traces": 2, "clips": 1}
    assert [(d.video_id, d.rule, d.reason) for d in found.drops] == [("vid-0002", "min_speech", "0.1 < 0.2")]
    assert found.drop_counts == {"min_speech": 1}
    assert [(f.failed.video_id, f.command) for f in found.failures] == [
        ("vid-0003", "narratrace corpus reproduce")
    ]
    assert found.unfinished == 1
    assert found.notes == ()


def test_timings_of_the_ledger_stand_in_for_those_of_run_json(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(i) for i in range(2)])
    _ledger(out / "ledger.sqlite")
    assert read_inventory(out).timings["transcribe"] == 2.5
    (out / "run.json").unlink()
    assert read_inventory(out).timings == {"analyse": 3.0, "align": 0.5}


def test_a_damaged_ledger_is_told_and_done_without(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(i) for i in range(2)])
    (out / "ledger.sqlite").write_bytes(b"no database" * 1000)
    found = read_inventory(out)
    assert [entry.video_id for entry in found.entries] == ["vid-0000", "vid-0001"]
    assert "ledger.sqlite" in found.notes[0]


def test_without_a_ledger_the_order_is_the_runs(tmp_path: Path) -> None:
    recordings = [make_recording(i, (1, 1, 0)) for i in (3, 1, 2)]
    out = write_run(tmp_path / "out", [*recordings, make_recording(0, (0, 0, 0))])
    found = read_inventory(out)
    assert [entry.video_id for entry in found.entries] == ["vid-0003", "vid-0001", "vid-0002", "vid-0000"]
    assert found.entries[-1].duration == 60.0
    assert found.entries[0].counts == {"pairs": 1, "traces": 1}


def test_a_recording_that_was_processed_after_all_has_not_failed(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(0)], [failure("vid-0000"), failure("other")])
    assert [letter.failed.video_id for letter in read_inventory(out).failures] == ["other"]
