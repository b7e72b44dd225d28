"""OUT/index/{shard}.parquet: a row a sample, a file a shard.

The names of the published dataset card are kept where it has them; :data:`COLUMNS` says what each column
holds here. The files of all shards form one table: ``pyarrow.dataset.dataset("OUT/index")``.

Files are byte-identical for the same rows and the same pyarrow: one row group, fixed encodings, no time of
writing; the record of the shard travels in the file's metadata (Note [Commit of a shard]).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

from msgspec import Struct

from narratrace.data.recording import Recording
from narratrace.data.sample import AlignedSample, SampleKind
from narratrace.write.canonical import FACT, instant, json_value, seconds, share
from narratrace.write.sample_json import analysed


class Column(Struct, frozen=True):
    """One column of the index.

    Attributes:
        name: The dataset card's name where it has one.
        type: Parquet type in Arrow's terms; any value may be null unless the meaning says otherwise.
        meaning: What it holds, with its unit.
        card: Whether the name is the published dataset card's.
    """

    name: str
    type: str
    meaning: str
    card: bool = False


COLUMNS: tuple[Column, ...] = (
    Column("uid", "string", "{video_id}_{sample_index}; unique within a kind, never null", True),
    Column("index", "int64", "number of the sample among all of its kind in the run, from 0", True),
    Column("image", "string", "member of the shard with the picture, null for clips", True),
    Column("text", "list<string>", "the utterances, in order", True),
    Column("clip_name", "string", "member of the shard with the video, null except for clips", True),
    Column("med_num", "int32", "number of entries of text", True),
    Column("video", "bool", "taken from a video: always true", True),
    Column("article", "bool", "taken from an article: always false", True),
    Column("sample_index", "int32", "number within its kind and recording, from 0", True),
    Column("domains", "string", "JSON list of the imaging domains, likeliest first; see domains_of", True),
    Column("sample_uids", "map<string,int32>", "uid to sample_index of all of its kind and recording", True),
    Column("sample_count", "int32", "number of samples of its kind and recording", True),
    Column("multidomain", "bool", "more than one imaging domain", True),
    Column("multisample", "bool", "sample_count is more than one", True),
    Column("video_id", "string", "the recording, never null", True),
    Column("video_link", "string", "link of the manifest", True),
    Column("video_channel", "string", "channel of the manifest", True),
    Column("duration", "double", "length of the recording, s", True),
    Column("fps", "double", "mean frame rate of the recording, 1/s; never used for time", True),
    Column("spw", "double", "seconds of speech per word of the recording", True),
    Column(
        "pair_chunk_time",
        "double",
        "target length of a chunk in the recording, s; texts go by pictures and may be longer",
        True,
    ),
    Column("chunk_times", "list<list<double>>", "[start, end] of the recording's stable intervals, s", True),
    Column(
        "roi_chunk_times",
        "list<list<double>>",
        "[start, end] of each region pointed out in the sample, s",
        True,
    ),
    Column("kind", "string", "pairs, traces or clips; never null"),
    Column("shard", "string", "name of the tar in OUT/shards, never null"),
    Column("sequence", "int64", "position of the recording in the run's input order, from 0"),
    Column("start", "double", "begin of the sample on the recording's clock, s"),
    Column("end", "double", "end of it, exclusive, s"),
    Column("caption", "string", "the text in one piece, as in {uid}.txt"),
    Column("words", "int32", "number of words"),
    Column("image_t", "double", "instant that the picture stands for, s"),
    Column("image_width", "int32", "of the picture, px"),
    Column("image_height", "int32", "of the picture, px"),
    Column("video_width", "int32", "of the displayed video, px"),
    Column("video_height", "int32", "of the displayed video, px"),
    Column("trace_points", "int32", "number of pointer positions"),
    Column("boxes", "int32", "number of regions pointed out"),
    Column("dwells", "int32", "number of fixations"),
    Column("clip_offset", "double", "recording time of the clip's time 0, s"),
    Column("clip_frames", "int32", "frames in the clip"),
    Column("clip_method", "string", "encode or copy"),
    Column("domain_probabilities", "map<string,double>", "probability by imaging domain of the picture"),
    Column("title", "string", "title of the manifest"),
    Column("licence", "string", "licence of the manifest"),
    Column("language", "string", "ISO 639-1 code of the speech"),
    Column("transcript_source", "string", "captions:FILE, whisper:MODEL or none"),
    Column(
        "meta", "string", "JSON: the meta of the sample's document, further columns of the manifest included"
    ),
)

_DOMAIN_THRESHOLD = 0.5
_RECORD = b"narratrace.shard"


def index_row(
    document: Mapping[str, Any],
    sample: AlignedSample,
    recording: Recording,
    siblings: Sequence[AlignedSample],
) -> dict[str, Any]:
    """The row of one sample as JSON values, without ``index`` and ``shard``, which assembling adds.

    Args:
        document: The sample's JSON by Note [Sample JSON].
        sample: The sample.
        recording: Where it was taken from.
        siblings: All samples of the same kind and recording, itself included.
    """
    kind, meta, clip, image = sample.kind, document["meta"], document["clip"], document["image"] or {}
    domains = domains_of(document["labels"])
    text = [utterance["text"] for utterance in document["utterances"]]
    return {
        **_video_columns(recording),
        "uid": sample.key,
        "image": None if kind is SampleKind.CLIP else f"{sample.key}.jpg",
        "text": text,
        "clip_name": f"{sample.key}.mp4" if kind is SampleKind.CLIP else None,
        "med_num": len(text),
        "video": True,
        "article": False,
        "sample_index": sample.index,
        "domains": json.dumps(domains),
        "sample_uids": {other.key: other.index for other in siblings},
        "sample_count": len(siblings),
        "multidomain": len(domains) > 1,
        "multisample": len(siblings) > 1,
        "spw": meta.get("spw", json_value(recording.stats and recording.stats.spw, FACT)),
        "pair_chunk_time": meta.get("pair_chunk_time"),
        "roi_chunk_times": [[box["start"], box["end"]] for box in document["boxes"]],
        "kind": kind.value,
        "start": document["span"]["start"],
        "end": document["span"]["end"],
        "caption": document["text"],
        "words": len(document["timed_caption"]),
        "image_t": image.get("t"),
        "image_width": image.get("width"),
        "image_height": image.get("height"),
        "trace_points": len(document["trace"]),
        "boxes": len(document["boxes"]),
        "dwells": len(document["dwells"]),
        "clip_offset": clip["offset"] if clip else None,
        "clip_frames": clip["frames"] if clip else None,
        "clip_method": clip["method"] if clip else None,
        "domain_probabilities": document["labels"],
        **{name: meta[name] for name in ("title", "licence", "language", "transcript_source")},
        "meta": json.dumps(meta, ensure_ascii=False, allow_nan=False),
    }


def domains_of(labels: Mapping[str, float]) -> list[str]:
    """Imaging domains of a picture, likeliest first: all of at least 0.5, or else the likeliest one."""
    ranked = sorted(labels, key=lambda name: (-labels[name], name))
    return [name for name in ranked if labels[name] >= _DOMAIN_THRESHOLD] or ranked[:1]


def _video_columns(recording: Recording) -> dict[str, Any]:
    source, visual = recording.input, analysed(recording)
    return {
        "video_id": recording.video_id,
        "video_link": source.link,
        "video_channel": source.channel,
        "duration": seconds(visual.shown.duration),
        "fps": share(visual.video.fps_mean),
        "chunk_times": [[instant(s.span.start), instant(s.span.end)] for s in visual.stable_spans],
        "sequence": recording.sequence,
        "video_width": visual.video.width,
        "video_height": visual.video.height,
    }


def write_index(file: BinaryIO, rows: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> None:
    """Write the Parquet file of one shard.

    Args:
        file: Open for writing.
        rows: By :func:`index_row`, with ``index`` and ``shard`` filled in; one for each sample, in order.
        record: The shard's record as JSON values, for :func:`read_record`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = _arrow_types()
    schema = pa.schema([pa.field(c.name, types[c.type]) for c in COLUMNS])
    columns = [
        pa.array([_storable(row[c.name]) for row in rows], type=field.type)
        for c, field in zip(COLUMNS, schema, strict=True)
    ]
    metadata = {_RECORD: json.dumps(record, sort_keys=True).encode()}
    table = pa.Table.from_arrays(columns, schema=schema.with_metadata(metadata))
    pq.write_table(
        table,
        file,
        row_group_size=max(1, len(rows)),
        version="2.6",
        compression="zstd",
        compression_level=3,
        data_page_version="1.0",
        use_dictionary=True,
    )


