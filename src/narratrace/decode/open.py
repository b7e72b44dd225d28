"""Picks the decoder backend for a file and a device."""

from __future__ import annotations

import functools
import logging

from narratrace.data.media import MediaInfo
from narratrace.decode.contract import DecodeOptions, Decoder, Unsuitable
from narratrace.decode.pyav import PyavDecoder
from narratrace.device import check_device, fallback_level, why_not_cuda
from narratrace.driver import driver_facts
from narratrace.errors import DeviceError
from narratrace.watchdog import HangCallback

log = logging.getLogger(__name__)


def open_decoder(
    media: MediaInfo,
    options: DecodeOptions | None = None,
    device: str = "cpu",
    *,
    on_hang: HangCallback | None = None,
) -> Decoder:
    """A decoder for one pass over the pictures of ``media``.

    A recording that the card cannot decode, or not exactly, is decoded on the CPU whatever was asked for; the
    log and the warnings of the pass say why. The decoder's ``backend`` tells where its frames are. Whether
    the card can decode any recording at all is told by :func:`why_not_decoding`, to be asked once, before.

    Args:
        media: The file, as it was probed.
        options: How to read it, the defaults when None.
        device: ``cpu``, ``cuda:N``, or ``auto`` for a card if one can be used here.
        on_hang: Called from another thread when the decoder hangs in native code and cannot be stopped;
            see Note [Two ways to end a hang].

    Raises:
        OptionError: ``device`` is none.
        DeviceError: the device was asked for explicitly, and the driver or a library for it is missing.
        InputError: the file is gone.
        MediaError: it has no video stream, or cannot be opened.
        DecodeTimeout: a device gave no picture in time.
    """
    options = options or DecodeOptions()
    chosen = check_device(device)
    notes: tuple[str, ...] = ()
    if chosen.kind != "cpu":
        reason = _why_not_card(chosen.index)
        if reason and chosen.kind == "cuda":
            raise DeviceError(reason, station="decode", input=str(chosen), expected="cpu or auto here")
        if reason:
            _log_once(reason)
        else:
            try:
                return _on_card(media, options, chosen.index)
            except Unsuitable as unsuitable:
                notes = (f"decoded on the CPU: {unsuitable}",)
                log.info("%s: %s", media.path, notes[0])
    return PyavDecoder(media, options, on_hang=on_hang, notes=notes)


@functools.cache
def why_not_decoding(index: int) -> str:
    """Why card ``index`` can decode no recording at all, empty when it can; tried once."""
    reason = _why_not_card(index)
    if reason:
        return reason
    from narratrace.decode.nvdec import why_not_session

    return why_not_session(index)


def device_sessions(device: str) -> int:
    """Recordings to decode at once that keep a card's engines busy; 0 where all are decoded on the CPU.

    Args:
        device: ``cpu``, ``cuda:N``, or ``auto`` for a card if one can be used here.

    Raises:
        OptionError: ``device`` is none.
        DeviceError: it is a card the driver does not show.
    """
    chosen = check_device(device)
    if chosen.kind == "cpu" or _why_not_card(chosen.index):
        return 0
    from narratrace.decode.nvdec import busy_sessions

    return 0 if driver_facts().gpus[chosen.index].nvdec_problem else busy_sessions(chosen.index)


def _on_card(media: MediaInfo, options: DecodeOptions, index: int) -> Decoder:
    from narratrace.decode.nvdec import open_nvdec

    return open_nvdec(media, options, index)


@functools.cache
def _why_not_card(index: int) -> str:
    """Why a card cannot decode at all, empty when it can; asked once."""
    reason = why_not_cuda(index)
    if reason:
        return reason
    from narratrace.decode.nvdec import why_not_libraries

    return why_not_libraries()


@functools.cache
def _log_once(reason: str) -> None:
    log.log(fallback_level(), "decoding on the CPU: %s", reason)
