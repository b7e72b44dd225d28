"""What every decoder backend promises, on files whose content is known."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narratrace.decode import DecodeOptions, Decoder, open_decoder
from narratrace.errors import DeviceError, InputError, MediaError, OptionError
from narratrace.source import probe
from tests.decode.conftest import RunPass, on_host
from tests.support.media import (
    FIXTURES,
    hevc_luma,
    make_size_change,
    make_video,
    moving_square,
    set_rotation,
    with_cover,
)

IRREGULAR = [0.0, 0.05, 0.2, 0.21, 0.9, 0.95, 1.6]

KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264": ("a.mp4", {}),
    "b-frames": ("a.mp4", {"bframes": 3}),
    "start not 0": ("a.mp4", {"start": 1.5, "bframes": 2}),
    "irregular": ("a.mp4", {"times": IRREGULAR, "bframes": 2}),
    "long gop": ("a.mp4", {"seconds": 20, "gop": 600, "width": 64, "height": 48}),
    "one frame": ("a.mp4", {"times": [0.0]}),
    "two frames": ("a.mp4", {"times": [0.0, 0.5]}),
    "mkv with sound": ("a.mkv", {"bframes": 2, "audio": "tone"}),
    "no duration in header": ("a.mkv", {"container_options": {"live": "1"}}),
    "transport stream": ("a.ts", {"bframes": 2}),
    "avi": ("a.avi", {"codec": "mpeg4"}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9"}),
    "av1": ("a.mkv", {"codec": "libsvtav1"}),
    "odd size": ("a.webm", {"codec": "libvpx-vp9", "width": 213, "height": 119}),
    "853x479": ("a.webm", {"codec": "libvpx-vp9", "width": 853, "height": 479, "seconds": 0.3}),
    "4:4:4": ("a.mp4", {"pix_fmt": "yuv444p", "width": 161, "height": 97}),
    "4:2:2": ("a.mp4", {"pix_fmt": "yuv422p"}),
    "10 bit": ("a.mp4", {"pix_fmt": "yuv420p10le"}),
    "full range": ("a.mp4", {"full_range": True}),
    "full range 4:4:4": ("a.mp4", {"full_range": True, "pix_fmt": "yuvj444p"}),
    "interlaced": ("a.mp4", {"interlaced": True}),
    "lossless": ("a.mkv", {"codec": "ffv1"}),
    "gray": ("a.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
    "nv12": ("a.mkv", {"codec": "rawvideo", "pix_fmt": "nv12"}),
    "bottom up": ("a.avi", {"codec": "rawvideo", "pix_fmt": "bgr24"}),
    "unicode name": ("Hände 肺の音 #1.mp4", {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_and_times_are_those_that_were_drawn(kind: str, run_pass: RunPass, tmp_path: Path) -> None:
    name, options = KINDS[kind]
    made = make_video(tmp_path / name, **options)
    seen = run_pass(made.path)
    start = seen.times[0] - made.times[0] if name.endswith(".ts") else 0.0  # muxed with a lead of its own
    assert len(seen.times) == made.frames
    np.testing.assert_allclose(np.array(seen.times) - start, made.times, atol=0.00101)
    assert all(a < b for a, b in pairwise(seen.pts))
    for i, luma in enumerate(seen.luma):
        assert luma.shape == (made.height, made.width)
        assert luma.dtype == np.uint8
        assert np.abs(luma.astype(int) - made.luma(i)).mean() < 3, i
    for u, v in seen.chroma:
        assert u.shape == v.shape == ((made.height + 1) // 2, (made.width + 1) // 2)
        assert abs(float(u.mean()) - 128) < 2
        assert abs(float(v.mean()) - 128) < 2


@pytest.mark.parametrize("kind", ["lossless", "gray", "nv12"])
def test_8_bit_sources_pass_through_bit_for_bit(kind: str, run_pass: RunPass, tmp_path: Path) -> None:
    name, options = KINDS[kind]
    made = make_video(tmp_path / name, **options)
    for i, luma in enumerate(run_pass(made.path).luma):
        np.testing.assert_array_equal(luma, made.luma(i))


def test_colour_survives_the_conversion_from_rgb(run_pass: RunPass, tmp_path: Path) -> None:
    red = np.full((96, 160, 3), (255, 0, 0), np.uint8)
    made = make_video(
        tmp_path / "a.mov", codec="qtrle", pix_fmt="rgb24", times=[0, 0.1], draw=lambda i, t: red
    )
    seen = run_pass(made.path)
    # BT.601, limited range: red is Y 81, Cb 90, Cr 240.
    np.testing.assert_allclose(seen.luma[0], 81, atol=1)
    np.testing.assert_allclose(seen.chroma[0][0], 90, atol=1)
    np.testing.assert_allclose(seen.chroma[0][1], 240, atol=1)


def test_palette_pictures_are_converted(run_pass: RunPass, tmp_path: Path) -> None:
    white = np.full((96, 160, 3), 255, np.uint8)
    made = make_video(
        tmp_path / "a.gif", codec="gif", pix_fmt="rgb8", fps=10, seconds=0.5, draw=lambda i, t: white
    )
    np.testing.assert_allclose(run_pass(made.path).luma[2], 235, atol=3)


def test_10_bit_hevc(run_pass: RunPass) -> None:
    seen = run_pass(FIXTURES / "hevc_10bit.mp4")
    assert len(seen.luma) == 24
    for i, luma in enumerate(seen.luma):
        assert np.abs(luma.astype(int) - hevc_luma(i)).mean() < 4, i


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_recordings_come_in_display_orientation(
    degrees: int, run_pass: RunPass, tmp_path: Path
) -> None:
    made = make_video(tmp_path / "a.mp4", rotation=degrees, seconds=0.2)
    seen = run_pass(made.path)
    for i, luma in enumerate(seen.luma):
        upright = np.rot90(made.luma(i), -degrees // 90)
        assert luma.shape == upright.shape
        assert np.abs(luma.astype(int) - upright).mean() < 3
    assert (seen.summary.width, seen.summary.height) == (luma.shape[1], luma.shape[0])


def test_rotation_of_odd_sizes(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", codec="libvpx-vp9", width=161, height=97, seconds=0.2)
    set_rotation(made.path, 90)
    seen = run_pass(made.path)
    assert seen.luma[0].shape == (161, 97)
    assert seen.chroma[0][0].shape == (81, 49)


def test_planes_are_read_only_with_adjacent_luma_columns(device: str, tmp_path: Path) -> None:
    for name, options in KINDS.values():
        if options.get("seconds", 1) > 5:
            continue
        made = make_video(tmp_path / name, **options)
        with open_decoder(probe(made.path), DecodeOptions(), device) as decoder:
            frame = next(decoder.batches())[0]
            assert frame.y.strides[1] == 1
            assert frame.u.strides == frame.v.strides
            assert frame.u.strides[1] in (1, 2)
            if device == "cpu":  # arrays on a card cannot be locked
                with pytest.raises(ValueError, match="read-only"):
                    frame.y[0, 0] = 0


def test_size_change_is_rescaled_to_the_first_size(run_pass: RunPass, tmp_path: Path) -> None:
    make_size_change(tmp_path / "a.ts", [(160, 96), (320, 176), (160, 96)])
    seen = run_pass(tmp_path / "a.ts")
    assert len(seen.luma) == 60
    assert {luma.shape for luma in seen.luma} == {(96, 160)}
    assert [w for w in seen.summary.warnings if "320 x 176" in w and "rescaled" in w]
    # The ground is painted in blocks of 16: at half the size, blocks of 8 of the other painter's ground.
    large = moving_square(320, 176)(0, 0.0)[:96:16, :320:16]
    assert np.abs(seen.luma[20][4:48:8, 4:160:8].astype(int) - large).mean() < 8


def test_cover_picture_is_not_the_video(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=0.5, audio="tone")
    with_cover(made.path, tmp_path / "b.mp4")
    seen = run_pass(tmp_path / "b.mp4")
    assert (len(seen.luma), seen.luma[0].shape) == (15, (96, 160))


@pytest.mark.parametrize("way", ["pyav", pytest.param("nvdec", marks=pytest.mark.cuda)], indirect=True)
@pytest.mark.parametrize("batch_size", [1, 4, 7, 100])
def test_batches_are_full_but_for_the_last(batch_size: int, run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=1, bframes=2)
    seen = run_pass(made.path, batch_size=batch_size)
    assert sum(seen.batches) == 30
    assert set(seen.batches[:-1]) <= {batch_size}
    np.testing.assert_allclose(seen.times, made.times, atol=1e-9)


def test_frames_of_one_batch_are_all_valid_at_once(device: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=1)
    with open_decoder(
        probe(made.path), DecodeOptions(frames="all", batch_size=30, device_batch_size=30), device
    ) as decoder:
        (batch,) = decoder.batches()
        for i, frame in enumerate(batch):
            assert np.abs(on_host(frame.y).astype(int) - made.luma(i)).mean() < 3


@pytest.mark.parametrize("kind", KINDS)
def test_planes_in_host_memory_outlive_their_batch(kind: str, tmp_path: Path) -> None:
    """They are looked at while later batches are decoded."""
    name, options = KINDS[kind]
    made = make_video(tmp_path / name, **{**options, "seconds": min(1, options.get("seconds", 1))})
    with open_decoder(probe(made.path), DecodeOptions(frames="all", batch_size=2), "cpu") as decoder:
        held, copies = [], []
        for batch in decoder.batches():
            held += [plane for frame in batch for plane in (frame.y, frame.u, frame.v)]
            copies += [plane.copy() for frame in batch for plane in (frame.y, frame.u, frame.v)]
    for plane, copy in zip(held, copies, strict=True):
        np.testing.assert_array_equal(plane, copy)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int, run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=2, bframes=3)
    one, many = run_pass(made.path, threads=1), run_pass(made.path, threads=threads)
    assert one.pts == many.pts
    assert all(np.array_equal(a, b) for a, b in zip(one.luma, many.luma, strict=True))


def test_summary_tells_what_was_seen(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=2, start=1.5, fps=25)
    summary = run_pass(made.path).summary
    assert (summary.codec, summary.width, summary.height) == ("h264", 160, 96)
    assert (summary.frames_decoded, summary.frames_skipped, summary.packets) == (50, 0, 50)
    assert (summary.corrupt, summary.warnings, summary.vfr) == (0, (), False)
    assert summary.start_pts_s == pytest.approx(1.5)
    assert summary.duration == pytest.approx(3.5)
    assert summary.fps_mean == pytest.approx(25)


def test_summary_of_irregular_times(run_pass: RunPass, tmp_path: Path) -> None:
    summary = run_pass(make_video(tmp_path / "a.mp4", times=IRREGULAR).path).summary
    assert summary.vfr
    assert summary.fps_mean == pytest.approx(6 / 1.6)


def test_summary_of_one_frame_has_no_rate(run_pass: RunPass, tmp_path: Path) -> None:
    assert run_pass(make_video(tmp_path / "a.mp4", times=[0.0]).path).summary.fps_mean == 0


def test_interlaced_is_told(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", interlaced=True)
    assert any("interlaced" in line for line in run_pass(made.path).summary.warnings)


def test_pictures_cut_away_by_an_edit_list_are_no_damage(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", start=-0.5, seconds=2)
    seen = run_pass(made.path)
    np.testing.assert_allclose(seen.times, made.times[15:], atol=1e-6)
    assert seen.summary.corrupt == 0
    assert seen.summary.packets == 60


def test_keys_are_marked(device: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=2, gop=15)
    with open_decoder(probe(made.path), DecodeOptions(frames="all"), device) as decoder:
        keys = [i for i, f in enumerate(f for batch in decoder.batches() for f in batch) if f.key]
    assert keys[0] == 0
    assert 15 in keys
    assert len(keys) < 20


def test_decoding_times_stand_in_for_wrong_presentation_times(run_pass: RunPass, tmp_path: Path) -> None:
    # AVI has no presentation times: FFmpeg passes off decoding times, which B pictures put out of order.
    made = make_video(tmp_path / "a.avi", codec="libx264", bframes=2, seconds=1)
    seen = run_pass(made.path)
    assert len(seen.times) >= made.frames - 1
    assert all(a < b for a, b in pairwise(seen.times))
    assert np.median(np.diff(seen.times)) == pytest.approx(1 / 30, abs=0.002)
    assert any("time stamp" in line for line in seen.summary.warnings)


def test_life_of_a_decoder(device: str, tmp_path: Path) -> None:
    media = probe(make_video(tmp_path / "a.mp4", seconds=0.5).path)
    decoder = open_decoder(media, DecodeOptions(), device)
    assert isinstance(decoder, Decoder)
    assert decoder.info is media
    with decoder:
        with pytest.raises(RuntimeError):
            decoder.summary()
        for _ in decoder.batches():
            pass
        with pytest.raises(RuntimeError):
            next(decoder.batches())
    decoder.close()
    assert decoder.summary().frames_decoded == 15


def test_pass_may_be_abandoned(device: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=2)
    with open_decoder(probe(made.path), DecodeOptions(batch_size=4), device) as decoder:
        next(decoder.batches())
    assert decoder.summary().frames_decoded == 4


def test_sound_alone_is_refused(device: str, tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000)
        for _ in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match="no video stream"):
        open_decoder(probe(tmp_path / "a.m4a"), DecodeOptions(), device)


def test_file_gone_since_the_probe(device: str, tmp_path: Path) -> None:
    media = probe(make_video(tmp_path / "a.mp4", seconds=0.2).path)
    Path(media.path).unlink()
    with pytest.raises(InputError, match="no such file"):
        open_decoder(media, DecodeOptions(), device)


@pytest.mark.parametrize(("device", "error"), [("cuda:77", DeviceError), ("tpu", OptionError)])
def test_device_that_is_not_there_is_refused(device: str, error: type[Exception], tmp_path: Path) -> None:
    media = probe(make_video(tmp_path / "a.mp4", seconds=0.2).path)
    with pytest.raises(error):
        open_decoder(media, DecodeOptions(), device)


def test_memory_does_not_grow_with_duration(device: str, tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()

    def peak(seconds: float) -> int:
        made = make_video(tmp_path / f"{seconds}.mp4", seconds=seconds, bframes=2)
        media, most = probe(made.path), 0
        with open_decoder(media, DecodeOptions(frames="all", threads=2), device) as decoder:
            for _ in decoder.batches():
                most = max(most, process.memory_info().rss)
        return most

    peak(2.0)  # pools and caches are warm
    short, long = peak(4.0), peak(80.0)
    assert long - short < 8_000_000
