"""Bare NVDEC against the whole visual pass, at several numbers of sessions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from narratrace.analyse.visual import AnalyseOptions
from narratrace.data.media import VideoInput
from narratrace.data.outcome import Kept
from narratrace.data.recording import Recording
from narratrace.decode import DecodeOptions
from narratrace.source import probe
from narratrace.visual_pass import VisualPass


def in_threads(count: int, work: Callable[[int], int]) -> tuple[int, float]:
    """Sum of what the threads return, and the seconds until the last is done; raises what they raise."""
    done, wrong = [0] * count, list[BaseException]()
    ready = threading.Barrier(count + 1)

    def run(i: int) -> None:
        ready.wait()
        try:
            done[i] = work(i)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return sum(done), time.perf_counter() - begun


def packets(path: Path) -> list[tuple[bytes, int]]:
    """The recording's packets in memory, as a session takes them."""
    import av

    from narratrace.decode.bitstream import elementary_feed

    video = probe(path).video
    assert video is not None
    with av.open(str(path)) as container:
        stream = container.streams.video[video.index]
        feed = elementary_feed(video.codec, stream.codec_context.extradata)
        assert feed is not None
        return [(feed(packet), packet.pts) for packet in container.demux(stream) if packet.size]


def bare_fps(path: Path, sessions: int, index: int = 0) -> float:
    """Frames a second of decoder sessions that do nothing else: no demuxing, no copies, no analysis."""
    from narratrace.decode.nvdec import NvdecSession
    from narratrace.decode.sessions import SessionKey

    video = probe(path).video
    assert video is not None
    size = (video.width, video.height)
    key = SessionKey(video.codec, video.pixel_format, size, size)
    made = [NvdecSession(key, index) for _ in range(sessions)]
    data = packets(path)

    def work(i: int) -> int:
        session, frames = made[i], 0
        for n, (packet, stamp) in enumerate(data):
            frames += len(session.decode(packet, stamp, anew=n == 0))
        return frames + len(session.finish())

    in_threads(sessions, work)  # warm: sessions are made with the first packet
    frames, took = in_threads(sessions, work)
    for session in made:
        session.close()
    return frames / took


def visual_fps(path: Path, sessions: int, device: str = "cuda:0") -> dict[str, float]:
    """Frames a second of the whole visual pass, every frame decoded, and where its time goes."""
    stage = VisualPass(DecodeOptions(frames="all"), AnalyseOptions(), device=device)
    shares = {"waiting_for_frames_s": 0.0, "analysing_s": 0.0}
    lock = threading.Lock()

    def work(i: int) -> int:
        recording = Recording(input=VideoInput(video_id=f"v{i}", uri=str(path)), sequence=i)
        (outcome,) = stage.run([recording])
        if not isinstance(outcome, Kept) or outcome.value.visual is None:
            raise RuntimeError(f"the pass failed: {outcome}")
        visual = outcome.value.visual
        if device != "cpu" and not visual.video.backend.startswith("nvdec"):
            raise RuntimeError(f"it was not decoded on the card: {visual.video.warnings}")
        with lock:
            shares["waiting_for_frames_s"] += visual.timings["decode_s"]
            shares["analysing_s"] += visual.timings["analyse_s"]
        return visual.video.frames_decoded

    in_threads(sessions, work)
    for name in shares:
        shares[name] = 0.0
    frames, took = in_threads(sessions, work)
    return {"fps": frames / took, **shares}


def sessions_to_try(engines: int) -> list[int]:
    """One, half of the engines, all of them, and a little more."""
    return sorted({1, max(1, engines // 2), engines, engines + 2})


def measure(path: Path, engines: int) -> list[dict[str, Any]]:
    """A row for each number of sessions."""
    rows = []
    for sessions in sessions_to_try(engines):
        bare = bare_fps(path, sessions)
        whole = visual_fps(path, sessions)
        rows.append(
            {"file": path.name, "sessions": sessions, "bare_fps": bare, "ratio": whole["fps"] / bare, **whole}
        )
    return rows
