"""``narratrace corpus plan``: how long a corpus takes on given machines, and what limits it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from narratrace.corpus.rates import Kind, Rate, Unit


class Load(Struct, frozen=True, kw_only=True):
    """One station's share of the work.

    Attributes:
        rate: Its speed and what it keeps busy.
        unit_hours: Hours of one unit that it needs.
    """

    rate: Rate
    unit_hours: float


class Plan(Struct, frozen=True, kw_only=True):
    """What a corpus takes.

    Attributes:
        videos: Recordings.
        hours: Hours of video.
        longest_s: The longest recording, in seconds.
        kind: The machines.
        count: How many cards, or cores.
        loads: By station.
        busy_hours: By unit, the hours all units of it together would be busy without ever waiting.
        tail_hours: What the longest recording takes from end to end: no run is shorter.
    """

    videos: int
    hours: float
    longest_s: float
    kind: Kind
    count: int
    loads: tuple[Load, ...]
    busy_hours: dict[Unit, float]
    tail_hours: float

    @property
    def bottleneck(self) -> Unit:
        """The unit that is busy longest."""
        return max(self.busy_hours, key=lambda unit: self.busy_hours[unit])

    @property
    def wall_hours(self) -> float:
        """Expected duration of the run: the bottleneck's time, and the last recording's way through."""
        return max(self.busy_hours[self.bottleneck], self.tail_hours)

    @property
    def cost(self) -> float:
        """Price of the machines for that time, in US dollars."""
        return self.wall_hours * self.count * self.kind.price


def make_plan(durations: Sequence[float], kind: Kind, count: int, *, has_captions: bool = False) -> Plan:
    """Plan a corpus.

    Args:
        durations: Of the recordings, in seconds.
        kind: The machines.
        count: How many cards, or cores.
        has_captions: Whether the words come from captions, so that nothing is transcribed.

    Raises:
        ValueError: no recordings, or no machine.
    """
    if not durations or count < 1:
        raise ValueError(f"{len(durations)} recordings on {count} machines")
    hours = math.fsum(durations) / 3600
    rates = [rate for rate in kind.rates if not (has_captions and rate.station == "transcribe")]
    loads = tuple(Load(rate=rate, unit_hours=hours / rate.speed) for rate in rates)
    units: dict[Unit, float] = {
        "nvdec": kind.engines,
        "card": 1.0 if kind.engines else 0.0,
        "core": kind.cores,
    }
    busy: dict[Unit, float] = {}
    for load in loads:
        have = units[load.rate.unit] * count
        busy[load.rate.unit] = busy.get(load.rate.unit, 0.0) + load.unit_hours / have
    longest = max(durations)
    return Plan(
        videos=len(durations),
        hours=hours,
        longest_s=longest,
        kind=kind,
        count=count,
        loads=loads,
        busy_hours=busy,
        tail_hours=sum(longest / 3600 / load.rate.speed for load in loads),
    )


def describe(plan: Plan) -> list[str]:
    """The plan in lines, its assumptions with it."""
    kind = plan.kind
    machine = f"{plan.count} x {kind.name}" + (
        f" ({kind.engines} decoder engines and {kind.cores} host cores each)" if kind.engines else ""
    )
    lines = [
        f"corpus      {plan.videos:,} recordings, {_figure(plan.hours)} h, "
        f"longest {_figure(plan.longest_s / 60)} min",
        f"machines    {machine}",
        f"expected    {_figure(plan.wall_hours)} h, {plan.hours / plan.wall_hours:,.0f} x real time",
        f"cost        {_figure(plan.cost)} USD at {kind.price:.2f} USD an hour each (assumption)",
        f"bottleneck  {plan.bottleneck}",
        "",
        f"{'station':<12}{'unit':<8}{'x real time':>12}{'unit hours':>14}  source",
    ]
    lines += [
        f"{load.rate.station:<12}{load.rate.unit:<8}{load.rate.speed:>12,.1f}{_figure(load.unit_hours):>14}"
        f"  {load.rate.source}"
        for load in plan.loads
    ]
    lines += ["", *(f"{unit:<8}busy {_figure(hours)} h" for unit, hours in plan.busy_hours.items())]
    return lines


def _figure(value: float) -> str:
    """Three digits of a figure, all of those before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
