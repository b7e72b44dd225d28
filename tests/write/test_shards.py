"""Shards and index: right content, right cuts, the same bytes every time, readable by the field's tools."""

from __future__ import annotations

import json
import random
import tarfile
from pathlib import Path

import pytest
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from narratrace.data.recording import Recording
from narratrace.data.sample import SampleKind
from narratrace.errors import InputError, StorageError
from narratrace.write.files import sha256_of
from narratrace.write.index import COLUMNS, read_rows
from narratrace.write.options import ShardOptions
from narratrace.write.shard_file import list_finished_shards, verify_shard
from narratrace.write.shard_reader import read_shard
from narratrace.write.shards import Assembler
from tests.write.builders import assemble, file_size_limit, make_bundles, make_recording, tree

SMALL = ShardOptions(max_samples=7, max_bytes=10_000_000)
SEQUENCES: list[Recording | None] = [
    None if i % 5 == 2 else make_recording(i, (i % 4, (i * 3) % 5, i % 3)) for i in range(12)
]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path | None]:
    return make_bundles(tmp_path_factory.mktemp("scratch"), SEQUENCES)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, bundles: list[Path | None]) -> Path:
    out = tmp_path_factory.mktemp("out")
    assemble(out, bundles, SMALL)
    return out


def expected(kind: SampleKind) -> list[str]:
    return [s.key for r in SEQUENCES if r for s in r.samples or () if s.kind is kind]


@pytest.mark.parametrize("kind", list(SampleKind))
def test_every_sample_lies_in_one_shard_in_input_order(out: Path, kind: SampleKind) -> None:
    shards = sorted((out / "shards").glob(f"{kind.value}-*.tar"))
    contents = [list(read_shard(path)) for path in shards]
    assert [s.key for samples in contents for s in samples] == expected(kind)
    assert all(len(samples) == 7 for samples in contents[:-1])
    extensions = {"mp4", "txt", "json"} if kind is SampleKind.CLIP else {"jpg", "txt", "json"}
    assert all(set(s.files) == extensions for samples in contents for s in samples)
    assert all(s.json["text"] == s.files["txt"].decode() for samples in contents for s in samples)


@pytest.mark.parametrize("kind", list(SampleKind))
def test_webdataset_reads_them(out: Path, kind: SampleKind) -> None:
    urls = [str(path) for path in sorted((out / "shards").glob(f"{kind.value}-*.tar"))]
    dataset = webdataset.WebDataset(urls, shardshuffle=False)
    samples = list(dataset if kind is SampleKind.CLIP else dataset.decode("pil"))
    assert [s["__key__"] for s in samples] == expected(kind)
    if kind is SampleKind.CLIP:
        assert all(isinstance(s["mp4"], bytes) for s in samples)
    else:
        assert all(s["jpg"].size == (640, 360) and s["json"]["uid"] == s["__key__"] for s in samples)


def test_headers_carry_neither_times_nor_owners(out: Path) -> None:
    for path in (out / "shards").iterdir():
        with tarfile.open(path) as archive:
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in archive} == {
                (0, 0, 0, "", "", 0o644)
            }


def test_index_has_a_row_a_sample_that_agrees_with_the_shard(out: Path) -> None:
    for path in sorted((out / "shards").iterdir()):
        samples, rows = list(read_shard(path)), read_rows(str(out / "index" / f"{path.stem}.parquet"))
        assert [list(row) for row in rows] == [[c.name for c in COLUMNS]] * len(samples)
        for sample, row in zip(samples, rows, strict=True):
            document = sample.json
            member = row["clip_name"] if document["kind"] == "clips" else row["image"]
            assert member in {f"{sample.key}.{extension}" for extension in sample.files}
            assert (row["uid"], row["kind"], row["shard"]) == (sample.key, document["kind"], path.name)
            assert (row["start"], row["end"]) == (document["span"]["start"], document["span"]["end"])
            assert " ".join(row["text"]) == row["caption"] == document["text"]
            assert row["med_num"] == 2
            assert row["trace_points"] == len(document["trace"])
            assert json.loads(row["domains"]) == ["mri", "ct"]
            assert row["multidomain"]
            assert row["sample_uids"][row["uid"]] == row["sample_index"]
            assert row["sample_count"] == len(row["sample_uids"])
            assert row["chunk_times"] == [[1.0, 5.0], [6.0, 20.0]]
            assert row["domain_probabilities"] == document["labels"]


@pytest.mark.parametrize("kind", list(SampleKind))
def test_index_numbers_the_samples_of_a_kind_through(out: Path, kind: SampleKind) -> None:
    paths = sorted((out / "index").glob(f"{kind.value}-*.parquet"))
    rows = [row for path in paths for row in read_rows(str(path))]
    assert [row["index"] for row in rows] == list(range(len(expected(kind))))


