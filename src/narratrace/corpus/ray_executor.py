"""The Ray executor: the same work in actors of a cluster, the same output.

Through Ray's object store go tasks, names and small results: never a frame, a picture or a sample. Inputs,
relays (Note [Relays]) and bundles lie on a scratch folder that all nodes see. An actor that dies takes one
attempt with it; Ray starts it again, on another node if its own is gone, and its recordings are tried again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from narratrace.corpus.child import STARTS
from narratrace.corpus.executor import Activity, hand_on
from narratrace.corpus.jobs import with_threads
from narratrace.corpus.messages import Job, Made, Report, Task
from narratrace.corpus.options import RayOptions
from narratrace.corpus.ray_actor import Actor, Answer, Part, Pulse, Relay
from narratrace.corpus.vigil import Vigil
from narratrace.corpus.workshop import failure
from narratrace.data.outcome import Kept, Outcome
from narratrace.errors import DeviceError, MissingDependency, NarratraceError, WorkerLost

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
_MARK = ".seen-by-all-nodes"


class _Member(Struct, eq=False):
    """One actor, from its start over all its lives.

    Attributes:
        name: For people.
        handle: Ray's.
        vigil: Of the first task in hand.
        tasks: In hand.
        ref: What is awaited: the answers, or that the models are loaded.
        pulse: A question after its state that is on its way.
    """

    name: str
    handle: Any
    vigil: Vigil
    tasks: list[Task] = field(default_factory=list)
    ref: Any = None
    pulse: Any = None


class RayExecutor:
    """Actors of a Ray cluster, see :class:`narratrace.corpus.executor.Executor`.

    Args:
        job: What the actors are to do; its scratch is seen by all nodes.
        options: Which actors there are to be.
        videos: Recordings there are; no more actors than that.
    """

    def __init__(self, job: Job, options: RayOptions, videos: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingDependency(
                "ray is not installed",
                station="corpus",
                input="--executor ray",
                expected="pip install 'narratrace[ray]'",
            ) from error
        self._ray: Any = ray
        self._job = job
        self._options = options
        self._videos = videos
        self._started_ray = False
        self._lookers: list[_Member] = []
        self._finishers: list[_Member] = []
        self._relayed: deque[tuple[Task, Relay, float]] = deque()
        self._looked_s: dict[int, float] = {}
        self._still_born = 0
        self._looked = time.monotonic()

    def start(self) -> None:
        """Join or start the cluster and ask for the actors."""
        if not self._ray.is_initialized():
            address = self._options.address or None
            extra = {} if address else {"include_dashboard": False}
            try:
                self._ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **extra)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise DeviceError(
                    f"no Ray cluster: {error}", station="corpus", input=address or "local"
                ) from error
            self._started_ray = True
        Path(self._job.scratch).mkdir(parents=True, exist_ok=True)
        (Path(self._job.scratch) / _MARK).touch()
        options, split = self._options, self._options.transcribers > 0
        count = min(options.actors or self._room(), self._videos)
        self._lookers = [self._hire("look" if split else "whole", n) for n in range(count)]
        self._finishers = [self._hire("finish", n) for n in range(options.transcribers)]

    @property
    def free(self) -> int:
        """Actors that wait for a recording; none while the other actors cannot keep up."""
        if len(self._relayed) > 2 * self._options.batch * len(self._finishers):
            return 0
        return sum(member.vigil.is_idle for member in self._lookers)

    def submit(self, task: Task) -> str:
        """Hand a task to an actor."""
        member = next(member for member in self._lookers if member.vigil.is_idle)
        method = member.handle.look if self._finishers else member.handle.carry_out
        self._begin(member, [task], method.remote(task))
        return member.name

    def poll(self, timeout_s: float) -> list[Report]:
        """See :meth:`narratrace.corpus.executor.Executor.poll`."""
        members = {member.ref: member for member in self._members() if member.ref is not None}
        reports: list[Report] = []
        if members:
            done, _ = self._ray.wait(list(members), num_returns=1, timeout=timeout_s)
            more, _ = self._ray.wait(list(members), num_returns=len(members), timeout=0)
            for ref in dict.fromkeys([*done, *more]):
                reports += self._hear(members[ref])
        if time.monotonic() - self._looked >= _LOOK_EVERY_S:
            self._looked = time.monotonic()
            self._feel_pulses()
            reports += self._kill_overdue()
        self._finish_some()
        return reports

    def activity(self) -> Mapping[str, Activity]:
        """What each actor is at."""
        return {member.name: member.vigil.activity for member in self._members()}

    def close(self) -> None:
        """End the actors, and the cluster if it was started here."""
        for member in self._members():
            self._ray.kill(member.handle)
        self._lookers, self._finishers = [], []
        (Path(self._job.scratch) / _MARK).unlink(missing_ok=True)
        if self._started_ray:
            self._ray.shutdown()

    def _members(self) -> list[_Member]:
        return [*self._lookers, *self._finishers]

    def _room(self) -> int:
        """Actors that fit the cluster as it is now."""
        have = self._ray.cluster_resources()
        by_cores = have.get("CPU", 1.0) / self._options.cpus
        by_cards = have.get("GPU", 0.0) / self._options.gpus if self._options.gpus else by_cores
        return max(1, int(min(by_cores, by_cards)))

    def _hire(self, part: Part, number: int) -> _Member:
        job = replace(self._job, engine=with_threads(self._job.engine, max(1, int(self._options.cpus))))
        options: dict[str, Any] = {
            "num_cpus": self._options.cpus,
            "num_gpus": self._options.gpus,
            "max_restarts": -1,
            "max_task_retries": 0,
            # One thread works, as stages want it; another answers meanwhile.
            "concurrency_groups": {"pulse": 1},
        }
        actor = self._ray.remote(**options)(Actor)
        member = _Member(f"{part}-{number}", actor.remote(job, part), Vigil())
        self._set_up(member)
        return member

    def _set_up(self, member: _Member) -> None:
        member.vigil, member.tasks, member.pulse = Vigil(), [], None
        member.ref = member.handle.set_up.remote(str(Path(self._job.scratch) / _MARK))

    def _begin(self, member: _Member, tasks: list[Task], ref: Any) -> None:
        member.tasks, member.ref = tasks, ref
        member.vigil.begin(tasks[0])

    def _hear(self, member: _Member) -> list[Report]:
        """Take what an actor answered, or that it died."""
        try:
            said = self._ray.get(member.ref)
        except self._ray.exceptions.RayError as error:
            return self._bury(member, "the actor died", str(error))
        if isinstance(said, NarratraceError):
            raise said
        if isinstance(said, Exception):
            raise WorkerLost(f"an actor cannot be set up: {said}", station="corpus") from said
        if isinstance(said, Pulse):
            member.vigil.settle(said.memory)
            member.ref = None
            self._still_born = 0
            return []
        tasks, member.tasks, member.ref = member.tasks, [], None
        member.vigil.rest()
        return [
            report
            for task, answer in zip(tasks, said, strict=True)
            for report in self._take(member, task, answer)
        ]

    def _take(self, member: _Member, task: Task, answer: Answer) -> list[Report]:
        for logged in answer.logs:
            hand_on(logged)
        outcome = answer.outcome
        if isinstance(outcome, Kept) and isinstance(outcome.value, Relay):
            self._relayed.append((task, outcome.value, answer.seconds))
            return []
        ended: Outcome[Made] = outcome  # relays are dealt with above
        seconds = answer.seconds + self._looked_s.pop(task.sequence, 0.0)
        return [Report(task=task, outcome=ended, seconds=seconds, worker=member.name)]

    def _finish_some(self) -> None:
        """Hand relayed recordings to idle actors, several together."""
        for member in self._finishers:
            if not (self._relayed and member.vigil.is_idle):
                continue
            batch = [self._relayed.popleft() for _ in range(min(self._options.batch, len(self._relayed)))]
            self._looked_s |= {task.sequence: seconds for task, _, seconds in batch}
            tasks, relays = [task for task, _, _ in batch], [relay for _, relay, _ in batch]
            self._begin(member, tasks, member.handle.finish.remote(tasks, relays))

    def _feel_pulses(self) -> None:
        for member in self._members():
            if not member.tasks:
                member.pulse = None
                continue
            if member.pulse is not None and self._ray.wait([member.pulse], timeout=0)[0]:
                pulse, member.pulse = member.pulse, None
                try:
                    said: Pulse = self._ray.get(pulse)
                except self._ray.exceptions.RayError:
                    continue  # the answer to the task will say the same
                member.vigil.note(said.progress)
                member.vigil.weigh(said.memory)
            if member.pulse is None:
                member.pulse = member.handle.pulse.options(concurrency_group="pulse").remote()

    def _kill_overdue(self) -> list[Report]:
        reports: list[Report] = []
        for member in self._members():
            # An actor may wait for a node for as long as it takes; only one that works can hang.
            why = member.vigil.overdue(self._job.limits) if member.tasks else ""
            if why:
                self._ray.kill(member.handle, no_restart=False)
                reports += self._bury(member, f"the actor was killed: {why}", "")
        return reports

    def _bury(self, member: _Member, what: str, details: str) -> list[Report]:
        """Report the tasks of an actor that died, which Ray starts again.

        Raises:
            WorkerLost: no actor survives its start.
        """
        tasks, vigil = member.tasks, member.vigil
        self._still_born += not vigil.is_ready
        error = WorkerLost(what, station=vigil.activity.station or "corpus", cause=details)
        _log.warning("%s: %s: %s", member.name, what, details, extra={"video_id": vigil.activity.video_id})
        if self._still_born >= STARTS:
            raise error
        seconds = vigil.seconds
        self._set_up(member)
        for task in tasks:
            self._looked_s.pop(task.sequence, None)
        return [
            Report(
                task=task, outcome=failure(error, task, error.station), seconds=seconds, worker=member.name
            )
            for task in tasks
        ]
