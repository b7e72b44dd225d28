"""Sound on the video's clock."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import narratrace.decode.audio
from narratrace.data.audio import SAMPLE_RATE, Audio
from narratrace.decode import DecodeOptions, open_decoder
from narratrace.decode.audio import AudioOptions, AudioReader, load_audio
from narratrace.errors import MediaError
from narratrace.source import probe
from narratrace.watchdog import Watchdog
from tests.support.media import clicks, flash, make_video, zero_packets

AT = [0.5, 1.0, 1.7, 2.5]

CONTAINERS: dict[str, tuple[str, dict[str, Any]]] = {
    "mp4 aac": ("a.mp4", {"bframes": 3}),
    "mp4 aac, later start": ("a.mp4", {"start": 1.5}),
    "mp4 aac, sound starts first": ("a.mp4", {"start": 1.5, "audio_start": 1.2}),
    "mp4 aac, sound starts later": ("a.mp4", {"audio_start": 0.3}),
    "mp4 aac, edit list": ("a.mp4", {"audio_start": -0.4, "start": -0.2}),
    "mp4 mp3": ("a.mp4", {"audio_codec": "libmp3lame"}),
    "webm opus": ("a.webm", {"codec": "libvpx-vp9"}),
    "webm opus, later start": ("a.webm", {"codec": "libvpx-vp9", "start": 0.7}),
    "mkv opus": ("a.mkv", {}),
    "mkv aac": ("a.mkv", {"audio_codec": "aac", "bframes": 2}),
    "mkv flac": ("a.mkv", {"audio_codec": "flac"}),
    "mov pcm": ("a.mov", {"audio_codec": "pcm_s16le"}),
    "avi pcm": ("a.avi", {"codec": "mpeg4"}),
    "transport stream": ("a.ts", {}),
    "mp4 aac, gap": ("a.mp4", {"audio_gaps": [(1.2, 1.5)]}),
    "mkv opus, gap": ("a.mkv", {"audio_gaps": [(1.2, 1.5)]}),
}


def flashes(path: Path) -> list[float]:
    """Times at which the picture turns white."""
    with open_decoder(probe(path), DecodeOptions(frames="all")) as decoder:
        rows = [(frame.t, float(frame.y.mean()) > 120) for batch in decoder.batches() for frame in batch]
    return [b[0] for a, b in pairwise(rows) if b[1] and not a[1]]


def onsets(audio: Audio) -> list[float]:
    """Times at which a click begins."""
    loud = np.flatnonzero(np.abs(audio.samples) > 0.25)
    first = loud[np.diff(loud, prepend=-SAMPLE_RATE) > 0.1 * SAMPLE_RATE]
    return (audio.start + first / SAMPLE_RATE).tolist()


def load(path: Path) -> Audio:
    audio = load_audio(probe(path))
    assert audio is not None
    assert audio.samples.dtype == np.float32
    return audio


@pytest.mark.parametrize("kind", CONTAINERS)
def test_clicks_and_flashes_stay_together(kind: str, tmp_path: Path) -> None:
    name, options = CONTAINERS[kind]
    at = [t + options.get("start", 0.0) for t in AT]
    path = make_video(tmp_path / name, seconds=3, draw=flash(160, 96, at), audio=clicks(at), **options).path
    seen, heard = flashes(path), onsets(load(path))
    assert len(seen) == len(heard) == len(AT)
    np.testing.assert_allclose(heard, seen, atol=0.005)


def test_gap_becomes_silence_of_the_same_length(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mkv", seconds=3, audio="tone", audio_gaps=[(1.2, 1.5)])
    audio = load(made.path)
    assert audio.duration == pytest.approx(3.0, abs=0.03)
    silent = audio.samples[int(1.24 * SAMPLE_RATE) : int(1.46 * SAMPLE_RATE)]
    assert np.abs(silent).max() < 0.01
    assert any("gaps in the sound" in line for line in audio.warnings)


def test_overlap_is_cut_off(tmp_path: Path) -> None:
    # From 1.0 s on, blocks of 20 ms come every 10 ms until 0.1 s has been swallowed.
    def warp(t: float) -> float:
        return t if t < 1 else max(1 + (t - 1) / 2, t - 0.1)

    made = make_video(
        tmp_path / "a.mkv", seconds=3, audio=clicks([0.5, 2.0]), audio_codec="pcm_s16le", audio_warp=warp
    )
    audio = load(made.path)
    np.testing.assert_allclose(onsets(audio), [0.5, 1.9], atol=0.005)
    assert any("overlapping" in line for line in audio.warnings)


def test_no_sound_is_none(tmp_path: Path) -> None:
    assert load_audio(probe(make_video(tmp_path / "a.mp4", seconds=0.2).path)) is None
    with pytest.raises(MediaError):
        AudioReader(probe(tmp_path / "a.mp4"), AudioOptions())


def test_level_and_pitch_survive(tmp_path: Path) -> None:
    audio = load(make_video(tmp_path / "a.mov", seconds=2, audio="tone", audio_codec="pcm_s16le").path)
    middle = audio.samples[8000:24000]
    assert np.abs(middle).max() == pytest.approx(0.3, abs=0.01)
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440  # one second: bins of 1 Hz


def test_channels_are_averaged_and_never_clip(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="stereo")
        both = np.stack([np.full(SAMPLE_RATE, 0.9), np.full(SAMPLE_RATE, 0.5)]).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    audio = load(tmp_path / "a.wav")
    np.testing.assert_allclose(audio.samples, 0.7, atol=1e-3)
    assert (len(audio.samples), audio.start) == (SAMPLE_RATE, 0.0)


def test_damaged_packets_are_counted_and_do_not_shift_the_rest(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mp4", seconds=6, audio=clicks([0.5, 5.5]))
    bad = zero_packets(made.path, tmp_path / "bad.mp4", share=0.2, kind="audio")
    audio = load(bad)
    assert audio.duration == pytest.approx(6.0, abs=0.1)
    assert any("audio packets were lost" in line for line in audio.warnings)
    for t in onsets(audio):
        assert min(abs(t - 0.5), abs(t - 5.5)) < 0.06  # a click may lose its first packet
    with pytest.raises(MediaError, match="audio packets"):
        load(zero_packets(made.path, tmp_path / "worse.mp4", share=0.9, kind="audio"))


def test_blocks_follow_each_other(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mkv", seconds=3, audio="tone", audio_gaps=[(0.5, 0.6), (2.0, 2.5)])
    media = probe(made.path)
    blocks = list(AudioReader(media, AudioOptions()))
    for a, b in pairwise(blocks):
        assert b.start == pytest.approx(a.start + a.duration, abs=1e-9)
    whole = load_audio(media)
    assert whole is not None
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), whole.samples)
    assert max(block.duration for block in blocks) <= 0.6, "memory stays bounded"


def test_sound_ends_where_the_clock_breaks(tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.mkv", seconds=3, audio="tone", audio_gaps=[(1.0, 2.5)])
    reader = AudioReader(probe(made.path), AudioOptions(longest_gap_s=1.0))
    assert sum(block.duration for block in reader) == pytest.approx(1.0, abs=0.03)


def test_a_track_that_ends_early_does_not_look_like_a_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(Watchdog):
        def beat(self) -> None:
            beats.append(1)
            super().beat()

    beats: list[int] = []
    monkeypatch.setattr(narratrace.decode.audio, "Watchdog", Counting)
    made = make_video(tmp_path / "a.mkv", seconds=4, audio="tone", audio_gaps=[(0.2, 9.0)])
    assert load(made.path).duration < 0.5
    assert len(beats) > made.frames, "reading on through the pictures is a sign of life"
