from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narratrace.data.media import VideoInput
from narratrace.errors import InputError
from narratrace.source import resolve, with_captions
from narratrace.source.listing import _safe_stem
from narratrace.source.manifest import SAFE_ID


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def names(inputs: list[str | Path], below: Path) -> list[str]:
    return [Path(video.uri).relative_to(below).as_posix() for video in resolve(inputs)]


def test_folders_are_searched_recursively_and_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a/z.webm", "a/b/c.MKV", "notes.txt", "b.vtt", ".hidden.mp4", "a/._b.mp4")
    (tmp_path / "folder.mp4").mkdir()
    assert names([tmp_path], tmp_path) == ["a/b/c.MKV", "a/z.webm", "b.mp4"]


def test_folders_that_links_lead_to_are_searched_once(tmp_path: Path) -> None:
    touch(tmp_path, "set/b/b.mp4", "elsewhere/c.mp4", "elsewhere/deep/d.mp4")
    (tmp_path / "set" / "a").symlink_to("b")  # the name without a link counts, wherever it stands
    (tmp_path / "set" / "b" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "dangling").symlink_to(tmp_path / "gone")
    assert names([tmp_path / "set"], tmp_path / "set") == ["b/b.mp4", "linked/c.mp4", "linked/deep/d.mp4"]
    (tmp_path / "other").symlink_to(tmp_path / "set" / "b")
    assert names([tmp_path / "other"], tmp_path) == [
        "other/b.mp4",
        "other/loop/linked/c.mp4",
        "other/loop/linked/deep/d.mp4",
    ]


def test_links_that_lead_nowhere_are_recordings_by_their_name_and_else_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "set/a.mp4", "set/a.vtt", "set/b/c.mp4")
    for name, aim in (("gone.MP4", "no.mp4"), ("loop.mp4", "loop.mp4"), ("b/off.mkv", "/mnt/no/off.mkv")):
        (tmp_path / "set" / name).symlink_to(aim)
    for name in ("folder", "2024.05", ".hidden", ".h.mp4", "gone.vtt"):
        (tmp_path / "set" / name).symlink_to("/mnt/no/folder")
    assert names([tmp_path / "set"], tmp_path / "set") == [
        *("a.mp4", "b/c.mp4", "b/off.mkv", "gone.MP4", "loop.mp4"),
    ]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "(2)" in line
    assert line.endswith(f"{tmp_path}/set/2024.05, {tmp_path}/set/folder")
    assert names([str(tmp_path / "set" / "*")], tmp_path / "set") == ["a.mp4", "gone.MP4", "loop.mp4"]


def test_links_to_files_that_are_named_too_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    caplog.set_level("INFO")
    resolve([tmp_path, tmp_path / "a.mp4", str(tmp_path / "*.mp4")])
    assert not caplog.records, "no links here"
    for name in ("c", "d", "e"):
        (tmp_path / f"{name}.mp4").symlink_to("b.mp4")
    resolve([tmp_path, tmp_path])
    (record,) = caplog.records
    assert f"(3), such as {tmp_path}/c.mp4 for {tmp_path}/b.mp4" in record.getMessage()


def test_a_folder_that_must_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.mp4", "closed/b.mp4", "open/c.mp4")
    real = os.scandir

    def scandir(path: str) -> object:  # root, who runs many tests, may read anything
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="the folder cannot be read: Permission denied") as caught:
        resolve([tmp_path])
    assert (caught.value.input, caught.value.exit_code) == (str(tmp_path / "closed"), 2)


