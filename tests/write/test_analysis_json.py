"""The analysis contract: written, read back, and refused when broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from narratrace.data.transcript import Transcript, Utterance, Word
from narratrace.errors import InputError, StorageError
from narratrace.timebase import Span
from narratrace.write.analysis_json import analysis_files, analysis_json, read_analysis, write_analysis
from tests.write.builders import make_visual, picture

CONTRACT = {  # ARCHITECTURE.md's keys; more are allowed
    "video": {
        "video_id", "path", "codec", "width", "height", "duration", "frames_decoded", "fps_mean", "vfr",
        "start_pts_s", "backend", "warnings",
    },
    "shots": {"start", "end"},
    "stable_spans": {"start", "end", "keyframe_t", "keyframe"},
    "trace": {"t", "x", "y", "score"},
    "dwells": {"start", "end", "x", "y", "radius"},
    "moving_regions": {"x0", "y0", "x1", "y1", "start", "end"},
    "words": {"start", "end", "text", "probability"},
}  # fmt: skip
SPOKEN = Transcript(utterances=(Utterance(Span(1, 2), (Word(Span(1, 1.25), "look", 0.98765),)),))


def write(target: Path, folder: str | None = None, **parts: Any) -> dict[str, Any]:
    files = analysis_files(
        folder, video_id="v", path="v.mp4", visual=make_visual(), transcript=SPOKEN, **parts
    )
    write_analysis(target, files)
    return read_analysis(target)


def test_written_and_read_back_it_has_everything_the_contract_names(tmp_path: Path) -> None:
    document = write(tmp_path / "deep" / "v.json", timings={"understand": 2.0})
    assert document["schema"] == "narratrace.analysis/1"
    for name, keys in CONTRACT.items():
        row = document[name] if name == "video" else document[name][0]
        assert keys <= set(row), name
    assert document["words"] == [{"start": 1.0, "end": 1.25, "text": "look", "probability": 0.9877}]
    assert document["timings"] == {"decode_s": 1.235, "understand_s": 2.0}
    assert document["stable_spans"][0]["phash"] == "8000000000000000"
    visual = make_visual()
    assert len(document["trace"]) == len(visual.trace)
    for point, (t, x, y, score) in zip(document["trace"], visual.trace, strict=True):
        assert abs(point["t"] - t) <= 0.0005
        assert max(abs(point["x"] - x), abs(point["y"] - y)) <= 0.05 + 1e-9
        assert abs(point["score"] - score) <= 0.00005 + 1e-9


def test_keyframes_lie_beside_the_document_under_relative_paths(tmp_path: Path) -> None:
    document = write(tmp_path / "v.json", folder="v-keyframes")
    first, second = document["stable_spans"]
    assert (tmp_path / first["keyframe"]).read_bytes() == picture(0).jpeg
    assert not Path(first["keyframe"]).is_absolute()
    assert second["keyframe"] is None  # the analysis holds no picture of it
    assert all(span["keyframe"] is None for span in write(tmp_path / "w.json")["stable_spans"])


def test_without_a_transcript() -> None:
    document = analysis_json(video_id="v", path="v.mp4", visual=make_visual())
    assert document["words"] == []
    assert document["transcript"] is None


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda d: d.update(schema="narratrace.analysis/2"), "schema"),
        (lambda d: d["video"].pop("duration"), "duration"),
        (lambda d: d.pop("shots"), "shots"),
        (lambda d: d["shots"][1].update(end=0.0), r"shots\[1\] ends"),
        (lambda d: d["trace"][4].pop("x"), r"trace\[4\] lacks"),
        (lambda d: d["trace"].reverse(), "increase"),
        (lambda d: d.pop("timings"), "timings"),
    ],
)
def test_broken_documents_are_refused_with_the_place(tmp_path: Path, break_it: Any, message: str) -> None:
    document = write(tmp_path / "v.json")
    break_it(document)
    (tmp_path / "v.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=message):
        read_analysis(tmp_path / "v.json")


def test_missing_cut_and_not_finite_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "v.json")
    text = (tmp_path / "v.json").read_text()
    (tmp_path / "cut.json").write_text(text[:-100])
    (tmp_path / "nan.json").write_text(text.replace('"duration": 60.0', '"duration": NaN'))
    for name in ("missing.json", "cut.json", "nan.json"):
        with pytest.raises(InputError, match=name):
            read_analysis(tmp_path / name)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="file"):
        write(tmp_path / "file" / "v.json")
