"""What is known about an output folder before any sample is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.write.dead_letter import DeadLetter

T = TypeVar("T")


class Entry(Struct, frozen=True, kw_only=True):
    """A recording that was processed.

    Attributes:
        video_id: Identifier.
        title, channel, link, licence: Of the manifest, empty when unknown.
        duration: Seconds, None when unknown.
        counts: Samples by kind.
    """

    video_id: str
    title: str = ""
    channel: str = ""
    link: str = ""
    licence: str = ""
    duration: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


class Drop(Struct, frozen=True):
    """A recording that a filter did not want.

    Attributes:
        video_id: Identifier.
        rule: Name of the filter.
        reason: The figures behind the decision.
    """

    video_id: str
    rule: str
    reason: str


class Inventory(Struct, frozen=True, kw_only=True):
    """What an output folder holds.

    Attributes:
        entries: Processed recordings in the run's order.
        drops: Dropped recordings, as far as they are known one by one.
        drop_counts: Dropped recordings by rule.
        failures: Failed recordings.
        unfinished: Recordings the run has yet to process.
        timings: Seconds by station, summed over recordings, and ``wall_s``.
        run: The document of run.json, empty when there is none.
        notes: What could not be read, one line each.
    """

    entries: tuple[Entry, ...] = ()
    drops: tuple[Drop, ...] = ()
    drop_counts: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[DeadLetter, ...] = ()
    unfinished: int = 0
    timings: Mapping[str, float] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def noting(self, *notes: str) -> Inventory:
        """The same with more notes."""
        return replace(self, notes=(*self.notes, *notes))


def spread(items: Sequence[T], most: int) -> list[T]:
    """At most ``most`` of the items, in order, evenly spaced, the first among them."""
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]