def read_record(path: str) -> dict[str, Any] | None:
    """The record of the shard an index file belongs to, None when it carries none.

    Raises:
        ValueError: the file is not Parquet.
        OSError: the file cannot be read.
    """
    import pyarrow.parquet as pq

    text = (pq.read_schema(path).metadata or {}).get(_RECORD)
    return None if text is None else dict(json.loads(text))


def read_rows(path: str, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The rows of one index file, maps as dictionaries.

    Args:
        path: The file.
        columns: Names of the columns wanted, None for all.

    Raises:
        ValueError: the file is not Parquet.
        OSError: the file cannot be read.
    """
    import pyarrow.parquet as pq

    maps = [c.name for c in COLUMNS if c.type.startswith("map<") and (columns is None or c.name in columns)]
    with pq.ParquetFile(path) as file:
        wanted = None if columns is None else list(columns)
        rows: list[dict[str, Any]] = file.read(columns=wanted).to_pylist()
    return [{**row, **{name: dict(row[name] or ()) for name in maps}} for row in rows]


def _arrow_types() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "string": pa.string(),
        "bool": pa.bool_(),
        "int32": pa.int32(),
        "int64": pa.int64(),
        "double": pa.float64(),
        "list<string>": pa.list_(pa.string()),
        "list<list<double>>": pa.list_(pa.list_(pa.float64())),
        "map<string,int32>": pa.map_(pa.string(), pa.int32()),
        "map<string,double>": pa.map_(pa.string(), pa.float64()),
    }


def _storable(value: Any) -> Any:
    """Values as Arrow takes them: maps as pairs, and no lone surrogates, which have no UTF-8 form."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return [(_storable(key), item) for key, item in value.items()]
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value
