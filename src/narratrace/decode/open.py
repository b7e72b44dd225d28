"""Picks the decoder backend for a file and a device."""

from __future__ import annotations

from narratrace.data.media import MediaInfo
from narratrace.decode.contract import DecodeOptions, Decoder
from narratrace.decode.pyav import PyavDecoder
from narratrace.decode.watchdog import HangCallback
from narratrace.errors import DeviceError


def open_decoder(
    media: MediaInfo,
    options: DecodeOptions | None = None,
    device: str = "cpu",
    *,
    on_hang: HangCallback | None = None,
) -> Decoder:
    """A decoder for one pass over the pictures of ``media``.

    Args:
        media: The file, as it was probed.
        options: How to read it, the defaults when None.
        device: ``cpu``, or ``auto`` for the best that can decode this file; an explicit ``cuda:N`` is
            honoured or refused, never replaced.
        on_hang: Called from another thread when the decoder hangs in native code and cannot be stopped;
            see Note [Two ways to end a hang].

    Raises:
        DeviceError: the device was asked for explicitly and cannot decode this file here.
        InputError: the file is gone.
        MediaError: it has no video stream, or cannot be opened.
    """
    if device not in ("cpu", "auto"):
        raise DeviceError(
            f"no decoder for device {device!r}",
            station="decode",
            input=media.path,
            expected="cpu or auto",
        )
    return PyavDecoder(media, options or DecodeOptions(), on_hang=on_hang)
