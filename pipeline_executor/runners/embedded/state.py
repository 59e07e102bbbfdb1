"""Cached state of a running group; all of it can be rebuilt from the cluster and the store."""

from dataclasses import dataclass, field

from moorage.grants.question import PodIdentity
from moorage.runs import FileEntry
from pipeline_executor.engine import Launch, Program
from pipeline_executor.runners.embedded.decisions import AttemptKey
from pipeline_executor.runners.embedded.launch_json import BOUNDS, read_launch
from pipeline_executor.runners.protocol import GroupRun
from pipeline_executor.runners.task_records import TaskRecords


@dataclass(frozen=True, slots=True)
class Made:
    """A pod that was made and that the informer has not shown yet; `at_seconds`: when it was looked for last."""

    identity: PodIdentity
    at_seconds: float


@dataclass(slots=True)
class State:
    """The cached state of one group.

    Attributes:
        containers: the paths of its tasks that are containers, loops' numbers left out.
        launches: of attempts that have not ended, where they are known.
        made: pods that were made and that the informer has not shown yet.
        known: attempts that had a pod and have not ended.
        bytes_in: what sidecars said they fetched, by the pod's uid.
        failures: what sidecars said when they gave up, by the pod's uid.
        trouble: what pods wait for, and since when, by uid.
        log_troubles: since when a pod's log can't be read, by uid.
        waiting: what keeps tasks from beginning, by path.
        listed: files of artifacts that no task made, by URI.
    """

    run: GroupRun
    program: Program
    containers: frozenset[str]
    records: TaskRecords
    launches: dict[AttemptKey, Launch] = field(default_factory=dict)
    made: dict[AttemptKey, Made] = field(default_factory=dict)
    known: set[AttemptKey] = field(default_factory=set)
    bytes_in: dict[str, int] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, tuple[str, float]] = field(default_factory=dict)
    log_troubles: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    listed: dict[str, tuple[FileEntry, ...]] = field(default_factory=dict)

    async def launch(self, key: AttemptKey) -> Launch | None:
        """Return an attempt's launch, from the store where an earlier process made it; None where nobody did.

        Raises:
            StoreError: the store does not answer.
            InputError: the record can't be read.
        """
        known = self.launches.get(key)
        if known is None:
            place = self.run.keys.task(*key, "launch")
            content = await self.run.store.get(place, BOUNDS.most_bytes)
            if content is None:
                return None
            known = self.launches[key] = read_launch(content, self.run.store.uri(place))
        return known

    def drop(self, key: AttemptKey, pod_uid: str = "") -> None:
        """Drop all but the record of an attempt that has ended."""
        self.launches.pop(key, None)
        self.made.pop(key, None)
        self.known.discard(key)
        self.bytes_in.pop(pod_uid, None)
        self.failures.pop(pod_uid, None)
        self.trouble.pop(pod_uid, None)
        self.log_troubles.pop(pod_uid, None)
