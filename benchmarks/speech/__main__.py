"""python -m benchmarks.speech COMMAND ..., see the package."""

from __future__ import annotations

import argparse
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.speech")
    commands = parser.add_subparsers(dest="command", required=True)
    corpus = commands.add_parser("corpus", help="speak the sentences")
    corpus.add_argument("work", type=Path)
    corpus.add_argument("--hours", type=float, default=5.0)
    corpus.add_argument("--seed", type=int, default=1)
    train = commands.add_parser("train", help="train, or go on training")
    train.add_argument("work", type=Path)
    train.add_argument("--hours", type=float, default=1.25, help="of work in all")
    train.add_argument("--threads", type=int, default=2)
    convert = commands.add_parser("convert", help="write the int8 model that faster-whisper loads")
    convert.add_argument("work", type=Path)
    convert.add_argument("out", type=Path)
    evaluate = commands.add_parser("evaluate", help="error rates on what was held out")
    evaluate.add_argument("model", type=Path)
    evaluate.add_argument("files", type=Path, nargs="*", help="recordings with NAME.truth.json beside them")
    evaluate.add_argument("--count", type=int, default=150, help="test recordings to speak")
    clips = commands.add_parser("clips", help="write test recordings for tests without espeak-ng")
    clips.add_argument("out", type=Path)
    clips.add_argument("--count", type=int, default=10)
    run(parser.parse_args())


def run(args: argparse.Namespace) -> None:
    # Each command needs only a part of the libraries.
    if args.command == "corpus":
        from .corpus import build

        build(args.work, args.hours, args.seed)
    elif args.command == "train":
        from .train import train

        train(args.work, args.hours, args.threads)
    elif args.command == "convert":
        from .convert import convert

        convert(args.work, args.out)
    elif args.command == "evaluate":
        from .evaluate import report

        report(args.model, args.count, args.files)
    elif args.command == "clips":
        from .heldout import write_clips

        write_clips(args.out, args.count)


if __name__ == "__main__":
    main()
