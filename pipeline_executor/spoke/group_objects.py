"""What an informer keeps of a PipelineGroup: its spec, and how far its status says it is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.errors import InputError
from moorage.kube import RawObject
from moorage.runs import GroupPhase, PipelineGroup
from moorage.runs.pipelines import SUMMARY_ANNOTATION
from moorage.wire.runs import read_pipeline_group


@dataclass(frozen=True, slots=True)
class GroupObject:
    """A PipelineGroup.

    Attributes:
        group: None where the spec can't be read.
        problem: why not; "" where it can.
        phase: what its status says; None: nothing yet.
        status: the status as it is.
        wants_summary: whether its status is wanted as one string, too.
    """

    namespace: str
    name: str
    uid: str
    group: PipelineGroup | None
    problem: str = ""
    phase: GroupPhase | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    wants_summary: bool = False

    @property
    def is_final(self) -> bool:
        """Whether its status says that it has ended."""
        return self.phase is not None and self.phase.is_final

    @property
    def reference(self) -> RawObject:
        """As much of it as an Event needs."""
        metadata = {"namespace": self.namespace, "name": self.name, "uid": self.uid}
        return {"apiVersion": "moorage.dev/v1alpha1", "kind": "PipelineGroup", "metadata": metadata}

    def asks_as(self, other: "GroupObject") -> bool:
        """Whether both ask the same; their statuses may differ."""
        return (self.uid, self.group, self.problem) == (other.uid, other.group, other.problem)


def read_group_object(raw: RawObject) -> GroupObject:
    """What is kept. An object that can't be read is kept, too, so that its status can say why."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    group, problem = None, ""
    try:
        group = read_pipeline_group(raw)
    except InputError as error:
        problem = str(error)
    said = status.get("phase")
    return GroupObject(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        group=group,
        problem=problem,
        phase=GroupPhase(said) if said in set(GroupPhase) else None,
        status=status,
        wants_summary=(metadata.get("annotations") or {}).get(SUMMARY_ANNOTATION) == "true",
    )
