"""Whole runs with the real engine: counts, dead letters, going on, refusing, trying again."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import av
import pyarrow
import pyarrow.parquet
import pytest
from msgspec.structs import replace

from narratrace.cli import main
from narratrace.corpus import Run, ShardFinished, VideoFinished
from narratrace.corpus.ledger_rows import State
from narratrace.corpus.retry import retry
from narratrace.corpus.verify import verify
from narratrace.data.outcome import Dropped, Failed, Kept
from narratrace.decode import DecodeOptions
from narratrace.errors import BudgetExceeded, InputError, ModelError, OptionError, StorageError
from narratrace.pipeline import BudgetOptions
from narratrace.report import build_report
from narratrace.understand.filters import FilterOptions
from narratrace.write.analysis_json import read_analysis
from narratrace.write.shard_file import list_finished_shards, verify_shard
from tests.corpus.media import damage
from tests.corpus.runs import (
    ENGINE,
    OPTIONS,
    dead_letters,
    ledger_rows,
    make_run,
    outputs,
    write_manifest,
)
from tests.corpus.stages import hopeless


@pytest.fixture(scope="module")
def finished(lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a run over all recordings."""
    out = tmp_path_factory.mktemp("finished")
    assert make_run([lectures], out).execute().complete
    return out


def test_every_recording_ends_in_samples_index_analysis_and_ledger(finished: Path, lectures: Path) -> None:
    rows = ledger_rows(finished)
    assert sorted(rows) == [f"lecture-{number}" for number in range(8)]
    assert {row["state"] for row in rows.values()} == {"done"}
    assert all(row["attempt"] == 1 and row["options"] and row["timings"] for row in rows.values())
    records = list_finished_shards(finished)
    for record in records:
        verify_shard(finished, record)
    made = {kind: sum(r.samples for r in records if r.kind.value == kind) for kind in ("pairs", "traces")}
    assert made == {kind: sum(row[kind] for row in rows.values()) for kind in made}
    assert made["pairs"] >= 8
    assert len((finished / "localized_narratives.jsonl").read_text().splitlines()) == made["traces"]
    document = read_analysis(finished / "analysis" / "lecture-1.json")
    assert document["video"]["path"] == str(lectures / "lecture-1.mp4")
    run = json.loads((finished / "run.json").read_text())
    assert (run["state"], run["counts"]["done"], run["counts"]["pairs"]) == ("complete", 8, made["pairs"])
    assert not (finished / ".scratch").exists()


def test_the_ledger_says_which_shards_a_recording_is_in(finished: Path) -> None:
    with sqlite3.connect(finished / "ledger.sqlite") as database:
        found = database.execute("SELECT video_id, shard, sha256 FROM video_shards").fetchall()
    hashes = {record.name: record.sha256 for record in list_finished_shards(finished)}
    assert {video_id for video_id, _, _ in found} == {f"lecture-{n}" for n in range(8)}
    assert all(hashes[shard] == sha256 for _, shard, sha256 in found)


def test_the_output_does_not_depend_on_the_number_of_workers(
    finished: Path, lectures: Path, tmp_path: Path
) -> None:
    make_run([lectures], tmp_path, options=replace(OPTIONS, workers=1)).execute()
    assert outputs(tmp_path) == outputs(finished)


def test_running_again_does_nothing(finished: Path, lectures: Path) -> None:
    before = outputs(finished)
    events = list(make_run([lectures], finished).events())
    assert events == []
    assert outputs(finished) == before


def test_a_run_goes_on_where_the_consumer_left_it(finished: Path, lectures: Path, tmp_path: Path) -> None:
    run = make_run([lectures], tmp_path)
    events = run.events()
    next(event for event in events if isinstance(event, VideoFinished))
    events.close()
    assert run.summary is not None
    assert not run.summary.complete
    assert "running" not in {row["state"] for row in ledger_rows(tmp_path).values()}
    rest = list(make_run([lectures], tmp_path).events())
    assert 1 <= sum(isinstance(event, VideoFinished) for event in rest) <= 7
    assert outputs(tmp_path) == outputs(finished)


