"""Resource requests and durations. Units: seconds, cores, core-seconds, bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_splitter.hints import Defaults, TaskHint
from pipeline_splitter.kfp.executors import Container
from pipeline_splitter.kfp.pods import PodConfig
from pipeline_splitter.kfp.tasks import Iterator

SECONDS, CPU, ITERATIONS = "seconds", "cpu", "iterations"
_DEFAULT_CPU = 1.0


@dataclass(frozen=True, slots=True)
class Work:
    """What running something takes.

    Attributes:
        cpu: the largest number of cores of one of its containers.
        requests: the largest amount of each resource that one of its containers asks for.
        assumed: what of it is a default.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cpu: float = 0.0
    requests: Mapping[str, float] = field(default_factory=dict)
    assumed: frozenset[str] = frozenset()

    def plus(self, other: "Work") -> "Work":
        """Both, one after the other."""
        requests = dict(self.requests)
        for name, amount in other.requests.items():
            requests[name] = max(requests.get(name, 0.0), amount)
        return Work(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.cpu, other.cpu),
            requests,
            self.assumed | other.assumed,
        )

    def repeated(self, own: TaskHint, inherited: TaskHint, iterator: Iterator | None, items: int | None) -> "Work":
        """As often as a loop goes round: as hinted, else as many times as items are written down, else once.

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
        return Work(self.seconds * times, self.cpu_seconds * times, self.cpu, self.requests, self.assumed)

    def as_unit(self, total_seconds: float | None, cpu: float | None) -> "Work":
        """With what is said of the unit itself: its total, times the `cpu` that is said of it, else the largest."""
        if total_seconds is None:
            return self
        cores = self.cpu if cpu is None else cpu
        assumed = self.assumed - {SECONDS, ITERATIONS} - ({CPU} if cpu is not None else set())
        return Work(total_seconds, total_seconds * cores, cores, self.requests, assumed)


NO_WORK = Work()


def work_of(container: Container, pod: PodConfig, hint: TaskHint, defaults: Defaults) -> Work:
    """What one container takes: as hinted, else as it says itself, else as is assumed."""
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
