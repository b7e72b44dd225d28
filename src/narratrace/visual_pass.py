"""The stage that makes the one decode pass: probe, decode and analyse, joined.

Decoder and analyser are stations that do not know each other; they meet here because frames must not pile up
between them: whole pictures are decoder memory, and the room of packed ones is bounded, see
Note [Decoding beside]. At most one batch is looked at while the next is taken.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from time import perf_counter

from msgspec.structs import replace

from narratrace.analyse.in_order import InOrder
from narratrace.analyse.visual import AnalyseOptions, VisualAnalyser, why_not_analysing
from narratrace.data.analysis import VisualAnalysis
from narratrace.data.frames import AnyFrame
from narratrace.data.media import MediaInfo
from narratrace.data.outcome import Failed, Kept, Outcome
from narratrace.data.recording import Recording
from narratrace.decode import DecodeOptions, DeviceGaveUp, open_decoder, why_not_decoding
from narratrace.decode.contract import Decoder
from narratrace.decode.pyav import PyavDecoder
from narratrace.device import check_device, fallback_level
from narratrace.errors import DeviceError, MediaError, NarratraceError
from narratrace.pipeline import Hooks
from narratrace.source import probe
from narratrace.watchdog import Watchdog

log = logging.getLogger(__name__)


class VisualPass:
    """Stage that fills in :attr:`Recording.visual`.

    A failure carries the station it happened at: ``source``, ``decode`` or ``analyse``.

    Args:
        decode: How the pass reads a recording.
        analyse: How pictures are analysed.
        device: ``cpu``, ``auto`` or ``cuda:N``.
        hooks: Whom to tell about hangs and progress.
    """

    name = "analyse"

    def __init__(
        self,
        decode: DecodeOptions,
        analyse: AnalyseOptions,
        *,
        device: str = "cpu",
        hooks: Hooks | None = None,
    ) -> None:
        self._decode = decode
        self._analyse = analyse
        self._device = device
        self._hooks = hooks or Hooks()

    def open(self) -> None:
        """Tries the device, once in a process; what no recording could do there is known before the first.

        Raises:
            DeviceError: a card that was asked for by its number cannot decode or analyse.
        """
        chosen = check_device(self._device)
        if chosen.kind == "cpu":
            return
        reason = why_not_decoding(chosen.index) or why_not_analysing(chosen.index)
        if reason and chosen.kind == "cuda":
            raise DeviceError(reason, station="decode", input=str(chosen), expected="auto or cpu here")
        if reason:
            _log_once(reason)
            self._device = "cpu"

    def run(self, batch: Sequence[Recording]) -> list[Outcome[Recording]]:
        """One outcome per recording in the same order."""
        return [self._run(recording) for recording in batch]

    def close(self) -> None:
        """Nothing to give back."""

    def _run(self, recording: Recording) -> Outcome[Recording]:
        begun = perf_counter()
        try:
            visual = self._look(recording)
        except Exception as error:
            return Failed.from_exception(
                error, video_id=recording.video_id, uri=recording.input.uri, station=self.name
            )
        analysing = visual.timings["analyse_s"]
        decoded = recording.with_("decode", perf_counter() - begun - analysing)
        return Kept(decoded.with_(self.name, analysing, visual=visual))

    def _look(self, recording: Recording) -> VisualAnalysis:
        begun, uri = perf_counter(), recording.input.uri
        media = self._probe(uri)
        visual, gave_up = self._on_device(media, recording.video_id)
        # The error is gone by now, and with it the device memory that its traceback held.
        if visual is None:
            again = self._decode_and_analyse(media, recording.video_id, "cpu")
            warnings = (f"decoded on the CPU: {gave_up}", *again.video.warnings)
            visual = replace(again, video=replace(again.video, warnings=warnings))
        # What is not analysis is waiting for frames: decoding itself goes on in threads meanwhile.
        waited = perf_counter() - begun - visual.timings["analyse_s"]
        return replace(visual, timings={"decode_s": waited, **visual.timings})

    def _on_device(self, media: MediaInfo, video_id: str) -> tuple[VisualAnalysis | None, str]:
        """The analysis by the chosen device, or None and why that cannot go on.

        Raises:
            DeviceError: a card that was asked for by its number is not to be had.
            NarratraceError: the recording cannot be analysed, by whatever device.
        """
        try:
            return self._decode_and_analyse(media, video_id, self._device), ""
        except DeviceError as error:
            if self._device != "auto" and not isinstance(error, DeviceGaveUp):
                raise
            log.info("%s; the CPU begins anew", str(error))  # a log that keeps the error keeps the memory
            return None, error.message

    def _decode_and_analyse(self, media: MediaInfo, video_id: str, device: str) -> VisualAnalysis:
        if media.video is None:
            raise MediaError(
                "no video stream", station="source", input=media.path, expected="a file with moving pictures"
            )
        with (
            open_decoder(media, self._decode, device, on_hang=self._hooks.on_hang) as decoder,
            closing(VisualAnalyser(media.video, self._analyse, frames_device(decoder.backend))) as analyser,
            closing(self._beside(decoder)) as beside,
        ):
            self._feed(decoder, analyser, beside, video_id)
            return analyser.finish(decoder.summary())

    def _beside(self, decoder: Decoder) -> InOrder:
        """Looks at one batch while the next is decoded, where batches outlive the next and cores abound."""
        apart = frames_device(decoder.backend) == "cpu" and self._analyse.worker_threads > 1
        return InOrder(apart=apart, max_waiting=1)

    def _probe(self, uri: str) -> MediaInfo:
        """Facts of the file; headers can make a demuxer hang as well as packets."""
        timeout = self._decode.stall_timeout_s
        with Watchdog(timeout, input=uri, on_hang=self._hooks.on_hang):
            return probe(uri, look=0, timeout_s=timeout)

    def _feed(self, decoder: Decoder, analyser: VisualAnalyser, beside: InOrder, video_id: str) -> None:
        hooks = self._hooks
        begin: float | None = None  # a clock may begin at any time, as of a transport stream
        batches: Iterator[Sequence[AnyFrame]] = (
            decoder.packed_batches() if isinstance(decoder, PyavDecoder) else decoder.batches()
        )
        for frames in batches:
            if hooks.cancelled():
                raise NarratraceError("cancelled", station=self.name, input=decoder.info.path)
            beside.do(partial(analyser.push, frames), weight=1)
            begin = frames[0].t if begin is None else begin
            hooks.on_progress(video_id, frames[-1].t - begin)
        beside.wait()


@functools.cache
def _log_once(reason: str) -> None:
    log.log(fallback_level(), "decoding and analysing on the CPU: %s", reason)


def frames_device(backend: str) -> str:
    """Where the frames of a decoder lie, by the decoder's name: ``cpu``, or ``cuda:N`` for ``nvdec:N``."""
    kind, _, index = backend.partition(":")
    return f"cuda:{index}" if kind == "nvdec" else "cpu"
