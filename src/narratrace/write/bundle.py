"""One file per recording that holds everything the run will say about it.

Note [Bundles]
~~~~~~~~~~~~~~
A worker ends a recording by writing one bundle on scratch (Note [Whole or absent]); the assembler alone
touches shards, index and narratives, in input order. So workers may finish in any order, die or be run
twice without a trace in the output, and a crash costs no computing: bundles outlive it.

A bundle is a tar (``tar tf`` lists it) whose members are, in this order,

- ``bundle.json``: schema, sequence, video_id, and per sample kind, key, index, names of its files, index row
  and the Localized Narratives line;
- ``{kind}/{key}.{extension}``: the files of each sample, as they will lie in the shard, kinds in the order
  pairs, traces, clips and samples by index;
- ``analysis/{video_id}.json`` and its keyframes, as they will lie in OUT.

Its samples are byte-identical from run to run; only ``timings`` in the analysis differ.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample, SampleKind
from narratrace.errors import StorageError
from narratrace.write.analysis_json import AnalysisFiles, analysis_files
from narratrace.write.canonical import json_line
from narratrace.write.files import atomic
from narratrace.write.index import index_row
from narratrace.write.localized_narratives import narrative_line
from narratrace.write.options import BundleOptions, NarrativeOptions
from narratrace.write.sample_json import KEY_PATTERN, sample_json
from narratrace.write.tar import write_archive

SCHEMA = "narratrace.bundle/1"
_HEAD = "bundle.json"


class PackedSample(Struct, frozen=True, eq=False):
    """One sample as the assembler moves it: bytes and a row, nothing to compute.

    Attributes:
        kind: Which shards it goes to.
        key: Name of its files up to the dot.
        index: Its number within kind and recording; increases within a bundle.
        files: ``(extension, content)`` in the order of the shard.
        row: Index row without ``index`` and ``shard``.
        narrative: Its line of localized_narratives.jsonl, empty for other kinds than traces.
    """

    kind: SampleKind
    key: str
    index: int
    files: tuple[tuple[str, bytes], ...]
    row: Mapping[str, Any]
    narrative: bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.kind.value}, {self.key!r})"  # not the content of its files


def bundle_name(sequence: int, video_id: str) -> str:
    """File name of a recording's bundle; names sort like the input."""
    return f"{sequence:09d}-{video_id}.bundle.tar"


def write_bundle(recording: Recording, folder: Path, options: BundleOptions) -> Path:
    """Serialise a finished recording into ``folder``.

    Returns:
        The bundle, durable and whole.

    Raises:
        ValueError: the recording is not finished: no analysis, an uncut clip, a sample without its picture,
            an unsafe or repeated key, a number that is not finite.
        StorageError: the bundle cannot be written.
    """
    if recording.samples is None or recording.visual is None:
        raise ValueError(f"{recording.video_id} has not been analysed and aligned")
    if not KEY_PATTERN.fullmatch(recording.video_id):
        raise ValueError(f"video_id {recording.video_id!r} is not safe as a file name")
    packed = pack_samples(recording, options.narratives)
    analysis = analysis_files(
        recording.video_id if options.analysis_keyframes else None,
        video_id=recording.video_id,
        path=recording.input.uri,
        visual=recording.visual,
        transcript=recording.transcript,
        timings=recording.timings,
    )
    path = folder / bundle_name(recording.sequence, recording.video_id)
    with atomic(path) as file:
        write_archive(file, _members(recording, packed, analysis))
    return path


def pack_samples(recording: Recording, options: NarrativeOptions) -> list[PackedSample]:
    """The recording's samples in output order: pairs, traces, clips, each by index.

    Raises:
        ValueError: see :func:`write_bundle`.
    """
    packed = []
    for kind in SampleKind:
        samples = sorted((s for s in recording.samples or () if s.kind is kind), key=lambda s: s.index)
        if len({s.key for s in samples}) < len(samples) or len({s.index for s in samples}) < len(samples):
            raise ValueError(f"{recording.video_id} has two {kind.value} samples of one key or index")
        packed += [_pack(sample, recording, samples, options) for sample in samples]
    return packed


