"""Command line: renders a set of recordings."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.extras import lacking

from .set_dev import DEV
from .set_heldout import HELDOUT
from .set_mixed import mixed
from .spec import Spec

try:
    from .render import render
except ImportError as error:
    raise lacking(error) from None

SETS = {"dev": DEV, "heldout": HELDOUT}
ICONS = Path("/usr/share/icons")


def _one(spec: Spec, folder: Path, themes: Sequence[Path]) -> str:
    begin = time.monotonic()
    path = render(spec, folder, themes)
    return f"{path.name}: {path.stat().st_size / 1e6:.2f} MB in {time.monotonic() - begin:.0f} s"


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lectures", description=__doc__)
    parser.add_argument("out", type=Path, help="recordings go to OUT/SET/")
    parser.add_argument("--set", choices=[*sorted(SETS), "mixed"], default="dev")
    parser.add_argument("--seed", type=int, default=1, help="of the mixed set: another one, other recordings")
    parser.add_argument("--count", type=int, default=20, help="recordings of the mixed set")
    parser.add_argument("--only", action="append", default=[], help="name of one recording; may be repeated")
    parser.add_argument("--jobs", type=int, default=1, help="recordings rendered at once")
    parser.add_argument("--cursor-themes", type=Path, nargs="*", default=[ICONS] if ICONS.exists() else [])
    args = parser.parse_args()
    folder = args.out / args.set
    folder.mkdir(parents=True, exist_ok=True)
    chosen = SETS[args.set] if args.set in SETS else mixed(args.seed, args.count)
    specs = [s for s in chosen if not args.only or s.name in args.only]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if args.jobs <= 1:
        for spec in specs:
            print(_one(spec, folder, args.cursor_themes), flush=True)
        return
    with ProcessPoolExecutor(args.jobs) as pool:
        for job in [pool.submit(_one, spec, folder, args.cursor_themes) for spec in specs]:
            print(job.result(), flush=True)


if __name__ == "__main__":
    main()