def test_all_index_files_form_one_table(out: Path) -> None:
    import pyarrow.dataset

    table = pyarrow.dataset.dataset(out / "index").to_table()
    assert table.num_rows == sum(len(expected(kind)) for kind in SampleKind)


def test_narratives_hold_the_traces_in_order(out: Path) -> None:
    lines = (out / "localized_narratives.jsonl").read_text().splitlines()
    assert [json.loads(line)["image_id"] for line in lines] == expected(SampleKind.TRACE)


def test_every_recording_has_its_analysis(out: Path) -> None:
    assert {p.stem for p in (out / "analysis").iterdir()} == {r.video_id for r in SEQUENCES if r}


def test_records_describe_the_shards(out: Path) -> None:
    records = list_finished_shards(out)
    assert [r.name for r in records] == sorted(
        (p.name for p in (out / "shards").iterdir()),
        key=lambda n: (["pairs", "traces", "clips"].index(n[:-11]), n),
    )
    for record in records:
        verify_shard(out, record)
        assert record.sha256 == sha256_of(out / "shards" / record.name)
        keys = [s.key for s in read_shard(out / "shards" / record.name)]
        assert keys[0] == f"vid-{record.first.sequence:04d}_{record.first.index}"
        assert keys[-1] == f"vid-{record.last.sequence:04d}_{record.last.index}"
        assert len(keys) == record.samples
        assert type(record).from_json(json.loads(json.dumps(record.to_json()))) == record


def test_a_second_run_gives_the_same_bytes(out: Path, bundles: list[Path | None], tmp_path: Path) -> None:
    assemble(tmp_path / "again", bundles, SMALL)
    assert tree(tmp_path / "again") == tree(out)


def test_recordings_written_anew_give_the_same_shards(out: Path, tmp_path: Path) -> None:
    assemble(tmp_path / "again", make_bundles(tmp_path / "scratch", SEQUENCES), SMALL)
    assert tree(tmp_path / "again") == tree(out)


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_completion_does_not_matter(
    out: Path, bundles: list[Path | None], tmp_path: Path, seed: int
) -> None:
    order = list(range(len(bundles)))
    random.Random(seed).shuffle(order)
    assemble(tmp_path / "shuffled", bundles, SMALL, order)
    assert tree(tmp_path / "shuffled") == tree(out)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(max_samples=st.integers(1, 12), max_bytes=st.integers(1, 400_000), stop=st.integers(0, 12))
def test_stopping_anywhere_and_going_on_gives_the_same_bytes(
    bundles: list[Path | None],
    tmp_path_factory: pytest.TempPathFactory,
    max_samples: int,
    max_bytes: int,
    stop: int,
) -> None:
    options = ShardOptions(max_samples=max_samples, max_bytes=max_bytes)
    whole, parts = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("parts")
    assemble(whole, bundles, options)
    with Assembler(parts, options) as first:
        for sequence in range(stop):
            first.submit(sequence, bundles[sequence])
        records = list(first.finished)
        needed = first.resume_from
    with Assembler(parts, options, records) as second:
        assert second.next_sequence == needed
        for sequence in range(needed, len(bundles)):
            second.submit(sequence, bundles[sequence])
        second.finish()
    assert tree(parts) == tree(whole)
    for path in (parts / "shards").iterdir():
        assert path.stat().st_size <= max_bytes or len(list(read_shard(path))) == 1


def test_going_on_after_the_end_changes_nothing(out: Path, bundles: list[Path | None]) -> None:
    before = tree(out)
    with Assembler(out, SMALL) as assembler:
        for sequence in range(assembler.next_sequence, len(bundles)):
            assembler.submit(sequence, bundles[sequence])
        assert assembler.finish() == []
    assert tree(out) == before


def test_shards_appear_only_when_whole_and_unfinished_ones_vanish(
    bundles: list[Path | None], tmp_path: Path
) -> None:
    with Assembler(tmp_path, SMALL) as assembler:
        for sequence in range(3):
            assembler.submit(sequence, bundles[sequence])
        visible = [p.name for p in (tmp_path / "shards").iterdir() if not p.name.startswith(".")]
        assert visible == [r.name for r in assembler.finished]
    assert [p.name for p in (tmp_path / "shards").iterdir()] == visible


