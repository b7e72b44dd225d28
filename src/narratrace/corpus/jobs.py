"""How many workers there are, and what each is told."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from narratrace.corpus.messages import Job, StageFactory
from narratrace.corpus.options import RunOptions
from narratrace.device import parse_device
from narratrace.driver import Gpu, driver_facts
from narratrace.recipe import EngineOptions, loads_models
from narratrace.threads import usable_cores

_SESSIONS = 2
"""Decoder sessions of a worker: the one in use, and one that fits recordings of another size."""


class Crew(Struct, frozen=True, kw_only=True):
    """The workers of this machine.

    Attributes:
        cards: Card of each worker by number, None for workers without one; as many as there are workers.
        threads: Cores a worker may use.
        lenders: By worker, the number of the process whose models it shares, None where it loads its own.
    """

    cards: tuple[int | None, ...]
    threads: int
    lenders: tuple[int | None, ...] = ()

    @property
    def model_threads(self) -> int:
        """Cores that a process with models may use."""
        lenders = {lender for lender in self.lenders if lender is not None}
        return max(1, usable_cores() // len(lenders)) if lenders else self.threads


def make_crew(engine: EngineOptions, options: RunOptions, videos: int) -> Crew:
    """The workers of a run, see :func:`crew`.

    Raises:
        OptionError: an option of the engine is malformed.
    """
    has_cards = bool(_cards(engine.device))
    has_models = (has_cards or options.models == "shared") and loads_models(engine)  # takes a while
    shares = has_models and options.models != "own"
    found = crew(
        engine.device,
        options.workers,
        videos,
        card_bytes=options.card_bytes if has_models else 0,
        decoder_bytes=options.decoder_bytes if shares else 0,
    )
    if not shares:
        return found
    least = 1 if options.models == "shared" else 2
    shared = {card for card in found.cards if found.cards.count(card) >= least}
    return replace(found, lenders=tuple((card or 0) if card in shared else None for card in found.cards))


def crew(device: str, workers: int, videos: int, *, card_bytes: int = 0, decoder_bytes: int = 0) -> Crew:
    """Workers sized to cores and cards.

    Without a card one worker a core is fastest: decoders scale worse with threads than recordings do with
    processes. With cards see :func:`workers_per_card`, as far as cores and the cards' memory go.

    Args:
        device: The engine's device option.
        workers: How many the user wants, 0 for the number that fits.
        videos: Recordings there are; no more workers than that.
        card_bytes: Memory of its card that models take, 0 for hardly any.
        decoder_bytes: Memory of its card that a worker takes beside the models, which are there once for all
            workers of the card; 0 where each loads its own.
    """
    cores = usable_cores()
    cards = _cards(device)
    room = cores // len(cards) if cards else cores
    fitting = {
        gpu.index: workers_per_card(
            max(1, gpu.nvdec_engines), room, _fitting(gpu.memory_bytes, card_bytes, decoder_bytes)
        )
        for gpu in cards
    }
    count = max(1, min(workers or sum(fitting.values()) or cores, videos))
    return Crew(cards=tuple(_dealt(fitting, count)), threads=max(1, cores // count))


def _fitting(memory: int, card_bytes: int, decoder_bytes: int) -> int | None:
    """Workers that a card's memory holds, None for any number; see :func:`crew`."""
    if not card_bytes:
        return None
    return max(0, memory - card_bytes) // decoder_bytes if decoder_bytes else memory // card_bytes


def _dealt(fitting: Mapping[int, int], count: int) -> Iterator[int | None]:
    """Cards of ``count`` workers: one after the other, as long as more fit on them; more than fit, evenly."""
    free: dict[int | None, int] = dict(fitting.items()) or {None: count}
    while count > 0:
        chosen = [card for card, room in free.items() if room > 0] or list(free)
        yield from chosen[:count]
        count -= len(chosen)
        free = {card: free[card] - 1 for card in free}


def workers_per_card(engines: int, cores: int, fitting: int | None = None) -> int:
    """Workers that keep a card's decoder engines busy.

    A worker holds an engine only while it decodes. With one worker an engine the engines idle for more than
    half of the time, as the simulation in docs/scale.md shows, and it takes almost three to keep them busy.

    Args:
        engines: Decoder engines of the card, 0 for a core without one.
        cores: Of the host, for this card.
        fitting: Workers that its memory holds, None for any number.
    """
    return max(1, min(3 * engines, cores, cores if fitting is None else fitting))


def _cards(device: str) -> list[Gpu]:
    """Usable cards."""
    parsed = parse_device(device)
    facts = driver_facts() if parsed.kind != "cpu" else None
    if facts is None or facts.problem:
        return []
    return [gpu for gpu in facts.gpus if parsed.kind == "auto" or gpu.index == parsed.index]


def with_threads(engine: EngineOptions, threads: int, model_threads: int = 0) -> EngineOptions:
    """The same options for a worker that looks at one recording at a time; numbers the user chose stay.

    Args:
        engine: The options.
        threads: Cores of the worker.
        model_threads: Cores of the process that recognises speech for it, 0 where it does so itself.
    """
    decode = replace(
        engine.decode,
        threads=engine.decode.threads or threads,
        device_sessions=engine.decode.device_sessions or _SESSIONS,
    )
    return replace(
        engine,
        decode=decode,
        analyse=replace(engine.analyse, threads=engine.analyse.threads or threads),
        transcribe=replace(
            engine.transcribe, cpu_threads=engine.transcribe.cpu_threads or model_threads or threads
        ),
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