def test_work_taken_over_counts_for_the_same_stations(finished: Path, lecture: Path, tmp_path: Path) -> None:
    events = make_run([lecture], tmp_path).events()
    next(event for event in events if isinstance(event, VideoFinished))
    events.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:  # as if it had been killed just before
        database.execute("UPDATE videos SET state = 'running', timings = NULL")
    events = list(make_run([lecture], tmp_path).events())
    assert not any(isinstance(event, VideoFinished) for event in events), "its bundle is taken over"
    timings, undisturbed = (
        json.loads((out / "run.json").read_text())["timings"] for out in (tmp_path, finished)
    )
    assert set(timings) == set(undisturbed) - {"write"}


def test_cancelling_ends_the_session_and_loses_nothing(
    finished: Path, lectures: Path, tmp_path: Path
) -> None:
    run = make_run([lectures], tmp_path)
    summary = run.execute(lambda event: run.cancel() if isinstance(event, VideoFinished) else None)
    assert not summary.complete
    assert make_run((), tmp_path, engine=None).execute().complete
    assert outputs(tmp_path) == outputs(finished)


def test_options_that_alter_samples_are_refused_with_a_diff(finished: Path, lectures: Path) -> None:
    before = outputs(finished)
    other = replace(ENGINE, decode=DecodeOptions(frames="all"))
    with pytest.raises(OptionError, match=r'decode\.frames: "auto" -> "all"'):
        make_run([lectures], finished, engine=other).execute()
    assert outputs(finished) == before
    harmless = replace(ENGINE, decode=DecodeOptions(threads=1))
    assert make_run([lectures], finished, engine=harmless).execute().complete


def test_other_inputs_are_refused(finished: Path, lectures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"(?s)differ from the run's.*lecture-1 is missing"):
        make_run([lectures / "lecture-0.mp4"], finished).execute()
    rows = [{"uri": str(path), "title": "New"} for path in sorted(lectures.glob("*.mp4"))]
    with pytest.raises(InputError, match="lecture-0 is described otherwise"):
        make_run([write_manifest(tmp_path / "m.jsonl", rows)], finished).execute()


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_folder_may_grow(is_complete: bool, lectures: Path, tmp_path: Path) -> None:
    inputs, out, expected = tmp_path / "in", tmp_path / "out", tmp_path / "expected"
    inputs.mkdir()
    for path in lectures.glob("lecture-[235].*"):
        shutil.copy(path, inputs)
    for event in (events := make_run([inputs], out, options=replace(OPTIONS, workers=1)).events()):
        if isinstance(event, VideoFinished) and not is_complete:
            break
    events.close()
    for path in lectures.glob("lecture-[14].*"):
        shutil.copy(path, inputs)
    assert make_run([inputs], out).execute().complete
    backwards = sorted(inputs.glob("*.mp4"), reverse=True)
    assert make_run(backwards, out).execute().totals.videos == {State.DONE: 5}
    assert list(verify(out)) == []
    order = sorted(ledger_rows(out).values(), key=lambda row: row["sequence"])
    assert [row["video_id"][-1] for row in order] == list("23514")
    if not is_complete:  # then the last shards had not been closed before
        make_run([inputs / f"lecture-{n}.mp4" for n in (2, 3, 5, 1, 4)], expected).execute()
        assert outputs(out) == outputs(expected)
    with pytest.raises(InputError, match="lecture-1 is missing"):
        make_run([inputs / "lecture-2.mp4"], out).execute()


def test_a_new_run_sets_the_old_one_aside(lecture: Path, tmp_path: Path) -> None:
    make_run([lecture], tmp_path).execute()
    before = outputs(tmp_path)
    other = replace(ENGINE, shards=replace(ENGINE.shards, max_samples=1))
    assert make_run([lecture], tmp_path, engine=other, new_run=True).execute().complete
    assert outputs(tmp_path / "previous" / "001") == before
    assert len(list_finished_shards(tmp_path)) >= len(list_finished_shards(tmp_path / "previous" / "001"))


