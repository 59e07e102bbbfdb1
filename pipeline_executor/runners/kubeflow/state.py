"""Cached state of a running group; all of it can be rebuilt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.errors import InputError
from moorage.reading.documents import Bounds, read_object
from pipeline_executor.engine import Program
from pipeline_executor.runners.kubeflow.answers import BackendRun
from pipeline_executor.runners.kubeflow.lineage import Lineage
from pipeline_executor.runners.protocol import GroupRun
from pipeline_executor.runners.task_records import TaskRecords

_BOUNDS: Final = Bounds(most_bytes=8 << 20, most_depth=96)

PodKey = tuple[str, str]
"""A task's path, and the name of its pod."""


@dataclass(slots=True)
class State:
    """The cached state of one group.

    Attributes:
        containers: the paths of its tasks that are containers, loops' numbers left out.
        run_id: Kubeflow's.
        numbers: which attempt a pod is.
        backend: the run, as Kubeflow said last; None: it was not seen yet.
        asked_at: when Kubeflow was asked last, in seconds since the epoch; likewise `read_at` of ML Metadata,
            `terminated_at` of the last wish to end it.
        trouble: what pods wait for, and since when, by uid.
        log_troubles: since when a pod's log can't be read, by name.
        hopeless: why it can't go on though Kubeflow says that it runs; "": it can.
        over_at: since when it has ended and something of it is missing.
        input_bytes: the sizes of what tasks read, by URI: many iterations read the same.
    """

    run: GroupRun
    program: Program
    containers: frozenset[str]
    records: TaskRecords
    run_id: str
    numbers: dict[PodKey, int] = field(default_factory=dict)
    backend: BackendRun | None = None
    lineage: Lineage = field(default_factory=Lineage)
    asked_at: float = 0.0
    read_at: float = 0.0
    terminated_at: float = 0.0
    posted_at: float | None = None
    trouble: dict[str, tuple[str, float]] = field(default_factory=dict)
    log_troubles: dict[str, float] = field(default_factory=dict)
    hopeless: str = ""
    over_at: float | None = None
    input_bytes: dict[str, int] = field(default_factory=dict)

    def number_of(self, key: PodKey) -> int | None:
        """Return the attempt's number of a pod; None where it has none yet."""
        return self.numbers.get(key)

    def give_number(self, key: PodKey) -> int:
        """Return the next attempt of a task, for a pod that is new."""
        path = key[0]
        taken = [number for (other, _), number in self.numbers.items() if other == path]
        number = max((*self.records.of(path), *taken), default=0) + 1
        self.numbers[key] = number
        return number


def write_launch(run_id: str, pod: str) -> bytes:
    """Return the stored record of an attempt that Kubeflow launched: enough to find its pod again."""
    return json.dumps({"runner": "kubeflow", "runId": run_id, "pod": pod}, separators=(",", ":")).encode()


def pod_launched(content: bytes | None, run_id: str, subject: str) -> str | None:
    """Return the pod of an attempt; None where it belongs to no attempt of this run."""
    if content is None:
        return None
    try:
        raw: Mapping[str, Any] = read_object(content, subject, _BOUNDS).raw
    except InputError:
        return None
    return str(raw.get("pod") or "") if raw.get("runId") == run_id else None
