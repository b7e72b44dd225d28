"""What is known about an input before, and after, its pixels are looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field

_ANY_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>:;,.)\]}]")
"""A URI within a text, without the punctuation of the text behind it."""


def is_local(uri: str) -> bool:
    """Whether a URI is a path, or says so by ``file://``."""
    return "://" not in uri or uri.startswith("file://")


def local_path(uri: str) -> Path:
    """The path of a local URI."""
    return Path(unquote(urlsplit(uri).path)) if uri.startswith("file://") else Path(uri)


def redacted(uri: str) -> str:
    """A URI without credentials and query, for logs and outputs; paths stay as they are."""
    if is_local(uri):
        return uri
    scheme, _, rest = uri.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = place.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def redacted_text(text: str, *uris: str | None) -> str:
    """A text, every URI in it as :func:`redacted` has it; messages of storage libraries quote them.

    Args:
        text: What is to be shown.
        uris: URIs that it may hold; those may have blanks, which otherwise end a URI.
    """
    for uri in filter(None, uris):
        text = text.replace(uri, redacted(uri))
    return _ANY_URI.sub(lambda found: redacted(found[0]), text) if "://" in text else text


class VideoInput(Struct, frozen=True, kw_only=True):
    """One recording to process, as a file name or a manifest row describes it.

    Attributes:
        video_id: Stable, unique in a run, safe as a file name (letters, digits, ``-`` and ``_``).
        uri: Local path or URI of the media file.
        captions_uri: Captions sidecar (.vtt, .srt, .json); None to look beside a local file, empty for none.
        title, channel, link, licence: Free text of the manifest, empty when unknown.
        language: Code of the speech as the manifest has it, empty when unknown.
        extra: Further manifest columns, passed through to the samples unchanged.
    """

    video_id: str
    uri: str
    captions_uri: str | None = None
    title: str = ""
    channel: str = ""
    link: str = ""
    licence: str = ""
    language: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class VideoStreamInfo(Struct, frozen=True, kw_only=True):
    """Facts the container states about the chosen video stream.

    Attributes:
        index: Stream index within the container.
        codec: Decoder name, for instance ``h264``.
        profile: Codec profile as text, empty when unknown.
        pixel_format: Name of the coded pixel format, for instance ``yuv420p10le``.
        bit_depth: Bits per luma sample.
        coded_width, coded_height: Size of the decoded picture in pixels, before rotation.
        width, height: Displayed size in pixels, after rotation (sample aspect is not applied).
        rotation: Clockwise degrees to turn the picture for display: 0, 90, 180 or 270.
        sample_aspect: Width of a pixel divided by its height.
        full_range: Whether luma spans 0..255 instead of 16..235.
        color_matrix: Matrix of the YUV to RGB conversion: ``bt601``, ``bt709``, ``bt2020``.
        interlaced: Whether the stream is coded in fields.
        time_base: Seconds per pts unit.
        start_pts_s: First pts in seconds, None when the container does not say.
        average_rate: Mean frames per second by the header, None when unknown. Never used for time.
        has_b_frames: Whether pictures are reordered.
        frames: Frame count by the header, 0 when unknown. Headers lie: never trusted.
    """

    index: int
    codec: str
    profile: str
    pixel_format: str
    bit_depth: int
    coded_width: int
    coded_height: int
    width: int
    height: int
    rotation: int
    sample_aspect: Fraction
    full_range: bool
    color_matrix: str
    interlaced: bool
    time_base: Fraction
    start_pts_s: float | None
    average_rate: float | None
    has_b_frames: bool
    frames: int


class AudioStreamInfo(Struct, frozen=True, kw_only=True):
    """Facts the container states about the chosen audio stream."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    start_pts_s: float | None


class MediaInfo(Struct, frozen=True, kw_only=True):
    """Container facts of one file, from its header and a look at its packets.

    Attributes:
        path: The file as it was named.
        container: Demuxer name, for instance ``mov,mp4,m4a,3gp,3g2,mj2``.
        size_bytes: File size, 0 when unknown.
        duration: Seconds by the header, None when it does not say.
        video: The chosen video stream, None when there is none (cover art does not count).
        audio: The chosen audio stream, None when there is none.
        vfr: Whether packet times are irregular by more than 10 % of the median frame time; None
            when the packets were not looked at.
        packets: Video packets counted, None when the file was not read to its end.
        warnings: Oddities worth telling, one line each.
    """

    path: str
    container: str
    size_bytes: int
    duration: float | None
    video: VideoStreamInfo | None
    audio: AudioStreamInfo | None
    vfr: bool | None = None
    packets: int | None = None
    warnings: tuple[str, ...] = ()


class DecodeSummary(Struct, frozen=True, kw_only=True):
    """What a finished decode pass saw; the ``video`` part of the analysis contract.

    Attributes:
        codec: Decoder name.
        width, height: Displayed size of the first frame in pixels.
        start_pts_s: Presentation time of the first frame in seconds.
        duration: End of the last frame on the presentation clock, in seconds: the recording's length only
            where that clock begins at 0; see :attr:`narratrace.data.analysis.VisualAnalysis.shown`.
        frames_decoded: Frames that reached the analysis.
        frames_skipped: Frames left undecoded on purpose (non-reference pictures).
        packets: Video packets demuxed.
        corrupt: Packets or frames lost to damage.
        fps_mean: ``(frames + skipped - 1) / (last - first)``, 0 for a single frame.
        vfr: Whether frame intervals are irregular by more than 10 % of their median.
        resets: How often the file's clock was set anew; times of the file itself do not go on there.
        backend: Decoder that was used, for instance ``pyav`` or ``nvdec:0``.
        warnings: Recoverable damage and oddities, one line each.
    """

    codec: str
    width: int
    height: int
    start_pts_s: float
    duration: float
    frames_decoded: int
    frames_skipped: int
    packets: int
    corrupt: int
    fps_mean: float
    vfr: bool
    backend: str
    resets: int = 0
    warnings: tuple[str, ...] = ()
