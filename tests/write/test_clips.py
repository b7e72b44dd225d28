"""Clips hold exactly the frames they should, at the right times, with the sound in step."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from msgspec.structs import replace

from narratrace.data.outcome import Failed, Kept
from narratrace.data.sample import Clip, SampleKind
from narratrace.errors import MediaError
from narratrace.pipeline.stage import Stage
from narratrace.timebase import Span
from narratrace.write.clip_source import Picture, Source, pictures, without_unseen
from narratrace.write.clips import CutClips, cut_clips
from narratrace.write.options import ClipOptions
from tests.support.media import clicks, flash, flip_bits, make_size_change, make_video, truncate, with_cover
from tests.write.builders import make_recording, make_sample
from tests.write.clip_tools import decode, inside, luma_of, number_of, numbered, onset

ENCODE, COPY = ClipOptions(preset="ultrafast"), ClipOptions(method="copy")
W, H = 160, 96
IRREGULAR = np.cumsum(np.random.default_rng(5).uniform(0.004, 0.09, 220)).round(3).tolist()
MEDIA: dict[str, dict[str, Any]] = {
    "b-frames.mp4": {"bframes": 3, "gop": 60},
    "vp9.webm": {"codec": "libvpx-vp9", "gop": 50},
    "irregular.mp4": {"times": IRREGULAR, "bframes": 2, "gop": 45},
    "irregular.mkv": {"times": IRREGULAR, "gop": 45},
    "late-start.mkv": {"start": 7.3, "bframes": 2, "gop": 40},
    "late-start.mp4": {"start": 7.3, "gop": 40},
    "stream.ts": {"bframes": 2, "gop": 40},
    "one-key-frame.mp4": {"gop": 1000, "bframes": 2},
    "mpeg4.avi": {"codec": "mpeg4", "gop": 12},
}


def presentation(path: Path) -> list[float]:
    """Times of all frames as an ordinary reader sees them: the truth the clips are held against."""
    with av.open(str(path)) as container:
        return [float(f.pts * f.time_base) for f in container.decode(video=0)]


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name, facts in MEDIA.items():
        make_video(folder / name, **{"seconds": 8, "audio": "tone", "draw": numbered(W, H), **facts})
    return folder


def spans_of(times: list[float]) -> list[Span]:
    """Overlapping, apart, exactly on frames, between frames, and over the end; not in order."""
    first, middle = times[0], times[len(times) // 2]
    return [
        Span(middle, times[len(times) // 2 + 20]),
        Span(first, first + 0.5),
        Span(middle - 0.7104, middle + 0.3333),
        Span(times[-12] - 1e-4, times[-1] + 40.0),
    ]


@pytest.mark.parametrize("name", MEDIA)
def test_encoded_clips_are_exact_to_the_frame(media: Path, name: str) -> None:
    times = presentation(media / name)
    assert len(times) in (220, 240)
    for span, clip in zip(
        spans_of(times), cut_clips(str(media / name), spans_of(times), ENCODE), strict=True
    ):
        assert clip is not None
        found, wanted = decode(clip.mp4), inside(times, span.start, span.end)
        assert found.numbers == wanted
        assert clip.frames == len(wanted)
        assert clip.offset == times[wanted[0]]
        assert np.allclose(np.array(found.times) + clip.offset, [times[i] for i in wanted], atol=1e-4)
        assert found.times[0] == 0.0
        assert found.durations["video"] == pytest.approx(found.durations["audio"], abs=0.03)


@pytest.mark.parametrize("bframes", [0, 3])
def test_the_picture_on_show_at_the_start_is_there_however_long_it_stays(
    tmp_path: Path, bframes: int
) -> None:
    path = tmp_path / "slow.mkv"
    times = np.cumsum([0.0, 2.0, 0.5, 3.0, 1.0, 4.0, 0.04, 2.5, 1.5, 3.5]).tolist()
    make_video(path, times=times, bframes=bframes, gop=100, draw=numbered(W, H))
    for i, (t, following) in enumerate(itertools.pairwise(times)):
        start = (t + following) / 2
        (clip,) = cut_clips(str(path), [Span(start, start + 0.01)], ENCODE)
        assert clip is None if following - start < 0.1 else decode(clip.mp4).numbers == [i]


def test_the_way_to_a_clip_holds_packets_of_one_group_of_pictures(media: Path) -> None:
    """Where nothing can be sought, the way is all of the file."""
    with av.open(str(media / "b-frames.mp4")) as container:
        taken: list[Any] = []
        packets = (taken.append(packet) or packet for packet in container.demux(video=0))
        held = [len(taken) - i for i, _ in enumerate(without_unseen(packets, 7.9))]
    assert len(held) == len(taken) > 240
    assert max(held) <= MEDIA["b-frames.mp4"]["gop"] + 1


@pytest.mark.parametrize("name", MEDIA)
def test_copied_clips_begin_at_a_key_frame_and_say_where(media: Path, name: str) -> None:
    times = presentation(media / name)
    for span, clip in zip(spans_of(times), cut_clips(str(media / name), spans_of(times), COPY), strict=True):
        assert clip is not None
        assert clip.method == "copy"
        found = decode(clip.mp4)
        first = times.index(pytest.approx(clip.offset, abs=1e-6))
        assert times[first] <= span.start
        assert set(inside(times, span.start, span.end)) <= set(found.numbers)
        assert found.numbers[0] == first
        assert sorted(set(found.numbers)) == found.numbers
        assert sum(times[i] >= span.end for i in found.numbers) <= 2  # what the last ones are predicted from
        assert clip.frames == len(found.numbers)
        assert np.allclose(
            np.array(found.times) + clip.offset, [times[i] for i in found.numbers], atol=0.0011
        )


def test_recordings_share_the_cores_and_may_wait_for_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "long.mp4"
    make_video(path, seconds=12, gop=30, draw=numbered(W, H))
    slots = threading.Semaphore(1)
    monkeypatch.setattr("narratrace.write.clips.core_slots", lambda: slots)
    monkeypatch.setattr("narratrace.write.clips._BEAT_S", 0.1)
    at_work, most = 0, 0

    def counted(source: Source, start: float) -> Iterator[Picture]:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        try:
            yield from pictures(source, start)
        finally:
            at_work -= 1

    monkeypatch.setattr("narratrace.write.clips.pictures", counted)
    slots.acquire()  # another recording's clips have the core
    threading.Timer(2.0, slots.release).start()
    patient = replace(ENCODE, stall_timeout_s=0.5)
    with ThreadPoolExecutor(3) as pool:
        made = cut_clips(str(path), [Span(t, t + 1) for t in (0.0, 5.0, 10.0)], patient, pool)
    assert all(made)
    assert most == 1
    assert slots.acquire(blocking=False), "the core is given back"


@pytest.mark.parametrize("wreck", [False, True], ids=["whole", "damaged"])
def test_clips_encoded_at_once_are_those_encoded_one_by_one(tmp_path: Path, wreck: bool) -> None:
    path = tmp_path / "long.mp4"
    make_video(path, seconds=24, gop=70, bframes=2, audio="tone", draw=numbered(W, H))
    if wreck:
        path = flip_bits(path, tmp_path / "broken.mp4", share=0.05)
    wanted = [Span(t, t + 1.5) for t in (1.0, 8.2, 9.0, 16.7, 22.0)]
    with ThreadPoolExecutor(4) as pool:
        alone, together = (
            [clip.mp4 for clip in cut_clips(str(path), wanted, ENCODE, at_once) if clip is not None]
            for at_once in (None, pool)
        )
    assert alone == together
    assert len(set(alone)) == len(wanted)


@pytest.mark.parametrize("name", ["b-frames.mp4", "irregular.mkv"])
@pytest.mark.parametrize("options", [ENCODE, COPY])
def test_same_clip_same_bytes(media: Path, name: str, options: ClipOptions) -> None:
    spans = [Span(1.0, 2.5), Span(2.0, 3.0)]
    once, again = (cut_clips(str(media / name), spans, options) for _ in range(2))
    alone = cut_clips(str(media / name), spans[1:], options)
    assert [c and c.mp4 for c in once] == [c and c.mp4 for c in again]
    assert alone[0] is not None
    assert once[1] is not None
    assert alone[0].mp4 == once[1].mp4  # neighbours leave no mark


_DIGEST = """
import hashlib, sys
from narratrace.timebase import Span
from narratrace.write.clips import ClipOptions, cut_clips
clip = cut_clips(sys.argv[1], [Span(0.0, 1.0)], ClipOptions())[0]
print(hashlib.sha256(clip.mp4).hexdigest())
"""


def test_clips_do_not_depend_on_what_lay_in_the_memory_before(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (96, 176), np.uint8).repeat(3, 0).repeat(3, 1)
    # 33 macroblocks a row, which x264's vector versions cannot take 8 at a time
    made = make_video(
        tmp_path / "v.mp4", width=528, height=288, seconds=1, draw=lambda i, t: np.roll(noise, 3 * i, axis=1)
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST, str(made.path)],
            env={**os.environ, "MALLOC_PERTURB_": str(filling)},
            check=True,
            capture_output=True,
        ).stdout
        for filling in (1, 100, 200)
    }
    assert len(digests) == 1


def test_clips_of_damaged_media_do_not_depend_on_the_number_of_cores(tmp_path: Path) -> None:
    made = make_video(tmp_path / "v.mp4", width=640, height=360, seconds=4, bframes=2, gop=60)
    broken = flip_bits(made.path, tmp_path / "broken.mp4", share=0.2)
    cores = os.sched_getaffinity(0)
    every = cut_clips(str(broken), [Span(0.5, 3.5)], ENCODE)[0]
    try:
        os.sched_setaffinity(0, {min(cores)})
        one = cut_clips(str(broken), [Span(0.5, 3.5)], ENCODE)[0]
    finally:
        os.sched_setaffinity(0, cores)
    assert every is not None
    assert one is not None
    assert one.frames == every.frames
    assert one.mp4 == every.mp4


def test_files_start_fast_and_carry_no_tags(media: Path) -> None:
    for options in (ENCODE, COPY):
        clip = cut_clips(str(media / "b-frames.mp4"), [Span(1, 2)], options)[0]
        assert clip is not None
        assert clip.mp4.index(b"moov") < clip.mp4.index(b"mdat")
        assert b"Lavf" not in clip.mp4
        assert b"Lavc" not in clip.mp4


@pytest.mark.parametrize("options", [ENCODE, COPY])
@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("sync.mp4", {}),
        ("sync.webm", {"codec": "libvpx-vp9"}),
        ("sync.mkv", {"start": 3.0, "audio_codec": "aac"}),
        ("late.mp4", {"audio_start": 1.25}),
        ("gap.mkv", {"audio_gaps": [(2.1, 3.0)]}),
    ],
)
def test_sound_stays_with_the_picture(
    tmp_path: Path, name: str, facts: dict[str, Any], options: ClipOptions
) -> None:
    start = facts.get("start", 0.0)
    at = 4.0 + start
    wave, painter = clicks([at]), flash(W, H, [4.0])
    draw = lambda i, t: painter(i, t - start)  # noqa: E731
    made = make_video(tmp_path / name, seconds=6, gop=25, bframes=0, audio=wave, draw=draw, **facts)
    clip = cut_clips(str(made.path), [Span(start + 1.7, start + 5.0)], options)[0]
    assert clip is not None
    found = decode(clip.mp4)
    lit = next(t for t, luma in zip(found.times, found.lumas, strict=True) if luma.mean() > 120)
    assert lit + clip.offset == pytest.approx(at, abs=0.002)
    assert onset(found) + clip.offset == pytest.approx(at, abs=0.01)


def test_a_picture_held_at_the_start_is_repeated_there(tmp_path: Path) -> None:
    times = [0.0, 0.5, 3.0, 3.1, 9.0, 12.0]
    made = make_video(tmp_path / "held.mp4", times=times, draw=numbered(W, H), fps=1, audio="tone")
    held, empty, last, outside = cut_clips(
        str(made.path), [Span(1.0, 3.2), Span(4.0, 6.0), Span(12.4, 14.0), Span(13.5, 14.0)], ENCODE
    )
    assert held is not None
    assert (held.offset, decode(held.mp4).numbers) == (1.0, [1, 2, 3])
    assert decode(held.mp4).times == pytest.approx([0.0, 2.0, 2.1], abs=1e-4)
    assert empty is not None  # no frame begins in it, but there is something to see
    assert (empty.offset, decode(empty.mp4).numbers) == (4.0, [3])
    assert decode(empty.mp4).durations == pytest.approx({"video": 2.0, "audio": 2.0}, abs=0.03)
    assert last is not None
    assert decode(last.mp4).durations["video"] == pytest.approx(0.6, abs=0.01)  # the last frame ends at 13
    assert outside is None


@pytest.mark.parametrize("options", [ENCODE, COPY])
def test_spans_outside_the_recording_give_no_clip(media: Path, options: ClipOptions) -> None:
    spans = [Span(100, 101), Span(2, 2), Span(3, 4)]
    clips = cut_clips(str(media / "b-frames.mp4"), spans, options)
    assert [clip is None for clip in clips] == [True, True, False]
    late = presentation(media / "late-start.mkv")[0]
    assert cut_clips(str(media / "late-start.mkv"), [Span(0, late)], options) == [None]


def test_no_spans_need_no_file() -> None:
    assert cut_clips("missing.mp4", [], ENCODE) == []


def test_odd_sizes_lose_at_most_a_row_and_a_column(tmp_path: Path) -> None:
    made = make_video(tmp_path / "odd.webm", codec="libvpx-vp9", width=173, height=99, draw=numbered(173, 99))
    clip = cut_clips(str(made.path), [Span(0.5, 1.0)], ENCODE)[0]
    assert clip is not None
    found = decode(clip.mp4)
    assert found.lumas[0].shape == (98, 172)
    assert found.numbers == list(range(15, 30))
    assert np.abs(found.lumas[0].astype(int) - made.luma(15)[:98, :172]).mean() < 3
    assert "audio" not in found.durations


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_clips_are_upright(tmp_path: Path, rotation: int) -> None:
    made = make_video(
        tmp_path / "r.mp4", width=W, height=H, rotation=rotation, draw=numbered(W, H), bframes=2
    )
    encoded = cut_clips(str(made.path), [Span(0.5, 1.0)], ENCODE)[0]
    assert encoded is not None
    lumas = decode(encoded.mp4).lumas
    upright = np.rot90(made.luma(15), -rotation // 90)
    assert lumas[0].shape == upright.shape
    assert np.abs(lumas[0].astype(int) - upright).mean() < 4
    copied = cut_clips(str(made.path), [Span(0.5, 1.0)], COPY)[0]
    assert copied is not None
    for clip, shown in ((encoded, 0), (copied, rotation)):
        (tmp_path / "clip.mp4").write_bytes(clip.mp4)
        with av.open(str(tmp_path / "clip.mp4")) as container:
            assert -next(container.decode(video=0)).rotation % 360 == shown


@pytest.mark.parametrize(
    ("pix_fmt", "full_range"),
    [("yuv420p", True), ("yuv420p10le", False), ("yuv444p", False), ("yuvj420p", True)],
)
def test_other_pixel_formats_keep_their_brightness(tmp_path: Path, pix_fmt: str, full_range: bool) -> None:
    grey = lambda i, t: np.full((H, W), 60 + 3 * i, np.uint8)  # noqa: E731
    made = make_video(tmp_path / "p.mp4", pix_fmt=pix_fmt, full_range=full_range, draw=grey, seconds=1)
    clip = cut_clips(str(made.path), [Span(0.0, 1.0)], ENCODE)[0]
    assert clip is not None
    (tmp_path / "clip.mp4").write_bytes(clip.mp4)

    def brightness(path: Path) -> list[float]:
        with av.open(str(path)) as container:
            return [float(f.to_ndarray(format="rgb24").mean()) for f in container.decode(video=0)]

    assert np.allclose(brightness(tmp_path / "clip.mp4"), brightness(made.path), atol=3)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert container.streams.video[0].codec_context.pix_fmt in ("yuv420p", "yuvj420p")


@pytest.mark.parametrize(("rotation", "shown"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_the_shape_of_pixels_is_kept(tmp_path: Path, rotation: int, shown: Fraction) -> None:
    made = make_video(
        tmp_path / "sar.mp4", sample_aspect=Fraction(4, 3), rotation=rotation, draw=numbered(W, H)
    )
    clip = cut_clips(str(made.path), [Span(0.5, 1.0)], ENCODE)[0]
    assert clip is not None
    with av.open(io.BytesIO(clip.mp4)) as container:
        assert container.streams.video[0].sample_aspect_ratio == shown


def test_a_size_that_changes_within_a_clip_is_scaled_to_the_first(tmp_path: Path) -> None:
    made = make_size_change(tmp_path / "sizes.ts", [(160, 96), (320, 192)], frames=20)
    times = presentation(made.path)
    clip = cut_clips(str(made.path), [Span(times[10], times[30])], ENCODE)[0]
    assert clip is not None
    found = decode(clip.mp4)
    assert len(found.times) == 20
    assert {luma.shape for luma in found.lumas} == {(96, 160)}


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    made = make_video(tmp_path / "v.mp4", draw=numbered(W, H), audio="tone")
    covered = with_cover(made.path, tmp_path / "covered.mp4")
    for options in (ENCODE, COPY):
        clip = cut_clips(str(covered), [Span(1.0, 1.5)], options)[0]
        assert clip is not None
        assert set(range(30, 45)) <= set(decode(clip.mp4).numbers)


@pytest.mark.parametrize("options", [ENCODE, COPY])
def test_of_several_videos_the_largest_is_cut(tmp_path: Path, options: ClipOptions) -> None:
    small = make_video(tmp_path / "small.mkv", width=64, height=48, gop=15)
    large = make_video(tmp_path / "large.mkv", width=W, height=H, gop=15, draw=numbered(W, H))
    both = tmp_path / "both.mkv"
    with av.open(str(both), "w") as container, av.open(str(small.path)) as a, av.open(str(large.path)) as b:
        streams = [container.add_stream_from_template(source.streams.video[0]) for source in (a, b)]
        for source, stream in zip((a, b), streams, strict=True):
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    clip = cut_clips(str(both), [Span(1.0, 1.5)], options)[0]
    assert clip is not None
    assert decode(clip.mp4).numbers == list(range(30, 45))


def test_what_mp4_cannot_hold_is_encoded_instead_of_copied(tmp_path: Path) -> None:
    made = make_video(tmp_path / "v.mkv", codec="libvpx", crf=None, draw=numbered(W, H), audio="tone")
    clip = cut_clips(str(made.path), [Span(1.0, 1.5)], COPY)[0]
    assert clip is not None
    assert clip.method == "encode"
    assert decode(clip.mp4).numbers == list(range(30, 45))


def test_stereo_and_rates_that_aac_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "s.mkv"
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=30)
        video.width, video.height, video.pix_fmt = W, H, "yuv420p"
        sound: Any = container.add_stream("pcm_s16le", rate=37_800, layout="5.1")
        draw = numbered(W, H)
        for i in range(60):
            picture = np.vstack([draw(i, 0), np.full((H // 2, W), 128, np.uint8)])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
        t = np.arange(75_600) / 37_800
        wave = (20_000 * np.sin(2 * np.pi * 500 * t)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 6)[None], format="s16", layout="5.1")
        frame.sample_rate = 37_800
        container.mux([*sound.encode(frame), *sound.encode(None), *video.encode(None)])
    clip = cut_clips(str(path), [Span(0.5, 1.5)], ENCODE)[0]
    assert clip is not None
    found = decode(clip.mp4)
    assert found.rate == 48_000
    spectrum = np.abs(np.fft.rfft(found.sound[:48_000]))
    assert int(np.argmax(spectrum)) == pytest.approx(500, abs=2)


def test_hevc_clips(media: Path) -> None:
    options = ClipOptions(codec="libx265", preset="ultrafast")
    once, again = (cut_clips(str(media / "b-frames.mp4"), [Span(1.0, 1.5)], options)[0] for _ in range(2))
    assert once is not None
    assert again is not None
    assert decode(once.mp4).numbers == list(range(30, 45))
    assert once.mp4 == again.mp4


@pytest.mark.parametrize("options", [ENCODE, COPY])
@pytest.mark.parametrize("name", ["v.mkv", "v.mp4"])
def test_a_truncated_file_gives_what_is_left(tmp_path: Path, name: str, options: ClipOptions) -> None:
    whole = {"container_options": {"movflags": "faststart"}} if name == "v.mp4" else {}
    made = make_video(tmp_path / name, seconds=8, draw=numbered(W, H), audio="tone", gop=30, **whole)
    cut = truncate(made.path, tmp_path / f"cut-{name}", 0.6)
    left = len(presentation(cut))
    clips = cut_clips(str(cut), [Span(1.0, 2.0), Span(3.0, 8.0)], options)
    assert clips[0] is not None
    assert clips[1] is not None
    assert decode(clips[0].mp4).numbers == list(range(30, 60))
    assert decode(clips[1].mp4).numbers[: left - 91] == list(range(90, left - 1))


def test_the_stage_fills_in_clips_and_nothing_else(media: Path) -> None:
    stage = CutClips(ENCODE)
    assert isinstance(stage, Stage)
    recording = make_recording(0, (1, 1, 3))
    clips = [Span(1, 2), Span(100, 101), Span(4, 5)]
    samples = tuple(
        replace(s, clip=Clip(mp4=b"", span=clips[s.index], offset=0.0, method="", frames=0)) if s.clip else s
        for s in recording.samples or ()
    )
    source = replace(recording.input, uri=str(media / "b-frames.mp4"))
    lost = replace(recording, samples=samples, input=replace(source, uri="missing.mp4"), sequence=1)
    stage.open()
    kept, failed = stage.run([replace(recording, samples=samples, input=source), lost])
    stage.close()
    assert isinstance(kept, Kept)
    assert isinstance(failed, Failed)
    assert (failed.station, failed.error, failed.uri) == ("clips", "InputError", "missing.mp4")
    made = kept.value.samples or ()
    assert [(s.kind, s.index) for s in made] == [
        (SampleKind.PAIR, 0), (SampleKind.TRACE, 0), (SampleKind.CLIP, 0), (SampleKind.CLIP, 2),
    ]  # fmt: skip
    assert made[:2] == samples[:2]
    assert [s.clip and decode(s.clip.mp4).numbers[0] for s in made[2:]] == [30, 120]
    assert kept.value.timings["clips"] > 0


@pytest.mark.parametrize("content", [b"", b"this is no video at all", bytes(4096)])
@pytest.mark.parametrize("options", [ENCODE, COPY])
def test_what_is_no_video_is_one_clear_error(tmp_path: Path, content: bytes, options: ClipOptions) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"clips: .*bad\.mp4"):
        cut_clips(str(path), [Span(0, 1)], options)


def test_a_sample_without_clip_is_no_business_of_the_stage(media: Path) -> None:
    recording = replace(make_recording(0), samples=(make_sample(SampleKind.PAIR, "v", 0),))
    outcome = CutClips(ENCODE).run([recording])[0]
    assert isinstance(outcome, Kept)
    assert outcome.value.samples == recording.samples


def test_numbers_can_be_read_back(media: Path) -> None:
    with av.open(str(media / "vp9.webm")) as container:
        assert [number_of(luma_of(f)) for f in container.decode(video=0)] == list(range(240))
