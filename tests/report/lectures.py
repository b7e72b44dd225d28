"""The shared recordings with their true cursor and words, clean keyframes and real clips."""

from __future__ import annotations

from dataclasses import replace

import av
import numpy as np
import numpy.typing as npt

from narratrace.data.recording import Recording
from narratrace.timebase import Span
from tests.align.truth import FOLDER, load
from tests.report.lecture import as_image, dwells_of, process

_PICTURES = 9
"""Pictures a clean plate is the median of."""


def real_lecture(name: str, title: str) -> Recording:
    """One shared recording, processed and ready to be written."""
    known = load(name).recording
    visual = known.visual
    assert visual is not None
    media = next(path for path in FOLDER.glob(f"{name}.*") if path.suffix in (".mp4", ".webm", ".mkv"))
    plates = clean_plates(str(media), [stable.span for stable in visual.stable_spans])
    stable = tuple(
        replace(span, keyframe=as_image(plate))
        for span, plate in zip(visual.stable_spans, plates, strict=True)
    )
    visual = replace(visual, stable_spans=stable, dwells=dwells_of(visual.trace), timings={"decode_s": 1.2})
    source = replace(known.input, uri=str(media), title=title, licence="CC-BY-4.0", channel="Evaluation")
    return process(replace(known, input=source, visual=visual))


def clean_plates(media: str, spans: list[Span]) -> list[npt.NDArray[np.uint8]]:
    """Per span the median of a few of its pictures, which leaves the pointer out."""
    wanted = [np.linspace(s.start, s.end, _PICTURES + 2)[1:-1].tolist() for s in spans]
    found: list[list[npt.NDArray[np.uint8]]] = [[] for _ in spans]
    with av.open(media) as container:
        for frame in container.decode(video=0):
            t = float(frame.pts * frame.time_base)
            for times, pictures in zip(wanted, found, strict=True):
                if times and times[0] <= t:
                    times.pop(0)
                    pictures.append(frame.to_ndarray(format="rgb24"))
    return [np.median(pictures, axis=0).astype(np.uint8) for pictures in found]