def test_recordings_may_move_between_sessions(finished: Path, lectures: Path, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(lectures, old)
    out = tmp_path / "out"
    events = make_run([old], out).events()
    next(event for event in events if isinstance(event, VideoFinished))
    events.close()
    old.rename(new)
    assert make_run([new], out).execute().failed == 0
    assert outputs(out) == outputs(finished)


def test_damaged_recordings_fail_alone_and_are_tried_again_on_request(lectures: Path, tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    shutil.copytree(lectures, inputs)
    whole = {}
    for number in (1, 3, 5):
        path = inputs / f"lecture-{number}.mp4"
        whole[path] = path.read_bytes()
        damage(path, number)
    summary = make_run([inputs], out).execute()
    assert summary.complete
    assert (summary.totals.videos[State.DONE], summary.failed) == (5, 3)
    letters = dead_letters(out)
    assert [letter["video_id"] for letter in letters] == ["lecture-1", "lecture-3", "lecture-5"]
    assert all(letter["error"] and letter["station"] and letter["traceback"] for letter in letters)
    assert letters[0]["command"] == f"narratrace corpus reproduce {out} lecture-1"
    assert main(letters[0]["command"].split()[1:]) == 1

    for path, data in whole.items():
        path.write_bytes(data)
    assert retry(out, ["lecture-3"]) == ["lecture-3"]
    assert make_run((), out, engine=None).execute().failed == 2
    assert [letter["video_id"] for letter in dead_letters(out)] == ["lecture-1", "lecture-5"]
    assert retry(out, None) == ["lecture-1", "lecture-5"]
    assert make_run((), out, engine=None).execute().failed == 0
    assert dead_letters(out) == []
    uids = [sample.key for sample in make_run((), out, engine=None).samples()]
    kinds = [sample.json["kind"] for sample in make_run((), out, engine=None).samples()]
    assert len(set(zip(kinds, uids, strict=True))) == len(uids)
    assert {uid.rpartition("_")[0] for uid in uids} == {f"lecture-{n}" for n in range(8)}


def test_names_that_are_not_utf8(lecture: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Such files are recordings like others: they are processed, fail alone, move, and are shown."""
    inputs, out = tmp_path / "in", tmp_path / "out"
    inputs.mkdir()
    for name in (b"lect\xe9", b"bad\xe9", b"plain"):
        path = inputs / f"{os.fsdecode(name)}.mp4"
        shutil.copy(lecture, path)
        shutil.copy(lecture.with_suffix(".vtt"), path.with_suffix(".vtt"))
    damage(inputs / os.fsdecode(b"bad\xe9.mp4"), 2)
    states = dict.fromkeys(("lect", "plain"), "done") | {"bad": "failed"}
    assert make_run([inputs], out).execute().complete
    assert {video_id: row["state"] for video_id, row in ledger_rows(out).items()} == states
    assert list(verify(out)) == []
    assert [letter["uri"] for letter in dead_letters(out)] == [f"{inputs}/bad\udce9.mp4"]
    build_report(out, tmp_path / "report.html")
    assert r"bad\udce9.mp4" in caplog.text.encode().decode()  # as any file of a log takes it

    moved = inputs.rename(tmp_path / os.fsdecode(b"elsewhere-\xe9"))
    shutil.copy(lecture, moved / os.fsdecode(b"bad\xe9.mp4"))
    assert retry(out, None) == ["bad"]
    assert make_run([moved], out).execute().failed == 0


def test_only_failed_recordings_can_be_tried_again(finished: Path) -> None:
    with pytest.raises(InputError, match="lecture-2 did not fail"):
        retry(finished, ["lecture-2"])


def test_filters_drop_recordings_with_a_reason(lecture: Path, tmp_path: Path) -> None:
    engine = replace(ENGINE, filters=FilterOptions(min_duration_s=60.0))
    (event,) = [
        e for e in make_run([lecture], tmp_path, engine=engine).events() if isinstance(e, VideoFinished)
    ]
    assert isinstance(event.outcome, Dropped)
    assert json.loads((tmp_path / "run.json").read_text())["drops"] == {event.outcome.rule: 1}
    assert ledger_rows(tmp_path)["lecture-0"]["state"] == "dropped"


def test_the_closing_lines_say_what_dropped_recordings(
    lecture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], own_logging: None
) -> None:
    rows = [{"uri": str(lecture), "video_id": f"v{n}", "language": "de"} for n in range(2)]
    inputs = [str(write_manifest(tmp_path / "m.jsonl", rows)), "-o", str(tmp_path / "out")]
    settings = ["--asr", "captions", "--device", "cpu", "--set", "filters.languages=[en]"]
    assert main(["process", *inputs, *settings]) == 0
    assert capsys.readouterr().err.splitlines()[1:] == ["narratrace: dropped: 2 by languages"]


def test_without_keyframe_pictures_there_are_no_samples(lecture: Path, tmp_path: Path) -> None:
    keyframes = replace(ENGINE.analyse.keyframes, pictures=False)
    engine = replace(ENGINE, analyse=replace(ENGINE.analyse, keyframes=keyframes))
    summary = make_run([lecture], tmp_path, engine=engine).execute()
    assert summary.totals.videos == {State.DONE: 1}
    assert not any(summary.totals.samples.values())


def test_the_language_of_a_manifest_counts_where_captions_tell_none(lecture: Path, tmp_path: Path) -> None:
    (tmp_path / "told.en.vtt").write_bytes(lecture.with_suffix(".vtt").read_bytes())
    rows = [
        {"video_id": "german", "uri": str(lecture), "language": "de"},
        {"video_id": "english", "uri": str(lecture), "language": "en"},
        {"video_id": "told", "uri": str(lecture), "language": "de", "captions_uri": "told.en.vtt"},
    ]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    summary = make_run(
        [manifest], tmp_path / "out", engine=replace(ENGINE, filters=FilterOptions(languages=("en",)))
    ).execute()
    assert summary.totals.drops == {"languages": 1}
    samples = pyarrow.parquet.read_table(tmp_path / "out" / "index").to_pylist()
    assert {(row["video_id"], row["language"]) for row in samples} == {("english", "en"), ("told", "en")}
    assert {json.loads(row["meta"])["language"] for row in samples} == {"en"}


def test_a_run_that_is_plainly_broken_stops(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "m.jsonl", [{"uri": f"nothing-{n}.mp4"} for n in range(40)])
    options = replace(OPTIONS, budget=BudgetOptions(judged_after=5))
    with pytest.raises(BudgetExceeded, match="share"):
        make_run([manifest], tmp_path / "out", options=options).execute()
    states = [row["state"] for row in ledger_rows(tmp_path / "out").values()]
    assert states.count("pending") > 20


def test_workers_that_cannot_be_set_up_stop_the_run_at_once(lecture: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the model is not there"):
        make_run([lecture], tmp_path, stages=hopeless).execute()
    assert ledger_rows(tmp_path)["lecture-0"]["state"] == "pending"


def test_two_runs_cannot_write_one_output(lectures: Path, tmp_path: Path) -> None:
    events = make_run([lectures], tmp_path).events()
    next(iter(events))
    with pytest.raises(StorageError, match="another run is writing it"):
        make_run([lectures], tmp_path).execute()
    events.close()


def test_samples_come_once_each_whenever_they_were_made(lectures: Path, tmp_path: Path) -> None:
    run = make_run([lectures], tmp_path)
    samples = run.samples()
    first = [next(samples).key for _ in range(2)]
    samples.close()
    everything = [(s.json["kind"], s.key) for s in make_run([lectures], tmp_path).samples()]
    assert len(set(everything)) == len(everything) == sum(r.samples for r in list_finished_shards(tmp_path))
    assert set(first) <= {key for _, key in everything}


def test_samples_of_a_shard_that_the_ledger_has_not_heard_of(lectures: Path, tmp_path: Path) -> None:
    """As if the run had been killed between a shard's commit and the ledger's."""
    events = make_run([lectures], tmp_path).events()
    next(event for event in events if isinstance(event, ShardFinished))
    events.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        database.execute("DELETE FROM shards")
    samples = [(s.json["kind"], s.key) for s in make_run([lectures], tmp_path).samples()]
    assert len(set(samples)) == len(samples) == sum(r.samples for r in list_finished_shards(tmp_path))


def test_a_file_in_the_index_that_is_not_ours(lecture: Path, tmp_path: Path) -> None:
    make_run([lecture], tmp_path).execute()
    foreign = tmp_path / "index" / "table.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), foreign)
    with pytest.raises(StorageError, match="carries no shard record") as caught:
        make_run([lecture], tmp_path).execute()
    assert caught.value.input == str(foreign)


def test_shard_events_point_at_whole_shards(lecture: Path, tmp_path: Path) -> None:
    for event in make_run([lecture], tmp_path).events():
        if isinstance(event, ShardFinished):
            assert event.path.stat().st_size == event.record.size


def test_the_commands_end_with_the_right_exit_codes(
    lecture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], own_logging: None
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"")
    out = str(tmp_path / "out")
    settings = ["--asr", "captions", "--device", "cpu", "--workers", "1"]
    assert main(["process", str(lecture), str(bad), "-o", out, *settings]) == 1
    assert f"to try them again: narratrace corpus retry {out}\n" in capsys.readouterr().err
    assert main(["process", str(lecture), "-o", out, *settings]) == 2
    assert main(["process", str(lecture), "-o", out, *settings, "--new-run"]) == 0
    capsys.readouterr()
    assert main(["corpus", "status", out, "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["videos"]["done"], status["complete"], status["running"]) == (1, True, [])
    assert main(["corpus", "status", out]) == 0
    assert "1 of 1 finished" in capsys.readouterr().out
    assert main(["corpus", "status", str(tmp_path)]) == 2


def test_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run to go on with"):
        Run((), tmp_path / "out").execute()


def test_a_length_is_no_time_of_a_clock_that_begins_late(lecture: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.ts"
    with av.open(str(lecture)) as source, av.open(str(late), "w", options={"output_ts_offset": "100"}) as out:
        pairs = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = pairs[packet.stream_index]
                out.mux(packet)
    shutil.copy(lecture.with_suffix(".vtt"), late.with_suffix(".vtt"))
    run = make_run([late], tmp_path / "out")
    (end,) = (event.outcome for event in run.events() if isinstance(event, VideoFinished))
    assert isinstance(end, Kept)
    video = read_analysis(tmp_path / "out/analysis/late.json")["video"]
    assert video["start_pts_s"] >= 100
    rows = pyarrow.parquet.read_table(tmp_path / "out/index").to_pylist()
    for length in (
        end.value.duration,
        ledger_rows(tmp_path / "out")["late"]["duration"],
        rows[0]["duration"],
    ):
        assert length == pytest.approx(4.0, abs=0.2)


def test_outcomes_are_typed(finished: Path, lecture: Path, tmp_path: Path) -> None:
    run = make_run([lecture, tmp_path / "m.jsonl"], tmp_path / "out")
    write_manifest(tmp_path / "m.jsonl", [{"video_id": "gone", "uri": "gone.mp4"}])
    ends = {e.video_id: e.outcome for e in run.events() if isinstance(e, VideoFinished)}
    assert isinstance(ends["gone"], Failed)
    kept = ends["lecture-0"]
    assert isinstance(kept, Kept)
    assert kept.value.duration == pytest.approx(4.0, abs=0.2)
