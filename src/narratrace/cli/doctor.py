"""``narratrace doctor``: what this machine can do, and why not."""

from __future__ import annotations

import argparse
import json
from itertools import groupby

from msgspec.structs import asdict


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser("doctor", help="show what this machine can do, and why not")
    parser.add_argument("--json", action="store_true", help="a JSON list")
    parser.set_defaults(handler=run)


def run(args: argparse.Namespace) -> int:
    """Show all facts; 3 when the main job cannot be done here at all."""
    from narratrace.doctor import examine, is_usable

    facts = examine()
    if args.json:
        print(json.dumps([asdict(fact) for fact in facts], indent=1))
    else:
        for section, members in groupby(facts, key=lambda fact: fact.section):
            print(section)
            for fact in members:
                print(f"  {fact.status:<7} {fact.name:<26} {fact.detail}")
    return 0 if is_usable(facts) else 3
