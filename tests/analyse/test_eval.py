"""The whole visual analysis on the shared recordings, by the measures of their ``score.py``."""

from __future__ import annotations

import importlib.util
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from narratrace.analyse.visual import VisualAnalyser
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.shots import Box
from narratrace.decode import open_decoder
from narratrace.source import probe
from narratrace.write.analysis_json import analysis_json

FOLDER = Path(os.environ.get("NARRATRACE_EVAL") or Path(__file__).parents[3] / "shared" / "eval")
FILES = {"v01": "v01.mp4", "v02": "v02.webm", "v03": "v03.mp4", "v04": "v04.mkv"}

pytestmark = [
    pytest.mark.eval,
    pytest.mark.skipif(
        not all((FOLDER / name).is_file() for name in [*FILES.values(), "score.py"]),
        reason="the shared evaluation recordings are not there (set NARRATRACE_EVAL to their folder)",
    ),
]


@cache
def analysed(name: str) -> VisualAnalysis:
    media = probe(FOLDER / FILES[name])
    assert media.video is not None
    analyser = VisualAnalyser(media.video)
    with open_decoder(media, device="cpu") as decoder:
        for batch in decoder.batches():
            analyser.push(batch)
        return analyser.finish(decoder.summary())


def truth(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((FOLDER / f"{name}.truth.json").read_text(encoding="utf-8"))
    return told


@cache
def measures(name: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("shared_score", FOLDER / "score.py")
    assert spec is not None
    assert spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    document = analysis_json(video_id=name, path=FILES[name], visual=analysed(name))
    result: dict[str, Any] = scorer.score(truth(name), json.loads(json.dumps(document)))
    print(name, result)
    return result


@pytest.mark.parametrize("name", FILES)
def test_every_recording_meets_the_bars(name: str):
    got = measures(name)
    assert got["shot_f1"] >= 0.95
    assert got["stable_iou"] >= 0.9
    assert got["cursor_recall"] >= 0.8
    assert got["cursor_error_px"] <= 4.0
    assert (got["false_points_per_min"] or 0.0) <= 1.0


@pytest.mark.parametrize(("measure", "least"), [("cursor_recall", 0.92), ("cursor_precision", 0.95)])
def test_the_mean_over_recordings_meets_the_bars(measure: str, least: float):
    assert np.mean([measures(name)[measure] for name in FILES]) >= least


def test_zooms_are_changes_and_no_shots():
    result = analysed("v02")
    assert len(result.shots) == 3
    zooms = [c for c in truth("v02")["other_changes"] if c["what"] == "zoom"]
    found = [change.span for change in result.changes if change.kind == "zoom"]
    assert all(any(z["start"] < f.end and f.start < z["end"] for f in found) for z in zooms)


def test_the_moving_inset_is_found():
    (told,) = truth("v03")["moving_regions"]
    true = Box(**{side: told[side] for side in ("x0", "y0", "x1", "y1")})
    best = max(analysed("v03").moving_regions, key=lambda region: region.box.iou(true))
    # The inset's black margin does not move: what is found is its core, to within a tile.
    shared = max(0.0, min(best.box.x1, true.x1) - max(best.box.x0, true.x0)) * max(
        0.0, min(best.box.y1, true.y1) - max(best.box.y0, true.y0)
    )
    assert shared >= 0.8 * best.box.area
    assert best.box.iou(true) >= 0.3
    assert best.span.duration >= 10.0
