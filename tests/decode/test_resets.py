"""Files whose clock is set anew midway: time goes on, for pictures and sound alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from narratrace.data.media import DecodeSummary
from narratrace.decode import AudioOptions, DecodeOptions, open_decoder
from narratrace.decode.account import PassAccount
from narratrace.decode.audio import AudioReader, load_audio
from narratrace.demux import Resets, demuxed, known_packets
from narratrace.errors import MediaError
from narratrace.source import probe
from narratrace.write.clip_source import Source, pictures
from tests.decode.test_audio import flashes, onsets
from tests.support.media import clicks, flash, make_video

AT = [0.5, 1.7, 2.5]
SECONDS = 3

STARTS = {
    "twice the same": (0, 0),
    "back": (50.0, 1.4),
    "back by more than a minute": (100.0, 1.0),  # which FFmpeg takes for a clock that wrapped around
    "three parts": (5.0, 2.0, 3.0),
}

Joined = Callable[..., Path]


@pytest.fixture
def joined(tmp_path: Path) -> Joined:
    """Writes parts with flashes and clicks at :data:`AT`, joined byte by byte."""

    def join(starts: tuple[float, ...], bframes: int = 0) -> Path:
        data = b""
        for number, start in enumerate(starts):
            at = [start + t for t in AT]
            part = make_video(
                tmp_path / f"{number}.ts",
                seconds=SECONDS,
                start=start,
                bframes=bframes,
                draw=flash(160, 96, at),
                audio=clicks(at),
            )
            data += part.path.read_bytes()
        path = tmp_path / "joined.ts"
        path.write_bytes(data)
        return path

    return join


def decode(path: Path, frames: str = "all") -> tuple[list[float], DecodeSummary]:
    with open_decoder(probe(path), DecodeOptions(frames=frames)) as decoder:  # type: ignore[arg-type]
        return [frame.t for batch in decoder.batches() for frame in batch], decoder.summary()


@pytest.mark.parametrize("bframes", [0, 3])
@pytest.mark.parametrize("kind", STARTS)
def test_time_goes_on_for_pictures_and_sound_alike(kind: str, bframes: int, joined: Joined) -> None:
    starts = STARTS[kind]
    path = joined(starts, bframes=bframes)
    times, summary = decode(path)
    parts = len(starts)
    assert len(times) == parts * SECONDS * 30
    assert np.diff(times).min() > 0.03
    assert np.diff(times).max() < 0.08
    assert (summary.resets, summary.corrupt) == (parts - 1, 0)
    assert summary.duration - summary.start_pts_s == pytest.approx(parts * SECONDS, abs=0.08)
    assert any("clock was set anew" in line for line in summary.warnings)
    audio = load_audio(probe(path))
    assert audio is not None
    assert audio.duration == pytest.approx(parts * SECONDS, abs=0.15)
    assert any("clock was set anew" in line for line in audio.warnings)
    seen, heard = flashes(path), onsets(audio)
    wanted = [times[0] + part * SECONDS + t for part in range(parts) for t in AT]
    np.testing.assert_allclose(seen, wanted, atol=0.08)
    np.testing.assert_allclose(heard, seen, atol=0.005)


def test_pictures_left_undecoded_are_chosen_as_ever(joined: Joined) -> None:
    times, summary = decode(joined((50.0, 1.4), bframes=3), "auto")
    assert summary.frames_skipped > 40
    assert summary.frames_decoded + summary.frames_skipped == 2 * SECONDS * 30
    assert np.diff(times).max() <= 0.14


def test_a_pause_is_no_reset(joined: Joined) -> None:
    path = joined((0.0, 100.0))
    times, summary = decode(path)
    assert summary.resets == 0
    assert times[-1] == pytest.approx(100 + SECONDS, abs=0.1)
    reader = AudioReader(probe(path), AudioOptions())
    assert sum(block.duration for block in reader) == pytest.approx(100 + SECONDS, abs=0.1)


def test_a_single_wrong_time_stamp_moves_nothing(tmp_path: Path) -> None:
    made, resets = make_video(tmp_path / "a.ts", seconds=SECONDS, bframes=3), Resets()
    with av.open(str(made.path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    wanted = [(packet.pts, packet.dts) for packet in packets]
    packets[20].pts += 5 * 90_000
    packets[20].dts += 5 * 90_000
    for packet in packets:
        resets.mend(packet)
    assert resets.count == 0
    assert [(p.pts, p.dts) == times for p, times in zip(packets, wanted, strict=True)].count(False) == 1


@pytest.mark.parametrize("name", ["a.ts", "a.mp4"])
@pytest.mark.parametrize("kind", ["video", "audio"])
def test_packets_are_those_of_one_stream_alone(name: str, kind: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / name, seconds=1, audio="tone")
    found = []
    for read in (lambda c, s: c.demux(s), lambda c, s: demuxed(c, s, Resets())):
        with av.open(str(made.path)) as container:
            packets = read(container, getattr(container.streams, kind)[0])
            found.append([(p.pts, p.dts, bytes(p)) for p in packets])
    assert found[0] == found[1]
    assert found[0][-1] == (None, None, b""), "the packet that flushes a decoder"


def test_where_most_pictures_have_no_place_in_time_the_file_is_refused(tmp_path: Path) -> None:
    account = PassAccount(probe(make_video(tmp_path / "a.mkv", seconds=0.2).path), "pyav")
    for pts in (0, 33, 66, 10, 20, 30, 40, 50):  # the container gives no decoding times
        account.packets += 1
        account.place(pts, None, 33, (160, 96))
    with pytest.raises(MediaError, match=r"8 of 8 .* 3 of them placed in time"):
        account.finish()


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """A part with sound between two without; the padding keeps FFmpeg from seeing it at either end."""
    silent = make_video(tmp_path / "silent.ts", seconds=6).path.read_bytes()
    sound = make_video(tmp_path / "sound.ts", seconds=2, audio="tone").path.read_bytes()
    padding = (b"\x47\x1f\xff\x10" + bytes(184)) * 3000
    path = tmp_path / "late.ts"
    path.write_bytes(silent + padding + sound + padding + silent)
    with av.open(str(path)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    return path


@pytest.mark.parametrize("frames", ["all", "auto"])
def test_a_stream_that_begins_midway_costs_no_picture(late: Path, frames: str) -> None:
    media = probe(late, look=None)
    assert media.packets == 420
    times, summary = decode(late, frames)
    assert summary.packets == 420
    assert summary.corrupt == 0
    assert len(times) + summary.frames_skipped == 420 - summary.resets, (
        "one shares its time with the next part's first"
    )


def test_a_stream_that_begins_midway_is_no_hindrance_to_clips(late: Path) -> None:
    source = Source(path=str(late), timeout_s=60, seekable=False, beat=lambda: None)
    shown = [picture.t for picture in pictures(source, 0.0)]
    assert len(shown) == 418
    assert np.diff(shown).max() < 0.1


def test_an_unknown_stream_costs_no_packet_of_the_others() -> None:
    class Container:
        """PyAV's way: a generator that reads on in one file, and raises at what it has not listed."""

        file = iter([1, 2, IndexError(), 3, IndexError(), IndexError(), 4])

        def demux(self, *_: object) -> Iterator[int]:
            for packet in self.file:
                if isinstance(packet, IndexError):
                    raise packet
                yield packet

    assert list(known_packets(Container(), None)) == [1, 2, 3, 4]  # type: ignore[arg-type]
