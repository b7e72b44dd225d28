"""``narratrace analyze``: what one recording shows, as JSON."""

from __future__ import annotations

import argparse
import sys

from msgspec.structs import replace

from narratrace.arguments import add_settings_arguments, file_to_write, settings_of
from narratrace.cli.output import progress_bar
from narratrace.errors import InputError, OptionError


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "analyze",
        help="analyse one recording",
        description="Analyse one recording; --asr, or transcribe.asr of a configuration, adds its words.",
    )
    parser.add_argument("file", metavar="FILE", help="recording: a local file or URI")
    parser.add_argument(
        "-o", "--output", type=file_to_write, metavar="FILE", help="analysis JSON to write; stdout without it"
    )
    parser.add_argument(
        "--keyframes", action="store_true", help="also write the clean keyframes, beside the analysis"
    )
    add_settings_arguments(parser)
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Analyse, and write the document of Note [Analysis JSON]."""
    from narratrace.data.media import redacted
    from narratrace.engine import Engine
    from narratrace.source import probe, resolve
    from narratrace.understand.transcriber import parse_transcriber
    from narratrace.write.analysis_json import analysis_files, write_analysis
    from narratrace.write.files import is_stream

    if args.keyframes and (args.output is None or is_stream(args.output)):
        raise OptionError("keyframes lie beside the analysis", input="--keyframes", expected="-o FILE")
    options = settings_of(args, defaults={"transcribe.asr": "none"}).engine
    pictures = replace(options.analyse.keyframes, pictures=args.keyframes)
    options = replace(options, analyse=replace(options.analyse, keyframes=pictures))
    words = parse_transcriber(options.transcribe.asr).kind != "none"
    videos = resolve([args.file])
    if len(videos) != 1:
        raise InputError(f"names {len(videos)} recordings", input=args.file, expected="one")
    (video,) = videos
    with progress_bar(args, video.video_id, lambda: probe(video.uri, look=0).duration) as look:
        recording = Engine(options, on_progress=look).examine(video, words=words)
    assert recording.visual is not None
    files = analysis_files(
        f"{args.output.stem}_keyframes" if args.keyframes else None,
        video_id=video.video_id,
        path=redacted(video.uri),
        visual=recording.visual,
        transcript=recording.transcript,
        timings=recording.timings,
    )
    if args.output is None:
        sys.stdout.buffer.write(files.document)  # UTF-8, whatever the locale says
    else:
        write_analysis(args.output, files)
    return 0
