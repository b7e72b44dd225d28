"""``narratrace probe``: what media files say about themselves, and who would decode them."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from narratrace.cli.output import report_error
from narratrace.errors import NarratraceError

if TYPE_CHECKING:
    from narratrace.data.media import MediaInfo, VideoInput, VideoStreamInfo


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("probe", help="show facts of media files")
    parser.add_argument("files", metavar="FILE", nargs="+", help="file, folder, glob, URI or manifest")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--full", action="store_true", help="read every packet: exact count and regularity")
    parser.add_argument("--json", action="store_true", help="a JSON object per file and line")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Show each file; one that cannot be read does not keep the others from being shown."""
    from narratrace.device import check_device

    device = str(check_device(args.device))
    videos, code = _named(args)
    for video in videos:
        try:
            _show(video, device, args)
        except NarratraceError as error:
            report_error(error, args)
            code = max(code, error.exit_code)
    return code


def _named(args: argparse.Namespace) -> tuple[list[VideoInput], int]:
    """The recordings, and the exit code of names that stand for none."""
    from narratrace.source import resolve

    with contextlib.suppress(NarratraceError):
        return resolve(args.files), 0
    code = 0
    found = []
    for name in args.files:
        try:
            resolve([name])
            found.append(name)
        except NarratraceError as error:
            report_error(error, args)
            code = max(code, error.exit_code)
    return resolve(found), code  # together, for ids depend on all of them


def _show(video: VideoInput, device: str, args: argparse.Namespace) -> None:
    from narratrace.data.media import redacted
    from narratrace.source.probe import LOOK, probe

    media = probe(video.uri, look=None if args.full else LOOK)
    decoder = decoder_for(media, device)
    if args.json:
        facts = {
            "video_id": video.video_id,
            **msgspec.to_builtins(media, enc_hook=str),
            "path": redacted(media.path),
        }
        facts["size_bytes"] = media.size_bytes or None
        facts["captions"] = video.captions_uri
        print(json.dumps({**facts, "decoder": decoder}, ensure_ascii=False), flush=True)
        return
    print(redacted(video.uri))
    for label, text in (*_lines(media), ("captions", video.captions_uri or "none"), ("decoder", decoder)):
        print(f"  {label:<10}{text}")


def decoder_for(media: MediaInfo, device: str) -> str:
    """Name of the decoder that would be used, or why there is none."""
    from narratrace.decode import open_decoder

    if media.video is None:
        return "none: no video stream"
    try:
        with open_decoder(media, device=device) as decoder:
            return decoder.backend
    except NarratraceError as error:
        return f"none: {error.message}"


def _lines(media: MediaInfo) -> Iterator[tuple[str, str]]:
    length = "unknown length" if media.duration is None else f"{media.duration:.3f} s"
    size = f"{media.size_bytes:,} bytes" if media.size_bytes else "unknown size"
    yield "container", f"{media.container}, {size}, {length}"
    if media.video is None:
        yield "video", "none"
    else:
        yield "video", ", ".join(_video_facts(media.video))
        yield "frames", ", ".join(_frame_facts(media, media.video))
    if media.audio is None:
        yield "audio", "none"
    else:
        sound = media.audio
        yield "audio", f"{sound.codec}, {sound.sample_rate} Hz, {sound.channels} channels"
    for warning in media.warnings:
        yield "warning", warning


def _video_facts(video: VideoStreamInfo) -> Iterator[str]:
    yield f"{video.codec} {video.profile}".strip()
    yield f"{video.width} x {video.height}"
    if video.rotation:
        yield f"turned by {video.rotation} degrees"
    if video.sample_aspect != 1:
        yield f"pixels {video.sample_aspect} as wide as high"
    yield f"{video.pixel_format} ({video.bit_depth} bit)"
    yield f"{video.color_matrix} {'full' if video.full_range else 'limited'} range"
    if video.interlaced:
        yield "interlaced"


def _frame_facts(media: MediaInfo, video: VideoStreamInfo) -> Iterator[str]:
    rates: dict[Any, str] = {True: "variable", False: "constant", None: "unknown"}
    mean = f", {video.average_rate:.4g} Hz on average by the header" if video.average_rate else ""
    yield f"{rates[media.vfr]} rate{mean}"
    if media.packets is not None:
        yield f"{media.packets} packets"
    if video.start_pts_s is not None:
        yield f"from {video.start_pts_s:.3f} s"
    yield "reordered (B-frames)" if video.has_b_frames else "in order"
