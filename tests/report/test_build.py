"""What is in the file, how much of it, and what the report says about the rest."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from narratrace.errors import InputError, StorageError
from narratrace.report import ReportOptions, build_report
from narratrace.report.samples import sentence_rows
from narratrace.report.shards import OpenShards, SampleRef
from narratrace.report.shell import SCRIPTS, STYLES, Shell
from narratrace.report.values import spread
from tests.report.blocks import pages_of, scripts, summary_of
from tests.report.conftest import HOSTILE
from tests.report.runs import failure, write_run
from tests.write.builders import make_recording


def test_one_script_and_its_hash_and_no_way_out(report: Path) -> None:
    found = scripts(report)
    (code,) = found.code
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in found.policy
    assert found.policy.startswith("default-src 'none'")
    assert "http" not in found.policy
    assert set(found.tags) & {"img", "iframe", "object", "embed", "form", "base"} == set()


def test_every_asset_is_part_of_the_file(report: Path) -> None:
    folder = Path(__file__).parents[2] / "src" / "narratrace" / "report"
    assert sorted(SCRIPTS) == sorted(path.name for path in folder.glob("*.js"))
    assert sorted(STYLES) == sorted(path.name for path in folder.glob("*.css"))
    assert "</script" not in Shell.load().script
    assert "</style" not in Shell.load().style


def test_what_the_run_did(report: Path) -> None:
    found = summary_of(report)
    totals = found["totals"]
    assert [totals[k] for k in ("recordings", "pairs", "traces", "clips", "dropped", "failed")] == [
        *(8, 4, 4, 1, 3, 2)
    ]
    assert totals["seconds"] == 24 + 60 + 60
    assert found["drops"] == [["min_speech_share", 2], ["min_stable", 1]]
    assert found["causes"] == [["decode", "MediaError", 2]]
    assert [letter["command"] for letter in found["failures"]] == [
        "narratrace process /media/broken.mp4 -o out",
        "narratrace process /media/evil.mp4 -o out",
    ]
    assert dict(found["stations"])["transcribe"] == 2.5
    assert found["left_out"] == []
    assert found["notes"] == []


def test_hostile_text_is_data(report: Path) -> None:
    page = pages_of(report)["vid-0001"]
    assert page["title"] == HOSTILE
    assert page["samples"]["traces"][0]["sentences"][0][0][2] == HOSTILE
    assert summary_of(report)["failures"][1]["message"] == HOSTILE


def test_words_know_where_the_text_has_no_space() -> None:
    said = [["The", "liver", "今", "天", "看。"], ["这", "里"]]
    words = [[{"start": 0.0, "end": 1.0, "text": text} for text in sentence] for sentence in said]
    document = {
        "text": "The liver 今天看。这里",
        "utterances": [{"words": sentence} for sentence in words],
        "word_positions": [],
    }
    rows = [row for sentence in sentence_rows(document) for row in sentence]
    assert "".join(row[2] if len(row) > 5 else f" {row[2]}" for row in rows) == f" {document['text']}"


def test_samples_arrive_whole(report: Path) -> None:
    page = pages_of(report)["generated"]
    data = scripts(report).data
    trace = page["samples"]["traces"][0]
    assert trace["text"].startswith("Here is an axial slice")
    rows = [word for sentence in trace["sentences"] for word in sentence]
    assert " ".join(row[2] for row in rows) == trace["text"]
    assert {len(row) for row in rows} == {5}
    assert any(word[3] is not None for sentence in trace["sentences"] for word in sentence)
    assert {box["method"] for box in trace["boxes"]} >= {"circle"}
    picture = Image.open(io.BytesIO(base64.b64decode(data[f"media-{trace['media']}"])))
    assert picture.size == (640, 360)
    (clip,) = page["samples"]["clips"]
    assert base64.b64decode(data[f"media-{clip['media']}"])[4:8] == b"ftyp"
    # The picture of a passage is the same in its pair and its trace, and is there once.
    assert page["samples"]["pairs"][0]["media"] == trace["media"]


def test_the_timeline_has_every_fact(report: Path) -> None:
    page = pages_of(report)["generated"]
    lanes = page["timeline"]
    assert lanes["shots"] == [[0.0, 14.0, "none"], [14.0, 24.0, "fade"]]
    assert lanes["changes"] == [[7.0, 7.4, "build", 0.1]]
    assert lanes["moving"] == [[0.0, 9.0, 560.0, 0.0, 640.0, 60.0]]
    assert len(lanes["words"]) == sum(map(len, page["samples"]["pairs"][0]["sentences"])) + sum(
        map(len, page["samples"]["pairs"][1]["sentences"])
    )
    assert len(lanes["trace"]["t"]) == len(lanes["trace"]["x"]) == len(lanes["trace"]["y"]) > 100


def test_same_folder_same_file(run_out: Path, report: Path, tmp_path: Path) -> None:
    assert build_report(run_out, tmp_path / "again.html").read_bytes() == report.read_bytes()


def test_the_report_lies_in_the_folder_unless_told(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(0, (1, 0, 0))])
    assert build_report(out) == out / "report.html"
    assert (out / "report.html").exists()


@pytest.mark.parametrize("megabytes", [0.001, 0.05, 0.2])
def test_the_bound_holds_and_what_it_costs_is_told(run_out: Path, tmp_path: Path, megabytes: float) -> None:
    path = build_report(run_out, tmp_path / "small.html", ReportOptions(max_mb=megabytes))
    shell = Shell.load()
    frame = len(shell.head("")) + len(shell.tail())
    blocks = sum(len(text) for name, text in scripts(path).data.items() if name != "summary")
    # Names and titles of recordings are in the file whatever the bound.
    assert blocks <= megabytes * 1e6 + 3_000
    assert path.stat().st_size <= frame + megabytes * 1e6 + 30_000
    shown = sum(len(cards) for page in pages_of(path).values() for cards in page["samples"].values())
    assert shown < 9
    assert f"The pages show {shown} of their recordings' 9 samples." in summary_of(path)["left_out"]


def test_pages_are_spread_over_the_run_and_can_be_asked_for(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(i, (1, 0, 0)) for i in range(12)])
    path = build_report(out, tmp_path / "a.html", ReportOptions(max_videos=3))
    assert list(pages_of(path)) == ["vid-0000", "vid-0004", "vid-0008"]
    assert "3 of 12 recordings have a page." in summary_of(path)["left_out"]
    path = build_report(out, tmp_path / "b.html", ReportOptions(max_videos=2, videos=("vid-0007",)))
    assert list(pages_of(path)) == ["vid-0000", "vid-0007"]


def test_lists_are_bounded(tmp_path: Path) -> None:
    letters = [failure(f"lost-{i:02d}") for i in range(20)]
    out = write_run(tmp_path / "out", [make_recording(i, (1, 0, 0)) for i in range(12)], letters)
    options = ReportOptions(max_listed=5, max_videos=2)
    found = summary_of(build_report(out, tmp_path / "a.html", options))
    assert [len(found[name]) for name in ("recordings", "failures")] == [5, 5]
    assert found["totals"]["failed"] == 20
    assert found["left_out"][:2] == [
        "The list of failures has 5 of 20; the counts are of all.",
        "The list has 5 of 12 recordings.",
    ]


def test_samples_of_a_recording_are_bounded(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(0, (10, 4, 1))])
    page = pages_of(build_report(out, tmp_path / "a.html", ReportOptions(max_samples=4)))["vid-0000"]
    assert [card["index"] for card in page["samples"]["pairs"]] == [0, 2, 5, 7]
    assert page["all"] == {"traces": 4, "pairs": 10, "clips": 1}


def test_wide_pictures_are_made_smaller(tmp_path: Path) -> None:
    out = write_run(tmp_path / "out", [make_recording(0, (1, 0, 0))])
    path = build_report(out, tmp_path / "a.html", ReportOptions(picture_width=160))
    (block,) = (text for name, text in scripts(path).data.items() if name.startswith("media-"))
    assert Image.open(io.BytesIO(base64.b64decode(block))).size == (160, 90)


def _broken(run_out: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run_out, tmp_path / "broken"))


@pytest.mark.parametrize("cut", [0.3, 0.0])
def test_a_damaged_shard_costs_its_samples_only(run_out: Path, tmp_path: Path, cut: float) -> None:
    out = _broken(run_out, tmp_path)
    shard = out / "shards" / "traces-000000.tar"
    shard.write_bytes(shard.read_bytes()[: int(cut * shard.stat().st_size)])
    page = pages_of(build_report(out))["generated"]
    assert len(page["samples"]["traces"]) < 2
    assert len(page["samples"]["pairs"]) == 2
    assert any("traces-000000.tar cannot be shown" in note for note in page["notes"])


def test_a_sample_that_is_no_picture_is_told(run_out: Path, tmp_path: Path) -> None:
    out = _broken(run_out, tmp_path)
    shard = out / "shards" / "pairs-000000.tar"
    whole = shard.read_bytes()
    start = whole.index(b"\xff\xd8\xff")
    shard.write_bytes(whole[:start] + bytes(64) + whole[start + 64 :])
    page = pages_of(build_report(out))["generated"]
    assert [card["index"] for card in page["samples"]["pairs"]] == [1]
    assert "generated_0 of pairs-000000.tar cannot be shown" in page["notes"][0]


def test_what_is_missing_is_told(run_out: Path, tmp_path: Path) -> None:
    out = _broken(run_out, tmp_path)
    (out / "run.json").unlink()
    (out / "analysis" / "generated.json").unlink()
    (out / "analysis" / "vid-0002.json").write_text("{}")
    (out / "index" / "clips-000000.parquet").write_bytes(b"PAR1")
    path = build_report(out)
    found, pages = summary_of(path), pages_of(path)
    assert any("run.json is missing" in note for note in found["notes"])
    assert any("index/clips-000000.parquet cannot be read" in note for note in found["notes"])
    assert found["totals"]["unknown_durations"] == 1
    for name in ("generated", "vid-0002"):
        assert pages[name]["timeline"] is None
        assert "The analysis cannot be shown" in pages[name]["notes"][0]
    assert len(pages["generated"]["samples"]["traces"]) == 2


def test_no_output_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no output folder"):
        build_report(tmp_path)


def test_no_place_to_write(run_out: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        build_report(run_out, tmp_path / "missing" / "report.html")


def test_an_index_cannot_lead_out_of_the_folder(run_out: Path) -> None:
    with OpenShards(run_out) as shards, pytest.raises(InputError, match="outside the shards"):
        shards.read(SampleRef(0, "pairs", "x", "../run.json"))


def test_spread() -> None:
    assert spread(range(5), 9) == [0, 1, 2, 3, 4]
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread([], 3) == []
    assert spread(range(4), 0) == []


def test_no_text_of_the_scripts_names_an_address() -> None:
    """Beside the name space of SVG, which is a name and is never fetched."""
    shell = Shell.load()
    addresses = re.findall(r"https?://[^\s\"'`\\]+", shell.script + shell.style + shell.page)
    assert addresses == ["http://www.w3.org/2000/svg"]
