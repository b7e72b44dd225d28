"""Output folders made by the engine's own writers, to build reports of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from narratrace.data.outcome import Failed
from narratrace.data.recording import Recording
from narratrace.data.sample import SampleKind
from narratrace.write.bundle import write_bundle
from narratrace.write.dead_letter import append_dead_letter
from narratrace.write.options import BundleOptions, ShardOptions
from narratrace.write.run_json import write_run_json
from narratrace.write.shards import Assembler


@dataclass(frozen=True)
class Options:
    """Stands for the run's options in run.json."""

    device: str = "cpu"
    analysis_rate_hz: float = 10.0


def failure(video_id: str, error: str = "MediaError", message: str = "holds no video stream") -> Failed:
    """A dead letter's content."""
    return Failed(
        video_id=video_id, uri=f"/media/{video_id}.mp4", station="decode", error=error, message=message,
        expected="a video file", cause="a text file named .mp4", traceback="Traceback ...",
    )  # fmt: skip


def write_run(
    out: Path,
    recordings: Sequence[Recording],
    failures: Sequence[Failed] = (),
    *,
    shards: ShardOptions | None = None,
    drops: dict[str, int] | None = None,
) -> Path:
    """A whole output folder; recordings are numbered in the order given."""
    scratch = out.parent / f"{out.name}-scratch"
    scratch.mkdir(parents=True)
    with Assembler(out, shards or ShardOptions()) as assembler:
        for sequence, recording in enumerate(recordings):
            bundle = write_bundle(replace(recording, sequence=sequence), scratch, BundleOptions())
            assembler.submit(sequence, bundle)
        assembler.finish()
    for failed in failures:
        append_dead_letter(out / "dead_letter.jsonl", failed, f"narratrace process {failed.uri} -o out")
    kinds = [sample.kind for recording in recordings for sample in recording.samples or ()]
    write_run_json(
        out / "run.json",
        options=Options(),
        counts={
            "videos": len(recordings) + len(failures) + sum((drops or {}).values()),
            "failed": len(failures),
            "dropped": sum((drops or {}).values()),
            **{kind.value: kinds.count(kind) for kind in SampleKind},
        },
        timings={
            "wall_s": 12.5,
            "decode_s": 3.1,
            "analyse_s": 4.2,
            "transcribe": 2.5,
            "align": 0.1,
            "clips": 1.9,
        },
        facts={"device": "cpu", "drops": drops or {}},
    )
    return out
