"""Options of what is written; apart from the code they steer, which a command need not load to have them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct, field

from narratrace.options import option


class ClipOptions(Struct, frozen=True, kw_only=True):
    """How clips are made."""

    method: Annotated[
        Literal["encode", "copy"],
        option(
            "encode: exact to the frame; copy: the coded stream as it is, from the random access point "
            "before the start (much faster, the offset says where), encoded where MP4 cannot hold it"
        ),
    ] = "encode"
    codec: Annotated[
        Literal["libx264", "libx265"], option("video encoder", source="H.264 plays everywhere")
    ] = "libx264"
    crf: Annotated[
        int,
        option(
            "constant rate factor; lower is better and larger", source="x264's default is 23", ge=0, le=51
        ),
    ] = 20
    preset: Annotated[
        Literal[
            "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
        ],
        option("the encoder's trade of time for size"),
    ] = "veryfast"
    subpixel: Annotated[
        bool,
        option(
            "libx264 looks for motion by parts of a pixel too, as film needs it; what moves on a screen "
            "moves by whole pixels",
            source="four recordings, without it: 1.4 to 1.6 x as fast, 0.3 to 0.9 dB less, -9 to +19 % size",
        ),
    ] = False
    audio_bitrate: Annotated[
        int, option("of the sound", unit="bit/s", source="speech, mono or stereo", ge=8_000)
    ] = 96_000
    threads: Annotated[
        int,
        option(
            "clips of one recording that are encoded at once, if seconds lie between; 0 for one per core",
            source="one thread a clip, see Note [Deterministic clips]",
            ge=0,
        ),
    ] = 0
    stall_timeout_s: Annotated[
        float, option("longest wait for pictures or sound before the recording is given up", unit="s", gt=0)
    ] = 60.0


class NarrativeOptions(Struct, frozen=True, kw_only=True):
    """How Localized Narratives lines are written."""

    dataset_id: Annotated[str, option("value of dataset_id in every line")] = "narratrace"
    max_gap_s: Annotated[
        float,
        option(
            "the pointer being out of sight for longer begins a new list of points",
            unit="s",
            source="five times the analysis interval of 0.1 s",
            gt=0,
        ),
    ] = 0.5


class BundleOptions(Struct, frozen=True, kw_only=True):
    """What goes into a recording's bundle beside its samples."""

    analysis_keyframes: Annotated[
        bool, option("keep the keyframes of stable spans as files beside OUT/analysis/{video_id}.json")
    ] = False
    narratives: NarrativeOptions = field(default_factory=NarrativeOptions)


class ShardOptions(Struct, frozen=True, kw_only=True):
    """Where shards are cut; whichever limit is met first."""

    max_samples: Annotated[
        int,
        option(
            "most samples in a shard",
            source="WebDataset's ShardWriter cuts at 100,000; smaller shuffles better",
            ge=1,
        ),
    ] = 2_000
    max_bytes: Annotated[
        int,
        option(
            "most bytes in a shard; a single larger sample gets a shard of its own",
            unit="B",
            source="WebDataset's advice of 256 MB to 1 GB for sequential reading",
            ge=1,
        ),
    ] = 512_000_000
