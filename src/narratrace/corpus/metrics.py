"""Figures of a run for Prometheus, served over HTTP while it goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from narratrace.corpus.tally import Snapshot
from narratrace.errors import MissingDependency, StorageError

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric


@contextlib.contextmanager
def serve(port: int, address: str = "127.0.0.1") -> Iterator[Callable[[Snapshot], None]]:
    """Serve ``/metrics`` as long as the block lasts.

    Args:
        port: TCP port.
        address: Interface to listen on; this machine alone by default.

    Yields:
        Takes the figures to serve from now on.

    Raises:
        MissingDependency: prometheus-client is not installed.
        StorageError: the port is taken.
    """
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise MissingDependency(
            "prometheus-client is not installed",
            station="corpus",
            input="--metrics-port",
            expected="pip install 'narratrace[corpus]'",
        ) from error
    collector = _Collector()
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise StorageError(
            f"cannot listen: {error.strerror}", station="corpus", input=f"{address}:{port}"
        ) from error
    try:
        yield collector.take
    finally:
        server.shutdown()
        thread.join()


class _Collector:
    """Turns the last snapshot into metrics whenever it is asked."""

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None

    def take(self, snapshot: Snapshot) -> None:
        """Remember the figures."""
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """The metrics, none before the workers are there."""
        if self._snapshot is not None:
            yield from _metrics(self._snapshot)


def _metrics(now: Snapshot) -> Iterator[Metric]:
    queues = now.queues
    waiting = {name: getattr(queues, name) for name in ("fetching", "ready", "running", "bundles")}
    scratch = {"inputs": queues.fetched_bytes, "bundles": queues.bundle_bytes}
    states = {state.value: count for state, count in now.videos.items()}
    memory = {name: worker.memory for name, worker in now.workers.items()}
    stations = [worker.station for worker in now.workers.values() if worker.station]
    at = {name: stations.count(name) for name in {*now.busy, *stations}}
    yield _gauge("videos", "Recordings by state.", states, "state")
    yield _gauge("hours_done", "Hours of video processed.", now.hours_done)
    yield _gauge("hours_total", "Hours of video there are, by expectation.", now.hours_total)
    yield _gauge("speed", "Hours of video per hour in this session.", now.speed)
    yield _gauge("samples", "Samples by kind.", now.samples, "kind")
    yield _gauge("retries", "Attempts to be repeated in this session.", now.retries)
    yield _gauge("busy_share", "Share of the workers' time by station.", now.busy, "station")
    yield _gauge("workers", "Workers by the station they are at.", at, "station")
    yield _gauge("worker_memory_bytes", "Resident memory.", memory, "worker")
    yield _gauge("queue", "Recordings that wait or are worked on.", waiting, "queue")
    yield _gauge("scratch_bytes", "Bytes on scratch.", scratch, "what")
    if now.eta_s is not None:
        yield _gauge("eta_seconds", "Expected seconds to the end.", now.eta_s)


def _gauge(name: str, text: str, values: float | Mapping[str, Any], label: str = "") -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    if not isinstance(values, Mapping):
        return GaugeMetricFamily(f"narratrace_{name}", text, value=values)
    metric = GaugeMetricFamily(f"narratrace_{name}", text, labels=[label])
    for key, value in sorted(values.items()):
        metric.add_metric([key], value)
    return metric
