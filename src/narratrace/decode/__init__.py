"""Files to frames and sound: one pass, with exact times, whatever the file is like."""

from narratrace.decode.audio import AudioOptions, AudioReader, load_audio
from narratrace.decode.contract import DecodeOptions, Decoder
from narratrace.decode.open import device_sessions, open_decoder, why_not_decoding
from narratrace.errors import DeviceGaveUp

__all__ = [
    "AudioOptions",
    "AudioReader",
    "DecodeOptions",
    "Decoder",
    "DeviceGaveUp",
    "device_sessions",
    "load_audio",
    "open_decoder",
    "why_not_decoding",
]
