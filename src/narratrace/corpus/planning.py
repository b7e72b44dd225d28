"""From what the user names to a plan in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from narratrace.corpus.inputs import UNKNOWN_S, stated_duration, weight_of
from narratrace.corpus.plan import describe, make_plan
from narratrace.corpus.rates import KINDS, measured
from narratrace.errors import OptionError

PUBLISHED = 118_000
"""Recordings of the published corpus."""


def plan_lines(
    inputs: Sequence[str],
    *,
    kind: str,
    count: int,
    price: float | None = None,
    has_captions: bool = False,
    measured_run: str | None = None,
    simulated: bool = False,
) -> Iterator[str]:
    """A plan, line by line.

    Args:
        inputs: As for a run; none stands for the published corpus.
        kind: Of the machines.
        count: How many.
        price: Of one an hour, None for the kind's own.
        has_captions: Whether nothing is transcribed.
        measured_run: ``run.json`` of a trial run.
        simulated: Whether to simulate the run in all three orders too.

    Raises:
        OptionError: no such kind, or no machine.
        InputError: an input names nothing, or the trial run is none.
        MissingDependency: simpy is needed and not installed.
    """
    from narratrace.corpus.simulate import lecture_durations, simulate

    if kind not in KINDS or count < 1:
        raise OptionError(
            f"{count} x {kind!r} cannot be planned with",
            station="corpus",
            input="--kind",
            expected="at least one of " + ", ".join(KINDS),
        )
    machine = KINDS[kind] if measured_run is None else measured(Path(measured_run), KINDS[kind])
    if price is not None:
        machine = replace(machine, price=price)
    durations, guessed = _durations(inputs) if inputs else (lecture_durations(PUBLISHED), 0)
    yield from describe(make_plan(durations, machine, count, has_captions=has_captions))
    if guessed:
        yield ""
        yield (
            f"{guessed:,} of {len(durations):,} durations are guesses by the size of the file "
            f"({UNKNOWN_S:.0f} s where that is not known), and may be wrong by a factor of ten; "
            "a manifest's column duration states them"
        )
    if not simulated:
        return
    yield ""
    yield f"{'order':<10}{'hours':>10}{'tail h':>10}{'waiting bundles':>18}  used"
    for order in ("input", "last", "longest"):
        found = simulate(durations, machine, count, order=order, has_captions=has_captions)
        used = ", ".join(f"{unit} {share:.0%}" for unit, share in sorted(found.used.items()))
        yield f"{order:<10}{found.hours:>10.2f}{found.tail_hours:>10.2f}{found.waiting:>18,}  {used}"


def _durations(inputs: Sequence[str]) -> tuple[list[float], int]:
    """Durations of what is named in seconds, as a run would expect them, and how many of them are guesses."""
    from narratrace.source import resolve

    videos = resolve(inputs)
    guessed = sum(stated_duration(video) is None for video in videos)
    return [max(weight_of(video), 1.0) for video in videos], guessed
