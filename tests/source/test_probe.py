from __future__ import annotations

import errno
import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import pytest

from narratrace.data.media import VideoStreamInfo
from narratrace.errors import InputError, MediaError, NarratraceError, StorageError
from narratrace.source import probe
from tests.support.media import (
    FIXTURES,
    flip_bits,
    make_video,
    strip_moov,
    truncate,
    with_cover,
    zero_packets,
)
from tests.support.web import serving


def video(path: Path) -> VideoStreamInfo:
    found = probe(path).video
    assert found is not None
    return found


def test_facts_of_an_ordinary_file(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=2, fps=25, bframes=2, audio="tone", start=0.5)
    media = probe(made.path)
    assert media.path == str(made.path)
    assert "mp4" in media.container.split(",")
    assert media.size_bytes == made.path.stat().st_size
    assert media.duration == pytest.approx(2.0, abs=0.05)
    assert (media.vfr, media.packets, media.warnings) == (False, 50, ())
    assert media.audio is not None
    assert (media.audio.codec, media.audio.sample_rate, media.audio.channels) == ("aac", 48_000, 1)
    stream = media.video
    assert stream is not None
    assert (stream.codec, stream.pixel_format, stream.bit_depth) == ("h264", "yuv420p", 8)
    assert (stream.width, stream.height, stream.coded_width, stream.coded_height) == (160, 96, 160, 96)
    assert (stream.rotation, stream.sample_aspect) == (0, 1)
    assert (stream.full_range, stream.interlaced, stream.has_b_frames) == (False, False, True)
    assert stream.start_pts_s == pytest.approx(0.5)
    assert stream.average_rate == pytest.approx(25)
    assert stream.frames == 50


CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a.mp4", {"rotation": 90}, {"rotation": 90, "width": 96, "height": 160, "coded_width": 160}),
    ("a.mp4", {"rotation": 180}, {"rotation": 180, "width": 160}),
    ("a.mp4", {"rotation": 270}, {"rotation": 270, "width": 96}),
    ("a.mp4", {"pix_fmt": "yuv420p10le"}, {"bit_depth": 10, "pixel_format": "yuv420p10le"}),
    ("a.mp4", {"pix_fmt": "yuv444p"}, {"pixel_format": "yuv444p", "bit_depth": 8}),
    ("a.mp4", {"full_range": True}, {"full_range": True}),
    ("a.mp4", {"interlaced": True}, {"interlaced": True}),
    ("a.mp4", {"sample_aspect": Fraction(4, 3)}, {"sample_aspect": Fraction(4, 3)}),
    ("a.mp4", {}, {"color_matrix": "bt601"}),
    ("a.mp4", {"width": 1280, "height": 720, "seconds": 0.1}, {"color_matrix": "bt709"}),
    ("a.mp4", {"options": {"colorspace": "bt709"}}, {"color_matrix": "bt709"}),
    ("a.mp4", {"options": {"colorspace": "bt2020nc"}}, {"color_matrix": "bt2020"}),
    ("a.mkv", {"codec": "libsvtav1"}, {"codec": "av1"}),
    ("a.webm", {"codec": "libvpx-vp9", "width": 213, "height": 119}, {"codec": "vp9", "width": 213}),
    ("a.mov", {"codec": "qtrle", "pix_fmt": "rgb24"}, {"color_matrix": "bt601", "full_range": False}),
    ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray"}, {"full_range": True}),
]


