from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from narratrace.errors import InputError
from narratrace.source.manifest import read_manifest
from tests.support.attempt import attempt

ROWS: list[dict[str, Any]] = [
    {"video_id": "a-1", "uri": "one.mp4", "captions_uri": "one.vtt", "title": "Eins, zwei", "domain": "CT"},
    {"video_id": "", "uri": "s3://bucket/two.mp4", "captions_uri": "", "title": "", "domain": ""},
    {"video_id": "c_3", "uri": "/abs/three.mp4", "captions_uri": "", "title": 'a "b"', "domain": "肺"},
]


def write(folder: Path, kind: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"m.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    elif kind == "csv":
        import csv

        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_kind_reads_the_same(kind: str, tmp_path: Path) -> None:
    entries = read_manifest(write(tmp_path, kind, ROWS))
    assert [given for _, given in entries] == [True, False, True]
    videos = [entry for entry, _ in entries]
    assert [video.uri for video in videos] == [
        str(tmp_path / "one.mp4"),
        "s3://bucket/two.mp4",
        "/abs/three.mp4",
    ]
    assert [video.captions_uri for video in videos] == [str(tmp_path / "one.vtt"), None, None]
    assert [video.title for video in videos] == ["Eins, zwei", "", 'a "b"']
    assert [dict(video.extra) for video in videos] == [{"domain": "CT"}, {"domain": ""}, {"domain": "肺"}]


def test_values_of_any_type_pass_through_and_numbers_serve_as_text(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"uri": "a.mp4", "video_id": 17, "title": null, "tags": ["x", 1], "score": 0.5}\n\n')
    ((video, given),) = read_manifest(path)
    assert (video.video_id, given, video.title) == ("17", True, "")
    assert video.extra == {"tags": ["x", 1], "score": 0.5}


def test_languages_are_codes_where_they_are_known(tmp_path: Path) -> None:
    rows = [
        {"uri": f"{n}.mp4", "language": named} for n, named in enumerate(("de-AT", "English", "", "Hessisch"))
    ]
    entries = read_manifest(write(tmp_path, "csv", rows))
    assert [video.language for video, _ in entries] == ["de", "en", "", "Hessisch"]
    assert not any(video.extra for video, _ in entries)


BROKEN = [
    ("csv", "video_id,uri\na,x.mp4\na,y.mp4\n", 3, "used in line 2"),
    ("csv", "video_id,uri\na,x.mp4\nA,y.mp4\n", 3, "used in line 2"),
    ("csv", "video_id,uri\na,x.mp4\nb,\n", 3, "uri is empty"),
    ("csv", "video_id,uri\n../../etc/passwd,x.mp4\n", 2, "not safe"),
    ("csv", "video_id,uri\na b,x.mp4\n", 2, "not safe"),
    ("csv", "video_id,uri\na,x.mp4,more\n", 2, "3 cells"),
    ("csv", "video_id,uri\na\n", 2, "1 cells"),
    ("csv", 'video_id,uri\na,"x.mp4\n', 2, "not CSV"),
    ("csv", "video_id,path\na,x.mp4\n", 1, "no column uri, only video_id, path"),
    ("csv", "uri,uri\na,b\n", 1, "twice"),
    ("csv", "", 1, "no column uri"),
    ("jsonl", '{"uri": "x.mp4"}\n\n{"uri": }\n', 3, "not JSON"),
    ("jsonl", '{"uri": "x.mp4"}\n["x.mp4"]\n', 2, "holds list"),
    ("jsonl", '{"video_id": "a"}\n', 1, "no column uri, only video_id"),
    ("jsonl", '{"uri": null}\n', 1, "uri is empty"),
    ("jsonl", '{"uri": ["x.mp4"]}\n', 1, "uri holds list"),
    ("jsonl", '{"uri": "x.mp4", "title": {"de": "x"}}\n', 1, "title holds dict"),
    ("jsonl", '{"uri": "x.mp4", "video_id": true}\n', 1, "video_id holds bool"),
    ("jsonl", '{"uri": "x.mp4", "video_id": "a"}\n{"uri": "y.mp4", "video_id": "a"}\n', 2, "used in line 1"),
]


@pytest.mark.parametrize(("kind", "text", "line", "message"), BROKEN)
def test_broken_lines_are_named(kind: str, text: str, line: int, message: str, tmp_path: Path) -> None:
    path = tmp_path / f"m.{kind}"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(path)
    assert caught.value.input == str(path)
    assert f"line {line}:" in str(caught.value)


@pytest.mark.parametrize(("kind", "text"), [("csv", "uri,title\n"), ("jsonl", "\n")])
def test_manifests_without_rows_are_refused(kind: str, text: str, tmp_path: Path) -> None:
    (tmp_path / f"m.{kind}").write_text(text)
    with pytest.raises(InputError, match="has no rows"):
        read_manifest(tmp_path / f"m.{kind}")


def test_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(b"PAR1 not really")
    (tmp_path / "m.csv").write_bytes(b"uri\n\xff\xfe\n")
    for name, message in (
        ("m.parquet", "not Parquet"),
        ("m.csv", "not UTF-8"),
        ("gone.jsonl", "cannot be read"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            read_manifest(tmp_path / name)
        assert caught.value.input == str(tmp_path / name)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=300))
def test_noise_ends_in_rows_or_one_error(kind: str, noise: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"m.{kind}"
    path.write_bytes(b"uri\n" + noise if kind == "csv" else noise)
    result = attempt(InputError, read_manifest, path)
    if isinstance(result, InputError):
        assert result.input == str(path)
    else:
        assert all(entry.uri for entry, _ in result)
