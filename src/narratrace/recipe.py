"""The recipe: which stations there are, in which order, and what each is made with.

This is the one place that names concrete stages. The stations never import each other; where one needs what
another can do (captions, sound), it is handed a small object from here. A stage is imported when it is made,
so that a command loads what it runs; options, and the modules they stand in, are needed whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.align.stage import Align, AlignOptions
from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.audio import Audio
from narratrace.data.media import VideoInput, local_path
from narratrace.data.outcome import Outcome
from narratrace.data.recording import Recording
from narratrace.data.transcript import Transcript
from narratrace.decode import AudioOptions, DecodeOptions, device_sessions, load_audio
from narratrace.device import check_device, model_device, why_not_ctranslate2, why_not_torch
from narratrace.errors import InputError, NarratraceError
from narratrace.options import option
from narratrace.pipeline import Hooks, Pipeline, Stage, Station, run_through
from narratrace.source import load_sidecar, playback_start, probe
from narratrace.threads import usable_cores
from narratrace.understand.classifier import ClassifyOptions, parse_classifier
from narratrace.understand.filters import FilterOptions
from narratrace.understand.stats import StatsOptions
from narratrace.understand.transcriber import TranscribeOptions, parse_transcriber
from narratrace.watchdog import HangCallback
from narratrace.write.options import BundleOptions, ClipOptions, ShardOptions


class EngineOptions(Struct, frozen=True, kw_only=True):
    """Everything that decides what comes out of a recording, by station."""

    device: Annotated[
        str, option("auto for the best that can be used, cpu, cuda (the first card) or cuda:N")
    ] = "auto"
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    audio: AudioOptions = field(default_factory=AudioOptions)
    analyse: AnalyseOptions = field(default_factory=AnalyseOptions)
    transcribe: TranscribeOptions = field(default_factory=TranscribeOptions)
    classify: ClassifyOptions = field(default_factory=ClassifyOptions)
    stats: StatsOptions = field(default_factory=StatsOptions)
    filters: FilterOptions = field(default_factory=FilterOptions)
    align: AlignOptions = field(default_factory=AlignOptions)
    clips: ClipOptions = field(default_factory=ClipOptions)
    bundle: BundleOptions = field(default_factory=BundleOptions)
    shards: ShardOptions = field(default_factory=ShardOptions)


class FlowOptions(Struct, frozen=True, kw_only=True):
    """How recordings flow through the stations of one process; alters no result."""

    in_flight: Annotated[
        int,
        option(
            "recordings that exist at once between input and consumer: bounds the memory; 0 for those that "
            "are decoded, and as many again or a batch, whichever is more",
            source="choice: on a CPU one in each station that takes long, and one to hand over",
            ge=0,
        ),
    ] = 0
    batch: Annotated[
        int, option("recordings transcribed or classified together; models fill larger batches", ge=1)
    ] = 4
    linger_s: Annotated[float, option("longest wait for such a batch to fill up", unit="s", ge=0)] = 0.0
    visual_workers: Annotated[
        int,
        option(
            "recordings decoded and analysed at once; 0 for one, as each decoder uses all cores, or with a "
            "card for two more than it has decoder engines, as far as there are cores",
            ge=0,
        ),
    ] = 0
    clip_workers: Annotated[
        int,
        option(
            "recordings whose clips are cut at once, by all cores together; 0 for two, or as many as "
            "`visual_workers`",
            source="measured: cutting takes longer than all other stations together",
            ge=0,
        ),
    ] = 0


def visual_stage(options: EngineOptions, hooks: Hooks) -> Stage:
    """Probe, decode and analyse."""
    from narratrace.visual_pass import VisualPass

    device = str(check_device(options.device))
    return VisualPass(options.decode, options.analyse, device=device, hooks=hooks)


def transcribe_stage(options: EngineOptions, hooks: Hooks) -> Stage:
    """Words."""
    from narratrace.understand.transcribe import Transcribe

    device = "cpu"
    if parse_transcriber(options.transcribe.asr).kind in ("auto", "whisper"):
        why_not = why_not_ctranslate2
        device = hooks.models.call(partial(model_device, options.device, why_not, "speech recognition"))
    return Transcribe(
        options.transcribe,
        captions_reader=read_sidecar,
        audio_reader=SoundReader(options.audio, hooks.on_hang),
        device=device,
        models=hooks.models,
    )


def classify_stage(options: EngineOptions, hooks: Hooks) -> Stage:
    """Labels of keyframes."""
    from narratrace.understand.classify import Classify

    device = "cpu"
    if parse_classifier(options.classify.classifier):
        device = hooks.models.call(partial(model_device, options.device, why_not_torch, "classification"))
    return Classify(options.classify, device=device, models=hooks.models)


def judge_stage(options: EngineOptions, _hooks: Hooks) -> Stage:
    """Figures and filters."""
    from narratrace.understand.judge import Judge

    return Judge(options.filters, options.stats)


def align_stage(options: EngineOptions, _hooks: Hooks) -> Stage:
    """Samples."""
    return Align(options.align)


def clips_stage(options: EngineOptions, hooks: Hooks) -> Stage:
    """The clips of samples."""
    from narratrace.write.clips import CutClips

    return CutClips(options.clips, on_hang=hooks.on_hang)


MAKERS = {
    "analyse": visual_stage,
    "transcribe": transcribe_stage,
    "classify": classify_stage,
    "judge": judge_stage,
    "align": align_stage,
    "clips": clips_stage,
}
"""How each stage is made, by its name, in the order in which recordings visit them."""

_BATCHED = frozenset({"transcribe", "classify"})


def build_stages(options: EngineOptions, hooks: Hooks | None = None) -> list[Stage]:
    """One stage of each kind, in order, not opened yet.

    Args:
        options: What to make them with.
        hooks: Whom they tell about hangs and progress.

    Raises:
        OptionError: an option is malformed.
        DeviceError: an explicit card cannot be had.
    """
    return [make(options, hooks or Hooks()) for make in MAKERS.values()]


def build_pipeline(
    options: EngineOptions, flow: FlowOptions | None = None, *, until: str = "clips"
) -> Pipeline:
    """The stations that recordings visit, to be run by :class:`narratrace.pipeline.Runner`.

    Args:
        options: What the stages are made with.
        flow: How recordings flow.
        until: Name of the last station.

    Raises:
        OptionError: the device is none.
        DeviceError: it is a card that the driver does not show.
    """
    flow = sized(flow or FlowOptions(), options.device)
    names = list(MAKERS)
    return Pipeline(
        stations=tuple(_station(name, options, flow) for name in names[: names.index(until) + 1]),
        in_flight=flow.in_flight,
    )


def sized(flow: FlowOptions, device: str) -> FlowOptions:
    """The same options with numbers that suit the device in place of zeros; numbers the user chose stay.

    Raises:
        OptionError, DeviceError: as :func:`build_pipeline`.
    """
    workers = flow.visual_workers or min(device_sessions(device), usable_cores()) or 1
    in_flight = flow.in_flight or workers + max(workers, flow.batch)
    cutters = flow.clip_workers or max(2, workers)
    return replace(flow, visual_workers=workers, in_flight=in_flight, clip_workers=cutters)


def loads_models(options: EngineOptions) -> bool:
    """Whether stages load models onto a card that they are given, as far as the options tell.

    ``--asr auto`` does where its model is on disk: which recordings have captions is not known beforehand.
    """
    if parse_classifier(options.classify.classifier):
        return True
    kind = parse_transcriber(options.transcribe.asr).kind
    if kind != "auto":
        return kind == "whisper"
    from narratrace.understand.whisper_model import find_model

    try:
        find_model(options.transcribe.auto_model, allow_download=False)
    except NarratraceError:
        return options.transcribe.allow_download
    return True


def _station(name: str, options: EngineOptions, flow: FlowOptions) -> Station:
    make = partial(MAKERS[name], options)
    if name in _BATCHED:
        return Station(name=name, make=make, batch=flow.batch, queue=flow.batch, linger_s=flow.linger_s)
    workers = {"analyse": flow.visual_workers, "clips": flow.clip_workers}
    return Station(name=name, make=make, workers=workers.get(name, 1))


def process_recording(stages: Sequence[Stage], input: VideoInput, sequence: int) -> Outcome[Recording]:
    """One recording through opened stages, one after another, in the calling thread.

    Args:
        stages: Opened, in order, see :func:`build_stages`.
        input: The recording.
        sequence: Its position in the run's input order.

    Returns:
        The finished recording, or why there is none. Never raises for a fault of the recording.
    """
    return run_through(stages, Recording(input=input, sequence=sequence))


def read_sidecar(video: VideoInput) -> Transcript | None:
    """The captions of a recording on its presentation clock, None when it has none.

    Raises:
        InputError: the sidecar is missing or malformed, or the recording is gone.
        MediaError: the recording cannot be opened.
    """
    if not video.captions_uri:
        return None
    try:
        transcript = load_sidecar(local_path(video.captions_uri), local_path(video.uri))
    except InputError as error:  # failures name the recording, so the message has to name this file
        message = f"captions {Path(video.captions_uri).name}: {error.message}"
        raise InputError(message, **error.to_dict()) from error
    return transcript.shifted(playback_start(video.uri))


class SoundReader(Struct, frozen=True):
    """Reads the sound of media files for a recogniser; an object, because a closure would not pickle.

    Attributes:
        options: How sound is read.
        on_hang: See Note [Two ways to end a hang].
    """

    options: AudioOptions
    on_hang: HangCallback | None = None

    def __call__(self, uri: str) -> Audio | None:
        """All sound of the file, None when it has none.

        Raises:
            MediaError: the file, or its sound, is damaged.
            DecodeTimeout: no sound came in time.
        """
        return load_audio(probe(uri, look=0), self.options, on_hang=self.on_hang)
