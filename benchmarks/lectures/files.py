"""Small files beside the video: the truth's notes and JSON, and captions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .compose import Recording
from .model import Sentence


def notes_of(recording: Recording) -> list[str]:
    """What the recording exercises, for people."""
    spec, p = recording.spec, recording.spec.pointer
    looks = f"pointer: {p.theme if p.kind == 'theme' else p.kind} {p.size:g} px"
    extra = [
        n
        for n, on in (
            ("halo", p.halo),
            ("ring", p.ring),
            ("ripple", p.ripple),
            ("trail", p.trail),
            ("shadow", p.shadow),
        )
        if on
    ]
    c, e = spec.clock, spec.encoding
    timing = [n for n in ("jitter", "drop", "dup", "start", "lazy") if getattr(c, n)]
    size = f"{spec.output[0]}x{spec.output[1]} from {spec.desktop[0]}x{spec.desktop[1]} at {c.fps:g} fps"
    options = " ".join(f"{k}={v}" for k, v in e.options.items())
    rate = f"{e.rate} kbit/s" if e.rate else ""
    code = " ".join(w for w in (e.codec, options, rate, f"gop {e.gop}", e.pixels) if w)
    code += " full range" if e.full_range else ""
    return [
        ", ".join([looks, *extra, f"hide {spec.motion.hide}"]),
        ", ".join([size, *timing]),
        code,
        *sorted(recording.director.notes),
    ]


def write_json(path: Path, truth: dict[str, Any]) -> None:
    """Writes the truth, one line."""
    path.write_text(json.dumps(truth))


def captions(sentences: Sequence[Sentence]) -> str:
    """The sentences as WebVTT."""

    def stamp(t: float) -> str:
        ms = round(t * 1000)
        return f"{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"

    cues = [f"{stamp(s.start)} --> {stamp(s.end)}\n{s.text}\n" for s in sentences]
    return "\n".join(["WEBVTT\n", *cues])
