"""How many workers there are, and what each is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from narratrace.corpus.messages import Job, StageFactory
from narratrace.corpus.options import RunOptions
from narratrace.device import parse_device
from narratrace.driver import driver_facts
from narratrace.recipe import EngineOptions
from narratrace.threads import usable_cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The workers of this machine.

    Attributes:
        cards: Card of each worker by number, None for workers without one; as many as there are workers.
        threads: Cores a worker may use.
    """

    cards: tuple[int | None, ...]
    threads: int


def crew(device: str, workers: int, videos: int) -> Crew:
    """Workers sized to cores and cards.

    Without a card one worker a core is fastest: decoders scale worse with threads than recordings do with
    processes. With cards see :func:`workers_per_card`, as far as cores go.

    Args:
        device: The engine's device option.
        workers: How many the user wants, 0 for the number that fits.
        videos: Recordings there are; no more workers than that.
    """
    cores = usable_cores()
    cards = _cards(device)
    room = cores // len(cards) if cards else cores
    wanted = workers or (sum(workers_per_card(engines, room) for _, engines in cards) if cards else cores)
    count = max(1, min(wanted, videos))
    numbers: list[int | None] = [number for number, _ in cards] or [None]
    return Crew(
        cards=tuple(numbers[place % len(numbers)] for place in range(count)),
        threads=max(1, cores // count),
    )


def workers_per_card(engines: int, cores: int) -> int:
    """Workers that keep a card's decoder engines busy.

    A worker holds an engine only while it decodes. With one worker an engine the engines idle for more than
    half of the time, as the simulation in docs/scale.md shows, and it takes almost three to keep them busy.

    Args:
        engines: Decoder engines of the card, 0 for a core without one.
        cores: Of the host, for this card.
    """
    return max(1, min(3 * engines, cores))


def _cards(device: str) -> list[tuple[int, int]]:
    """Usable cards with the number of their decoder engines, at least 1."""
    parsed = parse_device(device)
    facts = driver_facts() if parsed.kind != "cpu" else None
    if facts is None or facts.problem:
        return []
    chosen = [gpu for gpu in facts.gpus if parsed.kind == "auto" or gpu.index == parsed.index]
    return [(gpu.index, max(1, gpu.nvdec_engines)) for gpu in chosen]


def with_threads(engine: EngineOptions, threads: int) -> EngineOptions:
    """The same options for a worker that has ``threads`` cores; numbers the user chose stay."""
    return replace(
        engine,
        decode=replace(engine.decode, threads=engine.decode.threads or threads),
        analyse=replace(engine.analyse, threads=engine.analyse.threads or threads),
        transcribe=replace(engine.transcribe, cpu_threads=engine.transcribe.cpu_threads or threads),
        classify=replace(engine.classify, cpu_threads=engine.classify.cpu_threads or threads),
        clips=replace(engine.clips, threads=engine.clips.threads or threads),
    )


def with_card(engine: EngineOptions, cards: Sequence[int | None]) -> EngineOptions:
    """The same options for workers in the environments of ``cards``: to each its own card is the first."""
    is_shown_one = parse_device(engine.device).kind == "cuda" and None not in cards
    return replace(engine, device="cuda:0") if is_shown_one else engine


def make_job(
    engine: EngineOptions, options: RunOptions, stages: StageFactory, bundles: Path, scratch: Path
) -> Job:
    """What a worker is told; folders are absolute, for it may have another current one."""
    return Job(
        engine=engine,
        stages=stages,
        bundles=str(bundles.absolute()),
        scratch=str(scratch.absolute()),
        limits=options.limits,
    )


def worker_environments(cards: Sequence[int | None]) -> list[dict[str, str]]:
    """Environment variables that show each worker its own card alone, whatever the others do.

    To the worker that card is ``cuda:0``, see :func:`with_card`; ``auto`` may still fall back to the CPU.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in shown.split(",")] if shown else None
    return [
        {} if card is None else {"CUDA_VISIBLE_DEVICES": names[card] if names else str(card)}
        for card in cards
    ]
