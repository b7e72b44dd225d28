"""How fast each station is, on what, and who says so: what plans are made of.

A rate is hours of video per hour of one unit of a resource. Units are ``nvdec`` (a decoder engine of a card),
``card`` (the rest of it) and ``core`` (a core of the host). A recording passes the stations one after
another; different recordings keep different units busy at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from narratrace.errors import InputError

Unit = Literal["nvdec", "card", "core"]


class Rate(Struct, frozen=True, kw_only=True):
    """The speed of a station.

    Attributes:
        station: Its name.
        unit: What it keeps busy.
        speed: Hours of video per hour of one unit.
        source: Where the figure comes from.
    """

    station: str
    unit: Unit
    speed: float
    source: str


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of machine to plan with, one card or one core at a time.

    Attributes:
        name: What the user calls it.
        engines: Decoder engines of a card, 0 for plain cores.
        cores: Cores of the host for each card; 1 for plain cores.
        price: Price of one an hour, in US dollars; an assumption.
        rates: Of all stations.
    """

    name: str
    engines: int
    cores: int
    price: float
    rates: tuple[Rate, ...]


_FPS = 30.0
_VISUAL_SHARE = 0.9

_HERE = (
    "measured: CPU seconds of one thread on a 2-core x86-64 virtual machine, four lectures of 203 s together "
    "with captions and 18 clips"
)
_NVDEC = (
    f"published NVDEC figures for H.264 1080p at {_FPS:.0f} frames a second, times {_VISUAL_SHARE} for the "
    "analysis beside it (assumption until benchmarks/results holds a measurement)"
)
_ASR = "assumption: 200 x real time with large-v3-turbo, the bar set for a card; peers publish 70 to 108 x"
_ASR_CORE = "recalled: faster-whisper publishes 7.6 x real time for `small` in int8 on 8 threads"

_HOST = (
    Rate(station="align", unit="core", speed=2_500.0, source=_HERE),
    Rate(station="clips", unit="core", speed=17.0, source=_HERE),
    Rate(station="write", unit="core", speed=2_500.0, source=_HERE),
)


def _card(name: str, engines: int, fps: float, cores: int, price: float) -> Kind:
    visual = Rate(station="decode", unit="nvdec", speed=fps * _VISUAL_SHARE / _FPS, source=_NVDEC)
    speech = Rate(station="transcribe", unit="card", speed=200.0, source=_ASR)
    return Kind(name=name, engines=engines, cores=cores, price=price, rates=(visual, speech, *_HOST))


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _card("h200", 7, 640.0, 16, 4.0),
        _card("h100", 7, 640.0, 16, 3.0),
        _card("a100", 5, 640.0, 12, 2.0),
        _card("l4", 4, 903.0, 8, 0.8),
        Kind(
            name="core",
            engines=0,
            cores=1,
            price=0.04,
            rates=(
                Rate(station="decode", unit="core", speed=100.0, source=_HERE),
                Rate(station="analyse", unit="core", speed=85.0, source=_HERE),
                Rate(station="transcribe", unit="core", speed=0.95, source=_ASR_CORE),
                *_HOST,
            ),
        ),
    )
}
"""Machines that plans know; prices are rough on-demand rates of clouds, to be replaced by one's own."""


def measured(run: Path, kind: Kind) -> Kind:
    """The kind with the rates of stations that a trial run has timed.

    Stations of plain cores take the run's figures as they are; on cards that is only right for stations of
    the host, so the others keep theirs.

    Args:
        run: ``run.json`` of a finished run.
        kind: What it was run on.

    Raises:
        InputError: it is no record of a run, or nothing is done in it.
    """
    document = _read(run)
    hours = document["hours"].get("done", 0.0)
    if not hours:
        raise InputError("has no finished recording", station="corpus", input=str(run))
    own = {rate.station: rate for rate in kind.rates}
    for station, seconds in document["timings"].items():
        known = own.get(station)
        if seconds > 0 and station != "wall_s" and (known is None or known.unit == "core"):
            speed = hours * 3600 / seconds
            own[station] = Rate(station=station, unit="core", speed=speed, source=f"measured: {run}")
    return Kind(
        name=kind.name,
        engines=kind.engines,
        cores=kind.cores,
        price=kind.price,
        rates=tuple(own.values()),
    )


def _read(run: Path) -> dict[str, Any]:
    try:
        document = json.loads(run.read_text(encoding="utf-8"))
        if document["schema"].startswith("narratrace.run/") and document["hours"] is not None:
            return dict(document)
        raise ValueError("of another schema")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"is no record of a run: {error}", station="corpus", input=str(run), expected="run.json"
        ) from error
