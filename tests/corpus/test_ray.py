"""The Ray executor against the local one: same output, whatever dies."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import psutil
import pytest
from msgspec.structs import replace

from narratrace.corpus import VideoFinished, VideoRetried
from narratrace.corpus.jobs import make_job, with_threads
from narratrace.corpus.messages import Lender
from narratrace.corpus.options import LimitOptions, RayOptions, RetryOptions
from narratrace.corpus.ray_executor import RayExecutor
from narratrace.data.outcome import Failed, Kept
from narratrace.errors import ModelError
from tests.corpus.media import damage
from tests.corpus.runs import ENGINE, OPTIONS, dead_letters, make_run, outputs, write_manifest
from tests.corpus.stages import hopeless, mischievous, slow

ray = pytest.importorskip("ray", reason="needs ray")

RAY = replace(OPTIONS, executor="ray", ray=RayOptions(actors=2, cpus=0.5))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes; the second can be killed and comes again."""
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def inputs(lectures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recordings, two of them damaged."""
    folder = tmp_path_factory.mktemp("inputs") / "in"
    shutil.copytree(lectures, folder)
    damage(folder / "lecture-2.mp4", 2)
    damage(folder / "lecture-5.mp4", 1)
    return folder


@pytest.fixture(scope="module")
def local(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The local executor's output."""
    out = tmp_path_factory.mktemp("local")
    assert make_run([inputs], out).execute().failed == 2
    return out


def test_the_output_is_that_of_the_local_executor(
    cluster: Any, inputs: Path, local: Path, tmp_path: Path
) -> None:
    summary = make_run([inputs], tmp_path, options=RAY).execute()
    assert (summary.complete, summary.failed) == (True, 2)
    assert outputs(tmp_path) == outputs(local)
    assert [d["video_id"] for d in dead_letters(tmp_path)] == [d["video_id"] for d in dead_letters(local)]
    assert not (tmp_path / ".scratch").exists()


def test_actors_by_resource_give_the_same_output(
    cluster: Any, inputs: Path, local: Path, tmp_path: Path
) -> None:
    options = replace(RAY, ray=RayOptions(actors=1, transcribers=1, cpus=0.5, batch=3))
    workers: set[str] = set()
    run = make_run([inputs], tmp_path, options=options)
    for _ in run.events():
        if snapshot := run.snapshot():
            workers |= set(snapshot.workers)
    assert workers == {"look-0", "finish-0"}
    assert outputs(tmp_path) == outputs(local)
    assert [d["video_id"] for d in dead_letters(tmp_path)] == [d["video_id"] for d in dead_letters(local)]


def test_dead_and_hung_actors_cost_an_attempt(cluster: Any, lecture: Path, tmp_path: Path) -> None:
    rows = []
    for i, what in enumerate(["", "kill once", "kill", "hang"]):
        shutil.copy(lecture, tmp_path / f"v{i}.mp4")
        rows.append({"uri": f"v{i}.mp4", "mischief": what, "marker": str(tmp_path / f"marker-{i}")})
    options = replace(
        RAY,
        retry=RetryOptions(attempts=2, backoff_s=0.05),
        limits=LimitOptions(stall_s=4.0, slowest=0.1),
    )
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    run = make_run([manifest], tmp_path / "out", options=options, stages=mischievous)
    events = list(run.events())
    ends = {event.video_id: event for event in events if isinstance(event, VideoFinished)}
    assert isinstance(ends["v0"].outcome, Kept)
    assert isinstance(ends["v1"].outcome, Kept)
    assert ends["v1"].attempt == 2
    for video_id, message in (("v2", "died"), ("v3", "killed: ")):
        outcome = ends[video_id].outcome
        assert isinstance(outcome, Failed)
        assert outcome.error == "WorkerLost"
        assert message in outcome.message
    assert sorted(e.video_id for e in events if isinstance(e, VideoRetried)) == ["v1", "v2", "v3"]


def test_actors_that_cannot_be_set_up_stop_the_run(cluster: Any, lecture: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the model is not there"):
        make_run([lecture], tmp_path, options=RAY, stages=hopeless).execute()


def test_actors_are_given_the_whole_job(tmp_path: Path) -> None:
    job = make_job(ENGINE, OPTIONS, slow, tmp_path, tmp_path)
    job = replace(job, lender=Lender(address="models", key=b"key"))  # the field that has a default
    executor = RayExecutor(job, RayOptions(cpus=3.0), 1)
    executor._ray = Mock()
    executor._hire("whole", 0)
    given, _ = executor._ray.remote.return_value.return_value.remote.call_args.args
    assert given == replace(job, engine=with_threads(ENGINE, 3))


def test_a_node_that_dies_loses_nothing(cluster: Any, inputs: Path, local: Path, tmp_path: Path) -> None:
    """Two nodes with an actor each; the second is killed in the middle, and replaced a little later."""
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    options = replace(RAY, ray=RayOptions(actors=2, cpus=1.0), retry=RetryOptions(attempts=9, backoff_s=0.05))
    run = make_run([inputs], tmp_path, options=options, stages=slow)
    killed, replacement, retried = False, None, 0
    try:
        for event in run.events():
            retried += isinstance(event, VideoRetried)
            snapshot = run.snapshot()
            busy = [w for w in snapshot.workers.values() if w.video_id] if snapshot else []
            if not killed and len(busy) == 2:
                kill_node(node)
                killed = True
            elif killed and replacement is None and isinstance(event, VideoFinished):
                replacement = cluster.add_node(num_cpus=1)
    finally:
        with contextlib.suppress(Exception):
            cluster.remove_node(replacement or node)
    assert killed
    assert retried >= 1, "the dead node had a recording in hand"
    assert run.summary is not None
    assert run.summary.complete
    assert outputs(tmp_path) == outputs(local)


def kill_node(node: Any) -> None:
    """kill -9 of everything on a node, as a power cut does it."""
    raylet = node.all_processes["raylet"][0].process
    family = psutil.Process(raylet.pid).children(recursive=True)
    os.kill(raylet.pid, signal.SIGKILL)
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    time.sleep(0.1)
