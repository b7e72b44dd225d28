"""Bare NVDEC against the whole visual pass: sessions in threads of one process, and in several processes."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.gpu.child import Row, Step
from benchmarks.gpu.looker import Looker, look, visual_stage
from benchmarks.gpu.media import ENCODERS, make_recording

from narratrace.source import probe
from narratrace.threads import usable_cores

FILES = (("h264", 1920, 1080), ("h264", 1280, 720), ("vp9", 1920, 1080), ("av1", 1920, 1080))
SECONDS = 20.0
PATIENCE_S = 60.0
"""Longest that sessions may take for one recording, their start and the compilation of kernels included."""


def in_threads(count: int, work: Callable[[int], int], patience_s: float = PATIENCE_S) -> tuple[int, float]:
    """Sum of what the threads return, and the seconds until the last is done.

    Raises:
        TimeoutError: they take longer than ``patience_s``; those that hang are left behind.
        Exception: what one of them raised.
    """
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
        thread.join(max(0.0, begun + patience_s - time.perf_counter()))
    took = time.perf_counter() - begun
    if wrong:
        raise wrong[0]
    late = sum(thread.is_alive() for thread in threads)
    if late:
        raise TimeoutError(f"{late} of {count} did not end within {patience_s:g} s")
    return sum(done), took


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
    for session in made:  # not where they hang: closing would, too
        session.close()
    return frames / took


def visual_fps(path: Path, sessions: int, device: str = "cuda:0") -> dict[str, float]:
    """Frames a second of the whole visual pass, every frame decoded, and where its time goes."""
    stage = visual_stage(device)
    shares = {"waiting_for_frames_s": 0.0, "analysing_s": 0.0}
    lock = threading.Lock()

    def work(i: int) -> int:
        visual = look(stage, path, device, i)
        with lock:
            shares["waiting_for_frames_s"] += visual.timings["decode_s"]
            shares["analysing_s"] += visual.timings["analyse_s"]
        return visual.video.frames_decoded

    in_threads(sessions, work)
    for name in shares:
        shares[name] = 0.0
    frames, took = in_threads(sessions, work)
    return {"fps": frames / took, **shares}


def processes_fps(path: Path, processes: int, device: str = "cuda:0") -> dict[str, float]:
    """The same by as many processes, whose interpreters do not wait for each other's."""
    threads = max(1, usable_cores() // processes)
    lookers = [Looker(path, device, threads) for _ in range(processes)]
    try:
        in_threads(processes, lambda i: lookers[i].look())  # they start, and compile
        frames, took = in_threads(processes, lambda i: lookers[i].look())
    finally:
        for looker in lookers:
            looker.kill()
    return {"fps": frames / took}


def sessions_to_try(engines: int) -> list[int]:
    """One, half of the engines, all of them, and a little more."""
    return sorted({1, max(1, engines // 2), engines, engines + 2})


def processes_to_try(engines: int, cores: int) -> list[int]:
    """One an engine, and as many as a corpus run starts."""
    from narratrace.corpus.jobs import workers_per_card

    return sorted({min(engines, cores), workers_per_card(engines, cores)})


def file_steps(path: Path, engines: int, *, crews: bool) -> Iterator[Step]:
    """A row for each number of sessions, and with ``crews`` of processes."""
    bare: dict[int, float] = {}

    def threads(sessions: int) -> Row:
        bare[sessions] = bare_fps(path, sessions)
        whole = visual_fps(path, sessions)
        return {"bare_fps": bare[sessions], "ratio": whole["fps"] / bare[sessions], **whole}

    def processes(count: int) -> Row:
        whole, ceiling = processes_fps(path, count), max(bare.values(), default=None)
        return {**whole, "ratio": whole["fps"] / ceiling} if ceiling else whole

    for sessions in sessions_to_try(engines):
        yield {"file": path.name, "sessions": sessions}, partial(threads, sessions)
    for count in processes_to_try(engines, usable_cores()) if crews else ():
        yield {"file": path.name, "processes": count}, partial(processes, count)


def video_steps(context: Row) -> Iterator[Step]:
    """Decoding and the whole visual pass, by codec and size.

    Raises:
        RuntimeError: the libraries cannot be used.
    """
    from narratrace.decode.nvdec import why_not_libraries

    reason = why_not_libraries()
    if reason:
        raise RuntimeError(reason)
    with tempfile.TemporaryDirectory() as folder:
        for number, (codec, width, height) in enumerate(FILES):
            path = Path(folder) / f"{codec}-{height}.{ENCODERS[codec][1]}"
            usable: list[Path] = []
            yield {"file": path.name}, partial(_make, path, codec, (width, height), usable)
            for made in usable:
                yield from file_steps(made, context["machine"]["nvdec_engines"], crews=number == 0)


def _make(path: Path, codec: str, size: tuple[int, int], usable: list[Path]) -> Row:
    """Makes a recording, which goes to ``usable`` if the card decodes it."""
    from narratrace.decode.nvdec import why_not_stream
    from narratrace.driver import driver_facts

    card, begun = driver_facts().gpus[0], time.perf_counter()
    if not any(cap.codec == codec for cap in card.decodes):
        return {"skipped": f"{card.name} decodes no {codec}"}
    reason = why_not_stream(probe(make_recording(path, codec, *size, SECONDS)).video, card)
    if reason:
        return {"skipped": reason}
    usable.append(path)
    return {"seconds": SECONDS, "made_in_s": time.perf_counter() - begun}
