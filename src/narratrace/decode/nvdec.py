"""Decoding on NVIDIA cards with PyNvVideoCodec; the one module that imports it.

Without a driver its import raises RuntimeError, not ImportError. Its demuxer is not used: packets are read by
FFmpeg here, as for the CPU, so that times, edit lists, damage and droppable pictures mean the same.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
import threading
from typing import Any

from narratrace.data.media import MediaInfo, VideoStreamInfo
from narratrace.decode.contract import DecodeOptions, Unsuitable
from narratrace.decode.device_pass import DeviceDecoder
from narratrace.decode.nv12 import Batch, Surface, to_host
from narratrace.decode.sessions import Picture, SessionKey, SessionPool
from narratrace.driver import Gpu, driver_facts

EXTRA_SESSIONS = 2
"""Sessions beyond one per decoder engine: while one waits for the host, another keeps its engine busy."""

_NEEDED = ("CreateDecoder", "PacketData", "cudaVideoCodec", "PyNvVCException", "PyNvVCExceptionUnsupported")
_NEEDED_OF_PACKETS = ("bsl_data", "bsl", "pts", "decode_flag")

_DISCONTINUITY = 4  # CUVID_PKT_DISCONTINUITY
_SAMPLING = frozenset({"yuv420p", "yuvj420p"})


def open_nvdec(media: MediaInfo, options: DecodeOptions, index: int) -> DeviceDecoder:
    """A decoder for one pass on card ``index``.

    Raises:
        Unsuitable: the recording should be decoded on the CPU.
        InputError: the file is gone.
        MediaError: it cannot be opened.
        DecodeTimeout: no picture came in time.
    """
    reason = why_not_stream(media.video, driver_facts().gpus[index])
    if reason:
        raise Unsuitable(reason)
    return DeviceDecoder(media, options, session_pool(index, options.device_sessions), f"nvdec:{index}")


def why_not_libraries() -> str:
    """Why this installation cannot decode, and analyse, on any card; empty when it can."""
    for name in ("cupy", "numba_cuda"):
        if importlib.util.find_spec(name) is None:
            return f"{name.replace('_', '-')} is not installed: pip install 'narratrace[cuda]'"
    return why_not_pynvvideocodec()


def why_not_pynvvideocodec(_index: int = 0) -> str:
    """Why the installed PyNvVideoCodec cannot be used, empty when it can; the same for every card."""
    try:
        library = _library()
        packet = library.PacketData() if hasattr(library, "PacketData") else None
    except ImportError as error:
        return f"PyNvVideoCodec cannot be imported: {error}"
    except Exception as error:  # a driver's RuntimeError, or whatever a version of it raises
        return f"PyNvVideoCodec cannot be used: {(str(error).strip().splitlines() or [repr(error)])[0]}"
    missing = [name for name in _NEEDED if not hasattr(library, name)]
    missing += [f"PacketData.{name}" for name in _NEEDED_OF_PACKETS if packet and not hasattr(packet, name)]
    if missing:
        version = getattr(library, "__version__", "of this version")
        return f"PyNvVideoCodec {version} has no {', '.join(missing)}: another version is needed"
    return ""


def why_not_session(index: int) -> str:
    """Why card ``index`` gives no decoder session or no memory for pictures, empty when it does; tries it."""
    gpu = driver_facts().gpus[index]
    usual = [cap.codec for cap in gpu.decodes if (cap.chroma, cap.bit_depth) == ("4:2:0", 8)]
    if gpu.nvdec_problem or not usual:
        return gpu.nvdec_problem or f"{gpu.name} decodes nothing of 4:2:0 in 8 bits"
    try:
        session = NvdecSession(SessionKey(usual[0], "yuv420p", (32, 32), b""), index)
        try:
            session.batch(32, 32, 1)
        finally:
            session.close()
    except Exception as error:  # of whatever kind, it would be that of every recording
        return f"no decoder session: {error}"
    return ""


def why_not_stream(video: VideoStreamInfo | None, gpu: Gpu) -> str:
    """Why a stream is better decoded on the CPU than on ``gpu``, empty when it is not.

    What the card decodes is what its driver says. The other reasons keep frames what the CPU would make of
    them, bit for bit: reducing 10 bits to 8, turning and deinterlacing are done by FFmpeg, or not at all.
    """
    if video is None:
        return "there is no video stream"
    if gpu.nvdec_problem:
        return gpu.nvdec_problem
    if video.pixel_format not in _SAMPLING:
        return f"{video.pixel_format} pictures are converted by FFmpeg"
    if video.rotation or video.interlaced:
        return (
            "rotated pictures are turned by FFmpeg" if video.rotation else "its fields are kept as they are"
        )
    if video.width % 2:
        return "NVDEC's pictures of odd width lack their last column of chroma"
    able = [cap for cap in gpu.decodes if (cap.codec, cap.chroma, cap.bit_depth) == (video.codec, "4:2:0", 8)]
    if not able:
        return f"{gpu.name} does not decode {video.codec} 4:2:0 in 8 bits"
    if video.coded_width > able[0].max_width or video.coded_height > able[0].max_height:
        return f"{gpu.name} decodes {video.codec} up to {able[0].max_width} x {able[0].max_height}"
    return ""


def busy_sessions(index: int) -> int:
    """Sessions that keep all decoder engines of a card busy."""
    return max(1, driver_facts().gpus[index].nvdec_engines) + EXTRA_SESSIONS


_pools: dict[int, SessionPool] = {}
_pools_lock = threading.Lock()


def session_pool(index: int, most: int = 0) -> SessionPool:
    """The sessions of a card, for all threads of this process.

    Args:
        index: Number of the card.
        most: Sessions that exist at once, 0 for :func:`busy_sessions`; whoever asks first decides.
    """
    with _pools_lock:
        if index not in _pools:
            _pools[index] = SessionPool(lambda key: NvdecSession(key, index), most or busy_sessions(index))
        return _pools[index]


class NvdecSession:
    """A :class:`narratrace.decode.sessions.Session` of PyNvVideoCodec.

    The decoder's own copies and ours run in one stream, in the order in which they are asked for, so that no
    surface is overwritten before it has been copied.

    Args:
        key: What it will decode.
        index: Number of the card.

    Raises one of :data:`narratrace.decode.sessions.DEVICE_ERRORS` if the driver has no session to give.
    """

    def __init__(self, key: SessionKey, index: int) -> None:
        import cupy

        self._library = _library()
        self._device = cupy.cuda.Device(index)
        with self._device:
            self._stream = cupy.cuda.Stream(non_blocking=True)
            self._decoder = self._call(
                self._library.CreateDecoder,
                gpuid=index,
                codec=getattr(self._library.cudaVideoCodec, key.codec.upper()),
                cudacontext=0,
                cudastream=self._stream.ptr,
                usedevicememory=True,
            )

    def decode(self, data: bytes, stamp: int, *, anew: bool) -> list[Picture]:
        """See :meth:`narratrace.decode.sessions.Session.decode`."""
        packet = self._library.PacketData()
        packet.bsl_data = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
        packet.bsl, packet.pts = len(data), stamp
        if anew:
            packet.decode_flag = _DISCONTINUITY
        return self._decode(packet)

    def finish(self) -> list[Picture]:
        """See :meth:`narratrace.decode.sessions.Session.finish`."""
        return self._decode(self._library.PacketData())  # an empty packet ends the stream

    def size(self, picture: Any) -> tuple[int, int]:
        """See :meth:`narratrace.decode.sessions.Session.size`."""
        height, width = picture.cuda()[0].shape[:2]
        return int(width), int(height)

    def batch(self, width: int, height: int, pictures: int) -> Batch:
        """See :meth:`narratrace.decode.sessions.Session.batch`."""
        with self._device:
            return Batch(width, height, pictures)

    def copy(self, picture: Any, batch: Batch, place: int) -> tuple[Any, Any, Any]:
        """See :meth:`narratrace.decode.sessions.Session.copy`."""
        luma, chroma = picture.cuda()
        surface = Surface(luma.dataptr, chroma.dataptr, luma.stride[0])
        with self._device:
            return batch.copy(place, surface, self._stream)

    def wait(self) -> None:
        """See :meth:`narratrace.decode.sessions.Session.wait`."""
        with self._device:
            self._stream.synchronize()

    def to_host(self, plane: Any) -> Any:
        """See :meth:`narratrace.decode.sessions.Session.to_host`."""
        with self._device:
            return to_host(plane)

    def close(self) -> None:
        """See :meth:`narratrace.decode.sessions.Session.close`."""
        with self._device:
            try:
                self._stream.synchronize()  # its surfaces may still be read
            finally:
                self._decoder = None

    def _decode(self, packet: Any) -> list[Picture]:
        with self._device:
            return [(picture.getPTS(), picture) for picture in self._call(self._decoder.Decode, packet)]

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        """The function's result; what is no RuntimeError becomes one.

        That is the library's own exceptions, and a TypeError where a version of it takes other arguments.
        """
        library = self._library
        try:
            return function(*args, **kwargs)
        except (library.PyNvVCException, library.PyNvVCExceptionUnsupported, TypeError) as error:
            raise RuntimeError(str(error)) from error


@functools.cache
def _library() -> Any:
    """PyNvVideoCodec.

    Raises:
        ImportError: it is not installed.
        RuntimeError: it is, but has no driver.
    """
    return importlib.import_module("PyNvVideoCodec")