def test_long_ids_make_readable_shards(tmp_path: Path) -> None:
    recording = make_recording(0, (2, 0, 0))
    samples = tuple(replace(s, key=f"{'x' * 150}_{s.index}") for s in recording.samples or ())
    bundles = make_bundles(tmp_path / "scratch", [replace(recording, samples=samples)])
    assemble(tmp_path / "out", bundles, ShardOptions(max_bytes=1))
    shards = sorted((tmp_path / "out" / "shards").iterdir())
    assert [s.key for path in shards for s in read_shard(path)] == [s.key for s in samples]
    assert [path.stat().st_size % 512 for path in shards] == [0, 0]
    read = list(webdataset.WebDataset([str(path) for path in shards], shardshuffle=False))
    assert [s["__key__"] for s in read] == [s.key for s in samples]


@pytest.mark.parametrize("limit", [20_000, 60_000])
def test_a_full_disk_stops_the_run_and_costs_nothing(
    out: Path, bundles: list[Path | None], tmp_path: Path, limit: int
) -> None:
    with file_size_limit(limit), pytest.raises(StorageError):
        assemble(tmp_path, bundles, SMALL)
    assert not [p for p in tmp_path.rglob("*") if p.name.endswith(".part")]
    with Assembler(tmp_path, SMALL) as assembler:
        for sequence in range(assembler.next_sequence, len(bundles)):
            assembler.submit(sequence, bundles[sequence])
        assembler.finish()
    assert tree(tmp_path) == tree(out)


def test_mangled_texts_reach_every_output(tmp_path: Path) -> None:
    recording = make_recording(0, (1, 1, 0))
    mangled = replace(
        recording.input, title="half \ud83d pair", uri="/x/caf\udce9.mp4", link="", channel="\udc80"
    )
    assemble(tmp_path / "out", make_bundles(tmp_path / "s", [replace(recording, input=mangled)]), SMALL)
    sample = next(read_shard(tmp_path / "out" / "shards" / "pairs-000000.tar"))
    assert sample.json["meta"]["title"] == "half \ud83d pair"
    assert read_rows(str(tmp_path / "out" / "index" / "pairs-000000.parquet"))[0]["title"] == "half ? pair"
    assert (
        json.loads((tmp_path / "out" / "localized_narratives.jsonl").read_text())["image_id"] == "vid-0000_0"
    )


def test_wrong_use_is_refused(bundles: list[Path | None], tmp_path: Path) -> None:
    with Assembler(tmp_path, SMALL) as assembler:
        assembler.submit(0, bundles[0])
        with pytest.raises(ValueError, match="before"):
            assembler.submit(0, bundles[0])
        with pytest.raises(ValueError, match="holds recording 3"):
            assembler.submit(1, bundles[3])
    with Assembler(tmp_path, SMALL) as assembler:
        assembler.submit(4, bundles[4])
        with pytest.raises(ValueError, match="never submitted"):
            assembler.finish()


@pytest.mark.parametrize("damage", ["shard missing", "shard cut", "hole", "no record", "narratives cut"])
def test_a_folder_that_somebody_changed_is_refused(
    bundles: list[Path | None], tmp_path: Path, damage: str
) -> None:
    assemble(tmp_path, bundles, SMALL)
    shard, index = tmp_path / "shards" / "traces-000001.tar", tmp_path / "index"
    if damage == "shard missing":
        shard.unlink()
    elif damage == "shard cut":
        shard.write_bytes(shard.read_bytes()[:-512])
    elif damage == "hole":
        (index / "traces-000001.parquet").unlink()
    elif damage == "no record":
        (index / "pairs-000000.parquet").write_bytes(b"PAR1")
    else:
        (tmp_path / "localized_narratives.jsonl").write_text("")
    with pytest.raises(StorageError, match="changed by somebody"):
        Assembler(tmp_path, SMALL)


def test_verify_finds_a_flipped_bit(bundles: list[Path | None], tmp_path: Path) -> None:
    assemble(tmp_path, bundles, SMALL)
    record = list_finished_shards(tmp_path)[0]
    path = tmp_path / "shards" / record.name
    data = bytearray(path.read_bytes())
    data[5000] ^= 1
    path.write_bytes(data)
    with pytest.raises(StorageError, match="SHA-256"):
        verify_shard(tmp_path, record)


def test_reading_a_cut_shard_is_an_error_wherever_it_was_cut(out: Path, tmp_path: Path) -> None:
    whole = next((out / "shards").glob("pairs-*.tar"))
    with tarfile.open(whole) as archive:
        boundary = [member.offset for member in archive][3]
    cut = tmp_path / "cut.tar"
    for length in (0, 512, boundary, boundary + 700, whole.stat().st_size - 1):
        cut.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(InputError, match=r"cut\.tar"):
            list(read_shard(cut))
