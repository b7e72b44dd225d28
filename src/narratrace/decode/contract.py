"""The contract every decoder backend meets, and the options they share."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Annotated, Literal, Protocol, runtime_checkable

from msgspec import Struct

from narratrace.data.frames import Frame
from narratrace.data.media import DecodeSummary, MediaInfo
from narratrace.options import option


class DecodeOptions(Struct, frozen=True, kw_only=True):
    """How the single decode pass reads a recording."""

    frames: Annotated[
        Literal["auto", "all"],
        option(
            "auto leaves non-reference pictures undecoded wherever the rest still gives the analysis rate",
            source="measured: Note [Droppable pictures]",
        ),
    ] = "auto"
    analysis_rate_hz: Annotated[
        float,
        option(
            "rate that auto keeps: no gap between pictures grows beyond its inverse",
            unit="Hz",
            source="choice: well above the 3 Hz of human pointing gestures",
            gt=0,
        ),
    ] = 10.0
    threads: Annotated[
        int,
        option(
            "decoder threads: stretches decoded beside one another, 0 for one per core this process may use "
            "(at most 4); where a file cannot be split, FFmpeg's threads, 0 for one per core (at most 16)",
            source="Note [Decoding beside]",
            ge=0,
        ),
    ] = 0
    batch_size: Annotated[
        int,
        option(
            "frames handed over at once; each that is not packed holds 1.5 bytes a pixel",
            unit="frames",
            source="measured: 16 frames fall out of the CPU's cache and cost up to a fifth more than 4",
            ge=1,
        ),
    ] = 4
    device_batch_size: Annotated[
        int,
        option(
            "the same on a CUDA device, where a batch costs a few launches whatever its size",
            unit="frames",
            source="choice: half a second of video; two batches of 1080p are 100 MB of device memory",
            ge=1,
        ),
    ] = 16
    device_sessions: Annotated[
        int,
        option(
            "decoder sessions of a process on a CUDA device, idle ones included: each holds surfaces there; "
            "0 for two more than the device has engines, or, in the workers of a run, for 2",
            source="choice: while one waits for the host, another keeps its engine busy",
            ge=0,
        ),
    ] = 0
    stall_timeout_s: Annotated[
        float,
        option(
            "longest wait for a frame before the recording is given up",
            unit="s",
            source="choice: longer than a network retry, shorter than a person's patience",
            gt=0,
        ),
    ] = 60.0


class Unsuitable(Exception):
    """A hardware decoder is not the one for this recording; the text says why."""


@runtime_checkable
class Decoder(Protocol):
    """One pass over the pictures of one file, on whatever device.

    A decoder is open from construction until :meth:`close` (it is its own context manager) and is used by
    one thread at a time. The pass can be made once.
    """

    backend: str
    """What decodes, as it appears in :class:`DecodeSummary`: ``pyav``, ``nvdec:0`` ..."""

    @property
    def info(self) -> MediaInfo:
        """Facts of the file, as they were handed in."""

    def batches(self) -> Iterator[list[Frame]]:
        """The frames in presentation order, a batch size at a time (the last batch may be shorter).

        Every frame has the size of the first, in display orientation: luma (height, width), chroma
        ((height + 1) // 2, (width + 1) // 2), uint8. Sample range and matrix are those of the source, as
        ``info.video`` reports them. Luma columns are adjacent in memory; chroma columns are adjacent or,
        for interleaved chroma (NV12), two bytes apart; rows may be padded. The planes are read-only views
        of decoder memory, valid until the next batch is asked for; in host memory, as long as somebody
        refers to them.

        ``pts`` increases strictly: a picture that does not increase it is dropped and counted. Damaged
        packets and pictures are skipped and counted.

        Raises:
            MediaError: no picture, or less than half of the packets, could be decoded.
            DecodeTimeout: no picture came for ``stall_timeout_s``.
            DeviceGaveUp: a device cannot go on, for instance because the size of the pictures changes.
        """

    def summary(self) -> DecodeSummary:
        """What the pass saw.

        Raises:
            RuntimeError: the pass has not been made.
        """

    def close(self) -> None:
        """Give everything back; safe to call twice."""

    def __enter__(self) -> Decoder: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
