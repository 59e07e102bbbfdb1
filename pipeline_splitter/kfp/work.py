"""Resource requests and durations. Units: seconds, cores, core-seconds, bytes.

A unit's seconds are wall time, the critical path through what is in it; its core-seconds are those of all its tasks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline_splitter.hints import Defaults, TaskHint
from pipeline_splitter.kfp.executors import Container
from pipeline_splitter.kfp.pods import PodConfig
from pipeline_splitter.kfp.tasks import Iterator

SECONDS, CPU, ITERATIONS = "seconds", "cpu", "iterations"
_DEFAULT_CPU = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """The time and resources that something takes.

    Attributes:
        seconds: wall time.
        cpu_seconds: core-seconds of all its containers, all iterations and branches counted.
        cpu: the largest number of cores of one of its containers.
        requests: the largest amount of each resource that one of its containers asks for.
        assumed: what of it is a default.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cpu: float = 0.0
    requests: Mapping[str, float] = field(default_factory=dict)
    assumed: frozenset[str] = frozenset()

    def repeated(self, own: TaskHint, inherited: TaskHint, iterator: Iterator | None, items: int | None) -> "Work":
        """Repeat the work as often as a loop goes round: as hinted, else once for each item written down, else once.

        Iterations run beside each other, as many as the loop's parallelism permits: the seconds count once for each
        batch, the core-seconds for each iteration.

        Args:
            own: the hint of the loop's (or condition's) own path.
            inherited: that merged with what is said of the nested pipelines around it; counts for loops only.
            iterator: None for what is no loop: a hint of its own still counts.
            items: how many it goes over; None where only the run knows.
        """
        times = own.iterations if iterator is None else inherited.iterations
        if times is None:
            times = items
        if times is None:
            assumed = self.assumed | ({ITERATIONS} if iterator is not None else set())
            return Work(self.seconds, self.cpu_seconds, self.cpu, self.requests, assumed)
        side_by_side = (iterator.parallelism if iterator is not None else 0) or max(times, 1)
        batches = -(-times // side_by_side)
        return Work(self.seconds * batches, self.cpu_seconds * times, self.cpu, self.requests, self.assumed)

    def as_unit(self, wall_seconds: float | None, cpu: float | None) -> "Work":
        """Apply the unit's own hints: its wall time, times the `cpu` that is hinted, else the largest."""
        if wall_seconds is None:
            return self
        cores = self.cpu if cpu is None else cpu
        assumed = self.assumed - {SECONDS, ITERATIONS} - ({CPU} if cpu is not None else set())
        return Work(wall_seconds, wall_seconds * cores, cores, self.requests, assumed)


NO_WORK = Work()


def together(parts: Mapping[str, Work], upstream: Mapping[str, Iterable[str]]) -> Work:
    """Sum up the tasks of one dag: what depends on another comes after it, what doesn't runs beside it.

    Branches that exclude each other depend on none of the others, so that the longest of them counts.

    Args:
        parts: in topological order.
        upstream: of each, the names of those that it depends on.
    """
    ends: dict[str, float] = {}
    cpu_seconds, cpu, requests, assumed = 0.0, 0.0, dict[str, float](), frozenset[str]()
    for name, work in parts.items():
        ends[name] = max((ends[earlier] for earlier in upstream[name]), default=0.0) + work.seconds
        cpu_seconds += work.cpu_seconds
        cpu = max(cpu, work.cpu)
        assumed |= work.assumed
        for resource, amount in work.requests.items():
            requests[resource] = max(requests.get(resource, 0.0), amount)
    return Work(max(ends.values(), default=0.0), cpu_seconds, cpu, requests, assumed)


def work_of(container: Container, pod: PodConfig, hint: TaskHint, defaults: Defaults) -> Work:
    """Return the work of one container: as hinted, else as it states itself, else as assumed."""
    seconds = pod.seconds if hint.seconds is None else hint.seconds
    cpu = container.cpu if hint.cpu is None else hint.cpu
    known_seconds = defaults.task_seconds if seconds is None else seconds
    known_cpu = _DEFAULT_CPU if cpu is None else cpu
    assumed = frozenset(name for name, value in ((SECONDS, seconds), (CPU, cpu)) if value is None)
    return Work(
        seconds=known_seconds,
        cpu_seconds=known_seconds * known_cpu,
        cpu=known_cpu,
        requests={"cpu": known_cpu, **container.resources},
        assumed=assumed,
    )