def _pack(
    sample: AlignedSample, recording: Recording, siblings: Sequence[AlignedSample], options: NarrativeOptions
) -> PackedSample:
    if not KEY_PATTERN.fullmatch(sample.key):
        raise ValueError(f"sample key {sample.key!r} is not safe as a member name")
    document = sample_json(sample, recording)
    is_trace = sample.kind is SampleKind.TRACE
    return PackedSample(
        kind=sample.kind,
        key=sample.key,
        index=sample.index,
        files=(
            _payload(sample),
            ("txt", sample.text.encode("utf-8", "replace")),
            ("json", json_line(document)),
        ),
        row=index_row(document, sample, recording, siblings),
        narrative=narrative_line(document, recording, options) if is_trace else b"",
    )


def _payload(sample: AlignedSample) -> tuple[str, bytes]:
    if sample.kind is SampleKind.CLIP:
        content, extension = (sample.clip.mp4 if sample.clip else b""), "mp4"
    else:
        content, extension = (sample.image.jpeg if sample.image else b""), "jpg"
    if not content:
        raise ValueError(f"{sample.kind.value} sample {sample.key} has no {extension}")
    return extension, content


def _members(
    recording: Recording, packed: Sequence[PackedSample], analysis: AnalysisFiles
) -> Iterator[tuple[str, bytes]]:
    head = {
        "schema": SCHEMA,
        "sequence": recording.sequence,
        "video_id": recording.video_id,
        "samples": [
            {
                "kind": sample.kind.value,
                "key": sample.key,
                "index": sample.index,
                "files": [extension for extension, _ in sample.files],
                "row": sample.row,
                "narrative": sample.narrative.decode(),
            }
            for sample in packed
        ],
        "keyframes": sorted(analysis.keyframes),
    }
    yield _HEAD, json_line(head)
    for sample in packed:
        for extension, content in sample.files:
            yield f"{sample.kind.value}/{sample.key}.{extension}", content
    yield f"analysis/{recording.video_id}.json", analysis.document
    for name in sorted(analysis.keyframes):
        yield f"analysis/{name}", analysis.keyframes[name]


class Bundle:
    """A bundle opened for reading; a context manager.

    Attributes:
        sequence: Position of the recording in the input order.
        video_id: The recording.
        counts: Samples by kind.

    Raises:
        StorageError: the bundle is missing or damaged. Not retryable by reading again: the recording must
            be processed again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._archive = tarfile.open(path)  # noqa: SIM115  (closed by __exit__)
            self._members = {member.name: member for member in self._archive}
            self._head = json.loads(self._read(_HEAD))
            self.sequence: int = self._head["sequence"]
            self.video_id: str = self._head["video_id"]
        except (OSError, tarfile.TarError, KeyError, ValueError) as error:
            raise self._damaged(error) from error
        if self._head.get("schema") != SCHEMA:
            raise self._damaged(f"schema is {self._head.get('schema')!r}")
        kinds = [sample["kind"] for sample in self._head["samples"]]
        self.counts: dict[SampleKind, int] = {kind: kinds.count(kind.value) for kind in SampleKind}

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def samples(self) -> Iterator[PackedSample]:
        """The samples in output order, the content of one in memory at a time.

        Raises:
            StorageError: the bundle is damaged.
        """
        for head in self._head["samples"]:
            stem = f"{head['kind']}/{head['key']}"
            yield PackedSample(
                kind=SampleKind(head["kind"]),
                key=head["key"],
                index=head["index"],
                files=tuple((extension, self._read(f"{stem}.{extension}")) for extension in head["files"]),
                row=head["row"],
                narrative=head["narrative"].encode(),
            )

    def analysis(self) -> AnalysisFiles:
        """The recording's analysis document and keyframes.

        Raises:
            StorageError: the bundle is damaged.
        """
        return AnalysisFiles(
            document=self._read(f"analysis/{self.video_id}.json"),
            keyframes={name: self._read(f"analysis/{name}") for name in self._head["keyframes"]},
        )

    def _read(self, name: str) -> bytes:
        try:
            member = self._archive.extractfile(self._members[name])
            content = member.read() if member else b""
        except (OSError, tarfile.TarError, KeyError) as error:
            raise self._damaged(error) from error
        return content

    def _damaged(self, cause: object) -> StorageError:
        return StorageError(
            f"is no whole bundle: {cause}",
            station="write",
            input=str(self._path),
            expected="a file written by write_bundle",
            cause="scratch was cleared or its disk is failing; the recording must be processed again",
        )
