"""What `why` needs of the cluster: what the extender would see, as far as the person who asks may see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from moorage import wire
from moorage.errors import ForbiddenError, InputError, NotFoundError
from moorage.kube import DATASETS, EVENTS, NAMESPACES, NODE_CACHES, NODES, SITES, Client, RawObject, Resource
from moorage.kube.client import Selection
from moorage.locality.snapshot import Request, Snapshot, request_for
from moorage.model import Dataset, DatasetRef, Node, Pod
from moorage.wire.near_misses import named_in_vain, near_misses
from moorage.wire.workloads import pod_templates
from moorage_cli.admitting import admit
from moorage_cli.describing import read_sites
from moorage_cli.events import event_time
from moorage_cli.sentences import words

_WARNINGS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Who reads what, as far as the person's own namespace tells.

    Attributes:
        namespace: of the reader.
        service_account: of the reader.
        stated_purpose: what the reader says, whether it counts or not.
        refs: the Datasets that it reads together, sorted.
        notes: what is not as it should be.
        raw_pod, pod: where a pod was asked about; of a workload, `pod` is what its template makes.
        workload: as `Deployment fraud/train`, where one was asked about.
    """

    namespace: str
    service_account: str
    stated_purpose: str | None
    refs: tuple[DatasetRef, ...]
    notes: tuple[str, ...] = ()
    raw_pod: RawObject | None = None
    pod: Pod | None = None
    workload: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything that the story depends on.

    Attributes:
        asked: who reads what.
        request: the same, with the purpose that counts.
        snapshot: the cluster.
        nodes: empty where they can't be seen, as `nodes_seen` says.
        notes: what could not be seen, or is not as it should be.
        warnings: the pod's latest Warning events.
    """

    asked: Asked
    request: Request
    snapshot: Snapshot
    nodes: tuple[Node, ...]
    nodes_seen: bool
    notes: list[str]
    warnings: Sequence[str] = ()


def ask_for_pod(raw_pod: RawObject) -> Asked:
    """What a pod reads.

    Raises:
        LabelError: its labels can't be read.
    """
    pod = wire.read_pod(raw_pod)
    return Asked(
        pod.namespace,
        pod.service_account,
        pod.usage.stated_purpose,
        tuple(sorted(pod.datasets)),
        raw_pod=raw_pod,
        pod=pod,
    )


async def ask_for_workload(client: Client, namespace: str, kind: str, raw: RawObject) -> Asked:
    """What the pods of a workload will read, as admission makes them.

    Raises:
        LabelError: their labels can't be read.
        InputError: the workload has no template.
    """
    name = str(raw["metadata"]["name"])
    templates = pod_templates(kind, raw)
    if not templates:
        raise InputError(f"{kind} {namespace}/{name}", "spec.template", "is not there")
    template = templates[0]
    metadata = {**template.metadata, "name": name, "namespace": namespace}
    written = wire.read_pod({"metadata": metadata, "spec": template.spec})
    admitted = await admit(client, namespace, template)
    pod = written if admitted.pod is None else wire.read_pod({**admitted.pod, "metadata": _named(admitted.pod, name)})
    notes = []
    if admitted.pod is None and not written.datasets:
        notes.append(f"What its namespace or its claims make its pods read is not known: {admitted.trouble}")
    if given := sorted(pod.datasets - written.datasets):
        notes.append(
            f"No label of the {kind} names {words([str(ref) for ref in given])}: its pods get that from the defaults "
            "of their namespace, or from a PersistentVolumeClaim that they mount."
        )
    own = named_in_vain(raw["metadata"].get("labels") or {})
    if own and not pod.datasets:
        notes.append(
            f"Label {own[0]} is on the {kind}, and its pods do not get it: write it under "
            f"{template.field}.metadata.labels."
        )
    labels, annotations = template.metadata.get("labels") or {}, template.metadata.get("annotations") or {}
    notes += [f"In {template.field}.metadata: {sentence}." for sentence in near_misses(labels, annotations)]
    return Asked(
        namespace,
        pod.service_account,
        pod.usage.stated_purpose,
        tuple(sorted(pod.datasets)),
        tuple(notes),
        pod=pod,
        workload=f"{kind} {namespace}/{name}",
    )


def _named(raw_pod: RawObject, name: str) -> RawObject:
    metadata: RawObject = raw_pod["metadata"]
    return {**metadata, "name": name}


async def gather(client: Client, asked: Asked) -> Gathered:
    """Look at everything that the verdict depends on.

    Raises:
        ForbiddenError: a Dataset or the Sites can't be read; a review can be asked instead, see `reviewing`.
    """
    snapshot, nodes, nodes_seen, notes = await _snapshot(client, asked.refs, asked.namespace)
    request = request_for(asked.namespace, asked.service_account, asked.stated_purpose, asked.refs, snapshot)
    pod = asked.pod if asked.raw_pod is not None else None
    warnings = await _warnings(client, asked.namespace, pod.uid) if pod is not None else ()
    return Gathered(asked, request, snapshot, nodes, nodes_seen, [*notes, *asked.notes], warnings)


async def _snapshot(
    client: Client, refs: Sequence[DatasetRef], namespace: str
) -> tuple[Snapshot, tuple[Node, ...], bool, list[str]]:
    """What the extender would see, as far as we may see it; what we may not is noted."""
    notes: list[str] = []
    datasets: list[Dataset] = []
    unreadable: dict[DatasetRef, str] = {}
    for ref in refs:
        try:
            raw = await client.get(DATASETS, ref.name, ref.namespace)
            datasets.append(wire.read_dataset(raw))
            notes += _not_ready(ref, raw)
        except NotFoundError:
            pass
        except InputError as error:
            unreadable[ref] = str(error)
            notes.append(f"Dataset {ref} can't be read, so it counts as unknown here: {error}")
    nodes = await _seen(client, NODES, notes)
    caches = await _seen(client, NODE_CACHES, notes)
    read_nodes = tuple(wire.read_node(raw) for raw in nodes or ())
    snapshot = Snapshot.of(
        datasets=datasets,
        sites=read_sites(await client.list(SITES)) if refs else (),
        nodes=read_nodes,
        caches=[wire.read_node_cache(raw) for raw in caches or ()],
        purposes={namespace: await _purposes(client, namespace, notes)},
        unreadable=unreadable,
    )
    return snapshot, read_nodes, nodes is not None, notes


def _not_ready(ref: DatasetRef, raw: RawObject) -> list[str]:
    for condition in (raw.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            return [f"Dataset {ref} is not ready ({condition.get('reason')}): {condition.get('message') or ''}"]
    return []


async def _seen(client: Client, resource: Resource, notes: list[str]) -> list[RawObject] | None:
    try:
        return await client.list(resource)
    except NotFoundError:
        return None
    except ForbiddenError:
        notes.append(f"You may not list {resource.plural}, so they are left out here.")
        return None


async def _purposes(client: Client, namespace: str, notes: list[str]) -> frozenset[str] | None:
    try:
        return wire.read_namespace_purposes(await client.get(NAMESPACES, namespace))
    except NotFoundError:
        notes.append(f"There is no namespace {namespace}.")
    except ForbiddenError:
        notes.append(f"You may not read namespace {namespace}, so it is assumed to limit no purposes.")
    return None


async def find(client: Client, resource: Resource, namespace: str, name: str) -> RawObject | None:
    """The object, or None where there is none."""
    try:
        return await client.get(resource, name, namespace)
    except NotFoundError:
        return None


async def _warnings(client: Client, namespace: str, uid: str) -> list[str]:
    """The latest distinct Warning events of a pod, but for the scheduler's, which the pod's condition repeats."""
    fields = f"regarding.kind=Pod,regarding.uid={uid},type=Warning"
    try:
        events = await client.list(EVENTS, Selection(namespace=namespace, fields=fields))
    except ForbiddenError:
        return []
    told = {
        f"{event.get('reason')}: {event.get('note') or ''}": None
        for event in sorted(events, key=event_time, reverse=True)
        if event.get("reason") != "FailedScheduling"
    }
    return list(told)[:_WARNINGS_SHOWN]
