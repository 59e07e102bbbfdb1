"""The mutation of pods: a pod is served, or refused with a sentence. Pure, stable and idempotent.

Phases: the policy's rules that no placement can change, then what the pod's spec must not say, then what is added.
Site rules refuse nothing here, because sites and rules change while a pod waits: they are told as a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from moorage import policy, wire
from moorage.access import Access
from moorage.errors import InputError, LabelError
from moorage.model import Dataset, DatasetRef, DatasetUse, Reader, Usage, UseAs
from moorage.model.sidecar import repository_of
from moorage.policy import ALLOWED, Decision, Rule
from moorage.refusal import Refusal
from moorage.sources.reasons import Reason
from webhook import environment, gateway, mounting, pod_checks, pod_limits, sidecar
from webhook.review import BAD_REQUEST, FORBIDDEN
from webhook.sidecar import SidecarShape

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Serving:
    """The settings of an installation.

    Attributes:
        sidecar: the shape of the mount's server.
        scheduler_name: that labelled pods get.
        managed_resource: that they ask for besides, where the cluster's own scheduler calls the extender.
    """

    sidecar: SidecarShape = field(default_factory=SidecarShape)
    scheduler_name: str = "moorage"
    managed_resource: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts gathered for one pod.

    Attributes:
        datasets: those that it reads; None where no Dataset has the name.
        unreadable: those that exist but can't be understood, with the reason.
        listed_purposes: of its namespace; None where it does not limit them.
        placement: ALLOWED where some site permits the pod now, else the first site's refusal.
        unproven: of those whose place the pod is to be told, why a claim of theirs leads nowhere.
    """

    datasets: Mapping[DatasetRef, Dataset | None]
    unreadable: Mapping[DatasetRef, str] = field(default_factory=dict)
    listed_purposes: frozenset[str] | None = None
    placement: Decision = ALLOWED
    unproven: Mapping[DatasetRef, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PodRequest:
    """A pod that is to be created; `namespace` is the request's, which the pod need not repeat."""

    subject: str
    namespace: str
    pod: Raw
    usage: Usage

    @property
    def labels(self) -> Raw:
        """All labels of the pod."""
        return (self.pod.get("metadata") or {}).get("labels") or {}

    @property
    def name(self) -> str:
        """`namespace/name`; one that is yet to be named is known by its prefix and a `*`."""
        metadata = self.pod.get("metadata") or {}
        return f"{self.namespace}/{metadata.get('name') or str(metadata.get('generateName') or '') + '*'}"

    @property
    def annotations(self) -> Raw:
        """All annotations of the pod."""
        return (self.pod.get("metadata") or {}).get("annotations") or {}


@dataclass(frozen=True, slots=True)
class Served:
    """The pod as it is to be."""

    pod: Raw
    warnings: tuple[str, ...] = ()


def read_request(pod: Raw, namespace: str, subject: str) -> PodRequest:
    """Read a pod's request from its labels.

    Raises:
        LabelError: they can't be read.
    """
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return PodRequest(subject, namespace, pod, wire.read_usage(labels, namespace, subject))


def make_reader(request: PodRequest, listed_purposes: frozenset[str] | None) -> Reader:
    """Return the reader that the pod will be."""
    spec = request.pod.get("spec") or {}
    return Reader(
        request.namespace,
        str(spec.get("serviceAccountName") or "default"),
        policy.effective_purpose(request.usage.stated_purpose, listed_purposes),
    )


def mutate(request: PodRequest, facts: Facts, serving: Serving) -> Served | Refusal:
    """Return the pod with its datasets, or why not."""
    request = _without_links(request)
    try:
        refusal = _ask_policy(request, facts, repository_of(serving.sidecar.image))
        if refusal is not None:
            return refusal
        return _serve(request, facts, serving)
    except InputError as error:
        return refuse(error)


def _without_links(request: PodRequest) -> PodRequest:
    """Turn off the variables that are named after other people's Services, for a pod that makes a release."""
    if not any(use.release for use in request.usage.uses):
        return request
    return replace(
        request, pod={**request.pod, "spec": {**(request.pod.get("spec") or {}), "enableServiceLinks": False}}
    )


def refuse(error: InputError, near_misses: Sequence[str] = ()) -> Refusal:
    """Return the answer to what can't be used: 400 for labels, 403 for the rest.

    Args:
        error: names the field.
        near_misses: sentences about labels that are not read, one of which may be the cause.
    """
    if isinstance(error, LabelError):
        return Refusal(400, BAD_REQUEST, "; ".join((str(error), *near_misses)))
    return Refusal(403, FORBIDDEN, str(error))


def _ask_policy(request: PodRequest, facts: Facts, repository: str) -> Refusal | None:
    """Return the first dataset, by identity, that refuses this reader wherever it may run."""
    reader = make_reader(request, facts.listed_purposes)
    for use in sorted(request.usage.reading, key=lambda use: use.ref):
        where = f"{request.subject}: metadata.labels[dataset.{use.index}.id]"
        if use.ref in facts.unreadable:
            # Where a spec can't be read, its consumers are unknown.
            own = request.namespace == use.ref.namespace
            why = facts.unreadable[use.ref] if own else "its conditions say why"
            problem = f"dataset {use.ref} can't be used until its steward corrects it: {why}"
            return Refusal(403, FORBIDDEN, f"{where}: {problem}")
        decision = policy.decide_reader(use.ref, facts.datasets.get(use.ref), reader)
        if not decision.allowed and decision.rule is not None:
            return _refused(use, decision.rule, f"{where}: {decision.rule.value}: {decision.message}")
    return _ask_to_write(request, facts, reader, repository)


def _ask_to_write(request: PodRequest, facts: Facts, writer: Reader, repository: str) -> Refusal | None:
    """Return the first dataset, by identity, that may not be written by this pod, given all that its labels read."""
    writing = sorted(request.usage.writing, key=lambda use: use.ref)
    if not writing:
        return None
    component = wire.read_only_component(request.pod)
    digest = None if component is None else component.digest_beside(repository)
    carried = policy.carried_rules(request.usage, facts.datasets, digest)
    for use in writing:
        target = facts.datasets.get(use.ref)
        if target is None:
            continue  # refused before
        decision = policy.decide_write(target, writer, facts.datasets, carried)
        if not decision.allowed and decision.rule is not None:
            where = f"{request.subject}: metadata.labels[dataset.{use.index}.access]"
            return _refused(use, decision.rule, f"{where}: {decision.rule.value}: {decision.message}")
    return None


def _refused(use: DatasetUse, rule: Rule, message: str) -> Refusal:
    return Refusal(403, rule.value, message, str(use.ref))


def _serve(request: PodRequest, facts: Facts, serving: Serving) -> Served:
    spec: Raw = request.pod.get("spec") or {}
    usage, subject = request.usage, request.subject
    if not usage.uses:
        return Served(request.pod)
    pod_checks.node_is_chosen(spec, subject)
    if not usage.reading:
        return Served(request.pod)
    pod_limits.pod_is_too_large(spec, subject)
    pod_limits.path_is_too_long(spec, subject)
    warnings: list[str] = []
    scheduler, warning = pod_checks.choose_scheduler(spec, usage, facts.datasets, serving.scheduler_name, subject)
    _note(warnings, warning)
    if spec.get("schedulerName") != scheduler:
        spec = {**spec, "schedulerName": scheduler}
    spec = _add_environment(spec, request, facts, warnings)
    spec = _add_mounts(spec, request, facts, serving, warnings)
    pod_limits.pod_is_too_large(spec, subject)
    if serving.managed_resource and scheduler == serving.scheduler_name:
        spec = _ask_for_resource(spec, serving.managed_resource)
    warnings += _not_ready(usage, facts)
    if not facts.placement.allowed and facts.placement.rule is not None:
        reason = f"{facts.placement.rule.value}: {facts.placement.message}"
        warnings.append(f"no site permits this pod now, so it will wait: {reason}")
    return Served({**request.pod, "spec": spec}, tuple(warnings))


def _using(request: PodRequest, facts: Facts, *wanted: UseAs) -> list[tuple[DatasetUse, Dataset]]:
    found = []
    for use in sorted(request.usage.uses, key=lambda use: use.ref):
        dataset = facts.datasets.get(use.ref)
        if not use.use_as.isdisjoint(wanted) and dataset is not None:
            found.append((use, dataset))
    return found


def _add_environment(spec: Raw, request: PodRequest, facts: Facts, warnings: list[str]) -> Raw:
    wanted: list[Raw] = []
    for use, dataset in _using(request, facts, UseAs.CONFIGMAP):
        field_path = f"metadata.labels[dataset.{use.index}.useas]"
        found, warning = environment.variables(
            dataset, request.namespace, request.subject, field_path, facts.unproven.get(use.ref, "")
        )
        wanted += found
        _note(warnings, warning)
    for use, _ in _using(request, facts, UseAs.GATEWAY):
        gateway.name_is_too_short(use.ref, request.subject, f"metadata.labels[dataset.{use.index}.id]")
        wanted += gateway.variables(use.ref)
    return environment.add_variables(spec, wanted, request.subject) if wanted else spec


def _add_mounts(spec: Raw, request: PodRequest, facts: Facts, serving: Serving, warnings: list[str]) -> Raw:
    # A cache is the same mount; its bytes come from the node, which fills itself because the label says so.
    mounted = _using(request, facts, UseAs.MOUNT, UseAs.CACHE, UseAs.MEMORY, UseAs.GATEWAY)
    if not mounted:
        return spec
    pod_checks.pod_can_not_mount(spec, request.subject)
    for use, dataset in mounted:
        pod_checks.use_is_of_another_kind(use, dataset, request.subject)
        pod_checks.source_is_not_served(use, dataset, request.subject)
    if any(UseAs.GATEWAY in use.use_as for use, _ in mounted):
        spec = gateway.add_gateway(spec, serving.sidecar, request.subject)
    volumes = [mounting.Mounted(use.ref, use.access, in_memory=dataset.in_memory) for use, dataset in mounted]
    served = mounting.add_mounts(spec, volumes, serving.sidecar, request.subject)
    warnings += _small_limits(spec, mounted)
    warnings += [
        f"container {container} mounts a part of dataset volume {volume} (subPath): that mount does not heal when the "
        "server behind it is restarted; mount the whole volume and use a path in it"
        for container, volume in mounting.subpath_mounts(
            served, {each.ref.name for each in volumes if not each.in_memory}
        )
    ]
    return served


def _small_limits(spec: Raw, mounted: Sequence[tuple[DatasetUse, Dataset]]) -> Iterator[str]:
    """Warn of memory limits that could have a writer killed before its memory dataset is full."""
    for use, dataset in mounted:
        size_bytes = max(source.location.memory_bytes or 0 for source in dataset.sources)
        if size_bytes and use.access is Access.READ_WRITE:
            for container in pod_checks.limits_below(spec, size_bytes):
                yield (
                    f"container {container} has a memory limit below the {size_bytes:,} bytes that dataset {use.ref} "
                    "may hold, and what it puts there counts against that limit: raise its resources.limits.memory, "
                    "or have it put less"
                )


def _ask_for_resource(spec: Raw, resource: str) -> Raw:
    """Ask for one of the extender's resource, in the sidecar where there is one, else in the first container."""
    kind, index = "containers", 0
    for at, container in enumerate(spec.get("initContainers") or ()):
        if container.get("name") == sidecar.NAME:
            kind, index = "initContainers", at
    containers = list(spec.get(kind) or ())
    if not containers:
        return spec
    resources = containers[index].get("resources") or {}
    amounts = {part: {**(resources.get(part) or {}), resource: "1"} for part in ("requests", "limits")}
    containers[index] = {**containers[index], "resources": {**resources, **amounts}}
    return {**spec, kind: containers}


def _begins_empty(use: DatasetUse, dataset: Dataset) -> bool:
    """Return whether the only problem is that the pod has yet to write the first file."""
    return use.access is Access.READ_WRITE and dataset.status.problem.startswith(f"{Reason.NO_OBJECTS}:")


def _not_ready(usage: Usage, facts: Facts) -> list[str]:
    """List what keeps the data from being ready; the volume is mounted once nothing does."""
    told = []
    for use in usage.reading:
        dataset = facts.datasets.get(use.ref)
        if dataset is not None and dataset.status.problem and not _begins_empty(use, dataset):
            told.append(f"dataset {use.ref} is not ready ({dataset.status.problem})")
    return told


def _note(warnings: list[str], warning: str | None) -> None:
    if warning is not None:
        warnings.append(warning)
