"""What `why` can be asked about: `pod/x`, `dataset/x`, `deploy/x` and other workloads, as kubectl writes them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.errors import InputError
from moorage.kube.resources import (
    CRON_JOBS,
    DAEMON_SETS,
    DATASETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Resource,
)

_SHORT_NAMES: dict[str, tuple[str, ...]] = {
    "pods": ("po",),
    "datasets": ("dset",),
    "deployments": ("deploy",),
    "statefulsets": ("sts",),
    "replicasets": ("rs",),
    "daemonsets": ("ds",),
    "jobs": (),
    "cronjobs": ("cj",),
}
WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS, DAEMON_SETS, JOBS, CRON_JOBS)


def _words() -> Mapping[str, Resource]:
    found: dict[str, Resource] = {}
    for resource in (PODS, DATASETS, *WORKLOADS):
        for word in (resource.plural, resource.kind.lower(), *_SHORT_NAMES[resource.plural]):
            found[word] = resource
    return found


_RESOURCE_OF = _words()


@dataclass(frozen=True, slots=True)
class Subject:
    """What was asked about.

    Attributes:
        resource: None where it was not said: a pod or a Dataset.
        namespace: "" where it was not said; Datasets alone may have one.
        name: of the object.
    """

    resource: Resource | None
    namespace: str
    name: str


def read_subject(text: str) -> Subject:
    """Read `KIND/NAME`, `NAMESPACE/NAME` (a Dataset) or `NAME`.

    Raises:
        InputError: it is none of them.
    """
    head, slash, rest = text.partition("/")
    resource = _RESOURCE_OF.get(head.lower()) if slash else None
    if resource is not None and resource is not DATASETS and rest and "/" not in rest:
        return Subject(resource, "", rest)
    if resource is DATASETS:
        text = rest
    namespace, slash, name = text.rpartition("/")
    if not name or "/" in namespace or (slash and not namespace):
        kinds = ", ".join(f"{one.kind.lower()}/NAME" for one in WORKLOADS)
        problem = f"must be pod/NAME, {kinds}, dataset/NAME, NAMESPACE/NAME or NAME"
        raise InputError(text or "why", "NAME", problem)
    return Subject(DATASETS if resource is DATASETS else None, namespace, name)
