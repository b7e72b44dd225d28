"""Clips of recordings that hang, or whose clock is set anew."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from narratrace.data.outcome import Kept
from narratrace.data.sample import Clip, SampleKind
from narratrace.errors import DecodeTimeout, DiskError, NarratraceError
from narratrace.pipeline import Hooks
from narratrace.recipe import MAKERS, EngineOptions
from narratrace.timebase import Span
from narratrace.write.clips import CutClips, cut_clips
from narratrace.write.options import ClipOptions
from tests.support.media import clicks, make_video
from tests.write.builders import make_recording, make_sample, make_visual
from tests.write.clip_tools import decode, numbered, onset

ENCODE, COPY = ClipOptions(preset="ultrafast"), ClipOptions(method="copy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_clips_of_a_file_that_never_answers_are_given_up(tmp_path: Path) -> None:
    fifo = tmp_path / "stuck.ts"
    os.mkfifo(fifo)
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    told: list[NarratraceError] = []
    given_up = threading.Event()

    def on_hang(error: NarratraceError) -> None:
        told.append(error)
        given_up.set()

    stage = MAKERS["clips"](EngineOptions(clips=ClipOptions(stall_timeout_s=0.2)), Hooks(on_hang=on_hang))
    recording = make_recording(0, (0, 0, 1))
    recording = replace(recording, input=replace(recording.input, uri=str(fifo)))
    worker = threading.Thread(target=stage.run, args=([recording],), daemon=True)
    worker.start()
    try:
        assert given_up.wait(30)
        (error,) = told
        assert isinstance(error, DecodeTimeout)
        assert (error.station, error.input) == ("clips", str(fifo))
    finally:
        os.close(writer)  # the pipe ends, and with it the thread that hangs on it
        worker.join(30)
    assert not worker.is_alive()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="needs a full device")
@pytest.mark.parametrize("options", [ENCODE, COPY])
def test_a_full_disk_is_no_damaged_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: ClipOptions
) -> None:
    folders = []

    class Full(tempfile.TemporaryDirectory):  # type: ignore[type-arg]
        def __init__(self, **names: str) -> None:
            super().__init__(dir=tmp_path, **names)
            Path(self.name, "clip.mp4").symlink_to("/dev/full")
            folders.append(Path(self.name))

    video = make_video(tmp_path / "v.mp4", seconds=2, draw=numbered(160, 96), audio=clicks([1.0]))
    monkeypatch.setattr(tempfile, "TemporaryDirectory", Full)
    with pytest.raises(DiskError, match="cannot be written: No space left on device") as caught:
        cut_clips(str(video.path), [Span(0.5, 1.5)], options)
    assert caught.value.input == str(folders[0] / "clip.mp4")
    assert len(folders) == 1, "where nothing can be copied to, nothing is encoded"
    assert not folders[0].exists()


@pytest.mark.parametrize("options", [ENCODE, COPY])
def test_clips_of_a_recording_whose_clock_is_set_anew(tmp_path: Path, options: ClipOptions) -> None:
    path, paint = tmp_path / "joined.ts", numbered(160, 96)
    with path.open("wb") as joined:
        for part, start in enumerate((50.0, 1.4)):
            made = make_video(
                tmp_path / f"{part}.ts",
                seconds=4,
                start=start,
                gop=20,
                bframes=2,
                draw=lambda i, t, first=120 * part: paint(first + i, t),  # type: ignore[misc]
                audio=clicks([start + 2]),
            )
            joined.write(made.path.read_bytes())
    stage = CutClips(options)
    spans = [Span(51.0, 52.5), Span(55.5, 56.5), Span(53.5, 54.5)]
    samples = tuple(
        replace(
            make_sample(SampleKind.CLIP, "v", index),
            clip=Clip(mp4=b"", span=span, offset=0.0, method="", frames=0),
        )
        for index, span in enumerate(spans)
    )
    recording = make_recording(0)
    visual = replace(make_visual(), video=replace(make_visual().video, resets=1))
    source = replace(recording.input, uri=str(path))
    outcome = stage.run([replace(recording, samples=samples, input=source, visual=visual)])[0]
    assert isinstance(outcome, Kept)
    for sample, span in zip(outcome.value.samples or (), spans, strict=True):
        assert sample.clip is not None
        found = decode(sample.clip.mp4)
        first = round((sample.clip.offset - 50) * 30)
        assert found.numbers == list(range(first, first + len(found.numbers)))
        assert sample.clip.offset <= span.start + 0.04
        assert sample.clip.offset + found.times[-1] > span.end - 0.08
        if span.start < 52 or span.start > 55:
            assert onset(found) + sample.clip.offset == pytest.approx(52 if span.start < 53 else 56, abs=0.05)
