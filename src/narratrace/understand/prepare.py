"""What happens to sound before a recogniser can read it, in threads, a bounded number of recordings ahead.

Reading and resampling sound, finding voices and making spectrograms together run at about 160 x real time
on one core: less than a recogniser on a data centre card. None of it needs the recogniser, and most of it
lets go of the interpreter, so a few threads keep ahead of it. Recordings come out in the order they went in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from narratrace.data.audio import SAMPLE_RATE
from narratrace.threads import map_ahead, usable_cores
from narratrace.understand.transcriber import AudioReader
from narratrace.understand.voice import VoiceOptions, Window, windows

Features = npt.NDArray[np.float32]

_MOST_THREADS = 8


class Ready(Struct, frozen=True, eq=False):
    """A window that is ready to be read.

    Attributes:
        window: Where its words belong.
        features: Its spectrogram.
        seconds: How long it is.
    """

    window: Window
    features: Features
    seconds: float


class Sound(Struct, frozen=True, eq=False):
    """A prepared recording.

    Attributes:
        windows: In time order, none when nobody speaks.
        problem: What there is to warn about, empty when all is well.
        error: What went wrong, if something did.
    """

    windows: tuple[Ready, ...] = ()
    problem: str = ""
    error: Exception | None = None


class Preparer:
    """Prepares recordings in threads of its own.

    Args:
        read_audio: Decodes the sound of a recording.
        features: Makes the spectrogram of a waveform; called from the threads.
        options: How voices are found.
        threads: How many, 0 for one per four cores that this process may use, at most 8.
    """

    def __init__(
        self,
        read_audio: AudioReader,
        features: Callable[[npt.NDArray[np.float32]], Features],
        options: VoiceOptions,
        threads: int,
    ) -> None:
        self._read_audio = read_audio
        self._features = features
        self._options = options
        self._threads = threads or min(_MOST_THREADS, max(1, usable_cores() // 4))
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="narratrace-sound")

    def prepare(self, uris: Sequence[str]) -> Iterator[Sound]:
        """One sound per recording, in the same order; beside the one in use, no more than one a thread is
        held ready.
        """
        jobs = enumerate(uris)
        return map_ahead(self._pool, lambda job: self._prepare(*job), jobs, self._threads + 1)

    def close(self) -> None:
        """Ends the threads, once they are done with what they are at."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _prepare(self, recording: int, uri: str) -> Sound:
        try:
            audio = self._read_audio(uri)
            if audio is None:
                return Sound(problem="no audio stream")
            ready = tuple(map(self._ready, windows(recording, audio, self._options)))
        except Exception as error:
            return Sound(error=error)
        return Sound(ready, "" if ready else f"no voice in {audio.duration:.1f} s of sound")

    def _ready(self, window: Window) -> Ready:
        """The window with its spectrogram instead of its samples, which nobody needs any more."""
        kept = Window(window.recording, window.samples[:0].copy(), window.pieces, window.origin)
        return Ready(kept, self._features(window.samples), len(window.samples) / SAMPLE_RATE)