def test_order_is_that_of_the_inputs_and_duplicates_count_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4", "c.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "b.mp4")
    os.link(tmp_path / "c.mp4", tmp_path / "hard.mp4")
    inputs: list[str | Path] = [tmp_path / "link.mp4", tmp_path / "b.mp4", tmp_path, str(tmp_path / "*.mp4")]
    assert names(inputs, tmp_path) == ["link.mp4", "a.mp4", "c.mp4", "hard.mp4"]


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "a1.mp4", "a2.mp4", "a2.srt", "b/a3.mp4", "odd[1].mp4")
    assert names([str(tmp_path / "a*")], tmp_path) == ["a1.mp4", "a2.mp4"]
    assert names([str(tmp_path / "**" / "a*.mp4")], tmp_path) == ["a1.mp4", "a2.mp4", "b/a3.mp4"]
    assert names([str(tmp_path / "odd[1].mp4")], tmp_path) == ["odd[1].mp4"], "a file by that very name"


def test_a_file_named_outright_may_have_any_suffix(tmp_path: Path) -> None:
    touch(tmp_path, "capture.bin")
    assert [video.video_id for video in resolve([tmp_path / "capture.bin"])] == ["capture"]


@pytest.mark.parametrize("name", ["missing.mp4", "no/such/*.mp4", "missing.csv", "empty"])
def test_what_names_nothing_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as caught:
        resolve([tmp_path / name])
    assert caught.value.input == str(tmp_path / name)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_the_current_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "talk.mp4")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is empty") as caught:
        resolve([name])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["m.json", "M.TSV"])
def test_tables_of_other_kinds_are_no_videos(name: str, tmp_path: Path) -> None:
    touch(tmp_path, name)
    with pytest.raises(InputError, match=r"manifest as \.csv, \.jsonl, \.parquet"):
        resolve([tmp_path / name])


def test_uris_pass_through() -> None:
    videos = resolve(["s3://bucket/talks/one.mp4", "https://example.org/two.webm?x=1#t"])
    assert [(video.video_id, video.uri) for video in videos] == [
        ("one", "s3://bucket/talks/one.mp4"),
        ("two", "https://example.org/two.webm?x=1#t"),
    ]


def test_colliding_names_get_a_hash_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x/talk.mp4", "y/talk.mp4", "y/TALK.webm", "other.mp4")
    monkeypatch.chdir(tmp_path)
    ids = [video.video_id for video in resolve(["."])]
    assert ids[0] == "other"
    assert len({video_id.casefold() for video_id in ids}) == 4
    assert all(video_id.casefold().startswith("talk-") for video_id in ids[1:])
    assert ids == [video.video_id for video in resolve([Path()])]
    # The same set elsewhere, named the same way, has the same ids.
    touch(tmp_path / "moved", "x/talk.mp4", "y/talk.mp4", "y/TALK.webm", "other.mp4")
    monkeypatch.chdir(tmp_path / "moved")
    assert ids == [video.video_id for video in resolve(["."])]


def test_ids_do_not_depend_on_how_a_path_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "set/d1/talk.mp4", "set/d2/talk.mp4", "set/d1/肺.mp4", "other/a.mp4")

    def ids(*inputs: str | Path) -> list[str]:
        return [video.video_id for video in resolve(inputs)]

    monkeypatch.chdir(tmp_path / "set")
    expected = ids("d1", "d2")
    assert len(set(expected)) == 3
    assert ids("d2/../d1", tmp_path / "set" / "d2") == expected
    assert ids((tmp_path / "set" / "d1" / "talk.mp4").as_uri(), "d1", "d2/talk.mp4") == expected
    monkeypatch.chdir(tmp_path / "set" / "d1")
    assert ids(".", "../d2") == expected
    monkeypatch.chdir(tmp_path)
    assert ids("set/d1", "set/d2", "other") == [*expected, "a"]
    assert ids("set/d1/肺.mp4") == [video_id for video_id in expected if video_id.startswith("video-")]
    (tmp_path / "m.csv").write_text("uri\nset/d1/talk.mp4\nset/d1/肺.mp4\nset/d2/talk.mp4\n")
    assert ids("m.csv") == expected
    (tmp_path / "set").rename(tmp_path / "moved")
    assert ids("moved") == expected


def test_names_become_safe(tmp_path: Path) -> None:
    touch(tmp_path, "Über 肺 (part 2).mp4", "肺.mp4", "a b.mp4")
    ids = [video.video_id for video in resolve([tmp_path])]
    assert ids[:2] == ["a_b", "Uber_part_2"]
    assert ids[2].startswith("video-")


