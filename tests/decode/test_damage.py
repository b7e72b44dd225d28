"""Damaged files end in correct frames with warnings, or in one typed error; never in anything else."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from narratrace.decode import DecodeOptions, open_decoder
from narratrace.errors import MediaError
from narratrace.source import probe
from tests.decode.conftest import RunPass
from tests.support.attempt import attempt
from tests.support.media import flip_bits, make_video, strip_moov, truncate, zero_packets

FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "h264": ("a.mp4", {"bframes": 3}),
    "h264 transport stream": ("a.ts", {}),
    "h264 mkv": ("a.mkv", {"audio": "tone"}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9"}),
    "av1": ("a.mkv", {"codec": "libsvtav1"}),
    "mpeg4": ("a.avi", {"codec": "mpeg4"}),
}


def is_increasing(values: list[int]) -> bool:
    return all(a < b for a, b in pairwise(values))


@pytest.mark.parametrize("frames", ["all", "auto"])
@pytest.mark.parametrize("kind", FILES)
def test_emptied_packets_are_skipped_and_counted(
    kind: str, frames: str, run_pass: RunPass, tmp_path: Path
) -> None:
    name, options = FILES[kind]
    made = make_video(tmp_path / name, seconds=3, gop=15, **options)
    seen = run_pass(zero_packets(made.path, tmp_path / ("bad-" + name), share=0.1), frames=frames)
    summary = seen.summary
    assert is_increasing(seen.pts)
    assert summary.corrupt > 0
    assert any("lost to damage" in line for line in summary.warnings)
    assert len(summary.warnings) < 10
    assert summary.frames_decoded + summary.frames_skipped >= 0.5 * made.frames
    assert set(np.round(seen.times, 2)) <= set(np.round(seen.times[0] + made.times - made.times[0], 2))


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_flipped_bits_end_in_frames_or_one_error(
    kind: str, share: float, run_pass: RunPass, tmp_path: Path
) -> None:
    name, options = FILES[kind]
    made = make_video(tmp_path / name, seconds=3, gop=15, **options)
    for seed in range(3):
        bad = flip_bits(made.path, tmp_path / f"bad-{name}", share=share, seed=seed)
        seen = attempt(MediaError, run_pass, bad)
        if isinstance(seen, MediaError):
            assert seen.station in ("source", "decode")
            assert seen.input == str(bad)
        else:
            assert is_increasing(seen.pts)
            assert {luma.shape for luma in seen.luma} == {seen.luma[0].shape}


@pytest.mark.parametrize("kind", ["h264", "vp9", "mpeg4"])
def test_less_than_half_decodable_is_an_error(kind: str, run_pass: RunPass, tmp_path: Path) -> None:
    name, options = FILES[kind]
    made = make_video(tmp_path / name, seconds=3, gop=15, **{**options, "bframes": 0})
    bad = zero_packets(made.path, tmp_path / ("bad-" + name), share=0.8)
    if kind == "mpeg4":  # its packets need not hold a picture each, so only what raised is known to be lost
        assert run_pass(bad).summary.corrupt > 0.5 * made.frames
        return
    with pytest.raises(MediaError, match="could be decoded") as caught:
        run_pass(bad)
    assert (caught.value.station, caught.value.input) == ("decode", str(bad))


def test_error_comes_after_the_frames_that_could_be_read(device: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=3, gop=15)
    bad = zero_packets(made.path, tmp_path / "bad.mp4", share=0.8)
    seen: list[int] = []
    with open_decoder(probe(bad), DecodeOptions(), device) as decoder, pytest.raises(MediaError):
        seen.extend(frame.pts for batch in decoder.batches() for frame in batch)
    assert seen


def test_truncated_with_index_keeps_what_is_there(run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=3, container_options={"movflags": "faststart"})
    seen = run_pass(truncate(made.path, tmp_path / "b.mp4", 0.7))
    assert 10 < len(seen.pts) < made.frames
    np.testing.assert_allclose(seen.times, made.times[: len(seen.times)], atol=1e-6)
    for i in range(len(seen.luma) - 1):  # the last picture may be cut
        assert np.abs(seen.luma[i].astype(int) - made.luma(i)).mean() < 3
    assert any("cut short" in line for line in seen.summary.warnings)


@pytest.mark.parametrize("name", ["a.mkv", "a.flv", "a.ts"])
def test_truncated_stream_formats_keep_what_is_there(name: str, run_pass: RunPass, tmp_path: Path) -> None:
    made = make_video(tmp_path / name, seconds=3)
    seen = run_pass(truncate(made.path, tmp_path / ("b-" + name), 0.6))
    assert 10 < len(seen.pts) < made.frames
    assert is_increasing(seen.pts)
    # A transport stream does not say how long it is.
    assert any("cut short" in line for line in seen.summary.warnings) == (name != "a.ts")


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.flv"])
def test_whole_files_are_not_cut_short(name: str, run_pass: RunPass, tmp_path: Path) -> None:
    """Whichever of their streams is the longest."""
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    for options in ({}, {"audio": "tone", "start": 2.0}):
        made = make_video(tmp_path / name, seconds=3, codec=codec, **options)
        assert run_pass(made.path).summary.warnings == ()
    assert run_pass(with_long_sound(tmp_path / "long.mkv")).summary.warnings == ()


def with_long_sound(path: Path) -> Path:
    """Pictures of 2 s, sound of 2 s, and a second track of sound of 9 s."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = [(out.add_stream("pcm_s16le", rate=8000, layout="mono"), seconds) for seconds in (2, 9)]
        for _ in range(20):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), 100, np.uint8), format="yuv420p")
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
        for track, seconds in tracks:
            block = av.AudioFrame.from_ndarray(
                np.zeros((1, 8000 * seconds), np.int16), format="s16", layout="mono"
            )
            block.sample_rate = 8000
            out.mux(track.encode(block))
    return path


def test_nothing_reaches_the_terminal(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=3, bframes=3, audio="tone")
    bad = flip_bits(made.path, tmp_path / "bad.mp4", share=0.5)
    cut = strip_moov(made.path, tmp_path / "cut.mp4")
    script = (
        "import sys\n"
        "from narratrace.decode import open_decoder\n"
        "from narratrace.decode.audio import load_audio\n"
        "from narratrace.errors import MediaError\n"
        "from narratrace.source import probe\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        with open_decoder(probe(path)) as decoder:\n"
        "            for _ in decoder.batches(): pass\n"
        "        load_audio(probe(path))\n"
        "    except MediaError as error:\n"
        "        pass\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script, str(bad), str(cut)], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_many_damaged_files_at_once_keep_to_themselves(device: str, tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    sound = make_video(tmp_path / "a.mp4", seconds=2, bframes=3, gop=15).path
    damaged = [zero_packets(sound, tmp_path / f"{k}.mp4", share=0.1 * (k % 3), seed=k) for k in range(12)]

    def lost(path: Path) -> int:
        with open_decoder(probe(path), DecodeOptions(frames="all", threads=2), device) as decoder:
            for _ in decoder.batches():
                pass
            return decoder.summary().corrupt

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lost, damaged))
    assert together == [lost(path) for path in damaged]
    assert [count == 0 for count in together] == [k % 3 == 0 for k in range(12)]
