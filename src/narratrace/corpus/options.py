"""How a run is carried out. None of these options alters a sample, except where shards are cut."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from narratrace.options import option
from narratrace.pipeline.budget import BudgetOptions


class RetryOptions(Struct, frozen=True, kw_only=True):
    """When a failed recording is tried again: after storage and memory errors and lost workers only."""

    attempts: Annotated[int, option("most attempts at one recording", ge=1)] = 3
    backoff_s: Annotated[
        float,
        option(
            "wait before the second attempt; it doubles with each further one",
            unit="s",
            source="choice: storage that throttles recovers within seconds",
            ge=0,
        ),
    ] = 5.0


class LimitOptions(Struct, frozen=True, kw_only=True):
    """What a single recording may take; manifests and media are not trusted."""

    schemes: Annotated[
        tuple[str, ...], option("URI schemes that inputs may have; local paths are `file`")
    ] = ("file", "s3", "gs", "http", "https")
    input_root: Annotated[
        str, option("folder that local inputs must lie in, symbolic links followed; empty for anywhere")
    ] = ""
    max_bytes: Annotated[
        int, option("largest media file", unit="B", source="choice: 8 h of 1080p screen recording", ge=1)
    ] = 20_000_000_000
    max_captions_bytes: Annotated[
        int, option("largest captions file", unit="B", source="choice: 8 h of word times take 5 MB", ge=1)
    ] = 50_000_000
    silence_s: Annotated[
        float,
        option(
            "longest time without data of an `http(s)://` input before its fetch fails, to be tried again",
            unit="s",
            source="choice: a server that is busy answers sooner",
            gt=0,
        ),
    ] = 60.0
    max_duration_s: Annotated[
        float, option("longest recording", unit="s", source="choice: a conference day is split", gt=0)
    ] = 43_200.0
    max_pixels: Annotated[
        int,
        option(
            "most pixels of a picture; what unpacks to more is refused before it is decoded",
            unit="px",
            source="8K UHD",
            ge=1,
        ),
    ] = 7680 * 4320
    memory_bytes: Annotated[
        int,
        option(
            "most memory a worker may take beside its models; 0 for no limit",
            unit="B",
            source="measured: 1080p takes 0.6 GB; leaves room for 8K",
            ge=0,
        ),
    ] = 6_000_000_000
    stall_s: Annotated[
        float,
        option(
            "longest time without a sign of progress before a worker counts as hung and is killed",
            unit="s",
            source="choice: ten times the decoder's own stall_timeout_s",
            gt=0,
        ),
    ] = 600.0
    load_s: Annotated[
        float,
        option(
            "longest time a worker may take to load its models",
            unit="s",
            source="choice: gigabytes of weights over a slow network",
            gt=0,
        ),
    ] = 900.0
    slowest: Annotated[
        float,
        option(
            "a worker is killed, whatever it reports, once it took this many times the recording's duration "
            "beyond stall_s",
            source="choice: a single old core transcribes at a tenth of real time",
            gt=0,
        ),
    ] = 20.0


class ScratchOptions(Struct, frozen=True, kw_only=True):
    """Where unfinished work lies, and how much of it there may be."""

    folder: Annotated[
        str,
        option(
            "folder in which the run makes one of its own for bundles and fetched inputs; empty for "
            "OUT/.scratch. With several machines one that all of them see"
        ),
    ] = ""
    window: Annotated[
        int,
        option(
            "recordings for each worker that may be begun beyond the first unfinished one, "
            "Note [Longest first at the end]",
            source="simulated in docs/scale.md",
            ge=1,
        ),
    ] = 256
    bundle_bytes: Annotated[
        int, option("size of waiting bundles from which nothing new is begun out of order", unit="B", ge=1)
    ] = 200_000_000_000
    fetch_bytes: Annotated[
        int, option("size of remote inputs that are on scratch at once", unit="B", ge=1)
    ] = 20_000_000_000
    fetches: Annotated[int, option("remote inputs fetched at once", ge=1)] = 4


class RayOptions(Struct, frozen=True, kw_only=True):
    """The Ray executor."""

    address: Annotated[str, option("Ray cluster to join; empty to start one on this machine")] = ""
    actors: Annotated[int, option("actors that analyse, 0 for one per free core or card", ge=0)] = 0
    transcribers: Annotated[
        int, option("actors that transcribe and classify; 0 leaves that to the actors that analyse", ge=0)
    ] = 0
    batch: Annotated[int, option("recordings transcribed and classified together", ge=1)] = 4
    cpus: Annotated[float, option("cores that Ray sets aside for an actor that analyses", gt=0)] = 1.0
    gpus: Annotated[float, option("share of a card that Ray sets aside for each actor", ge=0)] = 0.0


class RunOptions(Struct, frozen=True, kw_only=True):
    """How a run is carried out."""

    executor: Annotated[
        Literal["local", "ray"], option("processes of this machine, or actors of a Ray cluster")
    ] = "local"
    workers: Annotated[
        int, option("worker processes of the local executor, 0 for one per core, or per card", ge=0)
    ] = 0
    models: Annotated[
        Literal["auto", "shared", "own"],
        option(
            "shared: one process for each card, or for the CPU, loads the models for all of its workers and "
            "fills batches from their recordings, Note [Shared models]; own: every worker loads them; auto: "
            "shared where several workers have models on a card"
        ),
    ] = "auto"
    card_bytes: Annotated[
        int,
        option(
            "memory of its card for each process that loads models onto it: the one for all workers, or each "
            "worker; no more workers than fit; 0 for no such bound, as where all recordings have captions",
            unit="B",
            source="estimate: large-v3-turbo in float16 takes 1.6 GB, reading a batch about as much, the "
            "contexts and surfaces of three libraries 1.5 GB, and something to spare",
            ge=0,
        ),
    ] = 6_000_000_000
    decoder_bytes: Annotated[
        int,
        option(
            "memory of its card for each worker that shares the models of another process",
            unit="B",
            source="estimate: a context and kernels 0.5 GB; at 1080p the surfaces of two decoder sessions, "
            "the batches of a recording and its analysis 0.1 GB each, at 4K four times that; and something "
            "to spare",
            ge=1,
        ),
    ] = 1_000_000_000
    retry: RetryOptions = field(default_factory=RetryOptions)
    budget: BudgetOptions = field(default_factory=BudgetOptions)
    limits: LimitOptions = field(default_factory=LimitOptions)
    scratch: ScratchOptions = field(default_factory=ScratchOptions)
    ray: RayOptions = field(default_factory=RayOptions)