@given(st.text(min_size=1).filter(lambda s: "/" not in s and "\0" not in s))
def test_made_ids_are_always_safe(name: str) -> None:
    assert SAFE_ID.fullmatch(_safe_stem(name))


def test_manifest_rows_keep_their_ids_and_files_give_way(tmp_path: Path) -> None:
    touch(tmp_path, "x/talk.mp4", "y/talk.mp4", "y/talk.vtt")
    (tmp_path / "m.csv").write_text("uri,video_id,captions_uri\ny/talk.mp4,talk,\nz/talk.mp4,,c.srt\n")
    videos = resolve([tmp_path / "x", tmp_path / "m.csv"])
    assert [video.video_id for video in videos][1] == "talk"
    assert len({video.video_id for video in videos}) == 3
    assert [video.captions_uri for video in videos] == [
        None,
        str(tmp_path / "y" / "talk.vtt"),
        str(tmp_path / "c.srt"),
    ]


def test_two_manifests_with_one_id_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"video_id": "same", "uri": "{name}.mp4"}}\n')
    with pytest.raises(InputError, match="'same'"):
        resolve([tmp_path / "one.jsonl", tmp_path / "two.jsonl"])


def test_rows_of_one_recording_with_ids_of_their_own_are_all_kept(tmp_path: Path) -> None:
    touch(tmp_path, "talk.mp4", "other.mp4")
    rows = ["one,talk.mp4", "x,other.mp4", "two,talk.mp4", ",talk.mp4"]
    (tmp_path / "m.csv").write_text("\n".join(["video_id,uri", *rows]))
    videos = resolve([tmp_path / "m.csv", tmp_path / "talk.mp4", tmp_path / "m.csv"])
    assert [video.video_id for video in videos] == ["one", "x", "two"]
    assert [video.video_id for video in resolve([tmp_path / "talk.mp4", tmp_path / "m.csv"])] == ["talk", "x"]


def test_ids_that_differ_in_case_alone_are_refused_for_one_recording_too(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("video_id,uri\na,talk.mp4\nA,talk.mp4\n")
    with pytest.raises(InputError, match="'A'"):
        resolve([tmp_path / "m.csv"])


def test_a_local_uri_is_a_local_file(tmp_path: Path) -> None:
    touch(tmp_path, "a talk.mp4", "a talk.vtt")
    (video,) = resolve([(tmp_path / "a talk.mp4").as_uri(), tmp_path])
    assert video.uri == (tmp_path / "a talk.mp4").as_uri()
    assert video.captions_uri == str(tmp_path / "a talk.vtt")


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "x" * 300 + "/*.mp4", "x" * 300 + ".csv"])
def test_names_no_file_can_have_name_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        resolve([tmp_path / name])
    assert caught.value.input == str(tmp_path / name)


def test_a_row_no_file_can_have_spoils_no_other(tmp_path: Path) -> None:
    touch(tmp_path, "talk.mp4", "talk.vtt")
    (tmp_path / "m.csv").write_text(f"uri\n{'x' * 300}/a.mp4\ntalk.mp4\n")
    assert [bool(video.captions_uri) for video in resolve([tmp_path / "m.csv"])] == [False, True]


def test_captions_that_come_later_are_found(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    os.utime(tmp_path, ns=(0, 0))

    def videos() -> Iterator[VideoInput]:
        yield VideoInput(video_id="a", uri=str(tmp_path / "a.mp4"))
        touch(tmp_path, "b.vtt")
        yield VideoInput(video_id="b", uri=str(tmp_path / "b.mp4"))
        yield VideoInput(video_id="c", uri=str(tmp_path / "b.mp4"), captions_uri="")
        yield VideoInput(video_id="d", uri="s3://bucket/b.mp4")

    found = [video.captions_uri for video in with_captions(videos())]
    assert found == [None, str(tmp_path / "b.vtt"), "", None]