@pytest.mark.parametrize(("name", "options", "expected"), CASES)
def test_facts_of_the_video_stream(
    name: str, options: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    stream = video(make_video(tmp_path / name, **{"seconds": 0.5, **options}).path)
    assert {field: getattr(stream, field) for field in expected} == expected


def test_hevc() -> None:
    stream = video(FIXTURES / "hevc_10bit.mp4")
    assert (stream.codec, stream.profile, stream.bit_depth) == ("hevc", "Main 10", 10)


@pytest.mark.parametrize("bframes", [0, 3])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_frame_rate_is_seen_and_rounding_is_not(name: str, bframes: int, tmp_path: Path) -> None:
    even = make_video(tmp_path / ("even-" + name), seconds=20, width=64, height=48, bframes=bframes)
    media = probe(even.path)
    assert media.vfr is False
    assert media.packets is None, "600 pictures, but only a look at the first"
    times = np.cumsum(np.random.default_rng(0).choice([0.02, 0.05], 60)).tolist()
    odd = make_video(tmp_path / ("odd-" + name), times=times, bframes=bframes)
    assert probe(odd.path).vfr is True
    whole = probe(even.path, look=None)
    assert (whole.packets, whole.vfr) == (600, False)
    quick = probe(even.path, look=0)
    assert (quick.packets, quick.vfr) == (None, None)
    assert quick.video == media.video


def test_late_irregularity_is_seen_by_a_full_look(tmp_path: Path) -> None:
    times = [k / 30 for k in range(900)] + [31.0, 35.0]
    made = make_video(tmp_path / "a.mp4", times=times, width=64, height=48, bframes=2)
    assert probe(made.path).vfr is False
    assert probe(made.path, look=None).vfr is True


def test_cover_art_is_not_the_video(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=0.5, audio="tone")
    assert video(with_cover(made.path, tmp_path / "b.mp4")).width == 160


def test_largest_of_several_streams_is_chosen(tmp_path: Path) -> None:
    sizes = [(64, 48), (160, 96), (160, 96)]
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        streams = [container.add_stream("mpeg4", rate=30) for _ in sizes]
        for stream, (stream.width, stream.height) in zip(streams, sizes, strict=True):
            stream.pix_fmt = "yuv420p"
        for stream, (width, height) in zip(streams, sizes, strict=True):
            frame = av.VideoFrame.from_ndarray(np.zeros((height * 3 // 2, width), np.uint8), format="yuv420p")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert video(tmp_path / "a.mkv").index == 1


def test_no_duration_in_the_header(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mkv", seconds=1, container_options={"live": "1"})
    media = probe(made.path)
    assert media.duration is None or media.duration == pytest.approx(1, abs=0.1)
    assert media.packets == 30


def test_sound_alone_and_captions_have_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
    media = probe(tmp_path / "a.wav")
    assert media.video is None
    assert media.audio is not None
    assert media.audio.start_pts_s in (None, 0.0)


def test_what_cannot_be_opened_is_one_error(tmp_path: Path) -> None:
    made = make_video(tmp_path / "whole.mp4")
    (tmp_path / "zero.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("Dear diary, this is not a video.\n" * 50)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(10_000))
    strip_moov(made.path, tmp_path / "nomoov.mp4")
    truncate(made.path, tmp_path / "half.mp4", 0.5)
    for name in ("zero", "text", "noise", "nomoov", "half"):
        with pytest.raises(MediaError) as caught:
            probe(tmp_path / f"{name}.mp4")
        assert caught.value.station == "source"
        assert caught.value.input == str(tmp_path / f"{name}.mp4")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        probe(tmp_path / "gone.mp4")
    (tmp_path / "link.mp4").symlink_to("gone.mp4")
    with pytest.raises(InputError, match=r"no such file.*a link that leads nowhere: to gone\.mp4"):
        probe(tmp_path / "link.mp4")
    with pytest.raises(InputError, match="not a regular file"):
        probe(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.mp4")
        with pytest.raises(InputError, match="not a regular file"):
            probe(tmp_path / "pipe.mp4")


def test_damage_behind_the_header_is_left_to_the_decode_pass(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", bframes=2, rotation=90)
    for bad in (
        flip_bits(made.path, tmp_path / "b.mp4", share=0.5),
        zero_packets(made.path, tmp_path / "c.mp4", share=1.0),
    ):
        assert video(bad).rotation == 90


def test_playlists_cannot_reach_the_network(tmp_path: Path) -> None:
    playlist = (
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/secret.ts\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "a.m3u8").write_text(playlist)
    with pytest.raises(MediaError):
        probe(tmp_path / "a.m3u8")


def test_local_uris_are_files(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a talk.mp4", seconds=0.2)
    assert probe(made.path.as_uri()).size_bytes == made.path.stat().st_size
    with pytest.raises(InputError, match="no such file"):
        probe((tmp_path / "gone.mp4").as_uri())


def test_a_colon_in_a_name_is_no_protocol(
    zoo: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(zoo["plain.mp4"], tmp_path / "a:b.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe("a:b.mp4").video is not None


def test_a_file_that_must_not_be_read_is_told_from_one_that_is_broken(
    zoo: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise av.error.PermissionError(errno.EACCES, "Permission denied", str(zoo["plain.mp4"]))

    monkeypatch.setattr(av, "open", refuse)  # root, who runs many tests, may read anything
    with pytest.raises(InputError, match="cannot be read: Permission denied") as caught:
        probe(zoo["plain.mp4"])
    assert "permissions" in caught.value.cause


def test_a_uri_that_cannot_be_read_here_is_told_where_it_can(tmp_path: Path) -> None:
    for uri in ("s3://bucket/talk.mp4", "gs://bucket/talk.mp4", "concat:///a|b"):
        with pytest.raises(InputError, match="cannot be read here") as caught:
            probe(uri)
        assert "corpus run" in caught.value.expected


@pytest.mark.parametrize(
    ("status", "kind"), [(404, InputError), (403, InputError), (410, InputError), (500, StorageError)]
)
def test_what_a_server_refuses_is_no_matter_of_media(
    status: int, kind: type[NarratraceError], tmp_path: Path
) -> None:
    with serving(tmp_path) as address, pytest.raises(kind) as caught:
        probe(f"{address}/{status}/talk.mp4")
    assert (caught.value.cause, caught.value.expected) == ("", "")
    (tmp_path / "talk.mp4").write_text("Please log in.")
    with serving(tmp_path) as address, pytest.raises(MediaError) as refused:
        probe(f"{address}/talk.mp4")
    assert "moov" not in refused.value.cause


def test_a_server_without_byte_ranges_is_the_likely_cause(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)

    def draw(_i: int, _t: float) -> Any:  # much to store: an index close by is in FFmpeg's buffer
        return noise.integers(16, 235, (192, 320), np.uint8)

    for name, options in (("end", {}), ("front", {"movflags": "faststart"})):
        path = tmp_path / f"{name}.mp4"
        make_video(path, fps=25, seconds=2, width=320, height=192, draw=draw, container_options=options)
    with serving(tmp_path) as address:
        media = probe(f"{address}/front.mp4", look=None)
        assert (media.packets, media.size_bytes) == (50, (tmp_path / "front.mp4").stat().st_size)
        for look in (0, None):
            with pytest.raises(MediaError, match="no pictures could be read") as caught:
                probe(f"{address}/end.mp4", look=look)
            assert "no byte ranges" in caught.value.cause
