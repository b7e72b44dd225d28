"""Clips around trace events, cut from the recording, exact to the frame.

Note [What is in a clip]
~~~~~~~~~~~~~~~~~~~~~~~~
A clip of ``[start, end)`` holds the pictures whose presentation time lies in it, with their distances kept
to the tick, and the sound from the first of them on. Its time 0 is recorded as ``Clip.offset``:

- the time of its first picture (encoded clips), at most a frame after ``start`` in ordinary video;
- ``start`` itself where the picture on show at ``start`` stays for more than 0.1 s: a recorder that writes
  pictures only when something changes would otherwise lose what the lecturer is pointing at;
- the random access point before ``start`` for stream copies, see Note [Copied clips].

So ``t - clip.offset`` is a time of the recording within the clip, for trace, words and boxes alike. What
reaches beyond the recording is trimmed; a clip that lies outside it altogether does not come to be.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import av
from msgspec.structs import replace

from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.data.sample import Clip
from narratrace.errors import MediaError
from narratrace.threads import core_slots, usable_cores
from narratrace.timebase import Span, merge_spans
from narratrace.watchdog import HangCallback, Watchdog
from narratrace.write.clip_copy import copy_clip
from narratrace.write.clip_encoder import ClipEncoder
from narratrace.write.clip_source import STATION, Picture, Source, pictures, read_sound
from narratrace.write.options import ClipOptions

_HELD_S = 0.1
_SEEK_S = 4.0
"""Gaps between clips that are longer are skipped by seeking, which decodes from the random access point
before: video sites put one every 5 to 10 s, so a seek costs as much as reading on for half of that."""
_BEAT_S = 1.0
"""How often a group of clips that waits for a core says so."""

_log = logging.getLogger(__name__)


def cut_clips(
    path: str,
    spans: Sequence[Span],
    options: ClipOptions,
    pool: Executor | None = None,
    *,
    seekable: bool = True,
    on_hang: HangCallback | None = None,
) -> list[Clip | None]:
    """Cut several clips of one recording, see Note [What is in a clip].

    Overlapping and neighbouring clips share one decode pass; clips far apart are reached by seeking.

    Args:
        path: Media file.
        spans: Wanted intervals on the recording's clock, in any order.
        options: See :class:`ClipOptions`.
        pool: Encodes clips that are far apart at the same time; without one they are encoded in turn.
        seekable: Whether the recording's clock is never set anew, see Note [Reset clocks].
        on_hang: See Note [Two ways to end a hang].

    Returns:
        A clip for each span in the same order, None where the recording has no picture.

    Raises:
        InputError: the file is gone.
        MediaError: the file cannot be read, or a clip cannot be made of it.
        DecodeTimeout: nothing could be read for ``stall_timeout_s``.
        DiskError: there is no room for a clip in the temporary folder.
    """
    timeout = options.stall_timeout_s
    with Watchdog(timeout, input=path, station=STATION, on_hang=on_hang) as watchdog:
        return _cut(Source(path, timeout, seekable, watchdog.beat), spans, options, pool)


def _cut(
    source: Source, spans: Sequence[Span], options: ClipOptions, pool: Executor | None
) -> list[Clip | None]:
    try:
        clips = [copy_clip(source, span) if options.method == "copy" else None for span in spans]
        missing = sorted({s for s, clip in zip(spans, clips, strict=True) if clip is None and s.duration > 0})
        encoded: dict[Span, Clip] = {}
        # The longest first, so that no thread is left with it when the others have done.
        groups = [
            [span for span in missing if group.start <= span.start < group.end]
            for group in sorted(merge_spans(missing, gap=_SEEK_S), key=lambda g: g.duration, reverse=True)
        ]
        each = pool.map if pool else map
        for made in each(lambda members: _encode_group(source, members, options), groups):
            encoded |= made
    except av.error.FFmpegError as error:
        raise MediaError(
            f"cannot be cut: {error.strerror or error}",
            station=STATION,
            input=source.path,
            cause="damaged media",
        ) from error
    return [clip or encoded.get(span) for span, clip in zip(spans, clips, strict=True)]


@contextlib.contextmanager
def _core(source: Source) -> Iterator[None]:
    """A core of this process: groups of other recordings may have them all."""
    slots = core_slots()
    while not slots.acquire(timeout=_BEAT_S):
        source.beat()
    try:
        yield
    finally:
        slots.release()


def _encode_group(source: Source, spans: Sequence[Span], options: ClipOptions) -> dict[Span, Clip]:
    """Clips of neighbouring spans, sorted by start, in one decode pass."""
    with _core(source):
        return _encode(source, spans, options)


def _encode(source: Source, spans: Sequence[Span], options: ClipOptions) -> dict[Span, Clip]:
    waiting = [_Cut(source, span, options) for span in reversed(spans)]
    active: list[_Cut] = []
    made: dict[Span, Clip] = {}
    try:
        for picture in pictures(source, spans[0].start):
            while waiting and waiting[-1].span.start < picture.end:
                active.append(waiting.pop())
            for cut in active:
                cut.offer(picture)
            made |= _finished(cut for cut in active if cut.span.end <= picture.end)
            active = [cut for cut in active if cut.span.end > picture.end]
            if not waiting and not active:
                break
        return made | _finished(active)
    finally:
        for cut in active:
            cut.abandon()


def _finished(cuts: Iterable[_Cut]) -> dict[Span, Clip]:
    return {cut.span: clip for cut in cuts if (clip := cut.finish()) is not None}


class _Cut:
    """One clip while its pictures pass by."""

    def __init__(self, source: Source, span: Span, options: ClipOptions) -> None:
        self.span = span
        self._source = source
        self._options = options
        self._encoder: ClipEncoder | None = None
        self._offset = self._end = span.start

    def offer(self, picture: Picture) -> None:
        """Take the picture if it belongs to the clip."""
        held = picture.t < self.span.start and picture.end - self.span.start > _HELD_S
        if not (held or self.span.contains(picture.t)):
            return
        begin, end = max(picture.t, self.span.start), min(picture.end, self.span.end)
        if self._encoder is None:
            self._offset = begin
            self._encoder = ClipEncoder(picture, begin, self._options)
        self._encoder.add(picture, begin, end)
        self._end = end

    def finish(self) -> Clip | None:
        """The clip, None when no picture belonged to it."""
        if self._encoder is None:
            return None
        sound = read_sound(self._source, Span(self._offset, self._end))
        mp4 = self._encoder.finish(sound)
        return Clip(
            mp4=mp4, span=self.span, offset=self._offset, method="encode", frames=self._encoder.frames
        )

    def abandon(self) -> None:
        """Give back what an unfinished clip holds."""
        if self._encoder is not None:
            self._encoder.abandon()


class CutClips:
    """The stage that fills in ``clip.mp4`` of a recording's clip samples.

    Clips outside the recording are taken out of the samples, with a warning in the log.

    Args:
        options: See :class:`ClipOptions`.
        on_hang: See Note [Two ways to end a hang].
    """

    name = STATION

    def __init__(self, options: ClipOptions, *, on_hang: HangCallback | None = None) -> None:
        self._options = options
        self._on_hang = on_hang
        self._pool: ThreadPoolExecutor | None = None

    def open(self) -> None:
        """Make threads that stay: every new one would add memory of the allocator's to the process."""
        threads = self._options.threads or usable_cores()
        if threads > 1:
            self._pool = ThreadPoolExecutor(threads, "narratrace-clips")

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """Cut the clips of each recording; a recording that cannot be cut is a failure of its own."""
        return [self._run(recording) for recording in batch]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _run(self, recording: Recording) -> Outcome[Recording]:
        began = time.perf_counter()
        samples = recording.samples or ()
        spans = [sample.clip.span for sample in samples if sample.clip is not None]
        try:
            made = cut_clips(
                recording.input.uri,
                spans,
                self._options,
                self._pool,
                seekable=recording.visual is None or recording.visual.video.resets == 0,
                on_hang=self._on_hang,
            )
        except Exception as error:
            return Failed.from_exception(
                error, video_id=recording.video_id, uri=recording.input.uri, station=self.name
            )
        kept, clips = [], iter(made)
        for sample in samples:
            if sample.clip is None:
                kept.append(sample)
            elif clip := next(clips):
                kept.append(replace(sample, clip=clip))
            else:
                _log.warning("%s lies outside its recording and is left out", sample.key)
        return Kept(recording.with_(self.name, time.perf_counter() - began, samples=tuple(kept)))
