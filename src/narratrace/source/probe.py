"""What a media file says about itself: header, a look at its packets, and its first picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer

from narratrace.container import best_audio, best_video, open_container, start_of_playback
from narratrace.data.media import AudioStreamInfo, MediaInfo, VideoStreamInfo, is_local, local_path
from narratrace.demux import known_packets
from narratrace.errors import InputError, MediaError
from narratrace.timebase import irregular, pts_to_seconds

LOOK = 300
"""Video packets looked at by default: ten seconds at 30 Hz tell a variable frame rate."""

_LIMITED_RANGE, _FULL_RANGE = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
_MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}  # AVCOL_SPC_*
_FIELDS = frozenset({2, 3, 4, 5})  # AV_FIELD_TT and on; 0 is unknown, 1 progressive
_HD_HEIGHT = 720


def probe(path: str | Path, *, look: int | None = LOOK, timeout_s: float = 60.0) -> MediaInfo:
    """Facts of one media file.

    Args:
        path: File, or http(s) URI.
        look: Video packets to read for the frame rate's regularity; None reads, and counts, all of them;
            0 reads only as far as the first picture.
        timeout_s: Longest wait for remote storage in seconds.

    Raises:
        InputError: there is no such file, it is no regular file, or a URI has another scheme.
        MediaError: it is no media file, is damaged beyond opening, or a server gives nothing but its header.
        StorageError: the storage does not answer, or not as it should.
        DecodeTimeout: the storage did not answer in time.
    """
    name = str(path)
    file = local_path(name) if is_local(name) else None
    if file is not None:
        _check_file(file)
    with open_container(name, timeout_s, station="source") as container:
        video, audio = best_video(container), best_audio(container)
        warnings = [] if video or not _unknown_video(container) else ["no decoder for the video stream"]
        vfr, packets, picture = _look(container, video, look) if video else (None, None, None)
        if packets == 0 and file is None:
            raise _only_header(name)
        if video and picture is None:
            warnings.append("the first picture could not be decoded: size and rotation are the header's")
        return MediaInfo(
            path=name,
            container=container.format.name,
            size_bytes=file.stat().st_size if file is not None else max(0, container.size),
            duration=container.duration / av.time_base if container.duration is not None else None,
            video=_video_info(video, picture) if video else None,
            audio=_audio_info(audio) if audio else None,
            vfr=vfr,
            packets=packets,
            warnings=tuple(warnings),
        )


def playback_start(path: str | Path, *, timeout_s: float = 60.0) -> float:
    """Where the times of a sidecar count from, in seconds; see Note [Playback and presentation].

    Args:
        path: File, or http(s) URI.
        timeout_s: Longest wait for remote storage in seconds.

    Raises:
        InputError, MediaError, StorageError, DecodeTimeout: as :func:`probe`.
    """
    with open_container(str(path), timeout_s, station="source") as container:
        return start_of_playback(container)


def _check_file(path: Path) -> None:
    if not path.exists():
        link = f"a link that leads nowhere: to {path.readlink()}" if path.is_symlink() else ""
        raise InputError("no such file", station="source", input=str(path), cause=link)
    if not path.is_file():  # a pipe or device would block for ever
        raise InputError("not a regular file", station="source", input=str(path))
    if path.stat().st_size == 0:
        raise MediaError("the file is empty", station="source", input=str(path), expected="a media file")


def _only_header(uri: str) -> MediaError:
    return MediaError(
        "no pictures could be read",
        station="source",
        input=uri,
        expected="a server that gives byte ranges, or a local copy",
        cause="the server gives no byte ranges, and the pictures lie before the index (moov)",
    )


def _unknown_video(container: InputContainer) -> bool:
    return any(stream.codec_context is None for stream in container.streams.video)


def _look(
    container: InputContainer, video: Any, look: int | None
) -> tuple[bool | None, int | None, av.VideoFrame | None]:
    """Regularity of the frame times, the number of packets if all were read, and the first picture."""
    video.thread_type = "NONE"
    times: list[int] = []
    intervals: Counter[int] = Counter()
    picture, count, ended = None, 0, True
    for packet in _readable(container, video):
        picture = picture or _first_picture(video, packet)
        count += 1
        if packet.pts is not None:
            times.append(packet.pts)
        if len(times) >= 2 * LOOK:  # keep the unfinished half: packets come in decoding order
            times.sort()
            _count(intervals, times[: LOOK + 1])
            del times[:LOOK]
        if look is not None and count >= look and (picture is not None or count >= LOOK):
            ended = False
            break
    if picture is None:
        picture = _first_picture(video, None)
    times.sort()
    # The last few times of an unfinished read may have pictures missing between them.
    _count(intervals, times if ended else times[: max(0, len(times) - 16)])
    return (irregular(intervals) if look != 0 else None), (count if ended else None), picture


def _readable(container: InputContainer, video: Any) -> Iterator[Any]:
    try:
        yield from (packet for packet in known_packets(container, video) if packet.size)
    except av.error.FFmpegError:
        return  # the decode pass reads on behind damage, and counts it


def _first_picture(video: Any, packet: Any | None) -> av.VideoFrame | None:
    try:
        return next(iter(video.codec_context.decode(packet)), None)
    except av.error.FFmpegError:
        return None


def _count(intervals: Counter[int], times: list[int]) -> None:
    intervals.update(later - earlier for earlier, later in pairwise(times) if later > earlier)


def _video_info(stream: Any, picture: av.VideoFrame | None) -> VideoStreamInfo:
    context = stream.codec_context
    seen = picture if picture is not None else context
    layout = picture.format if picture is not None else context.format
    width, height = seen.width, seen.height
    rotation = round(-picture.rotation / 90) * 90 % 360 if picture is not None else 0
    rate = stream.average_rate
    return VideoStreamInfo(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=stream.profile or "",
        pixel_format=layout.name if layout else "",
        bit_depth=layout.components[0].bits if layout and layout.components else 8,
        coded_width=width,
        coded_height=height,
        width=height if rotation % 180 else width,
        height=width if rotation % 180 else height,
        rotation=rotation,
        sample_aspect=stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1),
        full_range=_full_range(layout, seen.color_range),
        color_matrix=_matrix(layout, seen.colorspace, height),
        interlaced=picture.interlaced_frame if picture is not None else context.field_order in _FIELDS,
        time_base=stream.time_base,
        start_pts_s=_start(stream),
        average_rate=float(rate) if rate else None,
        has_b_frames=bool(context.has_b_frames),
        frames=stream.frames,
    )


def _full_range(layout: Any, color_range: int) -> bool:
    """Unmarked gray counts as full, as in FFmpeg; RGB and palettes are decoded to limited-range YUV."""
    if layout is None or layout.is_rgb or layout.has_palette:
        return False
    if layout.name.startswith("gray"):
        return color_range != _LIMITED_RANGE
    return color_range == _FULL_RANGE or layout.name.startswith("yuvj")


def _matrix(layout: Any, colorspace: int, height: int) -> str:
    """The stated matrix; RGB is converted by bt601, and unmarked YUV follows the usual reading by height."""
    if layout is None or layout.is_rgb or layout.has_palette:
        return "bt601"
    return _MATRICES.get(colorspace, "bt709" if height >= _HD_HEIGHT else "bt601")


def _audio_info(stream: Any) -> AudioStreamInfo:
    context = stream.codec_context
    return AudioStreamInfo(
        index=stream.index,
        codec=context.codec.canonical_name,
        sample_rate=context.sample_rate,
        channels=context.channels,
        start_pts_s=_start(stream),
    )


def _start(stream: Any) -> float | None:
    if stream.start_time is None or stream.time_base is None:
        return None
    return pts_to_seconds(stream.start_time, stream.time_base)
