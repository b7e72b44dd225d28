"""Where recordings come from: inputs as named, manifests, container facts, captions beside them."""

from narratrace.source.captions import load_captions, load_sidecar
from narratrace.source.listing import names_of, resolve, with_captions
from narratrace.source.probe import playback_start, probe

__all__ = [
    "load_captions",
    "load_sidecar",
    "names_of",
    "playback_start",
    "probe",
    "resolve",
    "with_captions",
]
