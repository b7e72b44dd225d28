"""The commands ``process`` and ``corpus ...``: arguments only; nothing heavy is imported before one runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from narratrace.corpus.options import RunOptions
    from narratrace.corpus.places import Places
    from narratrace.recipe import EngineOptions

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_commands(commands: Commands) -> None:
    """Add ``process`` and ``corpus`` to the commands of the program."""
    process = commands.add_parser(
        "process",
        help="recordings in, aligned samples out",
        description="Process recordings into shards of aligned samples. Run again to go on after a crash.",
    )
    _add_run_arguments(process, nargs="+")
    process.set_defaults(handler=_run)
    corpus = commands.add_parser("corpus", help="runs over many recordings: run, status, retry, verify ...")
    below = corpus.add_subparsers(metavar="COMMAND", required=True)
    run = below.add_parser(
        "run",
        help="process a corpus, or go on with one",
        description="Process the recordings of manifests. Without inputs it goes on with the run in OUT.",
    )
    _add_run_arguments(run, nargs="*")
    run.set_defaults(handler=_run)
    _add_status(below)
    _add_retry(below)
    _add_reproduce(below)
    _add_verify(below)
    _add_merge(below)
    _add_plan(below)


def _add_run_arguments(parser: argparse.ArgumentParser, nargs: str) -> None:
    from narratrace.arguments import add_settings_arguments

    parser.add_argument(
        "inputs",
        metavar="INPUT",
        nargs=nargs,
        help="file, folder, glob, URI, or manifest (see the docs)",
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="output folder or URI")
    parser.add_argument(
        "--new-run",
        action="store_true",
        help="set aside what another run wrote to OUT, a folder, and begin anew",
    )
    _add_how(parser)
    add_settings_arguments(parser)


def _add_how(parser: argparse.ArgumentParser) -> None:
    """Arguments for how a run is carried out."""
    parser.add_argument("--executor", choices=("local", "ray"), help="processes of this machine, or Ray")
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes, 0 to fit the machine")
    parser.add_argument("--ray-address", metavar="HOST:PORT", help="Ray cluster to join")
    parser.add_argument("--scratch", metavar="DIR", help="folder for unfinished work, by default in OUT")
    parser.add_argument(
        "--metrics-port", type=int, metavar="PORT", help="serve figures to Prometheus at this port"
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    """Arguments for which run is meant, see :func:`_places`."""
    parser.add_argument("out", metavar="OUT", help="output folder or URI")
    parser.add_argument(
        "--scratch", metavar="DIR", default="", help="where the run to a URI keeps its ledger"
    )


def _add_status(commands: Commands) -> None:
    parser = commands.add_parser("status", help="show how far a run is, also while it goes on")
    _add_where(parser)
    parser.add_argument("--json", action="store_true", help="a JSON object")
    parser.set_defaults(handler=_status)


def _add_retry(commands: Commands) -> None:
    from narratrace.arguments import add_settings_arguments

    parser = commands.add_parser(
        "retry",
        help="process failed recordings again",
        description="Process failed recordings again, with the samples at the end of the output.",
    )
    parser.add_argument("out", metavar="OUT", help="output folder or URI")
    parser.add_argument("videos", metavar="VIDEO_ID", nargs="*", help="which; all that failed by default")
    _add_how(parser)
    add_settings_arguments(parser)
    parser.set_defaults(handler=_retry)


def _add_reproduce(commands: Commands) -> None:
    parser = commands.add_parser(
        "reproduce",
        help="process one recording of a run in this process, to see where it fails",
        description="Process one recording with the run's options in this process. Writes nothing to OUT.",
    )
    _add_where(parser)
    parser.add_argument("video", metavar="VIDEO_ID", help="the recording")
    parser.set_defaults(handler=_reproduce)


def _add_verify(commands: Commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="check everything a run wrote",
        description="Check hashes, archives, and that shards, index and ledger hold the same samples. "
        "What lies at a URI is fetched to scratch first.",
    )
    _add_where(parser)
    parser.set_defaults(handler=_verify)


def _add_merge(commands: Commands) -> None:
    parser = commands.add_parser(
        "merge",
        help="put finished runs together",
        description="Put finished runs with the same options together, as if they had been one.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="output folder of a finished run")
    parser.add_argument("-o", "--output", metavar="OUT", required=True, help="new output folder")
    parser.set_defaults(handler=_merge)


def _add_plan(commands: Commands) -> None:
    parser = commands.add_parser(
        "plan",
        help="estimate hours, cost and bottleneck of a run",
        description="Estimate what a run takes, from the rates of the stations. Says where each comes from.",
    )
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="*", help="as for run; without any, the published corpus (118,000)"
    )
    parser.add_argument("--gpus", type=int, default=1, metavar="N", help="cards, or cores for --kind core")
    parser.add_argument("--kind", default="h200", help="h200, h100, a100, l4 or core")
    parser.add_argument("--price", type=float, metavar="USD", help="price of one an hour")
    parser.add_argument("--captions", action="store_true", help="words come from captions")
    parser.add_argument("--measured", metavar="RUN_JSON", help="run.json of a trial run, for its rates")
    parser.add_argument("--simulate", action="store_true", help="also simulate the run (needs simpy)")
    parser.set_defaults(handler=_plan)


def _run(args: argparse.Namespace) -> int:
    from narratrace.corpus.console import carry_out
    from narratrace.corpus.run import Run

    engine, options = _options(args)
    run = Run(
        args.inputs,
        args.output,
        # A bare `corpus run -o OUT` goes on with whatever options the run was begun with.
        engine=engine if args.inputs or _names_options(args) else None,
        options=options,
        new_run=args.new_run,
    )
    return carry_out(run, args)


def _status(args: argparse.Namespace) -> int:
    from narratrace.corpus.status import show_status

    show_status(_places(args).out, as_json=args.json)
    return 0


def _retry(args: argparse.Namespace) -> int:
    from narratrace.corpus.console import carry_out
    from narratrace.corpus.places import places_of
    from narratrace.corpus.retry import retry
    from narratrace.corpus.run import Run

    engine, options = _options(args)
    retry(places_of(args.out, options.scratch.folder).out, args.videos or None)
    run = Run((), args.out, engine=engine if _names_options(args) else None, options=options)
    return carry_out(run, args)


def _reproduce(args: argparse.Namespace) -> int:
    from narratrace.corpus.retry import reproduce

    return reproduce(_places(args).out, args.video)


def _verify(args: argparse.Namespace) -> int:
    from narratrace.corpus.outbox import local_output
    from narratrace.corpus.verify import verify

    faults = 0
    with local_output(_places(args)) as out:
        for fault in verify(out):
            print(fault)
            faults += 1
    print(f"{faults} faults" if faults else "all is well")
    return 1 if faults else 0


def _merge(args: argparse.Namespace) -> int:
    from pathlib import Path

    from narratrace.corpus.merge import merge

    summary = merge([Path(run) for run in args.runs], Path(args.output))
    print(f"{sum(summary.totals.videos.values())} recordings, {len(summary.shards)} shards in {args.output}")
    return 0


def _plan(args: argparse.Namespace) -> int:
    from narratrace.corpus.planning import plan_lines

    for line in plan_lines(
        args.inputs,
        kind=args.kind,
        count=args.gpus,
        price=args.price,
        has_captions=args.captions,
        measured_run=args.measured,
        simulated=args.simulate,
    ):
        print(line, flush=True)
    return 0


def _places(args: argparse.Namespace) -> Places:
    """The folders of the run that the arguments of :func:`_add_where` name."""
    from narratrace.corpus.places import places_of

    return places_of(args.out, args.scratch)


def _names_options(args: argparse.Namespace) -> bool:
    from narratrace.arguments import SHORTCUTS

    return bool(args.config or args.assignments or any(getattr(args, name) for name in SHORTCUTS))


def _options(args: argparse.Namespace) -> tuple[EngineOptions, RunOptions]:
    """Options of engine and run: the settings, with the arguments of :func:`_add_how` before them."""
    from msgspec.structs import replace

    from narratrace.arguments import settings_of
    from narratrace.options import validate

    settings = settings_of(args)
    run = settings.run
    changes = {
        name: value
        for name, value in (("executor", args.executor), ("workers", args.workers))
        if value is not None
    }
    run = replace(run, **changes)
    if args.ray_address is not None:
        run = replace(run, ray=replace(run.ray, address=args.ray_address))
    if args.scratch is not None:
        run = replace(run, scratch=replace(run.scratch, folder=args.scratch))
    return settings.engine, validate(run)
