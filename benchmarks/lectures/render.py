"""Renders a recording: samples the screen at the frame times, draws the pointer, writes the file."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .compose import Recording, compose
from .encode import Writer, frame_times, mix, resample
from .files import captions, write_json
from .model import Image8
from .pointer import Pointer, PointerState
from .spec import Spec
from .truth import Frames, truth_of

RIPPLE = 0.5
"""How long a click's ring spreads, s."""
NOISE_LEVEL = 2
"""Luma steps above which a pixel of the still screen counts as changed between two frames."""
FEW = 8
"""Fewer changed pixels than this are no change."""


def luma(picture: Image8) -> NDArray[np.int16]:
    """Brightness 0..255 by BT.709 weights."""
    r, g, b = (picture[..., k].astype(np.uint16) for k in range(3))
    return ((54 * r + 183 * g + 19 * b) >> 8).astype(np.int16)


@dataclass
class Sampler:
    """Looks at a recording at given times."""

    recording: Recording
    pointer: Pointer
    states: list[PointerState] = field(default_factory=list)

    def state(self, t: float) -> PointerState:
        """The pointer at time t (s)."""
        track, desk, look = self.recording.track, self.recording.desk, self.recording.spec.pointer
        x, y, shown = track.at(t)
        zones = desk.shots[max(desk.shown(t), 0)].scene.zones
        # The zone that was opened last wins: a drag inside a viewer shows the closed hand.
        live = [z.shape for z in zones if z.start <= t < z.end and z.rect.contains(x, y)]
        shape = live[-1] if live and look.adaptive else look.shape
        clicks = tuple((cx, cy, round(t - c, 3)) for c, cx, cy in track.clicks if 0 <= t - c < RIPPLE)
        trail: tuple[tuple[float, float], ...] = ()
        if look.trail and shown:
            past = [track.at(t - 0.03 * k) for k in range(look.trail, 0, -1)]
            trail = tuple((a, b) for a, b, visible in past if visible and (a, b) != (x, y))
        return PointerState(x, y, shown, shape, clicks if look.ripple else (), trail)


def _disturbed(old: Image8 | None, new: Image8) -> bool:
    """Whether the still screen differs visibly between two frames."""
    return old is not None and int((abs(luma(new) - luma(old)) > NOISE_LEVEL).sum()) >= FEW


def _frames(sampler: Sampler, shown: Sequence[float], seen: Sequence[float], writer: Writer) -> Frames:
    """Renders and writes all frames; returns what they show."""
    desk, spec = sampler.recording.desk, sampler.recording.spec
    out = Frames()
    canvas: Image8 | None = None
    still_key: tuple[Any, ...] | None = None
    last: Hashable = None
    for pts, t in zip(shown, seen, strict=True):
        key = desk.key(t)
        changed = False
        if key != still_key or canvas is None:
            fresh = desk.still(t)
            # A mixture, a new shot or an inset counts even where its first step is too faint to see.
            staged = still_key is not None and (
                key[0] == -1 or (key[0], key[2]) != (still_key[0], still_key[2])
            )
            changed = staged or _disturbed(canvas, fresh)
            canvas, still_key = fresh, key
        movers, state = desk.moving(t), sampler.state(t)
        total = (key, tuple(m.painter.key(t) for m in movers), state.key())
        if total == last and spec.clock.lazy and pts - out.pts[-1] < spec.clock.lazy:
            continue
        picture = None
        if total != last:
            picture = canvas.copy()
            for mover in movers:
                mover.painter.paint(picture, t)
            sampler.pointer.draw(picture, state)
        writer.write(picture, pts)
        last = total
        out.add(pts, t, state, changed, desk.video(t))
    return out


def render(spec: Spec, folder: Path, themes: Sequence[Path]) -> Path:
    """Writes the video, its truth and its captions into the folder; returns the video's path."""
    recording = compose(spec)
    path = folder / spec.file
    shown, seen = spec.clock.times(recording.end, np.random.default_rng(spec.seed))
    sampler = Sampler(recording, Pointer(spec.pointer, themes, spec.desktop[1] / 720))
    speaker = recording.director.speaker
    sound = mix(recording.director.waves, speaker.sample_rate, recording.end, spec.noise)
    writer = Writer(path, spec, resample(sound, speaker.sample_rate, spec.encoding.audio_rate))
    frames = _frames(sampler, shown.tolist(), seen.tolist(), writer)
    writer.close()
    decoded = frame_times(path)
    if len(decoded) != len(frames.pts) or np.abs(np.array(decoded) - frames.pts).max() > 0.002:
        raise RuntimeError(
            f"{path.name}: {len(frames.pts)} frames written, {len(decoded)} decoded, or other times"
        )
    frames.pts = decoded
    write_json(folder / f"{spec.name}.truth.json", truth_of(recording, frames))
    (folder / f"{spec.name}.vtt").write_text(captions(recording.director.sentences))
    return path
