"""Hangs, real ones included."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from narratrace.decode import DecodeOptions, open_decoder
from narratrace.errors import DecodeTimeout
from narratrace.source import probe
from narratrace.watchdog import Watchdog
from tests.decode.conftest import assert_threads_end
from tests.support.media import make_video

TIMEOUT = 0.4


def test_expiry_reaches_the_iterating_side() -> None:
    with Watchdog(TIMEOUT, input="a.mp4", grace_s=5) as watchdog:
        watchdog.beat()
        time.sleep(2 * TIMEOUT)
        with pytest.raises(DecodeTimeout) as caught:
            watchdog.beat()
    assert caught.value.input == "a.mp4"
    assert caught.value.station == "decode"
    assert isinstance(caught.value, TimeoutError)


def test_beats_keep_it_quiet() -> None:
    with Watchdog(TIMEOUT, input="a.mp4") as watchdog:
        for _ in range(20):
            time.sleep(TIMEOUT / 10)
            watchdog.beat()


def test_time_does_not_run_while_paused() -> None:
    with Watchdog(TIMEOUT, input="a.mp4") as watchdog:
        watchdog.pause()
        time.sleep(2 * TIMEOUT)
        watchdog.resume()
        watchdog.beat()


def test_hang_is_reported_after_the_grace_time_only() -> None:
    reported = threading.Event()
    errors: list[DecodeTimeout] = []

    def on_hang(error: DecodeTimeout) -> None:
        errors.append(error)
        reported.set()

    with Watchdog(TIMEOUT, input="a.mp4", on_hang=on_hang, grace_s=TIMEOUT):
        assert not reported.wait(TIMEOUT)
        assert reported.wait(10 * TIMEOUT)
    assert [error.input for error in errors] == ["a.mp4"]

    reported.clear()
    with Watchdog(TIMEOUT, input="a.mp4", on_hang=on_hang, grace_s=3 * TIMEOUT):
        time.sleep(1.5 * TIMEOUT)
    assert not reported.wait(3 * TIMEOUT), "the iterating side noticed by itself and closed the watchdog"


def test_threads_end_with_their_watchdogs(tmp_path: Path) -> None:
    media = probe(make_video(tmp_path / "a.mp4", seconds=0.2).path)
    before = threading.active_count()
    for _ in range(10):
        with open_decoder(media) as decoder:
            for _ in decoder.batches():
                pass
    assert_threads_end(before)


def test_slow_consumer_is_no_hang(tmp_path: Path) -> None:
    media = probe(make_video(tmp_path / "a.mp4", seconds=0.5).path)
    options = DecodeOptions(stall_timeout_s=TIMEOUT, batch_size=8)
    with open_decoder(media, options) as decoder:
        for _ in decoder.batches():
            time.sleep(1.5 * TIMEOUT)
    assert decoder.summary().frames_decoded == 15


HANGING = """
import os, sys
from msgspec.structs import replace
from narratrace.decode import DecodeOptions, open_decoder
from narratrace.decode.audio import AudioOptions, load_audio
from narratrace.source import probe

def on_hang(error):
    print(error, flush=True)
    os._exit(7)

example, fifo, what = sys.argv[1:]
media = replace(probe(example), path=fifo)
if what == "audio":
    load_audio(media, AudioOptions(stall_timeout_s=0.5), on_hang=on_hang)
with open_decoder(media, DecodeOptions(stall_timeout_s=0.5), on_hang=on_hang) as decoder:
    for batch in decoder.batches():
        print("batch", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("delivered", ["no writer", "nothing", "half the file"])
@pytest.mark.parametrize("what", ["video", "audio"])
def test_decoder_stuck_in_native_code_ends_the_process(delivered: str, what: str, tmp_path: Path) -> None:
    made = make_video(tmp_path / "a.ts", width=320, height=180, seconds=8, audio="tone")
    fifo = tmp_path / "pipe.ts"
    os.mkfifo(fifo)
    # Opened for both directions: never blocks here, and the reader never sees an end.
    writer = None if delivered == "no writer" else os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    if writer is not None and delivered == "half the file":
        os.write(writer, made.path.read_bytes()[:60_000])
    try:
        began = time.monotonic()
        ran = subprocess.run(
            [sys.executable, "-c", HANGING, str(made.path), str(fifo), what],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        if writer is not None:
            os.close(writer)
    assert ran.returncode == 7, ran.stderr
    assert "no frame for 0.5 s" in ran.stdout
    assert str(fifo) in ran.stdout
    assert time.monotonic() - began < 30
